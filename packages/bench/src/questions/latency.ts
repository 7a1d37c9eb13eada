// Measures latency from the time at which a message is due to its delivery, by share of the
// system's capacity.
import type { Peer } from "../peers/peers.ts";
import { RunningPeer } from "../peers/running-peer.ts";
import type { Row, Table } from "../report/table.ts";
import { median } from "../stats/percentile.ts";
import { peersOf, type Asked, type Question } from "./question.ts";

export interface LatencyOptions extends Asked {
  readonly shares?: readonly number[];
  /** How long to publish at each rate, in seconds. */
  readonly seconds?: number;
  /** The number of messages for the search for the capacity. */
  readonly messages?: number;
}

const TOPICS = 10;
const SUBSCRIBERS = 10;
const PAYLOAD_BYTES = 128;
const SHAPE = { topics: TOPICS, subscribers: SUBSCRIBERS, payloadBytes: PAYLOAD_BYTES };
const IN_FLIGHT = 256;
/** Longer than any run takes. */
const LIMIT_MS = 600_000;
const CAPACITY_ROUNDS = 3;

export const LATENCY: Question = {
  name: "latency",
  about: "from publish to delivery at 10 %, 50 % and 80 % of capacity: p50, p99, p99.9",
  ask: (asked) => latency(asked),
  chart: (rows) => {
    const shares = [...new Set(rows.map((row) => String(row["load, %"])))];
    const systems = [...new Set(rows.map((row) => String(row["system"])))];
    const of = (system: string, share: string): Row | undefined =>
      rows.find((row) => row["system"] === system && String(row["load, %"]) === share);
    return {
      kind: "line",
      title: "Publish to delivery, p99, by share of the capacity",
      x: { name: "% of capacity", values: shares },
      y: { name: "ms, log scale", isLog: true },
      series: systems.map((name) => ({
        name,
        values: shares.map((share) => Number(of(name, share)?.["p99, ms"])),
      })),
    };
  },
};

export async function latency(options: LatencyOptions): Promise<Table> {
  const rows: Row[] = [];
  for (const peer of peersOf(options)) {
    try {
      rows.push(...(await measure(peer, options)));
    } catch (error) {
      options.progress(`${peer.name}: ${error instanceof Error ? error.message : ""}`);
    }
  }
  const title = `Publish to delivery: ${TOPICS} topics with a subscriber each, ${PAYLOAD_BYTES} B`;
  return { question: LATENCY.name, title, rows };
}

/** Uses one server for all rates, so that its code is warm when measured. */
function measure(peer: Peer, options: LatencyOptions): Promise<Row[]> {
  const { bins, shares = [0.1, 0.5, 0.8] } = options;
  return RunningPeer.use(
    peer,
    bins,
    async (running) => {
      options.progress(`latency: ${peer.name}, its capacity`);
      const capacity = await capacityOf(peer, running, options);
      const rows: Row[] = [];
      for (const share of shares) {
        const perSecond = capacity * share;
        options.progress(`latency: ${peer.name}, ${Math.round(perSecond)} messages a second`);
        const row = await measureAt(peer, running, perSecond, options);
        rows.push({ system: peer.name, "load, %": Math.round(share * 100), ...row });
      }
      return rows;
    },
    "two",
  );
}

/** The maximum throughput, in messages per second. */
async function capacityOf(
  { dialect }: Peer,
  running: RunningPeer,
  { messages = 100_000 }: LatencyOptions,
): Promise<number> {
  const plan = {
    ...SHAPE,
    dialect,
    ...running.ports,
    messages,
    inFlight: IN_FLIGHT,
    limitMs: LIMIT_MS,
  };
  const load = await running.connect({ type: "fan-out", ...plan });
  const rates: number[] = [];
  for (let round = 0; round < CAPACITY_ROUNDS; round += 1) {
    const { ms } = await load.run();
    rates.push((messages * 1000) / ms);
  }
  await running.disconnect(load);
  return median(rates);
}

async function measureAt(
  { dialect }: Peer,
  running: RunningPeer,
  perSecond: number,
  { seconds = 8 }: LatencyOptions,
): Promise<Row> {
  const messages = Math.max(TOPICS, Math.round(perSecond * seconds));
  const plan = { ...SHAPE, dialect, ...running.ports, messages, perSecond };
  const load = await running.connect({ type: "latency", ...plan });
  const { latency: all, count } = await load.run();
  await running.disconnect(load);
  return {
    "messages a second": Math.round(perSecond),
    "p50, ms": all?.p50 ?? 0,
    "p99, ms": all?.p99 ?? 0,
    "p99.9, ms": all?.p999 ?? 0,
    "lost, %": 100 - (100 * count * TOPICS) / (messages * SUBSCRIBERS),
  };
}
