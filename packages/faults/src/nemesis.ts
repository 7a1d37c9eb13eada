// Injects faults one after another, in an order given by a seed. Each fault ends after a while, and
// is repaired.
import type { Cluster } from "./cluster.ts";
import { LOSSY_TOPICS, keyLoss, loseKeys } from "./lost-keys.ts";
import { WRONG_CLOCKS } from "./node-clock.ts";
import type { NodeProcess } from "./node-process.ts";
import { Random } from "./random.ts";

export interface NemesisOptions {
  readonly cluster: Cluster;
  readonly random: Random;
  /**
   * The kinds of faults; a kind that is listed twice is chosen twice as often. @default every kind
   */
  readonly kinds?: readonly FaultKind[] | undefined;
  /** The maximum time from the start of one fault to that of the next, in ms. @default 2500 */
  readonly pauseMaxMs?: number | undefined;
  /** Topics of which Redis may lose keys. */
  readonly topics: readonly string[];
  /** Shifts the wall clock of the process in which all clients run. */
  readonly stepClock: (ms: number) => void;
  /** Called when a fault starts, with a description. */
  readonly log: (text: string) => void;
}

/** The time from the start of one fault to that of the next, in ms. */
const PAUSE_MIN_MS = 300;
const PAUSE_MAX_MS = 2500;
/** Longer than two heartbeats, so that nodes give up links. */
const HOLD_MAX_MS = 3000;
/** The maximum number of bits flipped at once. */
const MAX_FLIPS = 5;
const MAX_SEED = 2 ** 32 - 1;
const HOUR_MS = 3_600_000;

/** Faults of any cluster. */
const KINDS = [
  "kill-consumer",
  "kill-consumer",
  "kill-producer",
  "stop-consumer",
  "stop-producer",
  "restart-consumer",
  "restart-producer",
  "flap",
  "cut",
  "cut",
  "slow",
  "trickle",
  "stall",
  "partition",
  "clock",
  "set-clock",
  "set-clock",
] as const;

/** Additional faults if messages are in a file. */
const STORE_KINDS = ["fill-disk", "lose-file", "flip-bits"] as const;

/** Additional faults if messages are in Redis. */
const REDIS_KINDS = [
  "kill-redis",
  "stop-redis",
  "stall-redis",
  "cut-redis",
  "partition-redis",
  "scale",
  "scale",
  "lose-keys",
  "lose-keys",
] as const;

export type FaultKind = (typeof KINDS | typeof STORE_KINDS | typeof REDIS_KINDS)[number];

/** The target of a fault: a node or a Redis server. */
type Victim = Pick<NodeProcess, "id" | "proxy" | "start" | "end" | "pause" | "resume">;
/** Rates, in bytes per second, at which a large message takes longer than two heartbeats. */
const TRICKLE_MIN = 40_000;
const TRICKLE_MAX = 150_000;

export class Nemesis {
  readonly #options: NemesisOptions;
  readonly #running = new Set<Promise<void>>();
  readonly #busy = new Set<Victim>();
  readonly counts = new Map<FaultKind, number>();
  #isOver = false;

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  get count(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Injects faults for `durationMs`, and waits until every fault has ended. */
  async run(durationMs: number): Promise<void> {
    const { random, cluster, pauseMaxMs = PAUSE_MAX_MS } = this.#options;
    const isOnRedis = cluster.redisServers.length > 0;
    const all = [...KINDS, ...(isOnRedis ? REDIS_KINDS : STORE_KINDS)];
    const { kinds = all } = this.#options;
    const end = performance.now() + durationMs;
    while (performance.now() < end && !this.#isOver) {
      this.#begin(random.pick(kinds));
      const pauseMs = random.between(PAUSE_MIN_MS, pauseMaxMs);
      await sleep(Math.min(pauseMs, Math.max(0, end - performance.now())));
    }
    await Promise.all(this.#running);
  }

  /** Starts no further faults. */
  stop(): void {
    this.#isOver = true;
  }

  #begin(kind: FaultKind): void {
    const { cluster, random, log } = this.#options;
    const node = random.pick(nodesFor(kind, cluster));
    const holdMs = random.between(50, HOLD_MAX_MS);
    // At most one fault per node at a time; the next draw chooses again.
    if (this.#busy.has(node)) return;
    // A Redis cluster does not promise to survive the loss of a master together with its replica.
    if (kind.endsWith("redis") && cluster.redisServers.some((one) => this.#busy.has(one))) return;
    this.#busy.add(node);
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    log(`${kind} ${node.id} ${holdMs} ms`);
    const running = this.#inflict(kind, node, holdMs).finally(() => {
      this.#busy.delete(node);
      this.#running.delete(running);
    });
    this.#running.add(running);
  }

  async #inflict(kind: FaultKind, node: Victim, holdMs: number): Promise<void> {
    const { random, cluster } = this.#options;
    switch (kind) {
      case "kill-consumer":
      case "kill-producer":
      case "kill-redis":
        await node.end("SIGKILL");
        await sleep(holdMs);
        await node.start();
        return;
      case "stop-consumer":
      case "stop-producer":
      case "stop-redis":
        node.pause();
        await sleep(holdMs);
        node.resume();
        return;
      case "restart-consumer":
      case "restart-producer":
        await node.end("SIGTERM");
        await node.start();
        return;
      case "flap":
        for (let count = random.between(2, 4); count > 0; count -= 1) {
          await node.end("SIGKILL");
          await node.start();
          await sleep(random.between(0, 300));
        }
        return;
      case "scale":
        await node.start();
        await sleep(2 * holdMs);
        await node.end("SIGTERM");
        return;
      case "cut-redis":
      case "cut": {
        // Drawn before any wait, since the order of the following events may differ between runs.
        const share = random.next();
        let drawn = 0;
        node.proxy.cut(() => {
          drawn += share;
          if (drawn < 1) return false;
          drawn -= 1;
          return true;
        });
        return;
      }
      case "slow":
        node.proxy.set({ type: "slow", bytesPerSecond: random.between(2000, 200_000) });
        await sleep(holdMs);
        node.proxy.set({ type: "pass" });
        return;
      case "trickle":
        node.proxy.set({
          type: "slow",
          bytesPerSecond: random.between(TRICKLE_MIN, TRICKLE_MAX),
        });
        await sleep(3 * holdMs);
        node.proxy.set({ type: "pass" });
        return;
      case "fill-disk":
      case "lose-file":
      case "flip-bits":
        await this.#spoilStore(kind, node, holdMs);
        return;
      case "stall":
      case "stall-redis":
      case "partition":
      case "partition-redis":
        node.proxy.set({ type: kind.startsWith("stall") ? "stall" : "refuse" });
        await sleep(holdMs);
        node.proxy.set({ type: "pass" });
        return;
      case "lose-keys": {
        const { topics, log } = this.#options;
        // Half of the losses affect a topic whose own keys may be lost too.
        const topic = random.pick([random.pick(topics), random.pick([...LOSSY_TOPICS])]);
        const command = keyLoss(topic, random);
        log(command.join(" "));
        await loseKeys(cluster.redisServers, command);
        return;
      }
      case "set-clock": {
        const clock = cluster.nodes.find((one) => one === node)?.clock;
        clock?.set(random.pick(WRONG_CLOCKS));
        await sleep(holdMs);
        clock?.setRight();
        return;
      }
      case "clock":
        this.#options.stepClock(random.between(-HOUR_MS, HOUR_MS));
        return;
    }
  }

  async #spoilStore(
    kind: (typeof STORE_KINDS)[number],
    victim: Victim,
    holdMs: number,
  ): Promise<void> {
    const node = this.#options.cluster.consumers.find((one) => one === victim);
    if (node === undefined) return;
    if (kind === "fill-disk") {
      node.fillDisk();
      await sleep(holdMs);
      node.makeRoom();
      return;
    }
    if (kind === "flip-bits") {
      // Drawn before any wait, as for cut.
      const random = new Random(this.#options.random.between(0, MAX_SEED));
      await node.end("SIGKILL");
      for (let count = random.between(1, MAX_FLIPS); count > 0; count -= 1) {
        this.#options.log(`flip ${node.flipBit(random) ?? "nothing"}`);
      }
      await node.start();
      return;
    }
    node.hideStore();
    await sleep(holdMs);
    await node.end("SIGKILL");
    node.giveBackStore();
    await node.start();
  }
}

function nodesFor(kind: FaultKind, cluster: Cluster): readonly Victim[] {
  if (kind === "scale") return cluster.spares;
  if (kind.endsWith("redis") || kind === "lose-keys") return cluster.redisServers;
  const isConsumers = kind === "flap" || STORE_KINDS.some((one) => one === kind);
  if (kind.endsWith("consumer") || isConsumers) return cluster.consumers;
  return kind.endsWith("producer") ? cluster.producers : cluster.nodes;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
