// Runs the real command as a process: its output, its input, its end.
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { spawnTied } from "@shardcast/faults";

export const BIN = resolve("packages", "cli", "bin", "shardcast.js");
const INTERVAL_MS = 10;
const LIMIT_MS = 15_000;
/** Variables of the caller's environment that must not affect a command. */
const FOREIGN = /^(SHARDCAST_.*|PSK.*|PORT|TIMEOUT|NODE_OPTIONS|npm_lifecycle_event)$/;

export class Command {
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;
  /** Resolves when the process has ended and all its output is read. */
  readonly ended: Promise<void>;

  /** @param cwd the working folder @default the root of the repository */
  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd?: string) {
    const own = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
    this.#child = spawnTied(process.execPath, [BIN, ...args], {
      env: { ...Object.fromEntries(own), ...env },
      cwd,
      // A separate process group, which a test can interrupt like a terminal.
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.#child.stdin?.on("error", () => undefined);
    this.ended = new Promise((resolve) => this.#child.once("close", () => resolve()));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Null while the process runs, and if a signal ended it. */
  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits until the output matches, and returns the groups of the match. */
  said(pattern: RegExp): Promise<string[]> {
    return eventually(`it says ${pattern.source}; it said ${this.stdout}${this.stderr}`, () => {
      const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (match === null && !this.isAlive) throw new Error(`ended: ${this.stdout}${this.stderr}`);
      return match === null ? undefined : match.slice(1);
    });
  }

  /** Writes to its input. */
  say(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Stops reading its output. */
  closeOutput(): void {
    this.#child.stdout?.destroy();
  }

  /** Writes the rest of its input, and waits for the end. */
  async end(text = ""): Promise<this> {
    this.#child.stdin?.end(text);
    await this.ended;
    return this;
  }

  /** Sends a signal, and waits for the end. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<this> {
    this.#child.kill(signal);
    await this.ended;
    return this;
  }

  /** Sends SIGINT to the whole group, like Ctrl-C. */
  interrupt(): void {
    process.kill(-this.pid, "SIGINT");
  }
}

/** A running cluster on free ports. */
export class UpCommand extends Command {
  constructor(
    data: string,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
    cwd?: string,
  ) {
    super(["up", "--port", "0", "--data", data, ...args], env, cwd);
  }

  async ready(): Promise<this> {
    await this.said(/^Ready/m);
    return this;
  }

  /** The ids of the processes that it has started so far. */
  get nodePids(): number[] {
    return Array.from(this.stdout.matchAll(/\(pid (\d+)\)/g), ([, pid]) => Number(pid));
  }

  pidOf(id: string): number {
    const pids = Array.from(
      this.stdout.matchAll(/^(\w+) +up .*\(pid (\d+)\)$/gm),
      ([, node, pid]) => ({ node, pid: Number(pid) }),
    );
    return pids.findLast(({ node }) => node === id)?.pid ?? 0;
  }

  /** The `http://…` addresses of its nodes, from the banner. */
  urls(role: "producers" | "consumers"): string[] {
    const line = new RegExp(`^${role} +(.*)$`, "m").exec(this.stdout)?.[1] ?? "";
    return line.split(/ +/).map((url) => url.replace(/^ws/, "http"));
  }
}

/** A temporary folder for one test file. */
export class TempFolder {
  readonly path = mkdtempSync(join(tmpdir(), "shardcast-cli-"));

  join(...names: string[]): string {
    return join(this.path, ...names);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Repeats a function until it returns something other than undefined or false. Its errors end the wait. */
export async function eventually<Value>(
  what: string,
  ask: () => Value | undefined | false,
): Promise<Value> {
  const deadline = Date.now() + LIMIT_MS;
  for (;;) {
    const value = ask();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`it never came about: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}
