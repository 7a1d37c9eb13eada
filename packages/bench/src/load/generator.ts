// Shared by the load generators: connects many subscribers, a few at a time.
import { localEnd } from "./local-end.ts";
import { SPEAKERS } from "./dialects.ts";
import type { CrowdTask, Dialect, LoadResult } from "./load.ts";

const CONNECTING_AT_ONCE = 64;

export interface Generator {
  connect(): Promise<void>;
  run(task?: CrowdTask): Promise<LoadResult>;
}

export interface Subscribers {
  readonly dialect: Dialect;
  readonly port: number;
  readonly subscribers: number;
  /** The number of the first subscriber, counted over all generators. */
  readonly first: number;
  /** The topics over which subscribers are distributed. */
  readonly topics: readonly string[];
  readonly received: (bytes: number, message: Buffer) => void;
}

export async function connectSubscribers(options: Subscribers): Promise<void> {
  const { dialect, port, subscribers, first, topics, received } = options;
  let next = first;
  const end = first + subscribers;
  const connectSome = async (): Promise<void> => {
    for (let number = next; number < end; number = next) {
      next += 1;
      const topic = topics[number % topics.length] ?? "";
      await SPEAKERS[dialect].subscribe({
        port,
        topic,
        received,
        local: localEnd(number),
      });
    }
  };
  await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, connectSome));
}

/**
 * Topic names of equal length, so that all messages of one payload size have the same total size.
 */
export function topicNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `t${String(index).padStart(6, "0")}`);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
