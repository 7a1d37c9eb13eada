// All nodes of a cluster on this machine: keeps them up, tells in one line each what happens to them.
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterPlan } from "./cluster-plan.ts";
import { reasonOf } from "./fault.ts";
import type { Remark } from "./node-log.ts";
import { printable } from "./printable.ts";
import { SupervisedNode, type NodeWatcher } from "./supervised-node.ts";

const POLL_MS = 50;
const POLL_TIMEOUT_MS = 2000;
/** From then on it is told what a start waits for. */
const SLOW_START_MS = 10_000;
/** What a node may take beyond its drain, before it is killed. */
const STOP_MARGIN_MS = 3000;
/** So long it can take until the death of a peer, which others complain of, is known here. */
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

  /** Resolves when a node could not be started at all, with the reason; else never. */
  get failure(): Promise<string> {
    return this.#failure;
  }

  start(): void {
    for (const node of this.#nodes) node.start();
  }

  /** Resolves when every node says that it is ready; with false where the cluster is stopped before. */
  async ready(): Promise<boolean> {
    const startedAt = performance.now();
    let isTold = false;
    for (const node of this.#nodes) {
      for (;;) {
        if (this.#isStopping) return false;
        const fault = await readinessFault(node);
        if (fault === undefined) break;
        if (!isTold && performance.now() - startedAt > SLOW_START_MS) {
          isTold = true;
          this.#tell(node, `not ready yet: ${fault}`);
        }
        await sleep(POLL_MS);
      }
    }
    return !this.#isStopping;
  }

  /** Asks every node to stop; resolves when all processes are gone. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const graceMs = this.#options.drainTimeoutMs + STOP_MARGIN_MS;
    await Promise.all(this.#nodes.map((node) => node.stop(graceMs)));
  }

  /** Ends what is left, at once. */
  kill(): void {
    for (const node of this.#nodes) node.kill();
  }

  #watcher(failed: (reason: string) => void): NodeWatcher {
    return {
      up: (node) => this.#tell(node, `up    ${node.spec.url}  (pid ${node.pid ?? 0})`),
      died: (node, ending, restartMs) => {
        this.#tell(node, `died  ${ending}; it starts again in ${restartMs / 1000} s`);
      },
      failed: (node, ending) => failed(`${node.spec.id} did not start: ${ending}`),
      remarked: (node, remark) => this.#remarked(node, remark),
    };
  }

  #remarked(node: SupervisedNode, remark: Remark): void {
    if (remark.peer === undefined) this.#show(node, remark);
    else {
      // That a peer is gone was told when it died.
      setTimeout(() => {
        if (this.#nodes.every(({ isUp, spec }) => isUp || spec.id !== remark.peer)) {
          this.#show(node, remark);
        }
      }, REMARK_DELAY_MS).unref();
    }
  }

  /** A node that complains all the time must not hide what the others say. */
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
    if (window.count <= REMARKS_PER_WINDOW) this.#tell(node, `${level.padEnd(5)} ${text}`);
    else if (window.count === REMARKS_PER_WINDOW + 1) this.#tell(node, `more of these: ${logFile}`);
  }

  #tell({ spec }: SupervisedNode, text: string): void {
    this.#options.print(`${spec.id.padEnd(4)} ${printable(text)}`);
  }
}

/** Why a node is not ready; undefined where it is. */
async function readinessFault(node: SupervisedNode): Promise<string | undefined> {
  // Before it listens, another program could answer on its port.
  if (!node.isUp) return "it does not listen";
  const url = `${node.spec.url.replace(/^ws/, "http")}/readyz`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(POLL_TIMEOUT_MS) });
    return response.ok ? undefined : `it says ${await response.text()}`;
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
