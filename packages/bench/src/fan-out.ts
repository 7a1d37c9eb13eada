// What one delivery costs a server, by subscribers, payload, and messages in flight.
import { Load, type FanOutPlan } from "./load.ts";
import { PEERS, type BenchBins, type Peer } from "./peers.ts";
import { familiesCpuMs } from "./process-stats.ts";
import { TempFolder } from "./shardcast-nodes.ts";
import type { Row, Table } from "./table.ts";

export interface FanOutOptions {
  readonly bins: BenchBins;
  readonly peers: readonly string[];
  readonly subscribers?: readonly number[];
  readonly payloadBytes?: readonly number[];
  readonly inFlight?: readonly number[];
  /** Of each measurement, about. */
  readonly deliveries?: number;
  readonly rounds?: number;
  readonly progress: (text: string) => void;
}

const MIN_MESSAGES = 100;
const MAX_MESSAGES = 20_000;

export async function fanOut(options: FanOutOptions): Promise<Table> {
  const {
    subscribers = [10, 100, 1000, 10_000],
    payloadBytes = [16, 128, 4096],
    inFlight = [64, 1],
  } = options;
  const rows: Row[] = [];
  for (const count of subscribers) {
    for (const bytes of payloadBytes) {
      for (const window of inFlight) {
        const shape = { subscribers: count, "payload, B": bytes, "in flight": window };
        const plan = { subscribers: count, payloadBytes: bytes, inFlight: window };
        rows.push({ ...shape, ...(await measureAll(plan, options)) });
      }
    }
  }
  const title = "Fan-out of one topic: server CPU a delivery, µs";
  return { question: "fanout", title, rows };
}

type Shape = Pick<FanOutPlan, "subscribers" | "payloadBytes" | "inFlight">;

async function measureAll(shape: Shape, options: FanOutOptions): Promise<Row> {
  const row: Record<string, number> = {};
  for (const peer of PEERS.filter(({ name }) => options.peers.includes(name))) {
    options.progress(
      `fanout ${shape.subscribers} × ${shape.payloadBytes} B, ${shape.inFlight} in flight: ${peer.name}`,
    );
    row[peer.name] = await measure(peer, shape, options);
  }
  return row;
}

async function measure(peer: Peer, shape: Shape, options: FanOutOptions): Promise<number> {
  const { bins, deliveries = 400_000, rounds = 3 } = options;
  const folder = new TempFolder();
  const { processes, port } = await peer.start(bins, folder.path);
  const wanted = Math.round(deliveries / shape.subscribers);
  const messages = Math.min(MAX_MESSAGES, Math.max(MIN_MESSAGES, wanted));
  const ports = { port, publishPort: port };
  const plan = {
    ...shape,
    ...ports,
    type: "fan-out" as const,
    dialect: peer.dialect,
    topics: 1,
    messages,
  };
  let load: Load | undefined;
  try {
    load = await Load.connect(bins.load, plan);
    const costs: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const before = familiesCpuMs(processes);
      const result = await load.run();
      costs.push(((familiesCpuMs(processes) - before) * 1000) / result.count);
    }
    return costs.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0;
  } finally {
    await load?.stop();
    for (const process of processes) await process.stop();
    folder.remove();
  }
}
