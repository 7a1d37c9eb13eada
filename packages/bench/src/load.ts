// What a load generator is told, and what it tells. It runs as a process of its own (load-main.ts), so that
// what it costs is not what is measured.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { loadCpus } from "./cpus.ts";

/** What clients speak, in the load generator. */
export type Dialect = "shardcast" | "bare" | "socket.io" | "nats" | "nchan" | "mqtt";

export type LoadPlan = FanOutPlan | IngestPlan | IdlePlan;

/** Publishes, and counts what arrives. */
export interface FanOutPlan {
  readonly type: "fan-out";
  readonly dialect: Dialect;
  readonly port: number;
  /** Of the publisher, where that is another. */
  readonly publishPort: number;
  /** How many there are; subscribers and publishes are spread over them. */
  readonly topics: number;
  readonly subscribers: number;
  readonly payloadBytes: number;
  readonly messages: number;
  /** Published and not delivered to everybody yet, at once. */
  readonly inFlight: number;
}

/** Publishes to a Shardcast producer, and counts acks. */
export interface IngestPlan {
  readonly type: "ingest";
  readonly port: number;
  readonly topics: number;
  readonly payloadBytes: number;
  readonly messages: number;
  /** Without an ack. */
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

export interface LoadResult {
  /** Deliveries, or acks. */
  readonly count: number;
  readonly ms: number;
}

/** From the generator, and back. */
export type LoadReport =
  | { readonly type: "connected" }
  | ({ readonly type: "done" } & LoadResult)
  | { readonly type: "failed"; readonly reason: string };
export type LoadOrder =
  { readonly type: "plan"; readonly plan: LoadPlan } | { readonly type: "go" };

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
    load.#order({ type: "plan", plan });
    await load.#report("connected");
    return load;
  }

  /** Publishes all messages, and resolves when all are delivered. */
  async run(): Promise<LoadResult> {
    this.#order({ type: "go" });
    return this.#report("done");
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
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
      this.#child.once("message", (message) => resolve(message as LoadReport));
      this.#child.once("exit", () => resolve({ type: "failed", reason: "it ended" }));
    });
    if (report.type === type) return report as Extract<LoadReport, { type: Type }>;
    throw new Error(report.type === "failed" ? report.reason : `it said ${report.type}`);
  }
}
