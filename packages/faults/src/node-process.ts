// One node of the cluster under test: a real process behind its proxy, which can be killed, paused,
// and restarted with the same port and data.
import { execFileSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { renameSync, statSync } from "node:fs";
import { flipPayloadBit } from "./flip-bit.ts";
import type { NodeClock } from "./node-clock.ts";
import type { Random } from "./random.ts";
import type { TcpProxy } from "./tcp-proxy.ts";
import { spawnTied } from "./tied-process.ts";

const START_LIMIT_MS = 30_000;
const POLL_MS = 20;
const LAST_WORDS = 2000;
/** Environment variables of the caller that must not reach a node. */
const FOREIGN = /^(SHARDCAST_.*|PSK.*|PORT|TIMEOUT|NODE_OPTIONS)$/;

export interface NodeSpec {
  readonly id: string;
  readonly bin: string;
  readonly args: readonly string[];
  /** Node.js options, such as modules to load before the node. */
  readonly execArgv: readonly string[];
  readonly psk: string;
  /** The file of its log, if it has one. */
  readonly store?: string;
  /** Its clock, if it can be shifted. */
  readonly clock?: NodeClock | undefined;
}

export class NodeProcess {
  readonly id: string;
  readonly proxy: TcpProxy;
  readonly #spec: NodeSpec;
  #child: ChildProcess | undefined;
  #output = "";
  #isListening = false;
  #isStopped = false;

  constructor(spec: NodeSpec, proxy: TcpProxy) {
    this.id = spec.id;
    this.proxy = proxy;
    this.#spec = spec;
  }

  /** The proxy's address, at which all others reach the node. */
  get url(): string {
    return `ws://127.0.0.1:${this.proxy.port}`;
  }

  get isAlive(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** The end of its output, to report when a run fails. */
  get lastWords(): string {
    return this.#output;
  }

  /** Resolves when the node accepts connections. Restarts a node that exits instead. */
  async start(): Promise<void> {
    const deadline = performance.now() + START_LIMIT_MS;
    while (!this.isAlive || !this.#isListening) {
      if (performance.now() > deadline)
        throw new Error(`${this.id} does not listen: ${this.lastWords}`);
      if (!this.isAlive) this.#spawn();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Ends the process, and resolves when it has exited. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.isAlive) return;
    const exited = once(child, "exit");
    child.kill(signal);
    this.resume();
    await exited;
  }

  /** Pauses the process, whatever it is doing. */
  pause(): void {
    if (!this.isAlive) return;
    this.#isStopped = true;
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#child?.kill("SIGCONT");
  }

  get clock(): NodeClock | undefined {
    return this.#spec.clock;
  }

  /** Stops its log from growing, as on a full disk. */
  fillDisk(): void {
    const { store } = this.#spec;
    if (store !== undefined) this.#limitFiles(String(statSync(store).size));
  }

  makeRoom(): void {
    this.#limitFiles("unlimited");
  }

  /** Renames its log's file until it is restored. */
  hideStore(): void {
    const { store } = this.#spec;
    if (store !== undefined) renameSync(store, `${store}.hidden`);
  }

  giveBackStore(): void {
    const { store } = this.#spec;
    if (store !== undefined) renameSync(`${store}.hidden`, store);
  }

  /**
   * Flips a bit of a payload in its log's file.
   * @returns a description of the place; undefined if no message was found
   */
  flipBit(random: Random): string | undefined {
    const { store } = this.#spec;
    return store === undefined ? undefined : flipPayloadBit(store, random);
  }

  #limitFiles(bytes: string): void {
    const pid = this.#child?.pid;
    if (!this.isAlive || pid === undefined) return;
    execFileSync("prlimit", ["--pid", `${pid}`, `--fsize=${bytes}:unlimited`]);
  }

  #spawn(): void {
    const { bin, args, execArgv, psk, clock } = this.#spec;
    const own = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
    this.#isListening = false;
    const child = spawnTied(process.execPath, [...execArgv, bin, ...args], {
      env: { ...Object.fromEntries(own), ...clock?.env, PSK: psk },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        if (text.includes('"msg":"listening"')) this.#isListening = true;
        this.#output = (this.#output + text).slice(-LAST_WORDS);
      });
    }
    this.#child = child;
  }
}
