import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { Damage } from "../src/damage.ts";
import { DataFolder } from "../src/data-folder.ts";
import { LmdbLog } from "../src/lmdb-log.ts";
import { encodeKey } from "../src/record-key.ts";
import { RetentionRules } from "../src/retention.ts";
import { checkStore, repairStore } from "../src/salvage.ts";
import { batchOf, idsOf, offsetsOf } from "./support/batches.ts";

const MANY = 1_000_000_000;
const STATE = Array.from({ length: 300 }, (_, number) => [`k${1000 + number}`, "v"] as const);

describe("a store that is checked and repaired", () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "shardcast-salvage-"));
  });

  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });

  function openLog(name: string): Promise<LmdbLog> {
    return LmdbLog.open({
      folder: join(root, name),
      nodeId: "c1",
      retention: new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY }),
      ids: { ageMs: MANY, count: MANY },
      maxBytes: MANY,
      tail: { bytes: 0, maxBytes: 0 },
      now: () => 1000,
    });
  }

  /** Topic news with messages 1 to 10 in five records, topic whole with one. */
  async function fill(): Promise<string> {
    const log = await openLog("from");
    const news = log.open("news", 1);
    for (let first = 1; first <= 9; first += 2) {
      news.append(batchOf(first, first + 1), idsOf({ [`m${first}`]: first }));
    }
    log.open("whole", 2).append(batchOf(1, 1), idsOf());
    await log.commit();
    await log.state.set(STATE);
    await log.close();
    return news.epoch;
  }

  it("is whole when a node has left it", async () => {
    await fill();
    const { store, ...folder } = await openFolder("from");
    expect(checkStore(store)).to.deep.equal({
      topics: 2,
      messages: 11,
      bytes: batchOf(1, 10).bytes + batchOf(1, 1).bytes,
      missing: 0,
      faults: [],
    });
    await folder.close();
  });

  it("has all that is whole, at its offsets, and says what is wrong", async () => {
    const epoch = await fill();
    const { store, close } = await openFolder("from");
    const upTo6 = batchOf(1, 6).bytes;
    const key = encodeKey(1, { last: 6, time: 1000, sum: upTo6 }, batchOf(5, 6).crc);
    store.put("messages", key, Buffer.alloc(50, 1));
    await store.commit();
    const target = await openFolder("to");
    const report = await repairStore(store, target.store);
    await target.close();
    await close();
    expect([report.messages, report.missing]).to.deep.equal([9, 2]);
    expect(report.faults.length).to.be.greaterThan(0);
    expect(report.faults[0]).to.match(/^news: 5 to 6: the checksum is wrong$/);

    const log = await openLog("to");
    const news = log.open("news", 9);
    expect(news).to.include({ epoch, head: 10, oldest: 1 });
    expect(offsetsOf(news.read(0, MANY))).to.deep.equal([1, 2, 3, 4]);
    expect(news.read(4, MANY)).to.deep.equal(new Damage(5, 6));
    expect(offsetsOf(news.read(6, MANY))).to.deep.equal([7, 8, 9, 10]);
    expect([...news.ids(0)].length).to.equal(5);
    expect(offsetsOf(log.open("whole", 2).read(0, MANY))).to.deep.equal([1]);
    expect(log.bytes).to.equal(report.bytes + batchOf(5, 6).bytes);
    expect(log.open("another", 3).number).to.equal(3);
    expect(await log.state.list("", "", MANY)).to.deep.equal(STATE);
    await log.close();
  });

  it("begins all topics anew where it is told to", async () => {
    const epoch = await fill();
    const { store, close } = await openFolder("from");
    const target = await openFolder("to");
    await repairStore(store, target.store, { isAnew: true });
    await target.close();
    await close();
    const log = await openLog("to");
    const news = log.open("news", 9);
    expect(news).to.include({ head: 10, oldest: 1 });
    expect(news.epoch).not.to.equal(epoch);
    expect([...news.ids(0)].length).to.equal(5);
    await log.close();
  });

  it("leaves out what is broken, and goes on with everything else", async () => {
    await fill();
    const { store, close } = await openFolder("from");
    const upTo6 = batchOf(1, 6).bytes;
    const key = encodeKey(1, { last: 6, time: 1000, sum: upTo6 }, batchOf(5, 6).crc);
    store.put("messages", key, Buffer.alloc(50, 1));
    await store.commit();
    await close();
    const log = await openLog("from");
    const news = log.open("news", 1);
    const one = batchOf(1, 2).bytes;
    expect(offsetsOf(news.read(0, one))).to.deep.equal([1, 2]);
    expect(news.read(4, one)).to.deep.equal(new Damage(5, 6));
    expect(offsetsOf(news.read(6, one))).to.deep.equal([7, 8]);
    await log.close();
  });

  async function openFolder(name: string): Promise<{
    store: DataFolder["store"];
    close: () => Promise<void>;
  }> {
    const folder = await DataFolder.open(join(root, name), "c1");
    return { store: folder.store, close: () => folder.close() };
  }
});
