// Parses the configuration of a push subscription, from a file or from the HTTP API. Later code
// need not check it again.
import {
  isPlainText,
  isWellFormed,
  textBytes,
  topicFault,
  topicPatternFault,
} from "@shardcast/protocol";
import { WebhookKeys } from "@shardcast/webhooks";

const DAY_MS = 24 * 60 * 60 * 1000;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const MAX_PATTERNS = 32;
const MAX_URL_BYTES = 2048;
const MAX_RETRIES = 32;
const MAX_RETRY_MS = 7 * DAY_MS;
const MAX_RETRY_FOR_MS = 365 * DAY_MS;
const MAX_TIMEOUT_MS = 120_000;
const DEFAULT_TIMEOUT_MS = 15_000;
const MAX_CONCURRENCY = 256;
const DEFAULT_CONCURRENCY = 16;
/** The system's topics that may be pushed. */
const SYSTEM_PREFIXES = ["$presence/", "$events/"];
const NOTHING = new Uint8Array(0);

/** The configuration with all defaults filled in. */
export interface PushConfig {
  readonly topics: readonly string[];
  readonly url: string;
  /** In the format of `WebhookKeys`, newest first. */
  readonly keys: readonly string[];
  /**
   * Where a topic without a stored position starts: at messages stored since the subscription was
   * created, or at the earliest.
   */
  readonly from: "created" | "earliest";
  /**
   * The waits before each further attempt, in ms; undefined for the schedule of Standard Webhooks.
   */
  readonly retryMs: readonly number[] | undefined;
  /** Until this time after the first attempt, in ms, the last wait is repeated. */
  readonly retryForMs: number;
  /** The time limit of one attempt, in ms. */
  readonly timeoutMs: number;
  /** The most requests at once, per node. */
  readonly concurrency: number;
  /** The topic of messages that could not be delivered. */
  readonly deadLetter: string;
  readonly enabled: boolean;
}

const FIELDS = new Set([
  ...["topics", "url", "keys", "secret", "from", "retryMs", "retryForMs", "timeoutMs"],
  ...["concurrency", "deadLetter", "enabled"],
]);

/** @throws Error with a message that says what is wrong and contains no key */
export function checkPushName(name: unknown): asserts name is string {
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new Error("a name is 1 to 64 letters, digits, or any of . _ -");
  }
}

/**
 * Parses a configuration. The caller must check whether the node may send to its URL.
 * @param defaultKeys used if the configuration has no keys
 * @throws Error with a message that says what is wrong and contains no key
 */
export function parsePushConfig(
  name: string,
  value: unknown,
  defaultKeys: readonly string[] = [],
): PushConfig {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error("a subscription is an object");
  }
  const fields = value as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(fields).find((field) => !FIELDS.has(field));
  if (unknown !== undefined) throw new Error(`there is no field ${JSON.stringify(unknown)}`);
  const { from = "created", enabled = true } = fields;
  if (from !== "created" && from !== "earliest") {
    throw new Error('"from" is "created" or "earliest"');
  }
  if (typeof enabled !== "boolean") throw new Error('"enabled" is true or false');
  return {
    topics: topicsOf(fields["topics"]),
    url: urlOf(fields["url"]),
    keys: keysOf(fields, defaultKeys),
    from,
    retryMs: retryMsOf(fields["retryMs"]),
    retryForMs: numberOf(fields, "retryForMs", [0, MAX_RETRY_FOR_MS], 0),
    timeoutMs: numberOf(fields, "timeoutMs", [1, MAX_TIMEOUT_MS], DEFAULT_TIMEOUT_MS),
    concurrency: numberOf(fields, "concurrency", [1, MAX_CONCURRENCY], DEFAULT_CONCURRENCY),
    deadLetter: deadLetterOf(fields["deadLetter"] ?? `dead-letter/${name}`),
    enabled,
  };
}

function topicsOf(value: unknown): readonly string[] {
  const isList = Array.isArray(value) && value.length >= 1 && value.length <= MAX_PATTERNS;
  if (!isList) throw new Error(`"topics" is a list of 1 to ${MAX_PATTERNS} topic patterns`);
  return value.map((pattern: unknown) => {
    if (typeof pattern !== "string" || topicPatternFault(pattern)) {
      throw new Error('each of "topics" is a pattern like orders/*');
    }
    if (pattern.startsWith("$") && !SYSTEM_PREFIXES.some((prefix) => pattern.startsWith(prefix))) {
      throw new Error(`of the system's topics, ${SYSTEM_PREFIXES.join("… and ")}… can be pushed`);
    }
    return pattern;
  });
}

function urlOf(value: unknown): string {
  if (typeof value !== "string" || !isWellFormed(value) || !URL.canParse(value)) {
    throw new Error('"url" is the URL to deliver to');
  }
  if (textBytes(value) > MAX_URL_BYTES) throw new Error(`"url" has up to ${MAX_URL_BYTES} bytes`);
  return value;
}

function keysOf(
  { keys, secret }: Readonly<Record<string, unknown>>,
  defaultKeys: readonly string[],
): readonly string[] {
  if (keys !== undefined && secret !== undefined) {
    throw new Error('of "keys" and "secret", one will do');
  }
  const found = keys ?? (secret === undefined ? defaultKeys : [secret]);
  if (!Array.isArray(found) || !found.every((key) => typeof key === "string")) {
    throw new Error('"keys" is a list of whsec_…');
  }
  if (new WebhookKeys(found).sign(NOTHING).length === 0) throw new Error("no key can sign");
  return found;
}

function retryMsOf(value: unknown): readonly number[] | undefined {
  if (value === undefined || value === null) return undefined;
  const isList =
    Array.isArray(value) &&
    value.length <= MAX_RETRIES &&
    value.every((one) => Number.isInteger(one) && one >= 0 && one <= MAX_RETRY_MS);
  if (!isList) throw new Error(`"retryMs" is a list of up to ${MAX_RETRIES} waits of up to 7 days`);
  return value as number[];
}

function numberOf(
  fields: Readonly<Record<string, unknown>>,
  name: string,
  [min, max]: readonly [number, number],
  otherwise: number,
): number {
  const value = fields[name] ?? otherwise;
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
    return value;
  }
  throw new Error(`"${name}" is a whole number from ${min} to ${max}`);
}

function deadLetterOf(value: unknown): string {
  if (typeof value === "string" && isPlainText(value) && topicFault(value) === undefined) {
    return value;
  }
  throw new Error('"deadLetter" is a topic');
}
