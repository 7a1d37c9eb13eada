// The terminal demo as a process: lines in, lines out.
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { eventually, spawnTied } from "@shardcast/faults";

const BIN = join("packages", "demo", "bin", "topic.js");
/** Environment variables of the caller that must not reach the demo. */
const FOREIGN = /^(SHARDCAST_.*|PSK.*|NODE_OPTIONS)$/;

export class TopicProcess {
  stdout = "";
  stderr = "";
  /** Resolves when the process has exited and all its output has been read. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;

  /** @param wrap a command that runs the demo's command */
  constructor(
    args: readonly string[],
    { env = {}, wrap }: { env?: Readonly<Record<string, string>>; wrap?: Wrap } = {},
  ) {
    const own = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
    const plain = [process.execPath, BIN, ...args];
    const [command = "", ...rest] = wrap === undefined ? plain : wrap(plain);
    this.#child = spawnTied(command, rest, {
      env: { ...Object.fromEntries(own), ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.#child.stdin?.on("error", () => undefined);
    this.ended = new Promise((resolve) => this.#child.once("close", () => resolve()));
  }

  /** Null while the process runs, or if a signal ended it. */
  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits until stdout contains a text. */
  async shows(text: string): Promise<void> {
    await eventually(`${text} is shown`, () => this.#has(this.stdout, text));
  }

  /** Waits until stderr contains a text. */
  async tells(text: string): Promise<void> {
    await eventually(`${text} is told`, () => this.#has(this.stderr, text));
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Writes the rest of its input, and waits for the process to exit. */
  async end(text = ""): Promise<this> {
    this.#child.stdin?.end(text);
    await this.ended;
    return this;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<this> {
    this.#child.kill(signal);
    await this.ended;
    return this;
  }

  #has(said: string, text: string): boolean {
    if (said.includes(text)) return true;
    if (!this.isAlive) throw new Error(`the demo ended: ${this.stdout}${this.stderr}`);
    return false;
  }
}

type Wrap = (command: readonly string[]) => readonly string[];
