// Starts real node processes from packages/*/bin for tests, on free ports. Waits for the line with
// which a node reports that it listens.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ring } from "@shardcast/protocol";
import { eventually, freePort, spawnTied } from "@shardcast/faults";

export type NodeRole = "producer" | "consumer";

/** The key of test clusters, unless a test has its own. */
export const TEST_PSK = "the key of the tests";

/** Environment variables of the caller that must not reach a node. */
const FOREIGN = /^(SHARDCAST_.*|PSK.*|PORT|TIMEOUT|NODE_OPTIONS)$/;
const STOP_LIMIT_MS = 5000;

/** Options by their names on the command line; `true` stands for a flag. */
type NodeArguments = Readonly<Record<string, string | number | true>>;

export interface StartOptions {
  readonly args?: NodeArguments;
  readonly env?: Readonly<Record<string, string>>;
}

export class NodeProcess {
  readonly role: NodeRole;
  stdout = "";
  stderr = "";
  /** Set when the node listens. */
  url = "";
  readonly #child: ChildProcess;

  constructor(role: NodeRole, { args = {}, env = {} }: StartOptions) {
    this.role = role;
    const bin = join("packages", role, "bin", `shardcast-${role}.js`);
    const own = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !FOREIGN.test(name)),
    );
    this.#child = spawnTied(process.execPath, [bin, ...argumentsOf(args)], {
      env: { ...own, PSK: TEST_PSK, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  /** Anonymous memory of the process, in KiB: excludes the mapped file of its log. */
  get residentKib(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]);
  }

  get httpUrl(): string {
    return this.url.replace(/^ws/, "http");
  }

  /** Waits until the node listens; rejects with the node's output if it exits first. */
  async listening(): Promise<this> {
    const line = await eventually(`${this.role} listens`, () => {
      if (!this.isAlive) throw new Error(`the ${this.role} ended: ${this.stderr}${this.stdout}`);
      return this.stdout.split("\n").find((text) => text.includes('"msg":"listening"'));
    });
    this.url = (JSON.parse(line) as { url: string }).url;
    return this;
  }

  /** Waits for the process to exit; sends it a signal first if one is given. */
  async stop(signal?: NodeJS.Signals): Promise<void> {
    if (!this.isAlive) return;
    const exited = once(this.#child, "exit");
    if (signal !== undefined) this.#child.kill(signal);
    await exited;
  }

  /** A metric of the node, by its name without `shardcast_`. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.httpUrl}/metrics`)).text();
    const line = text.split("\n").find((entry) => entry.startsWith(`shardcast_${name}{`));
    if (line === undefined) throw new Error(`no metric ${name}`);
    return Number(line.slice(line.lastIndexOf(" ")));
  }
}

/** The nodes of one test file; `stop` ends those that still run. */
export class TestCluster {
  readonly #nodes: NodeProcess[] = [];
  /** The data folder of the consumers c1, c2, …, so that a restarted consumer finds its data. */
  readonly dataFolder = mkdtempSync(join(tmpdir(), "shardcast-test-"));
  readonly #common: StartOptions;
  /** The `--consumers` option of every node. */
  consumers = "";
  #ports: readonly number[] = [];

  private constructor(common: StartOptions) {
    this.#common = common;
  }

  /** Reserves ports for consumers c1, c2, …, and starts none of them. */
  static async plan(consumerCount: number, common: StartOptions = {}): Promise<TestCluster> {
    const cluster = new TestCluster(common);
    cluster.#ports = await Promise.all(Array.from({ length: consumerCount }, freePort));
    cluster.consumers = cluster.#ports
      .map((port, index) => `c${index + 1}=ws://127.0.0.1:${port}`)
      .join(",");
    return cluster;
  }

  /** A cluster whose membership and messages are in Redis. */
  static onRedis(url: string): TestCluster {
    const args = { redis: url, "redis-prefix": `test-${process.pid}-${Date.now()}:` };
    return new TestCluster({ args: { ...args, "member-timeout": 1000 } });
  }

  /** @param number the consumer's number: 1 for c1 */
  consumer(number: number, options: StartOptions = {}): Promise<NodeProcess> {
    const port = this.consumers === "" ? 0 : this.#ports[number - 1];
    if (port === undefined) throw new RangeError(`c${number} is not among ${this.consumers}`);
    return this.start("consumer", {
      ...options,
      args: { id: `c${number}`, port, data: this.dataFolder, ...options.args },
    });
  }

  producer(options: StartOptions = {}): Promise<NodeProcess> {
    return this.start("producer", { ...options, args: { port: 0, ...options.args } });
  }

  start(role: NodeRole, options: StartOptions): Promise<NodeProcess> {
    return this.spawn(role, options).listening();
  }

  /** Starts a node that may fail to start. */
  spawn(role: NodeRole, options: StartOptions): NodeProcess {
    const node = new NodeProcess(role, {
      args: {
        host: "127.0.0.1",
        ...(this.consumers === "" ? {} : { consumers: this.consumers }),
        ...(this.consumers === "" && role === "consumer" ? { log: "redis" } : {}),
        "drain-timeout": 200,
        ...(role === "consumer" ? { data: join(this.dataFolder, `${this.#nodes.length}`) } : {}),
        ...this.#common.args,
        ...options.args,
      },
      env: { ...this.#common.env, ...options.env },
    });
    this.#nodes.push(node);
    return node;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map(stopAtLast));
    rmSync(this.dataFolder, { recursive: true, force: true });
  }
}

/** The ring of a list such as `c1=ws://…,c2=ws://…`. */
export function ringOf(consumers: string): Ring {
  return new Ring(
    consumers.split(",").map((entry) => {
      const [name = "", url = ""] = entry.split("=");
      return { id: name, url };
    }),
  );
}

/** A topic that a given consumer of such a list owns. */
export function topicOwnedBy(id: string, consumers: string): string {
  const ring = ringOf(consumers);
  for (let number = 0; ; number += 1) {
    const topic = `owned-${number}`;
    if (ring.ownerOf(topic).id === id) return topic;
  }
}

/**
 * Stops the node gracefully, so that its coverage is written, and kills it if that takes too long.
 */
async function stopAtLast(node: NodeProcess): Promise<void> {
  const timer = setTimeout(() => void node.stop("SIGKILL"), STOP_LIMIT_MS);
  await node.stop("SIGTERM");
  clearTimeout(timer);
}

function argumentsOf(args: NodeArguments): string[] {
  return Object.entries(args).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, String(value)],
  );
}
