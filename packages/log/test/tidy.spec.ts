import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { DamageTally } from "../src/damage.ts";
import { DataFolder } from "../src/data-folder.ts";
import { BirthEpochs } from "../src/birth-epochs.ts";
import { createEpoch } from "../src/epoch.ts";
import { FORGET_AFTER_MS } from "../src/log.ts";
import { LmdbLog } from "../src/lmdb-log.ts";
import { LmdbTopicLog } from "../src/lmdb-topic-log.ts";
import { RetentionRules } from "../src/retention.ts";
import { TidyRounds } from "../src/tidy-rounds.ts";
import { batchOf, idsOf, offsetsOf } from "./support/batches.ts";

const MANY = 1_000_000_000;
const RETENTION = { count: MANY, bytes: MANY, ageMs: 10_000 };

describe("tidying", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "shardcast-tidy-"));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function openLog(now: () => number): Promise<LmdbLog> {
    return LmdbLog.open({
      folder,
      nodeId: "c1",
      retention: new RetentionRules(RETENTION),
      maxBytes: MANY,
      ids: { ageMs: 20_000, count: MANY },
      tail: { bytes: 0, maxBytes: 0 },
      now,
    });
  }

  it("looks at nothing that a topic has stored while none of it is due", async () => {
    const data = await DataFolder.open(folder, "c1");
    const { store } = data;
    const keys = store.keys.bind(store);
    let looks = 0;
    store.keys = (...args) => {
      looks += 1;
      return keys(...args);
    };
    const origin = { offset: 0, time: 1000, sum: 0 };
    const record = { number: 1, epoch: createEpoch(), messages: origin, ids: origin };
    const topic = new LmdbTopicLog(
      { topic: "news", topicId: 1, retention: RETENTION, record, isNew: true },
      {
        store,
        ids: { ageMs: 20_000, count: MANY },
        damage: new DamageTally(),
        births: new BirthEpochs(() => 1000),
        cutoff: (ageMs, now) => now - ageMs,
        disk: { bytes: 0, maxBytes: MANY },
        tail: { retention: RETENTION, maxBytes: MANY, now: () => 1000 },
        tailTotal: { bytes: 0 },
        staged: () => undefined,
      },
    );
    const commit = async (): Promise<void> => {
      await store.commit();
      topic.committed();
    };
    topic.append(batchOf(1, 2, { time: 1000 }), idsOf({ a: 1 }));
    await commit();
    topic.append(batchOf(3, 3, { time: 5000 }), idsOf({ b: 3 }));
    await commit();
    for (let now = 5000; now < 11_000; now += 100) topic.trim(now);
    expect(looks).to.equal(0);
    // Only records that are due at that time are dropped.
    topic.trim(11_000);
    await commit();
    expect([looks > 0, topic.oldest]).to.deep.equal([true, 3]);
    topic.trim(14_999);
    await commit();
    expect(topic.oldest).to.equal(3);
    topic.trim(15_000);
    await commit();
    expect(topic.oldest).to.equal(4);
    expect([...topic.ids(0)]).to.have.lengthOf(2);
    topic.trim(25_000);
    await commit();
    expect([...topic.ids(0)]).to.have.lengthOf(0);
    await data.close();
  });

  it("begins no round while nothing is due, and one when something is", () => {
    const rounds = new TidyRounds();
    let count = 0;
    const go = (now: number): void =>
      rounds.go(now, () => {
        count += 1;
        return undefined;
      });
    go(1);
    expect(count).to.equal(1);
    for (let now = 2; now < 100; now += 1) go(now);
    rounds.isDue(1_000_000);
    go(999_999);
    expect(count).to.equal(1);
  });

  it("gives no message that is too old though its topic was closed when it became so", async () => {
    let now = 1000;
    const log = await openLog(() => now);
    log.open("news", 1).append(batchOf(1, 2, { time: 1000 }), idsOf());
    await log.commit();
    log.open("news", 1).append(batchOf(3, 3, { time: 9000 }), idsOf());
    await log.commit();
    expect(log.release("news")).to.equal(true);
    now = 12_000;
    const again = log.open("news", 2);
    await log.commit();
    expect(offsetsOf(again.read(0, MANY))).to.deep.equal([3]);
    await log.close();
  });

  it("removes the record and the name of a topic that has been empty long enough", async () => {
    let now = 1000;
    const stored = await openLog(() => now);
    stored.open("news", 1).append(batchOf(1, 2, { time: now }), idsOf());
    await stored.close();
    const left: number[] = [];
    for (const step of [RETENTION.ageMs, FORGET_AFTER_MS]) {
      now += step;
      // A log begins with a round of tidying.
      const log = await openLog(() => now);
      log.tidy(now);
      await log.commit();
      left.push(log.topics("", 10).length);
      await log.close();
    }
    expect(left).to.deep.equal([1, 0]);
    const data = await DataFolder.open(folder, "c1");
    for (const table of ["topics", "names", "messages"] as const) {
      expect([...data.store.from(table, Buffer.alloc(1))], table).to.deep.equal([]);
    }
    await data.close();
  });
});
