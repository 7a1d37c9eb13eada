import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { Damage } from "../src/damage.ts";
import { open } from "lmdb";
import { DataFolder, openForReading } from "../src/data-folder.ts";
import { LmdbLog } from "../src/lmdb-log.ts";
import { decodeKey, encodeKey } from "../src/record-key.ts";
import { RetentionRules } from "../src/retention.ts";
import { checkStore, repairStore } from "../src/salvage.ts";
import { nameKey } from "../src/topic-name.ts";
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

  /** Changes a topic's last record, repairs, and returns which topics keep their epoch. */
  async function keptAfter(
    change: (key: Buffer, value: Buffer) => [Buffer, Buffer],
    last = 10,
  ): Promise<{ news: boolean; whole: boolean; faults: number }> {
    await fill();
    const before = await epochsOf("from");
    const { store, close } = await openFolder("from");
    const found = [...store.from("messages", Buffer.alloc(1))].find(
      ({ key }) => key[3] === 1 && decodeKey(key).last === last,
    );
    if (found === undefined) throw new Error(`no record ends at ${last}`);
    store.remove("messages", found.key);
    store.put("messages", ...change(Buffer.from(found.key), Buffer.from(found.value)));
    await store.commit();
    const target = await openFolder("to");
    const { faults } = await repairStore(store, target.store);
    await target.close();
    await close();
    const after = await epochsOf("to");
    const isKept = (index: number): boolean => after[index] === before[index];
    return { news: isKept(0), whole: isKept(1), faults: faults.length };
  }

  async function epochsOf(name: string): Promise<string[]> {
    const log = await openLog(name);
    const epochs = ["news", "whole"].map((topic) => log.open(topic, 1).epoch);
    await log.close();
    return epochs;
  }

  function flipped(bytes: Buffer, at: number, mask: number): Buffer {
    bytes[at] = (bytes[at] ?? 0) ^ mask;
    return bytes;
  }

  it("begins a topic anew whose newest message is damaged: its offset is given again", async () => {
    const result = await keptAfter((key, value) => [key, flipped(value, value.length - 1, 1)]);
    expect(result).to.include({ news: false, whole: true });
    const log = await openLog("to");
    expect(log.open("news", 1).head).to.equal(8);
    await log.close();
  });

  // At the end of the other topic, it may belong to that topic.
  for (const [where, number, whole] of [
    ["that no topic has", 9, true],
    ["of another topic", 2, false],
  ] as const) {
    it(`begins a topic anew whose newest record lies under a number ${where}`, async () => {
      const result = await keptAfter((key, value) => [flipped(key, 3, 1 ^ number), value]);
      expect(result).to.include({ news: false, whole });
      expect(result.faults).to.be.greaterThan(0);
    });
  }

  it("begins a topic anew whose newest record lies before others of it", async () => {
    const result = await keptAfter((key, value) => [flipped(key, 9, 10 ^ 3), value]);
    expect(result).to.include({ news: false, whole: true });
  });

  it("begins all topics anew where nobody can tell whose a record was", async () => {
    const result = await keptAfter((key, value) => [flipped(key, 3, 8), flipped(value, 0, 1)]);
    expect(result).to.include({ news: false, whole: false });
  });

  it("keeps the epoch of a topic that has lost a record before its newest", async () => {
    const result = await keptAfter((key, value) => [flipped(key, 3, 8), value], 6);
    expect(result).to.include({ news: true, whole: true });
    const log = await openLog("to");
    expect(log.open("news", 1).read(4, MANY)).to.deep.equal(new Damage(5, 6));
    await log.close();
  });

  for (const [what, change, messages] of [
    ["damages a topic's own record", damageRecord, 10],
    ["loses a topic's own record", loseRecord, 10],
    ["damages a topic's own record and its second name", damageBoth, 0],
  ] as const) {
    it(`starts a new epoch, and keeps ${messages} of 10 messages, where a fault ${what}`, async () => {
      await fill();
      const before = await epochsOf("from");
      const { store, close } = await openFolder("from");
      change(store);
      await store.commit();
      const target = await openFolder("to");
      const report = await repairStore(store, target.store);
      await target.close();
      await close();
      const [news, whole] = await epochsOf("to");
      expect(news).not.to.equal(before[0]);
      expect(whole).to.equal(before[1]);
      expect(report.faults).not.to.deep.equal([]);
      const log = await openLog("to");
      expect(offsetsOf(log.open("news", 1).read(0, MANY)).length).to.equal(messages);
      await log.close();
    });
  }

  it("keeps what a topic got after its own record was damaged", async () => {
    await fill();
    const folder = await openFolder("from");
    damageRecord(folder.store);
    await folder.store.commit();
    await folder.close();
    const damaged = await openLog("from");
    damaged.open("news", 1).append(batchOf(1, 3), idsOf());
    await damaged.commit();
    await damaged.close();
    const { store, close } = await openFolder("from");
    const target = await openFolder("to");
    const report = await repairStore(store, target.store);
    await target.close();
    await close();
    const log = await openLog("to");
    expect(offsetsOf(log.open("news", 1).read(0, MANY))).to.deep.equal([1, 2, 3]);
    await log.close();
    expect(report.faults).to.include("10 messages belong to no known topic");
  });

  it("reads a store that has no table of names", async () => {
    const epoch = await fill();
    await dropTable(join(root, "from", "log.mdb"), "names");
    const old = await openForReading(join(root, "from"));
    expect(old.faults).to.deep.equal([]);
    const target = await openFolder("to");
    const report = await repairStore(old.records, target.store);
    expect([...target.store.from("names", Buffer.alloc(1))].length).to.equal(2);
    await target.close();
    await old.close();
    expect(report.faults).to.deep.equal([]);
    const log = await openLog("to");
    expect(log.open("news", 1)).to.include({ epoch, head: 10 });
    await log.close();
  });

  async function dropTable(path: string, name: string): Promise<void> {
    const binary = { encoding: "binary", keyEncoding: "binary" } as const;
    const environment = open({ path, ...binary, maxDbs: 8, overlappingSync: false });
    await environment.openDB({ name, ...binary }).drop();
    await environment.close();
  }

  function damageRecord(store: DataFolder["store"]): void {
    const record = Buffer.from(store.get("topics", Buffer.from("news")) ?? "");
    store.put("topics", Buffer.from("news"), flipped(record, 3, 2));
  }

  function loseRecord(store: DataFolder["store"]): void {
    store.remove("topics", Buffer.from("news"));
  }

  function damageBoth(store: DataFolder["store"]): void {
    damageRecord(store);
    const name = Buffer.from(store.get("names", nameKey(1)) ?? "");
    store.put("names", nameKey(1), flipped(name, 0, 1));
  }

  async function openFolder(name: string): Promise<{
    store: DataFolder["store"];
    close: () => Promise<void>;
  }> {
    const folder = await DataFolder.open(join(root, name), "c1");
    return { store: folder.store, close: () => folder.close() };
  }
});
