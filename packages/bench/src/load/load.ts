// The plans for a load generator, and its reports. It runs as a separate process (load-main.ts), so
// that its cost is not measured.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { loadCpus } from "../stats/cpus.ts";
import type { Percentiles } from "../stats/percentile.ts";

/** The protocol that the load generator's clients use. */
export type Dialect = "shardcast" | "bare" | "socket.io" | "nats" | "nchan" | "mqtt";

export type LoadPlan = FanOutPlan | LatencyPlan | IngestPlan | IdlePlan | StormPlan | CrowdPlan;

/** The ports of a system for subscribers and for publishers. */
export interface Ports {
  readonly port: number;
  /** The port of a Shardcast producer, if publishes use one. */
  readonly producerPort?: number;
}

/** Subscribers of topics, and one publisher. */
interface TopicsPlan extends Ports {
  readonly dialect: Dialect;
  /** The number of topics over which subscribers and publishes are distributed. */
  readonly topics: number;
  readonly subscribers: number;
  readonly payloadBytes: number;
  readonly messages: number;
}

/** Publishes as fast as a window permits, and counts deliveries. */
export interface FanOutPlan extends TopicsPlan {
  readonly type: "fan-out";
  /** How long to publish at most, in ms: a slow system gets fewer messages. */
  readonly limitMs: number;
  /** The maximum number of messages that are published but not yet delivered to all subscribers. */
  readonly inFlight: number;
}

/**
 * Publishes on a fixed schedule, regardless of deliveries, and measures the latency of each
 * delivery.
 */
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
  /** The number of links that publish. */
  readonly links: number;
  /** The number of publishes without an ack, over all links. */
  readonly inFlight: number;
}

/** Connects subscribers that receive nothing. */
export interface IdlePlan {
  readonly type: "idle";
  readonly dialect: Dialect;
  readonly port: number;
  readonly subscribers: number;
  /** The number of this generator's first subscriber, counted over the whole measurement. */
  readonly first: number;
}

/**
 * Publishes while a single client listens; then all other clients reconnect at once and fetch what
 * they missed.
 */
export interface StormPlan {
  readonly type: "storm";
  readonly dialect: Dialect;
  readonly port: number;
  readonly clients: number;
  /** How many messages each client has missed. */
  readonly behind: number;
  readonly payloadBytes: number;
}

/** Phones: each has one link, receives the messages to all, and occasionally sends a byte. */
export interface CrowdPlan {
  readonly type: "crowd";
  readonly ports: readonly number[];
  /** The number of this generator's first phone, counted over all phones. */
  readonly first: number;
  readonly phones: number;
  /** The topic that all phones follow. */
  readonly topic: string;
  /**
   * The longest time before a phone reconnects, in ms. Each waits a random time, as the protocol
   * requires.
   */
  readonly reconnectMs: number;
}

/** The next task of a crowd. */
export type CrowdTask =
  /** Phones send bytes at random times, at a rate of `perSecond` in total. */
  | { readonly type: "bytes"; readonly seconds: number; readonly perSecond: number }
  /** Wait until every phone has received this many messages of the topic. */
  | { readonly type: "await"; readonly messages: number };

export interface LoadResult {
  /** The number of deliveries, acks or clients. */
  readonly count: number;
  readonly ms: number;
  /** The latencies in ms, if they were measured. */
  readonly latency?: Percentiles;
}

/** Messages from the generator to its parent. */
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

  /** Resolves when all clients are connected and each has received a first message. */
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

  /** Executes the plan, and resolves when all messages are delivered. */
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
