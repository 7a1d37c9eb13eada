// Creates a data folder with many messages, written as a consumer writes them.
import { join } from "node:path";
import { encodeFrame } from "@shardcast/protocol";
import { Batch, IdRecord, LmdbLog, RetentionRules } from "@shardcast/log";
import { SharedFrames } from "@shardcast/protocol/websocket";

const LOG_TOPICS = 100;
const PAYLOAD = Buffer.alloc(128, "x");
const BATCH_MESSAGES = 100;
const MANY = Number.MAX_SAFE_INTEGER;

/** The name of one of its 100 topics. */
export function logTopic(number: number): string {
  return `topic-${number % LOG_TOPICS}`;
}

/**
 * Writes `count` messages of 128 B to 100 topics, as consumer c1.
 * @returns the size of the log in MiB
 */
export async function fillLog(folder: string, count: number): Promise<number> {
  const log = await LmdbLog.open({
    folder: join(folder, "c1"),
    nodeId: "c1",
    retention: new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY }),
    ids: { ageMs: MANY, count: MANY },
    maxBytes: MANY,
    tail: { bytes: 0, maxBytes: 0 },
  });
  const topics = Array.from({ length: LOG_TOPICS }, (_, number) =>
    log.open(logTopic(number), number),
  );
  for (let stored = 0; stored < count; stored += LOG_TOPICS * BATCH_MESSAGES) {
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
