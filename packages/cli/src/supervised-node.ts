// Runs one node as a process: starts it, restarts it when it dies, and stops it.
import { spawn, type ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";
import { linesOf } from "./lines.ts";
import { NodeLog, readLogLine, type Remark } from "./node-log.ts";

const RESTART_MIN_MS = 100;
const RESTART_MAX_MS = 5000;
/** After this lifetime, in ms, the restart delay begins at its minimum again. */
const STABLE_MS = 10_000;
const STDERR_MAX_LINES = 100;

/** The command of a node. */
export interface PlannedNode {
  readonly id: string;
  /** ws://host:port */
  readonly url: string;
  /** The JavaScript file of the node's command. */
  readonly bin: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
}

/** Receives the events of a node. */
export interface NodeWatcher {
  onUp(node: SupervisedNode): void;
  /** The node ended unexpectedly, and will restart after `restartMs`. */
  onDeath(node: SupervisedNode, ending: string, restartMs: number): void;
  /** The node ended before it ever listened, so a restart would not help. */
  onFailure(node: SupervisedNode, ending: string): void;
  onRemark(node: SupervisedNode, remark: Remark): void;
}

export class SupervisedNode {
  readonly spec: PlannedNode;
  readonly #watcher: NodeWatcher;
  readonly #log: NodeLog;
  #child: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #deathsInARow = 0;
  #wasUp = false;
  #isUp = false;
  #stopped: Promise<void> | undefined;
  /** While stopping: called when the process has ended. */
  #onExit: (() => void) | undefined;

  constructor(spec: PlannedNode, watcher: NodeWatcher) {
    this.spec = spec;
    this.#watcher = watcher;
    this.#log = new NodeLog(spec.logFile, ({ message }) => {
      const text = `the log file cannot be written: ${message}`;
      watcher.onRemark(this, { level: "warn", text, peer: undefined });
    });
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Whether the node listens. */
  get isUp(): boolean {
    return this.#isUp;
  }

  start(): void {
    const { bin, args, env } = this.spec;
    const startedAt = performance.now();
    const child = spawn(process.execPath, [bin, ...args], {
      env,
      // Outside the terminal's process group: Ctrl-C reaches only the supervisor, which then stops the nodes.
      detached: true,
      windowsHide: true,
      // The channel carries no messages. It closes when the supervisor dies, and then the node stops.
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.#child = child;
    const said: string[] = [];
    const heard = Promise.all([
      hear(child.stdout, (line) => this.#heard(line)),
      hear(child.stderr, (line) => {
        this.#log.append(line);
        if (said.length < STDERR_MAX_LINES) said.push(line);
      }),
    ]);
    const ended = (how: string): void => {
      if (this.#child === child) this.#ended(how, said, startedAt);
    };
    child.on("error", (error) => {
      // A process that could not be started may have no other event.
      if (child.pid === undefined) ended(error.message);
    });
    child.on("close", (code, signal) => {
      void heard.then(() => ended(signal ?? `exit code ${code ?? "unknown"}`));
    });
  }

  /** Asks the node to stop, and kills it after `graceMs`. Resolves when the process has ended. */
  stop(graceMs: number): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  /** Kills the process. */
  kill(): void {
    this.#child?.kill("SIGKILL");
  }

  async #stop(graceMs: number): Promise<void> {
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child !== undefined) {
      const gone = new Promise<void>((resolve) => {
        this.#onExit = resolve;
      });
      child.kill("SIGTERM");
      const timer = setTimeout(() => {
        const text = "did not stop in time and was killed";
        this.#watcher.onRemark(this, { level: "error", text, peer: undefined });
        this.kill();
      }, graceMs);
      await gone;
      clearTimeout(timer);
    }
    await this.#log.close();
  }

  #heard(line: string): void {
    this.#log.append(line);
    const { isListening, remark } = readLogLine(line);
    if (isListening) {
      this.#isUp = true;
      this.#wasUp = true;
      this.#watcher.onUp(this);
    }
    if (remark !== undefined) this.#watcher.onRemark(this, remark);
  }

  #ended(how: string, said: readonly string[], startedAt: number): void {
    this.#child = undefined;
    this.#isUp = false;
    if (this.#stopped !== undefined) {
      this.#onExit?.();
      return;
    }
    const fault = faultOf(said);
    const ending = [how, fault].filter((part) => part !== "").join(": ");
    const isBySignal = how.startsWith("SIG");
    if (!this.#wasUp && !isBySignal) {
      this.#watcher.onFailure(this, fault === "" ? ending : fault);
      return;
    }
    if (performance.now() - startedAt >= STABLE_MS) this.#deathsInARow = 0;
    const restartMs = restartDelayMs(this.#deathsInARow);
    this.#deathsInARow += 1;
    this.#watcher.onDeath(this, ending, restartMs);
    this.#restart = setTimeout(() => this.start(), restartMs);
  }
}

/** Returns 100 ms after the first death, twice as much after each further one, at most 5 s. */
export function restartDelayMs(deathsInARow: number): number {
  return Math.min(RESTART_MAX_MS, RESTART_MIN_MS * 2 ** Math.min(deathsInARow, 30));
}

async function hear(stream: Readable | null, onLine: (line: string) => void): Promise<void> {
  if (stream === null) return;
  try {
    for await (const line of linesOf(stream)) onLine(line);
  } catch {
    // The stream failed with its process, whose end is reported separately.
  }
}

/** Returns the line with the reason from the stderr of a dead process: its own error line, or that of a stack trace. */
function faultOf(said: readonly string[]): string {
  return said.find((line) => /^(shardcast-|\w*Error\b)/.test(line)) ?? said[0] ?? "";
}
