// What a load generator is told, and what it tells. It runs as a process of its own (load-main.ts), so that
// what it costs is not what is measured.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { loadCpus } from "../stats/cpus.ts";
import type { Percentiles } from "../stats/percentile.ts";

/** What clients speak, in the load generator. */
export type Dialect = "shardcast" | "bare" | "socket.io" | "nats" | "nchan" | "mqtt";

export type LoadPlan = FanOutPlan | LatencyPlan | IngestPlan | IdlePlan | StormPlan | CrowdPlan;

/** Where a system takes subscribers, and where publishers. */
export interface Ports {
  readonly port: number;
  /** Of a Shardcast producer, where publishes go through one. */
  readonly producerPort?: number;
}

/** Subscribers of topics, and one publisher. */
interface TopicsPlan extends Ports {
  readonly dialect: Dialect;
  /** How many there are; subscribers and publishes are spread over them. */
  readonly topics: number;
  readonly subscribers: number;
  readonly payloadBytes: number;
  readonly messages: number;
}

/** Publishes as fast as a window lets it, and counts what arrives. */
export interface FanOutPlan extends TopicsPlan {
  readonly type: "fan-out";
  /** After this nothing more is published: a system that is slow to answer gets fewer messages. */
  readonly limitMs: number;
  /** Published and not delivered to everybody yet, at once. */
  readonly inFlight: number;
}

/** Publishes by the clock, whatever arrives, and tells how long each delivery took. */
export interface LatencyPlan extends TopicsPlan {
  readonly type: "latency";
  readonly perSecond: number;
}

/** Publishes to a Shardcast producer, and counts acks. */
export interface IngestPlan {
  readonly type: "ingest";
  readonly port: number;
  readonly topics: number;
  readonly payloadBytes: number;
  readonly messages: number;
  /** How many publish, each over a link of its own. */
  readonly links: number;
  /** Without an ack, of all links together. */
  readonly inFlight: number;
}

/** Connects, and then does nothing. */
export interface IdlePlan {
  readonly type: "idle";
  readonly dialect: Dialect;
  readonly port: number;
  readonly subscribers: number;
  /** Of all subscribers of the measurement, the number of this one's first. */
  readonly first: number;
}

/** Publishes while nobody but one listens; then all others come back at once and want what they missed. */
export interface StormPlan {
  readonly type: "storm";
  readonly dialect: Dialect;
  readonly port: number;
  readonly clients: number;
  /** How many messages each has missed. */
  readonly behind: number;
  readonly payloadBytes: number;
}

/** Phones: a link each, on which they get what is sent to all, and now and then send a byte. */
export interface CrowdPlan {
  readonly type: "crowd";
  readonly ports: readonly number[];
  /** Of all phones, the number of this generator's first. */
  readonly first: number;
  readonly phones: number;
  /** The topic that all of them follow. */
  readonly topic: string;
  /** The longest that one waits before it comes back, as the protocol asks: at random, not all at once. */
  readonly reconnectMs: number;
}

/** What a crowd is to do next. */
export type CrowdTask =
  /** Each phone sends a byte at random moments, so often that all together make `perSecond`. */
  | { readonly type: "bytes"; readonly seconds: number; readonly perSecond: number }
  /** Wait until every phone has had so many messages of the topic. */
  | { readonly type: "await"; readonly messages: number };

export interface LoadResult {
  /** Deliveries, acks, or clients. */
  readonly count: number;
  readonly ms: number;
  /** How long each took, where that was asked, in ms. */
  readonly latency?: Percentiles;
}

/** From the generator, and back. */
export type LoadReport =
  | { readonly type: "connected" }
  | ({ readonly type: "done" } & LoadResult)
  | { readonly type: "failed"; readonly reason: string };
export type LoadOrder =
  | { readonly type: "plan"; readonly plan: LoadPlan }
  | { readonly type: "go"; readonly task?: CrowdTask };

export class Load {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves when all clients are connected and a first message has reached every one. */
  static async connect(main: URL, plan: LoadPlan): Promise<Load> {
    const [command, ...args] = loadCpus();
    const child = fork(fileURLToPath(main), [], {
      ...(command === undefined
        ? {}
        : { execPath: command, execArgv: [...args, process.execPath] }),
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const load = new Load(child);
    try {
      load.#order({ type: "plan", plan });
      await load.#report("connected");
      return load;
    } catch (error) {
      await load.stop();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Does what was planned, and resolves when all is delivered. */
  async run(task?: CrowdTask): Promise<LoadResult> {
    this.#order({ type: "go", ...(task === undefined ? {} : { task }) });
    return this.#report("done");
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }

  #order(order: LoadOrder): void {
    this.#child.send(order);
  }

  async #report<Type extends LoadReport["type"]>(
    type: Type,
  ): Promise<Extract<LoadReport, { type: Type }>> {
    const report = await new Promise<LoadReport>((resolve) => {
      const onMessage = (message: unknown): void => done(message as LoadReport);
      const onExit = (): void => done({ type: "failed", reason: "the load generator ended" });
      const done = (result: LoadReport): void => {
        this.#child.off("message", onMessage);
        this.#child.off("exit", onExit);
        resolve(result);
      };
      this.#child.on("message", onMessage);
      this.#child.on("exit", onExit);
    });
    if (report.type === type) return report as Extract<LoadReport, { type: Type }>;
    throw new Error(report.type === "failed" ? report.reason : `it said ${report.type}`);
  }
}
