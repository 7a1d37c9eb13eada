// What `connect` can be told, and the one place where it is checked and gets its defaults.
import { ShardcastError, type BackoffOptions } from "@shardcast/protocol";
import { baseUrl } from "./base-url.ts";
import { TIMER_MAX_MS } from "./runtime.ts";

/** Where to connect: either `url`, or lists of nodes. */
export interface ConnectOptions {
  /** The pre-shared key of the cluster: for back ends, never for browsers or phones. */
  readonly psk?: string | undefined;
  /** A signed token in place of the key; the empty text where nodes let in who is nobody. It ends when it expires. */
  readonly token?: string | undefined;
  /**
   * Gives a token each time that one is needed: for the first link, before the last one expires, and where a node
   * has refused it. It has 10 s to do so, and is called again then. What it throws is tried again, but for a ShardcastError with SHARDCAST_UNAUTHORIZED, which
   * ends the client.
   */
  readonly getToken?: (() => string | Promise<string>) | undefined;
  /** Any node, as `http(s)://` or `ws(s)://host:port`. */
  readonly url?: string | undefined;
  /**
   * With `url`. `direct`: learns from the node who owns what, and opens a link to each owner that it
   * needs. `single`: one link to the consumer node at `url`, or to the load balancer in front of several.
   * @default "direct"
   */
  readonly route?: "direct" | "single" | undefined;
  /** Producer nodes to publish to, one at a time. Without any, the client cannot publish. */
  readonly producers?: readonly string[] | undefined;
  /** Consumer nodes to subscribe at, one at a time. Without any, the client cannot subscribe. */
  readonly consumers?: readonly string[] | undefined;
  /** How long `connect` may take in all, in ms. @default 10_000 */
  readonly connectTimeoutMs?: number | undefined;
  /** How long one link may take from dialling to its welcome, in ms; then the next try. @default 5_000 */
  readonly handshakeTimeoutMs?: number | undefined;
  /**
   * How long a node may take to answer a ping, in ms; then the link is replaced. The client pings where it has sent
   * something and nothing has come for half of this time. @default 4_000
   */
  readonly probeTimeoutMs?: number | undefined;
  /** The random wait before the next try to connect: at least `minMs`, doubling up to `maxMs`. @default 100 and 20_000 */
  readonly reconnect?: Partial<BackoffOptions> | undefined;
  /**
   * How long a publish may take, in ms, reconnects and retries included; then SHARDCAST_TIMEOUT. Above
   * the cluster's dedupe window (2 minutes) a retry may store a message twice. @default 10_000
   */
  readonly publishTimeoutMs?: number | undefined;
  /** Publishes without an answer; one more is refused with SHARDCAST_OUTBOX_FULL. @default 65_536 */
  readonly outboxMessages?: number | undefined;
  /** Bytes of the publishes without an answer, likewise. @default 33_554_432 (32 MiB) */
  readonly outboxBytes?: number | undefined;
  /**
   * Bytes of messages that one subscription holds for its iterator. At the limit it stops following its
   * topic, and goes on from where it was once half of them are read. @default 4_194_304 (4 MiB)
   */
  readonly subscriptionBufferBytes?: number | undefined;
}

/** From JavaScript, anything may come: one that is misspelt would be a setting that is not in force. */
const OPTION_NAMES: Readonly<Record<keyof ConnectOptions, true>> = {
  psk: true,
  token: true,
  getToken: true,
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

/** Where a client's links go, with base URLs as `ws(s)://host:port`. */
type Target =
  | { readonly type: "direct"; readonly url: string }
  | { readonly type: "single"; readonly url: string }
  | {
      readonly type: "lists";
      readonly producers: readonly string[];
      readonly consumers: readonly string[];
    };

export interface Settings {
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

/** @throws SHARDCAST_OPTION_INVALID where it is no whole number of ms that a timer can wait */
export function readDuration(name: string, ms: number): number {
  if (ms > TIMER_MAX_MS) throw invalid(`${name} is ${ms}; ${TIMER_MAX_MS} ms is the most`);
  return readCount(name, ms);
}

function readCount(name: string, count: number): number {
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw invalid(`${name} is ${count}; it has to be a whole number above 0`);
}

function readTarget(options: ConnectOptions): Target {
  const { url, route = "direct", producers = [], consumers = [] } = options;
  const isList = producers.length + consumers.length > 0;
  if (url !== undefined && isList) throw invalid("give either url or lists of nodes, not both");
  if (url !== undefined) {
    // From JavaScript, anything may come.
    if (!["direct", "single"].includes(route))
      throw invalid(`route is direct or single, not ${route}`);
    return { type: route, url: baseUrl(url) };
  }
  if (!isList) throw invalid("give a url, or lists of producers and consumers");
  return { type: "lists", producers: producers.map(baseUrl), consumers: consumers.map(baseUrl) };
}

/** @throws SHARDCAST_OPTION_INVALID where there is a field that is not known */
export function refuseUnknown(what: string, options: object, known: object): void {
  const name = Object.keys(options).find((each) => !Object.hasOwn(known, each));
  if (name === undefined) return;
  throw invalid(`there is no ${what} ${name}; there are ${Object.keys(known).join(", ")}`);
}

function invalid(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
}
