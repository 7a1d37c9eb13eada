// Measures the cost of storing one acked message, through a producer and the topic's owner.
import { Load } from "../load/load.ts";
import { cpuMs } from "../stats/process-stats.ts";
import {
  TempFolder,
  freePort,
  startConsumer,
  startProducer,
  startRedis,
} from "../peers/shardcast-nodes.ts";
import type { Row, Table } from "../report/table.ts";
import type { Asked, BenchLog, Question } from "./question.ts";

export const INGEST: Question = {
  name: "ingest",
  about:
    "publishes acked through producer and consumer, memory and lmdb: CPU a message at each hop",
  ask: (asked) => ingest(asked),
  chart: (rows) => ({
    kind: "bar",
    title: "Ingest of 128 B with an id, acked: CPU a message, many in flight",
    x: {
      name: "log, topics, messages in flight",
      values: rows
        .filter(isMany)
        .map(
          (row) => `${String(row["log"])}, ${String(row["topics"])}, ${String(row["in flight"])}`,
        ),
    },
    y: { name: "µs", isLog: false },
    series: ["producer", "consumer", "together"].map((hop) => ({
      name: hop,
      values: rows.filter(isMany).map((row) => Number(row[hop])),
    })),
  }),
};

function isMany(row: Row): boolean {
  return Number(row["in flight"]) > 1;
}

export interface IngestOptions extends Pick<Asked, "bins" | "logs" | "progress"> {
  /** The number of messages per round. */
  readonly messages?: number;
  readonly rounds?: number;
  readonly shapes?: readonly IngestShape[];
}

interface IngestShape {
  readonly log: BenchLog;
  readonly topics: number;
  readonly links: number;
  readonly inFlight: number;
}

const PAYLOAD_BYTES = 128;
const SHAPES = [
  { topics: 1, links: 1, inFlight: 1000 },
  { topics: 1, links: 1, inFlight: 16_000 },
  { topics: 64, links: 4, inFlight: 16_000 },
  { topics: 1, links: 1, inFlight: 1 },
];

export async function ingest(options: IngestOptions): Promise<Table> {
  const rows: Row[] = [];
  const { logs = ["memory", "lmdb"] } = options;
  const all = logs.flatMap((log) => SHAPES.map((shape) => ({ log, ...shape })));
  for (const shape of options.shapes ?? all) {
    options.progress(`ingest ${shape.log}, ${shape.topics} topics, ${shape.inFlight} in flight`);
    rows.push(await measure(shape, options));
  }
  const title = `Ingest of ${PAYLOAD_BYTES} B, each with an id and an ack: CPU a message, µs`;
  return { question: INGEST.name, title, rows };
}

async function measure(
  { log, topics, links, inFlight }: IngestShape,
  options: IngestOptions,
): Promise<Row> {
  const { bins, rounds = 5, messages: most = 800_000 } = options;
  const messages = inFlight === 1 ? Math.min(most, 2000) : most;
  const folder = new TempFolder();
  const [consumerPort, producerPort] = [await freePort(), await freePort()];
  const redis = log === "redis" ? await startRedis(folder.path) : undefined;
  const args = [`--log=${log}`, `--data=${folder.path}`];
  const nodes = { bins, redis: redis?.url };
  const consumer = await startConsumer({ ...nodes, port: consumerPort, args });
  const producer = await startProducer({ ...nodes, port: producerPort, consumerPort });
  const common = { topics, links, inFlight, payloadBytes: PAYLOAD_BYTES, messages };
  let load: Load | undefined;
  try {
    load = await Load.connect(bins.load, { type: "ingest", port: producerPort, ...common });
    const costs: { producer: number; consumer: number; redis: number; ms: number }[] = [];
    const redisMs = (): number => (redis === undefined ? 0 : cpuMs(redis.process.pid));
    // Warm-up run.
    await load.run();
    for (let round = 0; round < rounds; round += 1) {
      const before = {
        producer: cpuMs(producer.pid),
        consumer: cpuMs(consumer.pid),
        redis: redisMs(),
      };
      const { ms } = await load.run();
      costs.push({
        producer: ((cpuMs(producer.pid) - before.producer) * 1000) / messages,
        consumer: ((cpuMs(consumer.pid) - before.consumer) * 1000) / messages,
        redis: ((redisMs() - before.redis) * 1000) / messages,
        ms,
      });
    }
    const sumOf = (one: (typeof costs)[number]): number => one.producer + one.consumer + one.redis;
    costs.sort((a, b) => sumOf(a) - sumOf(b));
    const median = costs[Math.floor(rounds / 2)] ?? { producer: 0, consumer: 0, redis: 0, ms: 1 };
    return {
      log,
      topics,
      links,
      "in flight": inFlight,
      producer: median.producer,
      consumer: median.consumer,
      ...(redis === undefined ? {} : { redis: median.redis }),
      together: sumOf(median),
      "messages a second": Math.round((messages * 1000) / median.ms),
    };
  } finally {
    await load?.stop();
    await producer.stop();
    await consumer.stop();
    await redis?.process.stop();
    folder.remove();
  }
}
