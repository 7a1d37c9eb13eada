// Measures what subscribers that have stopped reading cost the node, and a subscriber that still
// reads.
import { encodeFrame } from "@shardcast/protocol";
import { PskKeys } from "@shardcast/protocol/proof";
import { percentile } from "../stats/percentile.ts";
import { anonymousKib, cpuMs } from "../stats/process-stats.ts";
import { ShardcastSocket } from "../load/shardcast-socket.ts";
import {
  BENCH_PSK,
  TempFolder,
  freePort,
  startConsumer,
  type NodeBins,
} from "../peers/shardcast-nodes.ts";
import type { Row, Table } from "../report/table.ts";
import type { Question } from "./question.ts";

const PAYLOAD = Buffer.alloc(1000, "x");
const PER_ROUND = 10;
const ROUND_MS = 10;

export const SLOW_READERS: Question = {
  name: "slow-readers",
  about: "500 subscribers that have stopped reading, and the one beside them that reads",
  ask: ({ bins }) => slowReaders({ bins }),
  chart: (rows) => {
    const counts = [...new Set(rows.map((row) => String(row["stopped readers"])))];
    const published = [...new Set(rows.map((row) => String(row["MB published"])))];
    return {
      kind: "line",
      title: "Memory of a node while subscribers do not read",
      x: { name: "MB published", values: published },
      y: { name: "MiB", isLog: false },
      series: counts.map((count) => ({
        name: `${count} stopped readers`,
        values: rows
          .filter((row) => String(row["stopped readers"]) === count)
          .map((row) => Number(row["node's memory, MiB"])),
      })),
    };
  },
};

export interface SlowReadersOptions {
  readonly bins: NodeBins;
  /** The number of stopped subscribers, for each measurement. */
  readonly counts?: readonly number[];
  /** The number of messages published in each measurement. */
  readonly messages?: number;
}

export async function slowReaders(options: SlowReadersOptions): Promise<Table> {
  const { counts = [0, 500], messages = 60_000 } = options;
  const rows: Row[] = [];
  for (const count of counts) rows.push(...(await measure(options.bins, count, messages)));
  const title = "Subscribers that have stopped reading, beside one that reads";
  return { question: SLOW_READERS.name, title, rows };
}

async function measure(bins: NodeBins, count: number, messages: number): Promise<Row[]> {
  const folder = new TempFolder();
  const port = await freePort();
  const node = await startConsumer({ bins, port, args: [`--data=${folder.path}`] });
  const keys = new PskKeys(BENCH_PSK);
  const common = { port, keys };
  const sockets: ShardcastSocket[] = [];
  let latencies: number[] = [];
  const sentAt: number[] = [];
  let received = 0;
  try {
    for (let number = 0; number < count; number += 1) {
      const socket = await ShardcastSocket.open({
        ...common,
        endpoint: "subscribe",
        path: "/subscribe/busy",
      });
      socket.pause();
      sockets.push(socket);
    }
    const publisher = await ShardcastSocket.open({ ...common, endpoint: "connect" });
    const reader = await ShardcastSocket.open({
      ...common,
      endpoint: "subscribe",
      path: "/subscribe/busy",
      message: () => {
        latencies.push(performance.now() - (sentAt[received] ?? 0));
        received += 1;
      },
    });
    sockets.push(publisher, reader);
    const rows: Row[] = [];
    const parts = 4;
    for (let part = 1; part <= parts; part += 1) {
      const cpu = cpuMs(node.pid);
      const end = (messages * part) / parts;
      while (sentAt.length < end) {
        const frames: Uint8Array[] = [];
        for (let index = 0; index < PER_ROUND; index += 1) {
          const seq = sentAt.length;
          sentAt.push(performance.now());
          frames.push(
            encodeFrame({ type: "publish", seq, timeoutMs: 0, topic: "busy", payload: PAYLOAD }),
          );
        }
        publisher.send(Buffer.concat(frames));
        await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
      }
      while (received < end) await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
      const sorted = Float64Array.from(latencies).sort();
      rows.push({
        "stopped readers": count,
        "MB published": Math.round((end * PAYLOAD.length) / 1e6),
        "node's memory, MiB": Math.round(anonymousKib(node.pid) / 1024),
        "reader p50, ms": percentile(sorted, 0.5),
        "reader p99, ms": percentile(sorted, 0.99),
        "node's CPU, µs a message": ((cpuMs(node.pid) - cpu) * 1000 * parts) / messages,
      });
      latencies = [];
    }
    return rows;
  } finally {
    for (const socket of sockets) socket.destroy();
    await node.stop();
    folder.remove();
  }
}
