// A server under measurement: a process with its own CPU.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { serverCpus } from "../stats/cpus.ts";
import { familyOf } from "../stats/process-stats.ts";

const READY_LIMIT_MS = 30_000;
const FOREIGN = /^(SHARDCAST_.*|PSK.*|PORT|TIMEOUT|NODE_OPTIONS)$/;

const RUNNING = new Set<ChildProcess>();

// When the bench ends, for whatever reason, so do its servers.
process.once("exit", () => {
  for (const child of RUNNING) child.kill("SIGKILL");
});

export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Matches the output with which the server reports that it accepts connections. */
  readonly ready: RegExp;
}

export class ServerProcess {
  readonly #child: ChildProcess;
  #output = "";
  readonly #exited: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, "exit");
    RUNNING.add(child);
    child.once("exit", () => RUNNING.delete(child));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    }
  }

  /** Starts the server on the first CPU, which the load generators do not use. */
  static async start({ command, args, env = {}, ready }: ServerCommand): Promise<ServerProcess> {
    const own = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
    const [file, ...all] = [...serverCpus(), command, ...args];
    const child = spawn(file ?? command, all, {
      env: { ...Object.fromEntries(own), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const server = new ServerProcess(child);
    const end = performance.now() + READY_LIMIT_MS;
    while (!ready.test(server.#output)) {
      if (child.exitCode !== null || performance.now() > end) {
        throw new Error(`${command} did not start: ${server.#output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return server;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  kill(signal: "SIGKILL" | "SIGTERM"): void {
    this.#child.kill(signal);
  }

  /** Ends the server and all its descendants, since nginx would leave its workers running. */
  async stop(): Promise<void> {
    if (!this.hasExited) {
      for (const pid of familyOf(this.pid)) process.kill(pid, "SIGKILL");
    }
    await this.#exited;
  }
}
