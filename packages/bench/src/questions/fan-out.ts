// Measures a server's cost per delivery, by subscribers, payload size, and messages in flight.
import type { FanOutPlan } from "../load/load.ts";
import type { Peer } from "../peers/peers.ts";
import { RunningPeer } from "../peers/running-peer.ts";
import type { Row, Table } from "../report/table.ts";
import { peersOf, type Asked, type Question } from "./question.ts";

export interface FanOutOptions extends Asked {
  readonly subscribers?: readonly number[];
  readonly payloadBytes?: readonly number[];
  readonly inFlight?: readonly number[];
  /** The approximate number of deliveries per run. A round has as many runs as it needs. */
  readonly deliveries?: number;
  readonly rounds?: number;
}

const MIN_MESSAGES = 20;
const MAX_MESSAGES = 20_000;
/** The measurements that the chart shows. */
const SHOWN = { "payload, B": 128, "in flight": 64 };

export const FAN_OUT: Question = {
  name: "fanout",
  about: "one topic, by subscribers, payload and messages in flight: CPU a delivery",
  ask: (asked) => fanOut(asked),
  chart: (rows) => {
    const shown = rows.filter((row) =>
      Object.entries(SHOWN).every(([name, value]) => row[name] === value),
    );
    // A system may fail at one shape and have figures for others.
    const systems = [...new Set(rows.flatMap((row) => Object.keys(row).slice(3)))];
    return {
      kind: "bar",
      title: "Fan-out, 128 B, 64 in flight: server CPU a delivery",
      x: { name: "subscribers", values: shown.map((row) => String(row["subscribers"])) },
      y: { name: "µs, log scale", isLog: true },
      series: systems.map((name) => ({
        name,
        values: shown.map((row) => (row[name] === undefined ? undefined : Number(row[name]))),
      })),
    };
  },
};

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
  return { question: FAN_OUT.name, title, rows };
}

type Shape = Pick<FanOutPlan, "subscribers" | "payloadBytes" | "inFlight">;

async function measureAll(shape: Shape, options: FanOutOptions): Promise<Row> {
  const { subscribers, payloadBytes, inFlight } = shape;
  const row: Record<string, number> = {};
  for (const peer of peersOf(options)) {
    options.progress(
      `fanout ${subscribers} × ${payloadBytes} B, ${inFlight} in flight: ${peer.name}`,
    );
    try {
      row[peer.name] = await measure(peer, shape, options);
    } catch (error) {
      // A system that loses messages has no figure here; the other systems are still measured.
      options.progress(`${peer.name}: ${error instanceof Error ? error.message : ""}`);
    }
  }
  return row;
}

function measure(peer: Peer, shape: Shape, options: FanOutOptions): Promise<number> {
  const { bins, deliveries = 30_000, rounds = 3 } = options;
  const wanted = Math.round(deliveries / shape.subscribers);
  const messages = Math.min(MAX_MESSAGES, Math.max(MIN_MESSAGES, wanted));
  return RunningPeer.use(peer, bins, async (running) => {
    const load = await running.connect({
      type: "fan-out",
      dialect: peer.dialect,
      ...running.ports,
      ...shape,
      topics: 1,
      messages,
      limitMs: 5000,
    });
    return running.cpuEach(load, rounds);
  });
}
