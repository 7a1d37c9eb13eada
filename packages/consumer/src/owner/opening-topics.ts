// Publishes of topics whose logs are being opened, in order. A log is opened for the first time, or
// again after it lost track of what is stored. The publishes wait as long as their senders do.
import { ShardcastError, type ErrorCode } from "@shardcast/protocol";
import { publicReason, type Runtime } from "@shardcast/process";
import { RefusedBehind, deadlineOf, hasOwnTime, type MovedPublish } from "@shardcast/server";
import type { Backlog } from "./backlog.ts";
import type { OwnedTopic } from "./owned-topic.ts";
import type { Publish } from "./publish.ts";

const RETRY_MS = 250;

export interface OpeningTopicsOptions {
  /** @throws SHARDCAST_NOT_OWNER, SHARDCAST_LOG_UNAVAILABLE */
  readonly open: (topic: string) => OwnedTopic | Promise<OwnedTopic>;
  /** Called with the publishes that have waited, in order. */
  readonly onOpen: (topic: OwnedTopic, publishes: readonly Publish[]) => void;
  /** How long a publish without a timeout of its own waits, in ms. */
  readonly publishTimeoutMs: number;
  readonly runtime: Runtime;
  readonly backlog: Backlog;
  readonly onError: (error: unknown) => void;
}

interface WaitingForTopic {
  readonly publish: Publish;
  readonly deadline: number;
}

export class OpeningTopics {
  readonly #options: OpeningTopicsOptions;
  readonly #waiting = new Map<string, WaitingForTopic[]>();

  constructor(options: OpeningTopicsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#waiting.size;
  }

  has(topic: string): boolean {
    return this.#waiting.has(topic);
  }

  /**
   * Adds publishes after those that wait already, until the topic is open.
   * @param opening the first attempt, if it has begun
   */
  add(topic: string, publishes: readonly Publish[], opening?: Promise<OwnedTopic>): void {
    const { runtime, backlog, publishTimeoutMs, onError } = this.#options;
    const added = publishes.map((publish) => ({
      publish,
      deadline: deadlineOf(publish.timeoutMs, publishTimeoutMs, runtime.steady()),
    }));
    backlog.add(bytesOf(added));
    const known = this.#waiting.get(topic);
    if (known !== undefined) {
      known.push(...added);
      return;
    }
    this.#waiting.set(topic, added);
    this.#open(topic, opening).catch(onError);
  }

  /** Removes and returns the publishes of topics that have another owner now. */
  takeMoved(isOwned: (topic: string) => boolean): MovedPublish[] {
    const moved = [...this.#waiting.keys()].filter((topic) => !isOwned(topic));
    return moved.flatMap((topic) => this.#take(topic).map(({ publish }) => publish.move()));
  }

  async #open(topic: string, begun?: Promise<OwnedTopic>): Promise<void> {
    const { open, onOpen, onError, runtime } = this.#options;
    for (let opening = begun; ; opening = undefined) {
      try {
        const owned = await (opening ?? open(topic));
        const publishes = this.#take(topic).map(({ publish }) => publish);
        onOpen(owned, publishes);
        return;
      } catch (error) {
        if (isFinal(error)) {
          if (!(error instanceof ShardcastError)) onError(error);
          for (const { publish } of this.#take(topic)) publish.refuse(...faultOf(error));
          return;
        }
        if (this.#expire(topic, error)) return;
      }
      await new Promise<void>((resolve) => runtime.setTimeout(resolve, RETRY_MS));
    }
  }

  #take(topic: string): WaitingForTopic[] {
    const waiting = this.#waiting.get(topic) ?? [];
    this.#waiting.delete(topic);
    this.#options.backlog.remove(bytesOf(waiting));
    return waiting;
  }

  /**
   * Refuses publishes whose time is over, and those that wait behind one that may be sent again.
   * @returns whether none is left
   */
  #expire(topic: string, error: unknown): boolean {
    const now = this.#options.runtime.steady();
    const waiting = this.#waiting.get(topic) ?? [];
    const behind = new RefusedBehind();
    const left = waiting.filter(({ publish, deadline }, ordinal) => {
      const { origin, seq, bytes, frameStart: start } = publish;
      if (deadline > now) return !behind.includes({ origin, seq, ordinal, bytes, start });
      const refusal = publish.refusal(...faultOf(error));
      if (hasOwnTime(publish.timeoutMs)) origin.refuse(refusal);
      else behind.refuse(origin, refusal, ordinal);
      return false;
    });
    if (left.length > 0) this.#waiting.set(topic, left);
    else this.#waiting.delete(topic);
    this.#options.backlog.remove(bytesOf(waiting) - bytesOf(left));
    return left.length === 0;
  }
}

/** Whether retrying is useless: another node owns the topic, or the stored data is invalid. */
function isFinal(error: unknown): boolean {
  return !(error instanceof ShardcastError) || error.code !== "SHARDCAST_LOG_UNAVAILABLE";
}

function bytesOf(waiting: readonly WaitingForTopic[]): number {
  return waiting.reduce((sum, { publish }) => sum + publish.length, 0);
}

function faultOf(error: unknown): [code: ErrorCode, reason: string] {
  const code = error instanceof ShardcastError ? error.code : "SHARDCAST_INTERNAL";
  return [code, publicReason(error).slice(0, 100)];
}
