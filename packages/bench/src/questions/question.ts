// A question: its name on the command line, a table as its answer, and how to draw that.
import type { Chart } from "../report/chart.ts";
import type { Row, Table } from "../report/table.ts";
import { PEERS, type BenchBins, type Peer } from "../peers/peers.ts";

export const BENCH_LOGS = ["memory", "lmdb", "redis"] as const;
export type BenchLog = (typeof BENCH_LOGS)[number];

export interface Asked {
  readonly bins: BenchBins;
  /** The names of the systems to measure. */
  readonly peers: readonly string[];
  /** Shardcast's logs to measure, in questions with a choice. @default memory and lmdb */
  readonly logs?: readonly BenchLog[];
  /** Called with a description of each measurement. */
  readonly progress: (text: string) => void;
}

export interface Question {
  readonly name: string;
  /** A description in one line. */
  readonly about: string;
  readonly ask: (asked: Asked) => Promise<Table>;
  /** @default no chart */
  readonly chart?: (rows: readonly Row[]) => Chart;
}

/** The requested systems, in a fixed order. */
export function peersOf({ peers }: Pick<Asked, "peers">): Peer[] {
  return PEERS.filter(({ name }) => peers.includes(name));
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
