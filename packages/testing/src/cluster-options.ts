// The options of a cluster, and the nodes' options that follow from them.
import { randomBytes } from "node:crypto";
import { CONSUMER_OPTIONS, PRODUCER_OPTIONS, optionInvalid } from "@shardcast/options";
import { HOST } from "./front.ts";

const KEY_BYTES = 32;
/** The most nodes of one kind. */
const MAX_NODES = 100;

export interface ClusterOptions {
  /** The number of consumer nodes: c1, c2, and so on. @default 1 */
  readonly consumers?: number;
  /** The number of producer nodes: p1, p2, and so on. @default 0 */
  readonly producers?: number;
  /**
   * Where consumers store messages: in memory, where a killed node loses them, or on disk, in a temporary folder that
   * exists until the cluster is closed.
   * @default "memory"
   */
  readonly log?: "memory" | "lmdb";
  /**
   * Options of all nodes, by their names on the command line: `{ "max-payload": 1000 }`. docs/options.md lists them.
   * Options of consumers are not passed to producers. Not those that the cluster sets itself: addresses, ids, keys, TLS.
   * @default {"heartbeat-interval": 1000, "presence-timeout": 1000, "drain-timeout": 0}
   */
  readonly nodeOptions?: Readonly<Record<string, string | number | boolean>>;
  /** Receives each line that the nodes log, as JSON. @default none */
  readonly logger?: (line: string) => void;
}

/** What the cluster sets itself. */
const OWN = new Set([
  ...["id", "host", "port", "consumers", "advertise", "log", "data", "redis"],
  ...["psk", "psk-file", "token-secret", "token-secret-file", "tls-cert", "tls-key"],
]);
/** Faults are noticed soon. */
const DEFAULTS = { "heartbeat-interval": 1000, "presence-timeout": 1000, "drain-timeout": 0 };

/** Checked options. */
export interface ClusterPlan {
  readonly consumers: readonly string[];
  readonly producers: readonly string[];
  readonly log: "memory" | "lmdb";
  readonly psk: string;
  readonly tokenSecret: string;
  readonly nodeOptions: Readonly<Record<string, string | number | boolean>>;
  readonly logger: (line: string) => void;
}

/** @throws SHARDCAST_OPTION_INVALID */
export function planCluster(options: ClusterOptions): ClusterPlan {
  const { consumers = 1, producers = 0, log = "memory", logger, nodeOptions = {} } = options;
  const known = new Set(
    [...Object.values(CONSUMER_OPTIONS), ...Object.values(PRODUCER_OPTIONS)].map(
      ({ name }) => name,
    ),
  );
  for (const name of Object.keys(nodeOptions)) {
    if (OWN.has(name)) throw optionInvalid(`startCluster sets the node option ${name} itself`);
    if (!known.has(name)) throw optionInvalid(`${name} is not a node option`);
  }
  if (!["memory", "lmdb"].includes(log)) throw optionInvalid("log is memory or lmdb");
  const isSilent = logger === undefined;
  return {
    consumers: idsOf("consumers", "c", consumers, 1),
    producers: idsOf("producers", "p", producers, 0),
    log,
    psk: randomBytes(KEY_BYTES).toString("hex"),
    tokenSecret: randomBytes(KEY_BYTES).toString("hex"),
    nodeOptions: { ...DEFAULTS, ...(isSilent ? { "log-level": "silent" } : {}), ...nodeOptions },
    logger: logger ?? (() => undefined),
  };
}

/** The options of one node, by their names. */
export function rawOptionsOf(
  plan: ClusterPlan,
  node: { readonly id: string; readonly ring: string; readonly dataFolder: string | undefined },
): Record<string, unknown> {
  return {
    ...plan.nodeOptions,
    id: node.id,
    host: HOST,
    port: 0,
    consumers: node.ring,
    psk: plan.psk,
    "token-secret": plan.tokenSecret,
    log: plan.log,
    ...(node.dataFolder === undefined ? {} : { data: node.dataFolder }),
  };
}

function idsOf(name: string, prefix: string, count: number, min: number): string[] {
  if (!Number.isInteger(count) || count < min || count > MAX_NODES) {
    throw optionInvalid(`${name} is a whole number from ${min} to ${MAX_NODES}`);
  }
  return Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);
}
