// One node as a process of its own: started, started again when it dies, and stopped.
import { spawn, type ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";
import { linesOf } from "./lines.ts";
import { NodeLog, readLogLine, type Remark } from "./node-log.ts";

const RESTART_MIN_MS = 100;
const RESTART_MAX_MS = 5000;
/** A node that lived this long starts again at once, however often it died before. */
const STABLE_MS = 10_000;
const STDERR_MAX_LINES = 100;

/** What to start. */
export interface NodeSpec {
  readonly id: string;
  /** ws://host:port */
  readonly url: string;
  /** The node's command, a JavaScript file. */
  readonly bin: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
}

/** Who is told how a node fares. */
export interface NodeWatcher {
  up(node: SupervisedNode): void;
  /** It ended though nobody stopped it, and starts again after `restartMs`. */
  died(node: SupervisedNode, ending: string, restartMs: number): void;
  /** It ended by itself before it ever listened: it cannot be started as it is. */
  failed(node: SupervisedNode, ending: string): void;
  remarked(node: SupervisedNode, remark: Remark): void;
}

export class SupervisedNode {
  readonly spec: NodeSpec;
  readonly #watcher: NodeWatcher;
  readonly #log: NodeLog;
  #child: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #deathsInARow = 0;
  #wasUp = false;
  #isUp = false;
  #stopped: Promise<void> | undefined;
  /** Told when the process is gone, while stopping. */
  #gone: (() => void) | undefined;

  constructor(spec: NodeSpec, watcher: NodeWatcher) {
    this.spec = spec;
    this.#watcher = watcher;
    this.#log = new NodeLog(spec.logFile, ({ message }) => {
      const text = `the log cannot be written: ${message}`;
      watcher.remarked(this, { level: "warn", text, peer: undefined });
    });
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Whether it listens. */
  get isUp(): boolean {
    return this.#isUp;
  }

  start(): void {
    const { bin, args, env } = this.spec;
    const startedAt = performance.now();
    const child = spawn(process.execPath, [bin, ...args], {
      env,
      // Out of the terminal's process group: Ctrl-C is for the supervisor, which then asks the nodes.
      detached: true,
      windowsHide: true,
      // The channel carries nothing. It closes when the supervisor dies, and with it the node stops.
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
      // A process that never came about may have no other event.
      if (child.pid === undefined) ended(error.message);
    });
    child.on("close", (code, signal) => {
      void heard.then(() => ended(signal ?? `exit code ${code ?? "unknown"}`));
    });
  }

  /** Asks it to stop, and ends it where it has not within `graceMs`; resolves when it is gone. */
  stop(graceMs: number): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  /** Ends it at once. */
  kill(): void {
    this.#child?.kill("SIGKILL");
  }

  async #stop(graceMs: number): Promise<void> {
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child !== undefined) {
      const gone = new Promise<void>((resolve) => {
        this.#gone = resolve;
      });
      child.kill("SIGTERM");
      const timer = setTimeout(() => {
        const text = "did not stop in time and was killed";
        this.#watcher.remarked(this, { level: "error", text, peer: undefined });
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
      this.#watcher.up(this);
    }
    if (remark !== undefined) this.#watcher.remarked(this, remark);
  }

  #ended(how: string, said: readonly string[], startedAt: number): void {
    this.#child = undefined;
    this.#isUp = false;
    if (this.#stopped !== undefined) {
      this.#gone?.();
      return;
    }
    const fault = faultOf(said);
    const ending = [how, fault].filter((part) => part !== "").join(": ");
    const isBySignal = how.startsWith("SIG");
    if (!this.#wasUp && !isBySignal) {
      this.#watcher.failed(this, fault === "" ? ending : fault);
      return;
    }
    if (performance.now() - startedAt >= STABLE_MS) this.#deathsInARow = 0;
    const restartMs = restartDelayMs(this.#deathsInARow);
    this.#deathsInARow += 1;
    this.#watcher.died(this, ending, restartMs);
    this.#restart = setTimeout(() => this.start(), restartMs);
  }
}

/** 100 ms after the first death, twice as long after each further one, 5 s at the most. */
export function restartDelayMs(deathsInARow: number): number {
  return Math.min(RESTART_MAX_MS, RESTART_MIN_MS * 2 ** Math.min(deathsInARow, 30));
}

async function hear(stream: Readable | null, heard: (line: string) => void): Promise<void> {
  if (stream === null) return;
  try {
    for await (const line of linesOf(stream)) heard(line);
  } catch {
    // It broke off with the process, whose end is told anyway.
  }
}

/** The line that says why, in what a dying process wrote: its own error line, or that of a stack trace. */
function faultOf(said: readonly string[]): string {
  return said.find((line) => /^(shardcast-|\w*Error\b)/.test(line)) ?? said[0] ?? "";
}
