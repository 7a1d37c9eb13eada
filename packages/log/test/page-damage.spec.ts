// A store's file with damaged pages: nothing that is read of it ends the process, and what is whole is salvaged.
import { copyFileSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ShardcastError, decodeFrames } from "@shardcast/protocol";
import { expect } from "chai";
import { Random } from "@shardcast/faults";
import { DataFolder, openForReading, writeFolder } from "../src/data-folder.ts";
import { LmdbLog } from "../src/lmdb-log.ts";
import { RetentionRules } from "../src/retention.ts";
import type { Page } from "../src/log.ts";
import { checkStore, repairStore, type StoreReport } from "../src/salvage.ts";
import { batchOf, framesOf, idsOf } from "./support/batches.ts";

const MANY = Number.MAX_SAFE_INTEGER;
const PAGE_BYTES = 4096;
const TOPICS = 60;
const ROUNDS = 8;
/** The messages of one leaf or one value. */
const MESSAGES_PER_PAGE = 500;

describe("a store's file with damaged pages", function () {
  this.timeout(120_000);
  let root: string;
  let whole: Buffer;
  /** What each topic has. */
  const stored = new Map<string, Map<number, string>>();

  before(async () => {
    root = mkdtempSync(join(tmpdir(), "shardcast-pages-"));
    const log = await openLog("whole");
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let number = 0; number < TOPICS; number += 1) {
        const topic = log.open(`topic-${number}`, 1);
        const first = topic.head + 1;
        // Some have pages of their own, most lie with others.
        const last = first + (number % 20 === 0 ? 400 : 2);
        topic.append(batchOf(first, last), idsOf({ [`id-${round}`]: first }));
      }
      await log.state.set([[`key-${round}`, "value ".repeat(100)]]);
      await log.commit();
    }
    for (let number = 0; number < TOPICS; number += 1) {
      const topic = log.open(`topic-${number}`, 1);
      const all = new Map<number, string>();
      const page = topic.read(0, MANY);
      textsOf(page).forEach((text, index) => all.set(index + 1, text));
      expect(all.size).to.equal(topic.head);
      stored.set(`topic-${number}`, all);
    }
    await log.close();
    whole = readFileSync(join(root, "whole", "log.mdb"));
  });

  after(() => {
    rmSync(root, { recursive: true, force: true });
  });

  function openLog(name: string): Promise<LmdbLog> {
    return LmdbLog.open({
      ...{ folder: join(root, name), nodeId: "c1", maxBytes: MANY },
      retention: new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY }),
      ids: { ageMs: MANY, count: MANY },
      tail: { bytes: 0, maxBytes: 0 },
    });
  }

  function damagedFolder(bytes: Buffer): string {
    const folder = join(root, "damaged");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    copyFileSync(join(root, "whole", "shardcast.json"), join(folder, "shardcast.json"));
    writeFileSync(join(folder, "log.mdb"), bytes);
    return folder;
  }

  /** Checks, repairs, and looks at what was salvaged: how many messages, each as it was stored. */
  async function salvage(
    bytes: Buffer,
  ): Promise<{ report: StoreReport; faults: number; texts: number }> {
    const folder = damagedFolder(bytes);
    const read = await openForReading(folder);
    const report = checkStore(read.records);
    const repaired = join(root, "repaired");
    rmSync(repaired, { recursive: true, force: true });
    await writeFolder(repaired, "c1", (target) => {
      return repairStore(read.records, target, { isAnew: read.faults.length > 0 });
    });
    await read.close();
    const log = await openLog("repaired");
    let texts = 0;
    for (const [name, all] of stored) {
      const topic = log.open(name, 1);
      for (let after = 0; after < topic.head;) {
        const page = topic.read(after, MANY);
        if (page === undefined) break;
        if (page.last <= after) throw new Error("no progress");
        if ("shared" in page) {
          textsOf(page).forEach((text, index) => {
            expect(text, `${name} ${page.first + index}`).to.equal(all.get(page.first + index));
            texts += 1;
          });
        }
        after = page.last;
      }
    }
    await log.close();
    return { report, faults: read.faults.length + report.faults.length, texts };
  }

  /** Reads and writes as a node does. */
  async function use(log: LmdbLog): Promise<void> {
    for (const name of stored.keys()) {
      const topic = log.open(name, 1);
      for (let after = 0; after < topic.head; after = topic.read(after, MANY)?.last ?? MANY);
      topic.append(batchOf(topic.head + 1, topic.head + 1), idsOf());
    }
    await log.commit();
    log.tidy(Date.now());
    await log.state.list("", "", MANY).catch(() => undefined);
    await log.commit();
    await log.close();
  }

  it("is opened by a node, or refused with one line that tells how to repair it", async () => {
    const total = whole.length / PAGE_BYTES;
    let refusals = 0;
    for (let page = 0; page < total; page += 1) {
      const bytes = Buffer.from(whole);
      bytes.fill(0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
      const opened = await DataFolder.open(damagedFolder(bytes), "c1").catch(
        (error: unknown) => error,
      );
      if (opened instanceof DataFolder) {
        // The page was of no use, or a value's own: whatever is read is checked.
        checkStore(opened.store);
        await opened.close();
        continue;
      }
      expect(opened).to.be.instanceOf(ShardcastError);
      const { code, message } = opened as ShardcastError;
      expect(code).to.equal("SHARDCAST_DATA_CORRUPT");
      expect(message).to.match(/^[^\n]+$/);
      expect(message).to.match(/shardcast data repair .* copies what is whole/);
      refusals += 1;
    }
    expect(refusals).to.be.greaterThan(total / 10);
  });

  it("gives all that is whole where one page is zeroed, and nothing else", async () => {
    const messages = [...stored.values()].reduce((sum, { size }) => sum + size, 0);
    const intact = await salvage(whole);
    expect(intact).to.include({ faults: 0, texts: messages });
    const total = whole.length / PAGE_BYTES;
    let lossless = 0;
    for (let page = 1; page < total; page += 3) {
      const bytes = Buffer.from(whole);
      bytes.fill(0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
      const { texts } = await salvage(bytes);
      expect(texts, `page ${page}`).to.be.at.least(messages - MESSAGES_PER_PAGE);
      if (texts === messages) lossless += 1;
    }
    // Branches, and the lists of tables and of topics, are made up for by what they led to.
    expect(lossless).to.be.greaterThan(total / 10);
  });

  it("ends no process and gives nothing altered, whatever is damaged", async () => {
    const random = new Random(11);
    for (let round = 0; round < 100; round += 1) {
      let bytes = Buffer.from(whole);
      for (let count = random.between(0, 3); count >= 0; count -= 1) {
        const at = random.between(0, bytes.length - 1);
        switch (random.between(0, 3)) {
          case 0:
            bytes[at] = (bytes[at] ?? 0) ^ (1 << random.between(0, 7));
            break;
          case 1:
            bytes.fill(random.between(0, 255), at, at + random.between(0, 3 * PAGE_BYTES - 1));
            break;
          case 2:
            // Pages that belong elsewhere.
            bytes.copyWithin(
              at,
              random.between(0, bytes.length - 1),
              random.between(0, bytes.length - 1),
            );
            break;
          default:
            if (random.between(0, 3) === 0) bytes = bytes.subarray(0, Math.max(1, at));
        }
      }
      damagedFolder(bytes);
      const log = await openLog("damaged").catch((error: unknown) => error);
      if (log instanceof LmdbLog) await use(log);
      else expect(log, `round ${round}`).to.have.property("code", "SHARDCAST_DATA_CORRUPT");
      await salvage(bytes);
    }
  });
});

function textsOf(page: Page | undefined): string[] {
  return decodeFrames(framesOf(page))
    .filter((frame) => frame.type === "message")
    .map(({ payload }) => Buffer.from(payload).toString());
}
