// Measures how cost grows with size, from 1× to 16×, and the exponent: 1 means proportional, 0
// means constant.
import type { Peer } from "../peers/peers.ts";
import { fillLog, logTopic } from "../peers/fill-log.ts";
import { RunningPeer } from "../peers/running-peer.ts";
import { BENCH_PSK, TempFolder, freePort, startConsumer } from "../peers/shardcast-nodes.ts";
import { ShardcastSocket } from "../load/shardcast-socket.ts";
import type { Row, Table } from "../report/table.ts";
import { cpuMs } from "../stats/process-stats.ts";
import { peersOf, type Asked, type Question } from "./question.ts";
import { PskKeys } from "@shardcast/protocol/proof";

export interface GrowthOptions extends Asked {
  readonly factors?: readonly number[];
  /** The quantities at 1×. */
  readonly deliveries?: number;
  readonly connections?: number;
  readonly topics?: number;
  readonly stored?: number;
}

const PAYLOAD_BYTES = 128;
const SUBSCRIBERS = 100;
const ROUNDS = 3;
/** Longer than any run takes. */
const LIMIT_MS = 600_000;
/** Messages published, whatever the number of topics. */
const TOPIC_MESSAGES = 40_000;
/** Reads of the last messages, whatever the number stored. */
const READS = 300;
const READ_MESSAGES = 100;

/** Measures the cost at a quantity. */
type Cost = (count: number) => Promise<number>;

export const GROWTH: Question = {
  name: "growth",
  about: "deliveries, connections, topics and stored messages from 1× to 16×, with the exponent",
  ask: (asked) => growth(asked),
  chart: (rows) => {
    const factors = Object.keys(rows[0] ?? {}).filter((name) => name.endsWith("×"));
    return {
      kind: "line",
      title: "How cost grows (cost at 1× is 1)",
      x: { name: "how much there is", values: factors },
      y: { name: "log scale", isLog: true },
      series: rows.map((row) => ({
        name: String(row["cost"]),
        values: factors.map((factor) => Number(row[factor]) / Number(row[factors[0] ?? ""])),
      })),
    };
  },
};

export async function growth(options: GrowthOptions): Promise<Table> {
  const { factors = [1, 2, 4, 8, 16] } = options;
  const { deliveries = 1_000_000, connections = 1000, topics = 1000, stored = 60_000 } = options;
  const rows: Row[] = [];
  const add = async (cost: string, unit: number, measure: Cost): Promise<void> => {
    const row: Record<string, string | number> = { cost, "1× is": unit };
    const points: { readonly x: number; readonly y: number }[] = [];
    for (const factor of factors) {
      options.progress(`growth: ${cost}, ${factor}×`);
      const value = await measure(unit * factor);
      row[`${factor}×`] = value;
      points.push({ x: Math.log(factor), y: Math.log(Math.max(value, Number.MIN_VALUE)) });
    }
    rows.push({ ...row, exponent: slopeOf(points) });
  };
  const [peer] = peersOf({ peers: ["shardcast"] });
  if (peer !== undefined) {
    await add("CPU of deliveries, ms", deliveries, (count) => ofDeliveries(peer, count, options));
    await add("CPU of connections, ms", connections, (count) => ofConnecting(peer, count, options));
    await add("memory of connections, MiB", connections, (count) =>
      ofHolding(peer, count, options),
    );
    await add("CPU a delivery by topics, µs", topics, (count) => ofTopics(peer, count, options));
  }
  await add("CPU of a read by messages stored, µs", stored, (count) => ofStored(count, options));
  return { question: GROWTH.name, title: "How cost grows", rows };
}

function ofDeliveries(peer: Peer, deliveries: number, { bins }: Asked): Promise<number> {
  return RunningPeer.use(peer, bins, async (running) => {
    const load = await running.connect({
      type: "fan-out",
      dialect: peer.dialect,
      port: running.port,
      topics: 1,
      inFlight: 64,
      subscribers: SUBSCRIBERS,
      payloadBytes: PAYLOAD_BYTES,
      messages: Math.ceil(deliveries / SUBSCRIBERS),
      limitMs: LIMIT_MS,
    });
    // Warm-up run.
    await load.run();
    const before = running.cpuMs;
    await load.run();
    return Math.max(running.cpuMs - before, 1);
  });
}

function ofConnecting(peer: Peer, subscribers: number, { bins }: Asked): Promise<number> {
  return RunningPeer.use(peer, bins, async (running) => {
    await connectIdle(running, peer, 0, 1000);
    const before = running.cpuMs;
    await connectIdle(running, peer, 1000, subscribers);
    return Math.max(running.cpuMs - before, 1);
  });
}

function ofHolding(peer: Peer, subscribers: number, { bins }: Asked): Promise<number> {
  return RunningPeer.use(peer, bins, async (running) => {
    await connectIdle(running, peer, 0, 1000);
    const before = running.residentKib;
    await connectIdle(running, peer, 1000, subscribers);
    return Math.max(running.residentKib - before, 1) / 1024;
  });
}

async function connectIdle(
  running: RunningPeer,
  { dialect }: Peer,
  first: number,
  subscribers: number,
): Promise<void> {
  await running.connect({ type: "idle", dialect, port: running.port, first, subscribers });
}

function ofTopics(peer: Peer, topics: number, { bins }: Asked): Promise<number> {
  return RunningPeer.use(peer, bins, async (running) => {
    const load = await running.connect({
      type: "fan-out",
      dialect: peer.dialect,
      port: running.port,
      inFlight: 256,
      topics,
      subscribers: topics,
      payloadBytes: PAYLOAD_BYTES,
      messages: TOPIC_MESSAGES,
      limitMs: LIMIT_MS,
    });
    return running.cpuEach(load, ROUNDS);
  });
}

async function ofStored(stored: number, { bins }: Asked): Promise<number> {
  const folder = new TempFolder();
  const port = await freePort();
  try {
    await fillLog(folder.path, stored);
    const node = await startConsumer({ bins, port, args: [`--data=${folder.path}`] });
    try {
      await readLast(port, 0);
      const before = cpuMs(node.pid);
      for (let number = 1; number <= READS; number += 1) await readLast(port, number);
      return ((cpuMs(node.pid) - before) * 1000) / READS;
    } finally {
      await node.stop();
    }
  } finally {
    folder.remove();
  }
}

/** Connects a client that reads the last messages of a topic, and closes it. */
async function readLast(port: number, number: number): Promise<void> {
  let left = READ_MESSAGES;
  let isDone: () => void = () => undefined;
  const done = new Promise<void>((resolve) => (isDone = resolve));
  const socket = await ShardcastSocket.open({
    port,
    keys: new PskKeys(BENCH_PSK),
    endpoint: "subscribe",
    path: `/subscribe/${logTopic(number)}?from=last:${READ_MESSAGES}`,
    message: () => {
      left -= 1;
      if (left === 0) isDone();
    },
  });
  await done;
  socket.destroy();
}

/** The slope of the least-squares line. */
function slopeOf(points: readonly { readonly x: number; readonly y: number }[]): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const x0 = mean(points.map(({ x }) => x));
  const y0 = mean(points.map(({ y }) => y));
  const spread = points.reduce((sum, { x }) => sum + (x - x0) ** 2, 0);
  const both = points.reduce((sum, { x, y }) => sum + (x - x0) * (y - y0), 0);
  return spread === 0 ? 0 : both / spread;
}
