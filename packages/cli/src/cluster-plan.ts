// Plans a cluster on one machine: its nodes, their ports, and their commands.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  NODE_OPTIONS,
  REDIS_OPTIONS,
  variableOf,
  type CONSUMER_OPTIONS,
  type Values,
} from "@shardcast/options";
import type { PlannedNode } from "./supervised-node.ts";

/** Difference between the first producer's port and the first consumer's. */
export const CONSUMER_PORT_OFFSET = 100;

const REDIS_VARIABLE = "SHARDCAST_REDIS";
/** Prefix of the push variables, which only consumers know. */
const PUSH_VARIABLES = "SHARDCAST_PUSH";

/** The nodes' commands, as JavaScript files. */
export interface NodeBins {
  readonly producer: URL;
  readonly consumer: URL;
}

export interface LocalClusterOptions extends Pick<
  Values<typeof CONSUMER_OPTIONS>,
  "host" | "log" | "dataFolder" | "drainTimeoutMs" | "isLegacySpoken"
> {
  /** Number of producers. */
  readonly producers: number;
  /** Number of consumers. */
  readonly consumers: number;
  /** The first producer's port. 0 selects free ports for all nodes. */
  readonly port: number;
  /** The address of Redis, with the log `redis`. */
  readonly redis: string | undefined;
  /** A file with further options of the consumers. */
  readonly consumerConfig: string | undefined;
  /** The folder of the nodes' log files. */
  readonly logFolder: string;
  /** The file with the pre-shared key; undefined if the environment contains the key. */
  readonly keyFile: string | undefined;
  /** The file with the token secret; undefined if the environment sets how tokens are signed. */
  readonly secretFile: string | undefined;
  /** The environment of `up` itself. */
  readonly env: NodeJS.ProcessEnv;
  readonly bins: NodeBins;
}

export interface ClusterPlan {
  readonly producers: readonly PlannedNode[];
  readonly consumers: readonly PlannedNode[];
}

/** Returns the wanted ports, the producers' first. */
export function portsOf({ port, producers, consumers }: LocalClusterOptions): number[] {
  return [
    ...numbers(producers).map((index) => (port === 0 ? 0 : port + index)),
    ...numbers(consumers).map((index) => (port === 0 ? 0 : port + CONSUMER_PORT_OFFSET + index)),
  ];
}

/** @param ports one port for each of {@link portsOf} */
export function planCluster(options: LocalClusterOptions, ports: readonly number[]): ClusterPlan {
  const { producers, consumers, bins } = options;
  const consumerUrls = ports.slice(producers).map((port) => urlOf(options, port));
  const ring = consumerUrls.map((url, index) => `c${index + 1}=${url}`).join(",");
  const members = options.redis === undefined ? [`--consumers=${ring}`] : [];
  const common = [`--host=${options.host}`, ...members, ...commonArgs(options)];
  const env = nodeEnv(options);
  const pushEnv = Object.entries(options.env).filter(([name]) => name.startsWith(PUSH_VARIABLES));
  const specOf = (id: string, port: number): Omit<PlannedNode, "bin" | "env"> => ({
    id,
    url: urlOf(options, port),
    args: [`--id=${id}`, `--port=${port}`, ...common],
    logFile: join(options.logFolder, `${id}.log`),
  });
  return {
    producers: numbers(producers).map((index) => {
      const spec = specOf(`p${index + 1}`, ports[index] ?? 0);
      return { ...spec, bin: fileURLToPath(bins.producer), env };
    }),
    consumers: numbers(consumers).map((index) => {
      const spec = specOf(`c${index + 1}`, ports[producers + index] ?? 0);
      const args = [...spec.args, ...consumerArgs(options)];
      return {
        ...spec,
        args,
        bin: fileURLToPath(bins.consumer),
        env: { ...env, ...Object.fromEntries(pushEnv) },
      };
    }),
  };
}

function commonArgs(options: LocalClusterOptions): string[] {
  const { keyFile, secretFile, drainTimeoutMs, isLegacySpoken } = options;
  return [
    `--drain-timeout=${drainTimeoutMs}`,
    ...(keyFile === undefined ? [] : [`--psk-file=${keyFile}`]),
    ...(secretFile === undefined ? [] : [`--token-secret-file=${secretFile}`]),
    ...(isLegacySpoken ? ["--legacy-protocol"] : []),
  ];
}

function consumerArgs({ log, dataFolder, consumerConfig }: LocalClusterOptions): string[] {
  return [
    `--log=${log}`,
    `--data=${dataFolder}`,
    ...(consumerConfig === undefined ? [] : [`--config=${consumerConfig}`]),
  ];
}

/**
 * Passes on only those SHARDCAST_… variables that nodes of both roles know, because a variable for a single node would
 * reach all nodes. Passes on a key only if there is no key file, because a key in the environment overrides the file.
 */
function nodeEnv({ env, keyFile, redis }: LocalClusterOptions): NodeJS.ProcessEnv {
  const known = new Set(
    Object.values({ ...NODE_OPTIONS, ...REDIS_OPTIONS }).map(({ name }) => variableOf(name)),
  );
  const keys = new Set(["PSK", "PSK_PREVIOUS", "SHARDCAST_PSK", "SHARDCAST_PSK_PREVIOUS"]);
  const passed = Object.entries(env).filter(([name]) => {
    if (keys.has(name)) return keyFile === undefined;
    if (name === REDIS_VARIABLE) return false;
    return name !== "PORT" && (!name.startsWith("SHARDCAST_") || known.has(name));
  });
  // The address may contain a password, and arguments are visible to all users of the machine.
  return {
    ...Object.fromEntries(passed),
    ...(redis === undefined ? {} : { [REDIS_VARIABLE]: redis }),
  };
}

/** If nodes listen on all addresses, this machine reaches them at the loopback address. */
function urlOf({ host, env }: LocalClusterOptions, port: number): string {
  const scheme = (env["SHARDCAST_TLS_CERT"] ?? "") === "" ? "ws" : "wss";
  if (host === "0.0.0.0") return `${scheme}://127.0.0.1:${port}`;
  if (host === "::") return `${scheme}://[::1]:${port}`;
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
