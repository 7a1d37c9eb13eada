// Real switchboard processes for tests, with a real cluster, and a back end in the test's own process.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { eventually, spawnTied } from "@shardcast/faults";
import { TEST_PSK, TestCluster, type NodeProcess, type StartOptions } from "@shardcast/e2e/nodes";
import { Concierge } from "../../src/concierge.ts";

export const POSTBACK_SECRET = "the secret of the back end and the switchboard";
export const SEAL_SECRET = "the secret of the sessions";

const BIN = join("packages", "switchboard", "bin", "switchboard.js");
/** Variables of the caller's environment that must not affect a switchboard. */
const FOREIGN = /^(SHARDCAST_.*|SWITCHBOARD_.*|CONCIERGE_.*|PSK.*|NODE_OPTIONS)$/;
const STOP_LIMIT_MS = 8000;

type Environment = Readonly<Record<string, string>>;

export class SwitchboardProcess {
  stdout = "";
  stderr = "";
  /** `http://127.0.0.1:port`, set when the switchboard listens. */
  url = "";
  readonly child: ChildProcess;

  constructor(env: Environment, args: readonly string[] = []) {
    const own = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
    this.child = spawnTied(process.execPath, [BIN, ...args], {
      env: { ...Object.fromEntries(own), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
  }

  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  get exitCode(): number | null {
    return this.child.exitCode;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  async listening(): Promise<this> {
    const line = await eventually("the switchboard listens", () => {
      if (!this.isAlive) throw new Error(`it ended: ${this.stderr}${this.stdout}`);
      return this.stdout.split("\n").find((text) => text.includes('"msg":"listening"'));
    });
    this.url = (JSON.parse(line) as { url: string }).url;
    return this;
  }

  async ready(): Promise<this> {
    await this.listening();
    await eventually("the switchboard is ready", async () => {
      if (!this.isAlive) throw new Error(`it ended: ${this.stderr}${this.stdout}`);
      return (await fetch(`${this.url}/readyz`)).ok;
    });
    return this;
  }

  /** @param start the beginning of the line: a name, or a name with its labels */
  async metric(start: string): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const line = text
      .split("\n")
      .find((entry) => entry.startsWith(`shardcast_switchboard_${start}`));
    return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(" ")));
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (!this.isAlive) return;
    const exited = once(this.child, "exit");
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill("SIGKILL"), STOP_LIMIT_MS);
    await exited;
    clearTimeout(timer);
  }
}

const ADMIN_KEY = "the key of the administrators";

/** A cluster of one producer and two consumers, a back end, and any number of switchboards. */
export class SwitchboardBench {
  readonly cluster: TestCluster;
  readonly producer: NodeProcess;
  readonly consumers: readonly NodeProcess[];
  readonly concierge: Concierge;
  readonly #switchboards: SwitchboardProcess[] = [];

  private constructor(
    cluster: TestCluster,
    producer: NodeProcess,
    consumers: readonly NodeProcess[],
    concierge: Concierge,
  ) {
    this.cluster = cluster;
    this.producer = producer;
    this.consumers = consumers;
    this.concierge = concierge;
  }

  /** @param options the options of the consumers */
  static async start(options: StartOptions = {}): Promise<SwitchboardBench> {
    const cluster = await TestCluster.plan(2);
    const args = {
      ...({ "admin-key": ADMIN_KEY, "push-allow": "127.0.0.1", "push-allow-http": true } as const),
      ...options.args,
    };
    const consumerOptions = { ...options, args };
    const [producer, c1, c2] = await Promise.all([
      cluster.producer(),
      cluster.consumer(1, consumerOptions),
      cluster.consumer(2, consumerOptions),
    ]);
    const concierge = await Concierge.listen({ port: 0, secret: POSTBACK_SECRET });
    return new SwitchboardBench(cluster, producer, [c1, c2], concierge);
  }

  /** The required options of a switchboard. A test may override them. */
  get environment(): Environment {
    return {
      SWITCHBOARD_HOST: "127.0.0.1",
      SWITCHBOARD_PORT: "0",
      SWITCHBOARD_SECRET_KEY: SEAL_SECRET,
      SWITCHBOARD_DRAIN_TIMEOUT: "500",
      CONCIERGE_URL: this.concierge.url,
      CONCIERGE_POSTBACK_SECRET_KEY: POSTBACK_SECRET,
      SHARDCAST_PRODUCERS: this.producer.url,
      SHARDCAST_CONSUMERS: this.consumers.map(({ url }) => url).join(","),
      SHARDCAST_ADMIN_KEY: ADMIN_KEY,
      PSK: TEST_PSK,
    };
  }

  spawn(env: Environment = {}, args: readonly string[] = []): SwitchboardProcess {
    const switchboard = new SwitchboardProcess({ ...this.environment, ...env }, args);
    this.#switchboards.push(switchboard);
    return switchboard;
  }

  switchboard(env: Environment = {}): Promise<SwitchboardProcess> {
    return this.spawn(env).ready();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#switchboards.map((switchboard) => switchboard.stop()));
    await this.concierge.close();
    await this.cluster.stop();
  }
}
