import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeFrames } from "@shardcast/protocol";
import { expect } from "chai";
import { Damage, DamageTally } from "../src/damage.ts";
import { DataFolder } from "../src/data-folder.ts";
import { LmdbLog } from "../src/lmdb-log.ts";
import type { LmdbTopicLog } from "../src/lmdb-topic-log.ts";
import { RetentionRules } from "../src/retention.ts";
import type { Store, Table } from "../src/store.ts";
import { batchOf, framesOf, idsOf, offsetsOf } from "./support/batches.ts";

const MANY = 1_000_000_000;
const FIRST_KEY = Buffer.alloc(1);
/**
 * Length of the CRC-32, which version 1 did not have, in keys, topic records and the store's state.
 */
const CRC_BYTES = 4;

describe("a log on disk that is damaged", () => {
  let folder: string;
  let found: string[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "shardcast-damage-"));
    found = [];
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function openLog(): Promise<LmdbLog> {
    return LmdbLog.open({
      folder,
      nodeId: "c1",
      retention: new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY }),
      ids: { ageMs: MANY, count: MANY },
      maxBytes: MANY,
      tail: { bytes: 0, maxBytes: 0 },
      damage: new DamageTally(({ topic, what }) => found.push(`${topic}: ${what}`)),
      now: () => 1000,
    });
  }

  /** Topic news with messages 1 to 10 in five records; topic other with one message. */
  async function fill(): Promise<string> {
    const log = await openLog();
    const news = log.open("news", 1);
    for (let first = 1; first <= 9; first += 2) {
      news.append(batchOf(first, first + 1, { bytes: 100 }), idsOf({ [`id-${first}`]: first }));
    }
    log.open("other", 2).append(batchOf(1, 1, { bytes: 100 }), idsOf());
    await log.commit();
    await log.state.set([
      ["a", "one"],
      ["b", "two"],
    ]);
    await log.close();
    return news.epoch;
  }

  /** Flips bits in the file, at or after the first occurrence of a text. */
  function flip(text: string, { at = 0, mask = 0x10 } = {}): void {
    const file = join(folder, "log.mdb");
    const bytes = readFileSync(file);
    let count = 0;
    for (let start = bytes.indexOf(text); start >= 0; start = bytes.indexOf(text, start + 1)) {
      bytes[start + at] = (bytes[start + at] ?? 0) ^ mask;
      count += 1;
    }
    expect(count).to.be.greaterThan(0);
    writeFileSync(file, bytes);
  }

  /** Changes each entry of a table. */
  async function rewrite(
    table: Table,
    change: (key: Buffer, value: Buffer, index: number) => [Buffer, Buffer],
  ): Promise<void> {
    await withStore(async (store) => {
      const entries = Array.from(store.from(table, FIRST_KEY));
      for (const { key } of entries) store.remove(table, key);
      await store.commit();
      for (const [index, { key, value }] of entries.entries()) {
        store.put(table, ...change(Buffer.from(key), Buffer.from(value), index));
      }
      await store.commit();
    });
  }

  async function withStore(work: (store: Store) => Promise<void>): Promise<void> {
    const data = await DataFolder.open(folder, "c1");
    await work(data.store);
    await data.close();
  }

  /** All that a reader gets from the beginning: payloads, and damaged ranges. */
  function readAll(topic: LmdbTopicLog): { payloads: string[]; damage: [number, number][] } {
    const payloads: string[] = [];
    const damage: [number, number][] = [];
    for (let after = topic.oldest - 1; after < topic.head;) {
      const page = topic.read(after, 300);
      if (page === undefined) throw new Error(`nothing after ${after}`);
      expect(page.first).to.equal(after + 1);
      if (page instanceof Damage) damage.push([page.first, page.last]);
      for (const frame of decodeFrames(framesOf(page))) {
        if (frame.type === "message") payloads.push(Buffer.from(frame.payload).toString());
      }
      after = page.last;
    }
    return { payloads, damage };
  }

  const all = Array.from({ length: 10 }, (_, index) => `m${index + 1}`.padEnd(100, "."));
  const without = (first: number, last: number): string[] =>
    all.filter((_, index) => index + 1 < first || index + 1 > last);

  for (const mask of [0x01, 0x10, 0x80]) {
    it(`gives no message with a flipped bit (${mask}), and tells which are left out`, async () => {
      const epoch = await fill();
      flip("m5...", { at: 40, mask });
      const log = await openLog();
      const news = log.open("news", 7);
      expect(news.epoch).to.equal(epoch);
      expect(readAll(news)).to.deep.equal({ payloads: without(5, 6), damage: [[5, 6]] });
      // Reported once, however often it is read.
      readAll(news);
      expect(found).to.deep.equal(["news: messages 5 to 6"]);
      await log.close();
    });
  }

  it("gives what is whole behind damage that goes over several records", async () => {
    await fill();
    flip("m3...", { at: 60 });
    flip("m5...", { at: 60 });
    const log = await openLog();
    const { payloads, damage } = readAll(log.open("news", 7));
    expect(payloads).to.deep.equal(without(3, 6));
    expect(damage).to.deep.equal([[3, 6]]);
    await log.close();
  });

  it("keeps the epoch where its newest messages are damaged, and goes on behind them", async () => {
    const epoch = await fill();
    flip("m9...", { at: 60 });
    const log = await openLog();
    const news = log.open("news", 7);
    expect(news).to.include({ epoch, head: 10 });
    news.append(batchOf(11, 11, { bytes: 100 }), idsOf());
    await log.commit();
    const { payloads, damage } = readAll(news);
    expect(damage).to.deep.equal([[9, 10]]);
    expect(payloads.at(-1)).to.match(/^m11\./);
    await log.close();
  });

  for (const [field, at] of [
    ["offset", 9],
    ["time", 15],
    ["sum", 21],
    ["checksum", 24],
  ] as const) {
    it(`gives nothing of a record whose key has a flipped bit in its ${field}`, async () => {
      await fill();
      await rewrite("messages", (key, value, index) => {
        if (index === 2) key[at] = (key[at] ?? 0) ^ 0x40;
        return [key, value];
      });
      const log = await openLog();
      const { payloads, damage } = readAll(log.open("news", 7));
      expect(payloads).to.deep.equal(without(5, 6));
      expect(damage.flat()).to.include.members([5, 6]);
      await log.close();
    });
  }

  it("begins a new epoch where nobody can tell any more where it ended", async () => {
    const epoch = await fill();
    // Damages the last record of the topic: its key no longer agrees with its messages.
    await rewrite("messages", (key, value, index) => {
      if (index === 4) key[9] = (key[9] ?? 0) ^ 0x40;
      return [key, value];
    });
    const log = await openLog();
    const news = log.open("news", 7);
    expect(news.head).to.equal(8);
    expect(news.epoch).not.to.equal(epoch);
    await log.commit();
    await log.close();
    const again = await openLog();
    expect(again.open("news", 7)).to.include({ epoch: news.epoch, head: 8 });
    await again.close();
  });

  it("gives a topic whose own record is damaged no other topic's messages", async () => {
    const epoch = await fill();
    // Replaces its own number with that of topic other.
    await rewrite("topics", (key, value) => {
      if (key.toString() === "news") value[3] = 2;
      return [key, value];
    });
    const log = await openLog();
    const news = log.open("news", 7);
    expect(news.head).to.equal(0);
    expect(news.epoch).not.to.equal(epoch);
    expect(offsetsOf(log.open("other", 2).read(0, MANY))).to.deep.equal([1]);
    expect(found).to.deep.equal(["news: the topic's own record"]);
    await log.close();
  });

  it("gives no number of a topic a second time where the store's note is damaged", async () => {
    await fill();
    await rewrite("state", (key, value) => {
      if (key.toString() === "log") value[3] = 1;
      return [key, value];
    });
    const log = await openLog();
    expect(log.open("third", 3).number).to.equal(3);
    expect(log.bytes).to.equal(11 * batchOf(1, 1, { bytes: 100 }).bytes);
    await log.close();
  });

  it("knows no message id that is not the one that was stored", async () => {
    await fill();
    flip("id-5", { at: 3 });
    const log = await openLog();
    expect([...log.open("news", 1).ids(0)]).to.have.lengthOf(4);
    expect(found).to.deep.equal(["news: the message ids up to 6"]);
    await log.close();
  });

  it("gives no state that is not what was stored", async () => {
    await fill();
    flip("one", { at: 1 });
    const log = await openLog();
    expect(await log.state.get("a")).to.equal(undefined);
    expect(await log.state.list("", "", 10)).to.deep.equal([["b", "two"]]);
    expect(found).to.deep.equal([": the state a"]);
    await log.close();
  });

  it("reads what was stored before there were checksums, and goes on with them", async () => {
    const epoch = await fill();
    const cut = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length - CRC_BYTES);
    for (const table of ["messages", "ids"] as const) {
      await rewrite(table, (key, value) => [cut(key), value]);
    }
    await rewrite("topics", (key, value) => [key, cut(value)]);
    await rewrite("state", (key, value) =>
      key.toString() === "log" ? [key, cut(value)] : [key, value.subarray(0, -1 - CRC_BYTES)],
    );
    const note = { format: "shardcast-log", version: 1, node: "c1" };
    writeFileSync(join(folder, "shardcast.json"), JSON.stringify(note));
    const log = await openLog();
    const news = log.open("news", 1);
    expect(news).to.include({ epoch, head: 10 });
    expect(readAll(news).payloads).to.deep.equal(all);
    expect([...news.ids(0)]).to.have.lengthOf(5);
    expect(await log.state.get("a")).to.equal("one");
    expect(log.open("third", 3).number).to.equal(3);
    news.append(batchOf(11, 11, { bytes: 100 }), idsOf());
    await log.commit();
    await log.close();
    expect(readFileSync(join(folder, "shardcast.json"), "utf8")).to.include('"version":3');
    flip("m11...", { at: 40 });
    const again = await openLog();
    const { payloads, damage } = readAll(again.open("news", 1));
    expect({ payloads, damage }).to.deep.equal({ payloads: all, damage: [[11, 11]] });
    expect(found).to.deep.equal(["news: messages 11 to 11"]);
    await again.close();
  });
});
