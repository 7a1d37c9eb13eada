// Measures the cost per delivery when every subscriber has its own topic, so that no work is
// shared.
import { RunningPeer } from "../peers/running-peer.ts";
import type { Row, Table } from "../report/table.ts";
import { peersOf, type Asked, type Question } from "./question.ts";

export interface ManyTopicsOptions extends Asked {
  readonly topics?: number;
  readonly messages?: number;
  readonly rounds?: number;
}

const PAYLOAD_BYTES = 128;
const IN_FLIGHT = 256;

export const MANY_TOPICS: Question = {
  name: "many-topics",
  about: "10,000 topics with one subscriber each: CPU a delivery",
  ask: (asked) => manyTopics(asked),
  chart: (rows) => ({
    kind: "bar",
    title: "10,000 topics, one subscriber each, 128 B, 256 in flight: server CPU a delivery",
    x: { name: "", values: rows.map((row) => String(row["system"])) },
    y: { name: "µs", isLog: false },
    series: [{ name: "µs a delivery", values: rows.map((row) => Number(row["µs a delivery"])) }],
  }),
};

export async function manyTopics(options: ManyTopicsOptions): Promise<Table> {
  const { bins, topics = 10_000, messages = 100_000, rounds = 3 } = options;
  const rows: Row[] = [];
  for (const peer of peersOf(options)) {
    options.progress(`many-topics: ${peer.name}`);
    const row = await RunningPeer.use(peer, bins, async (running) => {
      const load = await running.connect({
        type: "fan-out",
        dialect: peer.dialect,
        ...running.ports,
        topics,
        subscribers: topics,
        payloadBytes: PAYLOAD_BYTES,
        messages,
        limitMs: 10_000,
        inFlight: IN_FLIGHT,
      });
      const cost = await running.cpuEach(load, rounds);
      return { "µs a delivery": cost, "memory, MiB": running.residentKib / 1024 };
    }).catch((error: unknown) => {
      options.progress(`${peer.name}: ${error instanceof Error ? error.message : ""}`);
      return undefined;
    });
    if (row !== undefined) rows.push({ system: peer.name, ...row });
  }
  const title = `${topics.toLocaleString("en")} topics, one subscriber each, ${PAYLOAD_BYTES} B`;
  return { question: MANY_TOPICS.name, title, rows };
}
