import { PROCESS_RUNTIME } from "@shardcast/process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { LmdbLog, MemoryLog, RetentionRules, type Log, type TopicLog } from "@shardcast/log";
import { Turn } from "@shardcast/server";
import { expect } from "chai";
import { batchOf, idsOf } from "@shardcast/log/testing";
import { FanOutCounters } from "../../src/fan-out/fan-out-counters.ts";
import { OwnedTopic } from "../../src/owner/owned-topic.ts";
import { FanOut } from "../../src/fan-out/fan-out.ts";

const MANY = 1_000_000_000;
const COUNT = 5000;
/** Of what a topic takes in memory, names and message ids and all. */
const LIMIT_BYTES = 2.5 * 1024;
const DEDUPE = { windowMs: 120_000, maxIds: 200_000 };

describe("very many topics", function () {
  this.timeout(60_000);
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "shardcast-topics-"));
  });

  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const retention = new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY });
  const openLmdb = (): Promise<Log> =>
    LmdbLog.open({
      ...{ folder, nodeId: "c1", retention, maxBytes: MANY, now: () => 1000 },
      ids: { ageMs: MANY, count: MANY },
      tail: { bytes: 1024 * 1024, maxBytes: MANY },
    });
  const openMemory = (): Promise<Log> =>
    Promise.resolve(new MemoryLog({ retention, maxBytes: MANY, now: () => 1000 }));

  for (const [kind, openLog] of [
    ["on disk", openLmdb],
    ["in memory", openMemory],
  ] as const) {
    it(`take little memory each when they rest, with messages ${kind}`, async () => {
      const log = await openLog();
      const onError = (error: unknown): void => {
        throw error;
      };
      const counters = new FanOutCounters();
      const context = { turn: new Turn({ onError }), runtime: PROCESS_RUNTIME, counters, onError };
      const topics = new Map<string, OwnedTopic>();
      const before = usedBytes();
      for (let number = 0; number < COUNT; number += 1) {
        const name = `topics/${number}`;
        const topicLog = log.open(name, number) as TopicLog;
        topicLog.append(batchOf(1, 1), idsOf({ [`id-${number}`]: 1 }));
        const view = new FanOut(name, number, topicLog, context);
        topics.set(name, new OwnedTopic(view, topicLog, 0, DEDUPE, 1000));
        if (number % 500 === 499) await log.commit(0);
      }
      // The newest messages are held in memory for a minute.
      for (const topic of topics.values()) topic.expire(100_000);
      expect((usedBytes() - before) / COUNT).to.be.lessThan(LIMIT_BYTES);
      expect(topics.size).to.equal(COUNT);
      await log.close();
    });
  }
});

function usedBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
