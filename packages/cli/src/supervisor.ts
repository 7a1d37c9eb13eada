// Runs all nodes of a cluster on this machine, and reports their events in one line each.
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterPlan } from "./cluster-plan.ts";
import { reasonOf } from "./fault.ts";
import type { Remark } from "./node-log.ts";
import { printable } from "./printable.ts";
import { SupervisedNode, type NodeWatcher } from "./supervised-node.ts";

const POLL_MS = 50;
const POLL_TIMEOUT_MS = 2000;
/** After this time, in ms, the supervisor reports what the start waits for. */
const SLOW_START_MS = 10_000;
/** How long a node may take beyond its drain timeout before it is killed, in ms. */
const STOP_MARGIN_MS = 3000;
/** How long a remark about a peer waits, in ms, because the peer's death may become known here later. */
const REMARK_DELAY_MS = 250;
const REMARK_WINDOW_MS = 10_000;
const REMARKS_PER_WINDOW = 10;

export interface SupervisorOptions {
  readonly plan: ClusterPlan;
  readonly drainTimeoutMs: number;
  readonly print: (line: string) => void;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #nodes: readonly SupervisedNode[];
  readonly #remarks = new Map<string, { since: number; count: number }>();
  readonly #failure: Promise<string>;
  #isStopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const { promise, resolve } = withResolver<string>();
    this.#failure = promise;
    const watcher = this.#watcher(resolve);
    const { producers, consumers } = options.plan;
    this.#nodes = [...consumers, ...producers].map((spec) => new SupervisedNode(spec, watcher));
  }

  /** Resolves with the reason if a node could not be started. Otherwise never resolves. */
  get failure(): Promise<string> {
    return this.#failure;
  }

  start(): void {
    for (const node of this.#nodes) node.start();
  }

  /** Resolves with true when every node is ready, or with false if the cluster stops before. */
  async ready(): Promise<boolean> {
    const startedAt = performance.now();
    let isReported = false;
    for (const node of this.#nodes) {
      for (;;) {
        if (this.#isStopping) return false;
        const fault = await readinessFault(node);
        if (fault === undefined) break;
        if (!isReported && performance.now() - startedAt > SLOW_START_MS) {
          isReported = true;
          this.#report(node, `not ready yet: ${fault}`);
        }
        await sleep(POLL_MS);
      }
    }
    return !this.#isStopping;
  }

  /** Asks every node to stop. Resolves when all processes have ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const graceMs = this.#options.drainTimeoutMs + STOP_MARGIN_MS;
    await Promise.all(this.#nodes.map((node) => node.stop(graceMs)));
  }

  /** Kills all remaining processes. */
  kill(): void {
    for (const node of this.#nodes) node.kill();
  }

  #watcher(onFailure: (reason: string) => void): NodeWatcher {
    return {
      onUp: (node) => this.#report(node, `up    ${node.spec.url}  (pid ${node.pid ?? 0})`),
      onDeath: (node, ending, restartMs) => {
        this.#report(node, `died  ${ending}; it restarts in ${restartMs / 1000} s`);
      },
      onFailure: (node, ending) => onFailure(`${node.spec.id} did not start: ${ending}`),
      onRemark: (node, remark) => this.#remarked(node, remark),
    };
  }

  #remarked(node: SupervisedNode, remark: Remark): void {
    if (remark.peer === undefined) this.#show(node, remark);
    else {
      // The death of a peer was already reported.
      setTimeout(() => {
        if (this.#nodes.every(({ isUp, spec }) => isUp || spec.id !== remark.peer)) {
          this.#show(node, remark);
        }
      }, REMARK_DELAY_MS).unref();
    }
  }

  /** Limits the remarks of each node, so that one node cannot hide the others. */
  #show(node: SupervisedNode, { level, text, peer }: Remark): void {
    if (this.#isStopping && peer !== undefined) return;
    const { id, logFile } = node.spec;
    const now = performance.now();
    let window = this.#remarks.get(id);
    if (window === undefined || now - window.since > REMARK_WINDOW_MS) {
      window = { since: now, count: 0 };
      this.#remarks.set(id, window);
    }
    window.count += 1;
    if (window.count <= REMARKS_PER_WINDOW) this.#report(node, `${level.padEnd(5)} ${text}`);
    else if (window.count === REMARKS_PER_WINDOW + 1)
      this.#report(node, `further messages are in ${logFile}`);
  }

  #report({ spec }: SupervisedNode, text: string): void {
    this.#options.print(`${spec.id.padEnd(4)} ${printable(text)}`);
  }
}

/** Returns why a node is not ready; undefined if it is ready. */
async function readinessFault(node: SupervisedNode): Promise<string | undefined> {
  // Before the node listens, another program could answer on its port.
  if (!node.isUp) return "it does not listen yet";
  const url = `${node.spec.url.replace(/^ws/, "http")}/readyz`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(POLL_TIMEOUT_MS) });
    return response.ok ? undefined : `/readyz answers ${await response.text()}`;
  } catch (error) {
    return reasonOf(error);
  }
}

function withResolver<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolver) => {
    resolve = resolver;
  });
  return { promise, resolve };
}
