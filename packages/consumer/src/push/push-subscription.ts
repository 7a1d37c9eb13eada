// One push subscription with its current configuration, from a file or from the HTTP API.
import { TopicPattern } from "@shardcast/protocol";
import { RETRY_SCHEDULE_MS, WebhookKeys, retryDelayMs } from "@shardcast/webhooks";
import type { PushConfig } from "./push-config.ts";

/** The shortest wait that is repeated during `retryForMs`. */
const LAST_WAIT_MIN_MS = 100;

/** Everything except the keys: what administrators may see of a subscription. */
export interface PushDescription extends Omit<PushConfig, "keys" | "retryMs"> {
  readonly name: string;
  readonly source: "file" | "api";
  /** The number of keys. */
  readonly keys: number;
  readonly retryMs: readonly number[];
  readonly createdAt: number;
  /** Why its endpoint disabled it. */
  readonly disabled?: string;
}

export interface PushSubscriptionOptions {
  readonly name: string;
  readonly source: "file" | "api";
  readonly id: string;
  readonly createdAt: number;
  readonly config: PushConfig;
  readonly disabled: string | null;
}

export class PushSubscription {
  readonly name: string;
  readonly source: "file" | "api";
  readonly id: string;
  readonly createdAt: number;
  readonly config: PushConfig;
  readonly disabled: string | null;
  readonly keys: WebhookKeys;
  /** The waits before each attempt, including the first, in ms. */
  readonly scheduleMs: readonly number[];
  readonly #patterns: readonly TopicPattern[];

  constructor(options: PushSubscriptionOptions) {
    const { config } = options;
    this.name = options.name;
    this.source = options.source;
    this.id = options.id;
    this.createdAt = options.createdAt;
    this.config = config;
    this.disabled = options.disabled;
    this.keys = new WebhookKeys(config.keys);
    this.scheduleMs = config.retryMs === undefined ? RETRY_SCHEDULE_MS : [0, ...config.retryMs];
    this.#patterns = config.topics.map((text) => new TopicPattern(text));
  }

  /**
   * @returns the wait before the next attempt, in ms, after `attempts` attempts, the first of them
   * `sinceMs` ago; undefined to give up
   */
  retryDelayMs(attempts: number, sinceMs: number, random: number): number | undefined {
    const { scheduleMs, config } = this;
    const delayMs = retryDelayMs(attempts, random, scheduleMs);
    if (delayMs !== undefined || sinceMs >= config.retryForMs) return delayMs;
    return Math.max(LAST_WAIT_MIN_MS, retryDelayMs(scheduleMs.length - 1, random, scheduleMs) ?? 0);
  }

  get isActive(): boolean {
    return this.config.enabled && this.disabled === null;
  }

  /**
   * Whether the subscription gets a topic. Its own dead letters are not delivered to the endpoint
   * that failed.
   */
  matches(topic: string): boolean {
    if (topic === this.config.deadLetter) return false;
    return this.#patterns.some((pattern) => pattern.matches(topic));
  }

  /** The key under which the position in a topic is stored. */
  positionKey(topic: string): string {
    return `${positionPrefix(this.name, this.id)}${topic}`;
  }

  describe(): PushDescription {
    const { name, source, createdAt, config, disabled, scheduleMs } = this;
    return {
      name,
      source,
      ...config,
      keys: config.keys.length,
      retryMs: scheduleMs.slice(1),
      createdAt,
      ...(disabled === null ? {} : { disabled }),
    };
  }
}

/** The prefix of all position keys of a subscription. */
export function positionPrefix(name: string, id: string): string {
  return `push/${name}/${id}/`;
}
