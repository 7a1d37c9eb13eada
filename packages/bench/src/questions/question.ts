// What every question is: a name on the command line, a table for an answer, and how that is drawn.
import type { Chart } from "../report/chart.ts";
import type { Row, Table } from "../report/table.ts";
import { PEERS, type BenchBins, type Peer } from "../peers/peers.ts";

export const BENCH_LOGS = ["memory", "lmdb", "redis"] as const;
export type BenchLog = (typeof BENCH_LOGS)[number];

export interface Asked {
  readonly bins: BenchBins;
  /** Names of the systems to measure. */
  readonly peers: readonly string[];
  /** Where Shardcast keeps messages, in the questions that have a choice. @default memory and lmdb */
  readonly logs?: readonly BenchLog[];
  /** Told what is being measured. */
  readonly progress: (text: string) => void;
}

export interface Question {
  readonly name: string;
  /** What it tells, in one line. */
  readonly about: string;
  readonly ask: (asked: Asked) => Promise<Table>;
  /** @default there is none */
  readonly chart?: (rows: readonly Row[]) => Chart;
}

/** The systems asked for, in the order in which they are always shown. */
export function peersOf({ peers }: Pick<Asked, "peers">): Peer[] {
  return PEERS.filter(({ name }) => peers.includes(name));
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
