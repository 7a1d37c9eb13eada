// `shardcast up`: runs a whole cluster on this machine until it is stopped.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { switchOf } from "@shardcast/process";
import { NODE_OPTIONS, optionInvalid, text, wholeNumber } from "@shardcast/server";
import { REDIS_OPTIONS } from "@shardcast/redis/options";
import type { Argv, CommandModule } from "yargs";
import { banner } from "./banner.ts";
import {
  CONSUMER_PORT_OFFSET,
  planCluster,
  portsOf,
  type LocalClusterOptions,
  type NodeBins,
} from "./cluster-plan.ts";
import { StartError, reasonOf } from "./fault.ts";
import { ensureKeyFile } from "./key-file.ts";
import { claimPorts } from "./ports.ts";
import { Supervisor } from "./supervisor.ts";

/** Signals within this time count as one: npm forwards the terminal's Ctrl-C a second time. */
const SAME_SIGNAL_MS = 500;
const PARENT_POLL_MS = 500;
const EXIT_KILLED = 130;
const DAY_MS = 24 * 60 * 60 * 1000;

const UP_OPTIONS = {
  producers: { type: "number", default: 2, describe: "Number of producer nodes" },
  consumers: { type: "number", default: 2, describe: "Number of consumer nodes" },
  port: {
    type: "number",
    default: 9000,
    describe: `The first producer's port; the others follow; the consumers' ports start ${CONSUMER_PORT_OFFSET} higher. 0 selects free ports`,
  },
  host: { type: "string", default: "127.0.0.1", describe: "Address to listen on" },
  log: {
    type: "string",
    default: "lmdb",
    choices: ["lmdb", "memory", "redis"],
    describe: "Where messages are stored: on disk, in the consumers' memory, or in Redis",
  },
  redis: REDIS_OPTIONS.redis,
  data: {
    type: "string",
    default: "data",
    describe: "Folder for the messages, the key and the nodes' log files",
  },
  "consumer-config": {
    type: "string",
    requiresArg: true,
    describe: "A JSON file with options of the consumers, passed to them as --config",
  },
  "psk-file": {
    type: "string",
    defaultDescription: "<data>/psk",
    describe: "File with the pre-shared key; created if it does not exist",
  },
  "drain-timeout": NODE_OPTIONS["drain-timeout"],
  "legacy-protocol": NODE_OPTIONS["legacy-protocol"],
} as const;

const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"];

export function upCommand(bins: NodeBins): CommandModule {
  return {
    command: "up",
    describe: "Run a cluster on this machine",
    builder: (argv: Argv) => argv.options(UP_OPTIONS),
    handler: (raw) => up(raw, bins),
  };
}

async function up(raw: Readonly<Record<string, unknown>>, bins: NodeBins): Promise<void> {
  const options = readOptions(raw, bins);
  const { keyFile, secretFile, host, drainTimeoutMs } = options;
  if (keyFile !== undefined && ensureKeyFile(keyFile)) print(`created a random key: ${keyFile}`);
  if (secretFile !== undefined && ensureKeyFile(secretFile)) {
    print(`created a random secret for tokens: ${secretFile}`);
  }
  const plan = planCluster(options, await claimPorts(host, portsOf(options)));
  makeFolder(options.logFolder);
  const supervisor = new Supervisor({ plan, drainTimeoutMs, print });
  const signalled = untilSignal(supervisor);
  supervisor.start();
  void supervisor.ready().then((isReady) => {
    if (isReady) print(banner(plan, options));
  });
  const failure = await Promise.race([supervisor.failure, signalled]);
  await supervisor.stop();
  if (failure !== undefined) throw new StartError(failure);
  print("stopped");
}

function readOptions(raw: Readonly<Record<string, unknown>>, bins: NodeBins): LocalClusterOptions {
  const port = wholeNumber(raw, "port", 0, 65_535);
  const producers = wholeNumber(raw, "producers", 1, CONSUMER_PORT_OFFSET);
  const consumers = wholeNumber(raw, "consumers", 1, CONSUMER_PORT_OFFSET);
  const lastPort = port + CONSUMER_PORT_OFFSET + consumers - 1;
  if (port !== 0 && lastPort > 65_535) {
    throw optionInvalid(
      `--port ${port}: the last consumer's port would be ${lastPort}, above 65535`,
    );
  }
  const data = text(raw, "data");
  return {
    producers,
    consumers,
    port,
    host: text(raw, "host"),
    log: text(raw, "log"),
    redis: redisOf(raw),
    dataFolder: data,
    consumerConfig: raw["consumer-config"] === undefined ? undefined : text(raw, "consumer-config"),
    logFolder: join(data, "logs"),
    keyFile: keyFileOf(raw, data),
    secretFile: secretFileOf(data),
    drainTimeoutMs: wholeNumber(raw, "drain-timeout", 0, DAY_MS),
    isLegacySpoken: switchOf(raw, "legacy-protocol"),
    env: process.env,
    bins,
  };
}

function redisOf(raw: Readonly<Record<string, unknown>>): string | undefined {
  const isWanted = raw["log"] === "redis";
  // SHARDCAST_REDIS in the environment applies only with --log redis.
  const url = raw["redis"] ?? (isWanted ? process.env["SHARDCAST_REDIS"] : undefined);
  if (isWanted !== (url !== undefined)) {
    throw optionInvalid("--log redis and --redis <url> (or SHARDCAST_REDIS) must be used together");
  }
  return url === undefined ? undefined : text({ redis: url }, "redis");
}

/** A file from the option has priority, then a key in the environment, then the default file. */
function keyFileOf(raw: Readonly<Record<string, unknown>>, data: string): string | undefined {
  if (raw["psk-file"] !== undefined) return text(raw, "psk-file");
  const { PSK, SHARDCAST_PSK } = process.env;
  const isInEnv = [PSK, SHARDCAST_PSK].some((key) => key !== undefined && key !== "");
  return isInEnv ? undefined : join(data, "psk");
}

/** Tokens are signed with a secret of this cluster, unless the environment sets another secret or key. */
function secretFileOf(data: string): string | undefined {
  const names = ["SECRET", "SECRET_FILE", "KEY", "JWKS"].map((name) => `SHARDCAST_TOKEN_${name}`);
  return names.some((name) => (process.env[name] ?? "") !== "")
    ? undefined
    : join(data, "token-secret");
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw optionInvalid(`--data: the folder ${folder} cannot be created: ${reasonOf(cause)}`);
  }
}

/** Resolves at the first stop signal. A second one kills all nodes. */
function untilSignal(supervisor: Supervisor): Promise<undefined> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    const processOnSignal = (): void => {
      if (firstAt === undefined) {
        firstAt = performance.now();
        print("stopping (press Ctrl-C again to kill all nodes)");
        resolve(undefined);
      } else if (performance.now() - firstAt > SAME_SIGNAL_MS) {
        supervisor.kill();
        process.exit(EXIT_KILLED);
      }
    };
    for (const signal of STOP_SIGNALS) process.on(signal, processOnSignal);
    stopWithNpm(() => {
      if (firstAt === undefined) processOnSignal();
    });
  });
}

/** npm forwards SIGTERM only to the shell between it and this process. */
function stopWithNpm(stop: () => void): void {
  if (process.env["npm_lifecycle_event"] === undefined) return;
  const shell = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(timer);
    stop();
  }, PARENT_POLL_MS);
  timer.unref();
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
