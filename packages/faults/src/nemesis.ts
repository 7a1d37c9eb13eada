// Brings faults about, one after another, as a seed has it. Each ends by itself; what was broken works again.
import type { Cluster } from "./cluster.ts";
import { LOSSY_TOPICS, keyLoss, loseKeys } from "./lost-keys.ts";
import { WRONG_CLOCKS } from "./node-clock.ts";
import type { NodeProcess } from "./node-process.ts";
import { Random } from "./random.ts";

export interface NemesisOptions {
  readonly cluster: Cluster;
  readonly random: Random;
  /** What is done; a kind that stands twice comes twice as often. @default every kind */
  readonly kinds?: readonly FaultKind[] | undefined;
  /** The most from the beginning of one fault to that of the next. @default 2500 */
  readonly pauseMaxMs?: number | undefined;
  /** Those that Redis may lose something of. */
  readonly topics: readonly string[];
  /** Moves the clients' clock, where they all are. */
  readonly stepClock: (ms: number) => void;
  /** Told of each fault as it begins. */
  readonly log: (text: string) => void;
}

/** From the beginning of one fault to that of the next, in ms. */
const PAUSE_MIN_MS = 300;
const PAUSE_MAX_MS = 2500;
/** Over two heartbeats: long enough for links to be given up. */
const HOLD_MAX_MS = 3000;
/** Bits that are flipped at once. */
const MAX_FLIPS = 5;
const MAX_SEED = 2 ** 32 - 1;
const HOUR_MS = 3_600_000;

/** What is done to the cluster, by its name. */
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

/** What is done beside that where messages are in a file. */
const STORE_KINDS = ["fill-disk", "lose-file", "flip-bits"] as const;

/** What is done beside that where messages are in Redis. */
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

/** What faults are done to: a node, or a Redis server. */
type Victim = Pick<NodeProcess, "id" | "proxy" | "start" | "end" | "pause" | "resume">;
/** A line on which a large message takes longer than two heartbeats. */
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

  /** Goes on for a time, and then until every fault has ended. */
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

  /** Begins no other fault. */
  stop(): void {
    this.#isOver = true;
  }

  #begin(kind: FaultKind): void {
    const { cluster, random, log } = this.#options;
    const node = random.pick(nodesFor(kind, cluster));
    const holdMs = random.between(50, HOLD_MAX_MS);
    // One fault a node at a time; the next draw is another one.
    if (this.#busy.has(node)) return;
    // A master and its replica at once are more than a Redis cluster promises to survive.
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
        // Drawn now: what passes when may differ from run to run.
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
        // As often of one that loses more than others.
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
      // Drawn now, as with cut.
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
