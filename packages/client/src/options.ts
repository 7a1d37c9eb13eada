// The options of `connect`: their checks and defaults.
import { ShardcastError, type BackoffOptions } from "@shardcast/protocol";
import { baseUrl } from "./base-url.ts";
import type { AttachableOutbox } from "./durable/outbox-client.ts";
import { TIMER_MAX_MS, type Runtime } from "./runtime.ts";

/** A group of tabs that share links, as far as a client uses it. */
export interface SharedTabs {
  /**
   * @param lead creates the client with links to the cluster, if this tab becomes the leader
   * @returns the runtime for a client whose links lead to the leader
   */
  join(runtime: Runtime, lead: () => unknown): { readonly runtime: Runtime; leave(): void };
}

/** Receives what a client does, for people to read. Names and details may change with any version. */
export type DebugLog = (event: string, details: object) => void;

/** Where to connect: either `url`, or lists of nodes. */
export interface ConnectOptions {
  /** The pre-shared key of the cluster. Only for back ends, never for browsers or phones. */
  readonly psk?: string | undefined;
  /** A signed token in place of the key; empty for an anonymous client. The client ends when the token expires. */
  readonly token?: string | undefined;
  /**
   * Returns a token. The client calls it for the first link, before a token expires, and when a node has refused one.
   * A call may take 10 s; then the client calls it again. It also calls again after an error, except after a
   * ShardcastError with SHARDCAST_UNAUTHORIZED, which ends the client.
   */
  readonly getToken?: (() => string | Promise<string>) | undefined;
  /** Any node, as `http(s)://` or `ws(s)://host:port`. */
  readonly url?: string | undefined;
  /**
   * Used with `url`. `direct`: the client fetches the list of owners from the node and opens a link to each owner that
   * it needs. `single`: one link to the consumer node at `url`, or to the load balancer in front of several.
   * @default "direct"
   */
  readonly route?: "direct" | "single" | undefined;
  /** Producer nodes to publish to, one at a time. If the list is empty, the client cannot publish. */
  readonly producers?: readonly string[] | undefined;
  /** Consumer nodes to subscribe at, one at a time. If the list is empty, the client cannot subscribe. */
  readonly consumers?: readonly string[] | undefined;
  /** Sends what this outbox has: `indexedDB()` or `inMemory()` of `@shardcast/client/outbox`. */
  readonly outbox?: AttachableOutbox | undefined;
  /** Shares the links of one tab among all tabs of the origin: `tabGroup()` of `@shardcast/client/tabs`. */
  readonly share?: SharedTabs | undefined;
  /** Ends `connect`, and later the client, when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Reports what the client does: true writes to `console.debug`; a function receives an event's name and its details.
   * @default false
   */
  readonly debug?: boolean | DebugLog | undefined;
  /** How long `connect` may take in total, in ms. `createClient` has no limit. @default 10_000 */
  readonly connectTimeoutMs?: number | undefined;
  /** How long one link may take to connect and authenticate, in ms, before the next attempt. @default 5_000 */
  readonly handshakeTimeoutMs?: number | undefined;
  /**
   * How long a node may take to answer a ping, in ms, before the link is replaced. The client pings when it has sent
   * something and nothing has arrived for half of this time. @default 4_000
   */
  readonly probeTimeoutMs?: number | undefined;
  /** The random wait before the next attempt to connect, in ms: at least `minMs`, doubling up to `maxMs`. @default 100 and 20_000 */
  readonly reconnect?: Partial<BackoffOptions> | undefined;
  /**
   * How long a publish may take, in ms, including reconnects and retries, before it rejects with SHARDCAST_TIMEOUT. If
   * it exceeds the cluster's dedupe window (2 minutes), a retry may store a message twice. @default 10_000
   */
  readonly publishTimeoutMs?: number | undefined;
  /** Maximum number of publishes without an answer. Further ones are refused with SHARDCAST_OUTBOX_FULL. @default 65_536 */
  readonly outboxMessages?: number | undefined;
  /** Maximum bytes of the publishes without an answer. @default 33_554_432 (32 MiB) */
  readonly outboxBytes?: number | undefined;
  /**
   * Maximum bytes of messages that one subscription buffers for its iterator. At the limit it unsubscribes; when half
   * of the buffer is read, it resumes where it stopped. @default 4_194_304 (4 MiB)
   */
  readonly subscriptionBufferBytes?: number | undefined;
}

/** JavaScript callers may pass anything. A misspelt option is refused, because it would have no effect. */
const OPTION_NAMES: Readonly<Record<keyof ConnectOptions, true>> = {
  psk: true,
  token: true,
  getToken: true,
  outbox: true,
  share: true,
  signal: true,
  debug: true,
  url: true,
  route: true,
  producers: true,
  consumers: true,
  connectTimeoutMs: true,
  handshakeTimeoutMs: true,
  probeTimeoutMs: true,
  reconnect: true,
  publishTimeoutMs: true,
  outboxMessages: true,
  outboxBytes: true,
  subscriptionBufferBytes: true,
};
const RECONNECT_NAMES: Readonly<Record<keyof BackoffOptions, true>> = { minMs: true, maxMs: true };

/** The nodes to connect to, with base URLs as `ws(s)://host:port`. */
type Target =
  | { readonly type: "direct"; readonly url: string }
  | { readonly type: "single"; readonly url: string }
  | {
      readonly type: "lists";
      readonly producers: readonly string[];
      readonly consumers: readonly string[];
    };

export interface Settings {
  readonly debug: DebugLog | undefined;
  readonly target: Target;
  readonly connectTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  readonly probeTimeoutMs: number;
  readonly reconnect: BackoffOptions;
  readonly publishTimeoutMs: number;
  readonly outboxMessages: number;
  readonly outboxBytes: number;
  readonly subscriptionBufferBytes: number;
}

/** @throws SHARDCAST_OPTION_INVALID */
export function readOptions(options: ConnectOptions): Settings {
  refuseUnknown("option", options, OPTION_NAMES);
  refuseUnknown("reconnect option", options.reconnect ?? {}, RECONNECT_NAMES);
  const minMs = options.reconnect?.minMs ?? 100;
  return {
    debug: debugLogOf(options.debug),
    target: readTarget(options),
    connectTimeoutMs: readDuration("connectTimeoutMs", options.connectTimeoutMs ?? 10_000),
    handshakeTimeoutMs: readDuration("handshakeTimeoutMs", options.handshakeTimeoutMs ?? 5_000),
    probeTimeoutMs: readDuration("probeTimeoutMs", options.probeTimeoutMs ?? 4000),
    reconnect: {
      minMs: readDuration("reconnect.minMs", minMs),
      maxMs: readDuration("reconnect.maxMs", options.reconnect?.maxMs ?? Math.max(minMs, 20_000)),
    },
    publishTimeoutMs: readDuration("publishTimeoutMs", options.publishTimeoutMs ?? 10_000),
    outboxMessages: readCount("outboxMessages", options.outboxMessages ?? 65_536),
    outboxBytes: readCount("outboxBytes", options.outboxBytes ?? 32 * 1024 * 1024),
    subscriptionBufferBytes: readCount(
      "subscriptionBufferBytes",
      options.subscriptionBufferBytes ?? 4 * 1024 * 1024,
    ),
  };
}

/** @throws SHARDCAST_OPTION_INVALID if it is not a whole number of ms that a timer supports */
export function readDuration(name: string, ms: number): number {
  if (ms > TIMER_MAX_MS) throw invalid(`${name} is ${ms} ms; the limit is ${TIMER_MAX_MS} ms`);
  return readCount(name, ms);
}

function debugLogOf(debug: ConnectOptions["debug"]): DebugLog | undefined {
  if (debug !== true) return debug === false ? undefined : debug;
  return (event, details) => console.debug(`shardcast: ${event}`, details);
}

function readCount(name: string, count: number): number {
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw invalid(`${name} is ${count}; it must be a whole number above 0`);
}

function readTarget(options: ConnectOptions): Target {
  const { url, route = "direct", producers = [], consumers = [] } = options;
  const isList = producers.length + consumers.length > 0;
  if (url !== undefined && isList) throw invalid("give either url or lists of nodes, not both");
  if (url !== undefined) {
    // JavaScript callers may pass anything.
    if (!["direct", "single"].includes(route))
      throw invalid(`route must be direct or single, not ${route}`);
    return { type: route, url: baseUrl(url) };
  }
  if (!isList) throw invalid("give a url, or lists of producers and consumers");
  return { type: "lists", producers: producers.map(baseUrl), consumers: consumers.map(baseUrl) };
}

/** @throws SHARDCAST_OPTION_INVALID if there is an unknown field */
export function refuseUnknown(what: string, options: object, known: object): void {
  const name = Object.keys(options).find((each) => !Object.hasOwn(known, each));
  if (name === undefined) return;
  throw invalid(`unknown ${what} ${name}; the known ones are ${Object.keys(known).join(", ")}`);
}

function invalid(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
}
