// `shardcast up`: runs a whole cluster on this machine until it is stopped.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  CONSUMER_OPTIONS,
  optionInvalid,
  text,
  variableOf,
  whole,
  type Values,
} from "@shardcast/options";
import { banner } from "./banner.ts";
import {
  CONSUMER_PORT_OFFSET,
  planCluster,
  portsOf,
  type LocalClusterOptions,
  type NodeBins,
} from "./cluster-plan.ts";
import { command, type Command } from "./command.ts";
import { StartError, reasonOf } from "./fault.ts";
import { ensureKeyFile } from "./key-file.ts";
import { claimPorts } from "./ports.ts";
import { Supervisor } from "./supervisor.ts";

/** Signals within this time count as one: npm forwards the terminal's Ctrl-C a second time. */
const SAME_SIGNAL_MS = 500;
const PARENT_POLL_MS = 500;
const EXIT_KILLED = 130;

const UP_OPTIONS = {
  producers: whole("producers", {
    group: "Cluster",
    default: 2,
    min: 1,
    max: CONSUMER_PORT_OFFSET,
    help: "Number of producer nodes",
  }),
  consumers: whole("consumers", {
    group: "Cluster",
    default: 2,
    min: 1,
    max: CONSUMER_PORT_OFFSET,
    help: "Number of consumer nodes",
  }),
  port: whole("port", {
    group: "Node",
    default: 9000,
    min: 0,
    max: 65_535,
    help: `The first producer's port; the others follow; the consumers' ports start ${CONSUMER_PORT_OFFSET} higher. 0 selects free ports`,
  }),
  host: CONSUMER_OPTIONS.host,
  log: CONSUMER_OPTIONS.log,
  redisUrl: CONSUMER_OPTIONS.redisUrl,
  dataFolder: text("data", {
    group: "Storage",
    default: "data",
    help: "Folder for the messages, the key and the nodes' log files",
  }),
  consumerConfig: text("consumer-config", {
    group: "Cluster",
    help: "A JSON file with options of the consumers, passed to them as --config",
  }),
  pskFile: text("psk-file", {
    group: "Keys and tokens",
    shownDefault: "<data>/psk",
    help: "File with the pre-shared key; created if it does not exist",
  }),
  drainTimeoutMs: CONSUMER_OPTIONS.drainTimeoutMs,
  isLegacySpoken: CONSUMER_OPTIONS.isLegacySpoken,
};

type UpValues = Values<typeof UP_OPTIONS>;

const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"];

export function upCommand(bins: NodeBins): Command {
  return command({
    command: "up",
    describe: "Run a cluster on this machine",
    positionals: {},
    options: UP_OPTIONS,
    run: (values) => up(values, bins),
  });
}

async function up(values: UpValues, bins: NodeBins): Promise<void> {
  const options = clusterOptions(values, bins);
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

function clusterOptions(values: UpValues, bins: NodeBins): LocalClusterOptions {
  const { port, consumers, dataFolder } = values;
  const lastPort = port + CONSUMER_PORT_OFFSET + consumers - 1;
  if (port !== 0 && lastPort > 65_535) {
    throw optionInvalid(
      `--port ${port}: the last consumer's port would be ${lastPort}, above 65535`,
    );
  }
  return {
    ...values,
    redis: redisOf(values),
    logFolder: join(dataFolder, "logs"),
    keyFile: keyFileOf(values),
    secretFile: secretFileOf(dataFolder),
    env: process.env,
    bins,
  };
}

function redisOf({ log, redisUrl }: UpValues): string | undefined {
  const variable = variableOf("redis");
  // SHARDCAST_REDIS in the environment applies only with --log redis.
  const url = redisUrl ?? (log === "redis" ? process.env[variable] : undefined);
  if ((log === "redis") === (url !== undefined)) return url;
  throw optionInvalid(`--log redis and --redis <url> (or ${variable}) go together`);
}

/** A file from the option has priority, then a key in the environment, then the default file. */
function keyFileOf({ pskFile, dataFolder }: UpValues): string | undefined {
  if (pskFile !== undefined) return pskFile;
  const { PSK, SHARDCAST_PSK } = process.env;
  const isInEnv = [PSK, SHARDCAST_PSK].some((key) => key !== undefined && key !== "");
  return isInEnv ? undefined : join(dataFolder, "psk");
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
