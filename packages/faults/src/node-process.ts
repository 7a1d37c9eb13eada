// One node of the cluster under test: a real process behind its proxy, which can be killed, stopped and started
// again with the same port and the same data.
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
/** What the caller's environment must not tell a node. */
const FOREIGN = /^(SHARDCAST_.*|PSK.*|PORT|TIMEOUT|NODE_OPTIONS)$/;

export interface NodeSpec {
  readonly id: string;
  readonly bin: string;
  readonly args: readonly string[];
  /** Of Node itself: what is loaded before the node. */
  readonly execArgv: readonly string[];
  readonly psk: string;
  /** The file of its log, where it has one. */
  readonly store?: string;
  /** Where it can be set. */
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

  /** Where everybody else reaches it. */
  get url(): string {
    return `ws://127.0.0.1:${this.proxy.port}`;
  }

  get isAlive(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** The last that it said, for a run that goes wrong. */
  get lastWords(): string {
    return this.#output;
  }

  /** Resolves when it takes connections. A node that ends instead is started again. */
  async start(): Promise<void> {
    const deadline = performance.now() + START_LIMIT_MS;
    while (!this.isAlive || !this.#isListening) {
      if (performance.now() > deadline)
        throw new Error(`${this.id} does not listen: ${this.lastWords}`);
      if (!this.isAlive) this.#spawn();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Ends it, and resolves when it is gone. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.isAlive) return;
    const exited = once(child, "exit");
    child.kill(signal);
    this.resume();
    await exited;
  }

  /** Stops it in the middle of whatever it does. */
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

  /** Its log cannot grow from now on, as on a disk that is full. */
  fillDisk(): void {
    const { store } = this.#spec;
    if (store !== undefined) this.#limitFiles(String(statSync(store).size));
  }

  makeRoom(): void {
    this.#limitFiles("unlimited");
  }

  /** Its log's file is not under its name any more, until it is given back. */
  hideStore(): void {
    const { store } = this.#spec;
    if (store !== undefined) renameSync(store, `${store}.hidden`);
  }

  giveBackStore(): void {
    const { store } = this.#spec;
    if (store !== undefined) renameSync(`${store}.hidden`, store);
  }

  /** Flips a bit of a payload in its log's file. @returns where; undefined where there is none */
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
