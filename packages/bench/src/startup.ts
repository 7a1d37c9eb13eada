// How long a consumer takes to start, with few messages in its log and with many.
import { encodeFrame } from "@shardcast/protocol";
import { Batch, IdRecord, LmdbLog, RetentionRules } from "@shardcast/log";
import { SharedFrames } from "@shardcast/server";
import { join } from "node:path";
import { freePort, startConsumer, TempFolder, type NodeBins } from "./shardcast-nodes.ts";
import type { Table } from "./table.ts";

const TOPICS = 100;
const PAYLOAD = Buffer.alloc(128, "x");
const BATCH_MESSAGES = 100;
const ROUNDS = 5;
const MANY = Number.MAX_SAFE_INTEGER;

export async function startup(
  bins: NodeBins,
  counts: readonly number[] = [10_000, 1_000_000],
): Promise<Table> {
  const rows = [];
  for (const count of counts) {
    const folder = new TempFolder();
    try {
      const mebibytes = await fill(folder.path, count);
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1)
        times.push(await startOnce(bins, folder.path));
      times.sort((a, b) => a - b);
      rows.push({
        "messages stored": count,
        "MiB stored": Math.round(mebibytes),
        "ms to ready, median of 5": Math.round(times[Math.floor(ROUNDS / 2)] ?? 0),
      });
    } finally {
      folder.remove();
    }
  }
  return { question: "startup", title: "Start of a consumer", rows };
}

async function startOnce(bins: NodeBins, folder: string): Promise<number> {
  const port = await freePort();
  const begin = performance.now();
  const node = await startConsumer({ bins, port, args: [`--data=${folder}`] });
  const took = performance.now() - begin;
  await node.stop();
  return took;
}

/** Writes as a consumer writes. @returns MiB in the log */
async function fill(folder: string, count: number): Promise<number> {
  const log = await LmdbLog.open({
    folder: join(folder, "c1"),
    nodeId: "c1",
    retention: new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY }),
    ids: { ageMs: MANY, count: MANY },
    maxBytes: MANY,
    tail: { bytes: 0, maxBytes: 0 },
  });
  const topics = Array.from({ length: TOPICS }, (_, number) => log.open(`topic ${number}`, number));
  for (let stored = 0; stored < count; stored += TOPICS * BATCH_MESSAGES) {
    for (const topic of topics) {
      const first = topic.head + 1;
      const ids = new IdRecord();
      const id = Buffer.from(`id-${first}`);
      ids.add(first, id, 0, id.length);
      topic.append(batchOf(first), ids);
    }
    await log.commit();
  }
  const { bytes } = log;
  await log.close();
  return bytes / (1024 * 1024);
}

function batchOf(first: number): Batch {
  const time = Date.now();
  const frames = Array.from({ length: BATCH_MESSAGES }, (_, index) =>
    encodeFrame({ type: "message", topicId: 1, offset: first + index, time, payload: PAYLOAD }),
  );
  return new Batch(first, first + BATCH_MESSAGES - 1, SharedFrames.of(Buffer.concat(frames)));
}
