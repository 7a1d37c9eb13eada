// A cluster on one machine, on paper: which nodes there are, on which ports, and how each is started.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { REDIS_OPTIONS } from "@shardcast/redis/options";
import { NODE_OPTIONS } from "@shardcast/server";
import type { NodeSpec } from "./supervised-node.ts";

/** From the producers' first port to the consumers' first. */
export const CONSUMER_PORT_OFFSET = 100;

const REDIS_VARIABLE = "SHARDCAST_REDIS";
/** Options that consumers alone have, and that somebody who tries it out needs. */
const PUSH_VARIABLES = "SHARDCAST_PUSH";

/** The nodes' commands, as JavaScript files. */
export interface NodeBins {
  readonly producer: URL;
  readonly consumer: URL;
}

export interface ClusterOptions {
  /** How many. */
  readonly producers: number;
  /** How many. */
  readonly consumers: number;
  /** The first producer's; 0 picks free ones for all. */
  readonly port: number;
  readonly host: string;
  /** Where consumers keep messages. */
  readonly log: string;
  /** Where consumers find one another and keep messages, with the log `redis`. */
  readonly redis: string | undefined;
  /** Each consumer has a folder of its own in it. */
  readonly dataFolder: string;
  /** A file with more options of the consumers. */
  readonly consumerConfig: string | undefined;
  /** The folder of the nodes' log files. */
  readonly logFolder: string;
  /** Undefined where the environment has the key. */
  readonly keyFile: string | undefined;
  /** Undefined where the environment says with what tokens are signed. */
  readonly secretFile: string | undefined;
  readonly drainTimeoutMs: number;
  readonly isLegacySpoken: boolean;
  /** What `up` itself was started with. */
  readonly env: NodeJS.ProcessEnv;
  readonly bins: NodeBins;
}

export interface ClusterPlan {
  readonly producers: readonly NodeSpec[];
  readonly consumers: readonly NodeSpec[];
}

/** The ports that the nodes want, the producers' first. */
export function portsOf({ port, producers, consumers }: ClusterOptions): number[] {
  return [
    ...numbers(producers).map((index) => (port === 0 ? 0 : port + index)),
    ...numbers(consumers).map((index) => (port === 0 ? 0 : port + CONSUMER_PORT_OFFSET + index)),
  ];
}

/** @param ports one for each of {@link portsOf} */
export function planCluster(options: ClusterOptions, ports: readonly number[]): ClusterPlan {
  const { producers, consumers, bins } = options;
  const consumerUrls = ports.slice(producers).map((port) => urlOf(options, port));
  const ring = consumerUrls.map((url, index) => `c${index + 1}=${url}`).join(",");
  const members = options.redis === undefined ? [`--consumers=${ring}`] : [];
  const common = [`--host=${options.host}`, ...members, ...commonArgs(options)];
  const env = nodeEnv(options);
  const pushEnv = Object.entries(options.env).filter(([name]) => name.startsWith(PUSH_VARIABLES));
  const specOf = (id: string, port: number): Omit<NodeSpec, "bin" | "env"> => ({
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

function commonArgs(options: ClusterOptions): string[] {
  const { keyFile, secretFile, drainTimeoutMs, isLegacySpoken } = options;
  return [
    `--drain-timeout=${drainTimeoutMs}`,
    ...(keyFile === undefined ? [] : [`--psk-file=${keyFile}`]),
    ...(secretFile === undefined ? [] : [`--token-secret-file=${secretFile}`]),
    ...(isLegacySpoken ? ["--legacy-protocol"] : []),
  ];
}

function consumerArgs({ log, dataFolder, consumerConfig }: ClusterOptions): string[] {
  return [
    `--log=${log}`,
    `--data=${dataFolder}`,
    ...(consumerConfig === undefined ? [] : [`--config=${consumerConfig}`]),
  ];
}

/**
 * Each node gets only those SHARDCAST_… variables that nodes of both roles know, since one that is meant for a
 * single node would reach all; and a key only where there is no file, since a key in the environment counts for more.
 */
function nodeEnv({ env, keyFile, redis }: ClusterOptions): NodeJS.ProcessEnv {
  const known = new Set(Object.keys({ ...NODE_OPTIONS, ...REDIS_OPTIONS }).map(envNameOf));
  const keys = new Set(["PSK", "PSK_PREVIOUS", "SHARDCAST_PSK", "SHARDCAST_PSK_PREVIOUS"]);
  const passed = Object.entries(env).filter(([name]) => {
    if (keys.has(name)) return keyFile === undefined;
    if (name === REDIS_VARIABLE) return false;
    return name !== "PORT" && (!name.startsWith("SHARDCAST_") || known.has(name));
  });
  // It may hold a password: arguments are for everybody to see.
  return {
    ...Object.fromEntries(passed),
    ...(redis === undefined ? {} : { [REDIS_VARIABLE]: redis }),
  };
}

function envNameOf(option: string): string {
  return `SHARDCAST_${option.replaceAll("-", "_").toUpperCase()}`;
}

/** Where nodes listen on every address, this machine reaches them by the loopback one. */
function urlOf({ host, env }: ClusterOptions, port: number): string {
  const scheme = (env["SHARDCAST_TLS_CERT"] ?? "") === "" ? "ws" : "wss";
  if (host === "0.0.0.0") return `${scheme}://127.0.0.1:${port}`;
  if (host === "::") return `${scheme}://[::1]:${port}`;
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
