// One push subscription as it stands: what it is configured by, wherever that was said.
import { TopicPattern } from "@shardcast/protocol";
import { RETRY_SCHEDULE_MS, WebhookKeys, retryDelayMs } from "@shardcast/webhooks";
import type { PushConfig } from "./push-config.ts";

/** What is waited again and again is never shorter. */
const LAST_WAIT_MIN_MS = 100;

/** What anybody with the admin key may see of it: everything but its keys. */
export interface PushDescription extends Omit<PushConfig, "keys" | "retryMs"> {
  readonly name: string;
  readonly source: "file" | "api";
  /** How many keys sign. */
  readonly keys: number;
  readonly retryMs: readonly number[];
  readonly createdAt: number;
  /** Why it was disabled by its endpoint. */
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
  /** The waits before each attempt, the first included. */
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

  /** @returns how long to wait after so many attempts, the first of them so long ago; undefined where to give up */
  retryDelayMs(attempts: number, sinceMs: number, random: number): number | undefined {
    const { scheduleMs, config } = this;
    const delayMs = retryDelayMs(attempts, random, scheduleMs);
    if (delayMs !== undefined || sinceMs >= config.retryForMs) return delayMs;
    return Math.max(LAST_WAIT_MIN_MS, retryDelayMs(scheduleMs.length - 1, random, scheduleMs) ?? 0);
  }

  get isActive(): boolean {
    return this.config.enabled && this.disabled === null;
  }

  /** What was given up is not for the endpoint that did not take it. */
  matches(topic: string): boolean {
    if (topic === this.config.deadLetter) return false;
    return this.#patterns.some((pattern) => pattern.matches(topic));
  }

  /** Where it is kept how far a topic was delivered. */
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

/** What the keys of its positions begin with. */
export function positionPrefix(name: string, id: string): string {
  return `push/${name}/${id}/`;
}
