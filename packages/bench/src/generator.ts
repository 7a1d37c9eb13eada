// What all load generators share: many subscribers, connected a few at a time.
import { SPEAKERS } from "./dialects.ts";
import type { Dialect, LoadResult } from "./load.ts";

/** One source address has some 28,000 ports. */
const CONNECTIONS_PER_ADDRESS = 25_000;
const CONNECTING_AT_ONCE = 64;

export interface Generator {
  connect(): Promise<void>;
  run(): Promise<LoadResult>;
}

export interface Subscribers {
  readonly dialect: Dialect;
  readonly port: number;
  readonly subscribers: number;
  /** The number of the first, over all generators. */
  readonly first: number;
  /** They are spread over these. */
  readonly topics: readonly string[];
  readonly received: (bytes: number) => void;
}

export async function connectSubscribers(options: Subscribers): Promise<void> {
  const { dialect, port, subscribers, first, topics, received } = options;
  let next = first;
  const end = first + subscribers;
  const connectSome = async (): Promise<void> => {
    for (let number = next; number < end; number = next) {
      next += 1;
      const topic = topics[number % topics.length] ?? "";
      const localAddress = `127.0.0.${2 + Math.floor(number / CONNECTIONS_PER_ADDRESS)}`;
      await SPEAKERS[dialect].subscribe({ port, topic, localAddress, received });
    }
  };
  await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, connectSome));
}

/** All of one length, so that all messages of a size have as many bytes. */
export function topicNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `t${String(index).padStart(6, "0")}`);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
