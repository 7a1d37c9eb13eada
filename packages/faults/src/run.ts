// One run: starts a cluster, clients and faults; then ends all faults and checks the history.
import { check } from "./checker.ts";
import { ClientClock } from "./client-clock.ts";
import { Cluster, type ClusterOptions } from "./cluster.ts";
import { LOSSY_TOPICS } from "./lost-keys.ts";
import { Nemesis, type FaultKind } from "./nemesis.ts";
import { Random } from "./random.ts";
import type { Violation } from "./violation.ts";
import { Workload } from "./workload.ts";

export interface RunOptions extends ClusterOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly topics: number;
  readonly publishers: number;
  readonly subscribers: number;
  readonly rate: number;
  /** See {@link Workload}. */
  readonly settleMs?: number;
  /** See {@link Nemesis}. */
  readonly kinds?: readonly FaultKind[];
  readonly pauseMaxMs?: number;
  /** Called for each event, with the ms since the start. */
  readonly log: (text: string) => void;
}

export interface RunResult {
  readonly violations: readonly Violation[];
  readonly faults: Readonly<Record<string, number>>;
  readonly faultCount: number;
  readonly published: number;
  readonly acked: number;
  /** Publishes acked as duplicates: repeats that the owner recognised. */
  readonly duplicates: number;
  /** Publishes without an ack, by code. They may or may not be stored. */
  readonly failed: Readonly<Record<string, number>>;
  readonly deliveries: number;
  /** The longest time between two acks of one topic. */
  readonly longestSilenceMs: number;
}

const FLIP = "flip-bits";
const DAMAGED = "SHARDCAST_MESSAGES_DAMAGED";

export async function run(options: RunOptions): Promise<RunResult> {
  const random = new Random(options.seed);
  const cluster = await Cluster.start(options);
  const clock = new ClientClock();
  let workload: Workload | undefined;
  try {
    // Clients and faults use separate random sequences, so that a seed's faults do not depend on
    // the clients.
    const isLossy = options.isOnRedis === true || (options.kinds ?? [FLIP]).includes(FLIP);
    const lossyTopics: ReadonlySet<string> = isLossy ? LOSSY_TOPICS : new Set();
    const own = { cluster, lossyTopics, random: new Random(options.seed + 1) };
    workload = await Workload.start({ ...options, ...own });
    const nemesis = new Nemesis({
      cluster,
      random,
      topics: workload.topics,
      kinds: options.kinds,
      pauseMaxMs: options.pauseMaxMs,
      stepClock: (ms) => clock.step(ms),
      log: options.log,
    });
    await nemesis.run(options.durationMs);
    options.log("heal");
    await cluster.heal();
    await workload.settle();
    return resultOf(workload, nemesis, options.isOnRedis === true ? undefined : DAMAGED);
  } finally {
    workload?.close();
    clock.restore();
    await cluster.stop();
  }
}

function resultOf(workload: Workload, nemesis: Nemesis, lossCode: string | undefined): RunResult {
  const { published, views, lossyTopics, deliveries, longestSilenceMs } = workload;
  const acked = published.filter(({ outcome }) => outcome === "acked");
  const failed: Record<string, number> = {};
  for (const { outcome, code } of published) {
    if (outcome === "failed") failed[code] = (failed[code] ?? 0) + 1;
  }
  return {
    violations: check({ published, views, lossyTopics, lossCode }),
    faults: Object.fromEntries([...nemesis.counts].sort()),
    faultCount: nemesis.count,
    published: published.length,
    acked: acked.length,
    duplicates: acked.filter(({ isDuplicate }) => isDuplicate).length,
    failed,
    deliveries,
    longestSilenceMs,
  };
}
