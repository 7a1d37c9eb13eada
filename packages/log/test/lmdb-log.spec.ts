import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { FORGET_AFTER_MS } from "../src/log.ts";
import { LmdbLog, type LmdbLogOptions } from "../src/lmdb-log.ts";
import { RetentionRules } from "../src/retention.ts";
import { batchOf, idsOf, offsetsOf, textsOf } from "./support/batches.ts";
import { describeLog } from "./support/describe-log.ts";

const MANY = 1_000_000_000;

describe("LmdbLog", () => {
  let root: string;
  let count = 0;

  before(() => {
    root = mkdtempSync(join(tmpdir(), "shardcast-log-"));
  });

  after(() => {
    rmSync(root, { recursive: true, force: true });
  });

  function newFolder(): string {
    count += 1;
    return join(root, `log-${count}`);
  }

  function optionsFor(folder: string, options: Partial<LmdbLogOptions> = {}): LmdbLogOptions {
    return {
      folder,
      nodeId: "c1",
      retention: new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY }),
      ids: { ageMs: MANY, count: MANY },
      maxBytes: MANY,
      tail: { bytes: 1024, maxBytes: MANY },
      now: () => 1000,
      ...options,
    };
  }

  function storedIds(log: LmdbLog, since = 0): [string, number, number][] {
    return [...log.open("news", 1).ids(since)].flatMap(({ time, ids }) =>
      textsOf(ids).map(([messageId, offset]): [string, number, number] => [
        messageId,
        offset,
        time,
      ]),
    );
  }

  for (const [name, bytes] of [
    ["with a tail in memory", MANY],
    ["without", 0],
  ] as const) {
    describeLog(`lmdb, ${name}`, ({ retention, now }) =>
      LmdbLog.open(
        optionsFor(newFolder(), {
          retention: new RetentionRules(retention),
          now,
          tail: { bytes, maxBytes: bytes },
        }),
      ),
    );
  }

  it("has everything again after it was closed: epochs, offsets, messages, times and ids", async () => {
    const options = optionsFor(newFolder());
    const log = await LmdbLog.open(options);
    const topic = log.open("news", 1);
    topic.append(batchOf(1, 3, { time: 500 }), idsOf({ a: 1, "ß∂": 3 }));
    topic.append(batchOf(4, 4, { time: 500 }), idsOf());
    log.open("other", 2).append(batchOf(1, 1, { time: 700 }), idsOf());
    await log.commit();
    topic.append(batchOf(5, 6, { time: 900 }), idsOf({ b: 6 }));
    await log.commit();
    const { bytes } = log;
    await log.close();

    const again = await LmdbLog.open(options);
    const news = again.open("news", 9);
    expect(news).to.include({ epoch: topic.epoch, head: 6, oldest: 1, lastTime: 900 });
    expect(offsetsOf(news.read(0, MANY))).to.deep.equal([1, 2, 3, 4, 5, 6]);
    expect(news.resolve({ type: "since", time: 501 })).to.equal(4);
    expect(again.open("other", 2)).to.include({ head: 1, lastTime: 700 });
    expect(again.open("third", 3).head).to.equal(0);
    expect(again.bytes).to.equal(bytes);
    expect(storedIds(again)).to.deep.equal([
      ["a", 1, 500],
      ["ß∂", 3, 500],
      ["b", 6, 900],
    ]);
    expect(storedIds(again, 501)).to.deep.equal([["b", 6, 900]]);
    await again.close();
  });

  it("has nothing of what was appended and not committed", async () => {
    const log = await LmdbLog.open(optionsFor(newFolder()));
    const topic = log.open("news", 1);
    topic.append(batchOf(1, 2), idsOf({ a: 1 }));
    expect(topic.head).to.equal(0);
    expect(topic.read(0, MANY)).to.equal(undefined);
    const committed = log.commit();
    expect(topic.head).to.equal(0);
    await committed;
    expect(topic.head).to.equal(2);
    expect(offsetsOf(topic.read(0, MANY))).to.deep.equal([1, 2]);
    await log.close();
  });

  it("trims as it appends, and gives the disk back for reuse", async () => {
    const retention = new RetentionRules({ count: MANY, bytes: 200_000, ageMs: MANY });
    const log = await LmdbLog.open(optionsFor(newFolder(), { retention }));
    const topic = log.open("news", 1);
    let fileBytes = 0;
    for (let offset = 1; offset <= 2000; offset += 1) {
      topic.append(batchOf(offset, offset, { bytes: 2000 }), idsOf());
      await log.commit();
      if (offset === 1000) ({ fileBytes } = log);
    }
    expect(log.bytes).to.be.below(250_000);
    expect(topic.oldest).to.be.above(1850);
    expect(offsetsOf(topic.read(0, 1))).to.deep.equal([topic.oldest]);
    // Append as many messages again; the file must not grow.
    expect(log.fileBytes).to.be.at.most(fileBytes * 1.1);
    await log.close();
  });

  it("keeps ids of messages that were trimmed, as many and as long as it is told", async () => {
    const retention = new RetentionRules({ count: 1, bytes: MANY, ageMs: MANY });
    const options = optionsFor(newFolder(), { retention, ids: { ageMs: 1000, count: 3 } });
    const log = await LmdbLog.open(options);
    const topic = log.open("news", 1);
    for (let offset = 1; offset <= 5; offset += 1) {
      topic.append(
        batchOf(offset, offset, { time: 100 * offset }),
        idsOf({ [`m${offset}`]: offset }),
      );
      await log.commit();
    }
    topic.trim(500);
    await log.commit();
    expect(topic.oldest).to.equal(5);
    expect(storedIds(log).map(([id]) => id)).to.deep.equal(["m3", "m4", "m5"]);
    topic.trim(1450);
    await log.commit();
    expect(storedIds(log).map(([id]) => id)).to.deep.equal(["m5"]);
    await log.close();
  });

  it("trims topics that nobody has opened since it started", async () => {
    const folder = newFolder();
    const log = await LmdbLog.open(optionsFor(folder));
    for (let number = 0; number < 200; number += 1) {
      log.open(`topic-${number}`, 1).append(batchOf(1, 2, { time: 100 }), idsOf());
    }
    await log.commit();
    await log.close();
    const retention = new RetentionRules({ count: MANY, bytes: MANY, ageMs: 50 });
    const again = await LmdbLog.open(optionsFor(folder, { retention }));
    expect(again.bytes).to.equal(200 * batchOf(1, 2).bytes);
    for (let call = 0; call < 10; call += 1) again.tidy(200);
    await again.commit();
    expect(again.bytes).to.equal(0);
    expect(again.open("topic-7", 1)).to.include({ head: 2, oldest: 3 });
    await again.close();
  });

  it("holds all topics together within its bytes: who appends gives up its oldest", async () => {
    const one = batchOf(1, 1).bytes;
    const log = await LmdbLog.open(optionsFor(newFolder(), { maxBytes: 5 * one }));
    const quiet = log.open("quiet", 1);
    quiet.append(batchOf(1, 1), idsOf());
    const busy = log.open("busy", 2);
    for (let offset = 1; offset <= 20; offset += 1) {
      busy.append(batchOf(offset, offset), idsOf());
      await log.commit();
    }
    expect(log.bytes).to.be.at.most(7 * one);
    expect(offsetsOf(quiet.read(0, MANY))).to.deep.equal([1]);
    expect(busy.head).to.equal(20);
    await log.close();
  });

  it("stores nothing of a topic without messages, and knows its epoch again", async () => {
    const options = optionsFor(newFolder());
    const log = await LmdbLog.open(options);
    const { epoch } = log.open("news", 1);
    expect(log.commit()).to.equal(undefined);
    expect(log.topics("", 10)).to.deep.equal([]);
    await log.close();
    const again = await LmdbLog.open(options);
    expect(again.open("news", 1).epoch).to.equal(epoch);
    await again.close();
  });

  it("gives no epoch a second time when the clock was set back", async () => {
    let now = 10 * FORGET_AFTER_MS;
    const options = optionsFor(newFolder(), { now: () => now });
    const epochs: string[] = [];
    for (const at of [10, 11, 10, 11, 9, 10]) {
      now = at * FORGET_AFTER_MS;
      const log = await LmdbLog.open(options);
      epochs.push(log.open("news", 1).epoch);
      await log.close();
    }
    expect(new Set(epochs).size).to.equal(epochs.length);
  });

  it("gives many readers of one page the same bytes", async () => {
    const log = await LmdbLog.open(optionsFor(newFolder(), { tail: { bytes: 0, maxBytes: 0 } }));
    const topic = log.open("news", 1);
    topic.append(batchOf(1, 2), idsOf());
    topic.append(batchOf(3, 4), idsOf());
    await log.commit();
    topic.append(batchOf(5, 5), idsOf());
    await log.commit();
    const page = topic.read(1, MANY);
    expect(offsetsOf(page)).to.deep.equal([2, 3, 4, 5]);
    expect(topic.read(1, MANY)).to.equal(page);
    await log.close();
  });

  it("has its topics and its state again after it was closed, whole with a last write under way", async () => {
    const options = optionsFor(newFolder());
    const log = await LmdbLog.open(options);
    log.open("news", 1).append(batchOf(1, 1), idsOf());
    log.open("$own", 2).append(batchOf(1, 1), idsOf());
    await log.state.set([["a", "1"]]);
    expect(log.topics("", 10)).to.deep.equal([]);
    const committed = log.commit();
    const set = log.state.set([["b", "2"]]);
    await Promise.all([log.close(), committed, set]);
    const again = await LmdbLog.open(options);
    expect(again.topics("", 10)).to.deep.equal(["$own", "news"]);
    expect(await again.state.list("", "", 10)).to.deep.equal([
      ["a", "1"],
      ["b", "2"],
    ]);
    await again.close();
  });

  it("writes no state and gives none once it is closed", async () => {
    const log = await LmdbLog.open(optionsFor(newFolder()));
    await log.close();
    const { state } = log;
    for (const refused of [state.set([["a", "1"]]), state.get("a"), state.list("", "", 1)]) {
      const error = await refused.catch((reason: unknown) => reason);
      expect(error).to.have.property("code", "SHARDCAST_LOG_UNAVAILABLE");
    }
  });

  it("refuses state and messages alike while the disk is full, has what it had, and goes on", async () => {
    const log = await LmdbLog.open(optionsFor(newFolder()));
    const topic = log.open("news", 1);
    await log.state.set([["a", "1"]]);
    const codes: unknown[] = [];
    const failed = (error: ShardcastError): void => {
      codes.push(`${error.code}: ${error.message}`);
    };
    // lmdb also writes the error to the console.
    const { error } = console;
    console.error = () => undefined;
    limitFiles(1_000_000);
    try {
      for (let round = 0; codes.length === 0; round += 1) {
        topic.append(batchOf(topic.head + 1, topic.head + 1), idsOf());
        const set = log.state.set([[`k${round}`, "v".repeat(60_000)]]);
        await Promise.all([log.commit()?.catch(failed), set.catch(failed)]);
      }
      expect(await log.state.get("a")).to.equal("1");
    } finally {
      limitFiles("unlimited");
      console.error = error;
    }
    const full = "SHARDCAST_LOG_UNAVAILABLE: the disk is full";
    expect(codes).to.deep.equal([full, full]);
    expect(log.fault).to.be.undefined;
    await log.state.set([["a", "2"]]);
    expect(await log.state.get("a")).to.equal("2");
    const { head } = topic;
    topic.append(batchOf(head + 1, head + 1), idsOf());
    await log.commit();
    expect(offsetsOf(topic.read(head - 1, MANY))).to.deep.equal([head, head + 1]);
    await log.close();
  });

  it("stores nothing more once its file was deleted, though it could be written", async () => {
    const folder = newFolder();
    const log = await LmdbLog.open(optionsFor(folder));
    const topic = log.open("news", 1);
    topic.append(batchOf(1, 1), idsOf());
    await log.commit();
    rmSync(join(folder, "log.mdb"));
    topic.append(batchOf(2, 2), idsOf());
    const error: unknown = await log.commit()?.catch((reason: unknown) => reason);

    expect(error).to.have.property("code", "SHARDCAST_LOG_UNAVAILABLE");
    expect(log.fault).to.equal("the store's file was deleted or replaced");
    expect(topic.head).to.equal(1);
    await log.close();
  });

  it("notices without a commit that its file was replaced", async () => {
    const folder = newFolder();
    const log = await LmdbLog.open(optionsFor(folder));
    copyFileSync(join(folder, "log.mdb"), join(folder, "copy"));
    renameSync(join(folder, "copy"), join(folder, "log.mdb"));
    log.tidy(1000);

    expect(log.fault).to.equal("the store's file was deleted or replaced");
    await log.close();
  });

  describe("after a failed sync", () => {
    let strace: ChildProcess | undefined;

    afterEach(() => strace?.kill("SIGTERM"));

    it("stores nothing more until it was opened again and checked", async function () {
      const folder = newFolder();
      const log = await LmdbLog.open(optionsFor(folder));
      const topic = log.open("news", 1);
      topic.append(batchOf(1, 1), idsOf());
      await log.commit();
      strace = await failSyncs();
      if (strace === undefined) this.skip();
      // lmdb also writes the error to the console.
      const { error } = console;
      console.error = () => undefined;
      topic.append(batchOf(2, 2), idsOf());
      const failed: unknown = await log.commit()?.catch((reason: unknown) => reason);
      console.error = error;
      const exited = once(strace, "exit");
      strace.kill("SIGTERM");
      await exited;

      expect(failed).to.have.property("code", "SHARDCAST_LOG_UNAVAILABLE");
      topic.append(batchOf(2, 2), idsOf());
      const refused: unknown = await log.commit()?.catch((reason: unknown) => reason);
      expect(refused).to.have.property("code", "SHARDCAST_LOG_UNAVAILABLE");
      expect(log.fault).to.match(/^the disk failed: /);
      await log.close();
      expect(existsSync(join(folder, "unchecked"))).to.be.true;

      const again = await LmdbLog.open(optionsFor(folder));
      expect(existsSync(join(folder, "unchecked"))).to.be.false;
      expect(again.fault).to.be.undefined;
      const reopened = again.open("news", 1);
      reopened.append(batchOf(reopened.head + 1, reopened.head + 1), idsOf());
      await again.commit();
      await again.close();
    });
  });
});

/** Makes every sync of this process fail; undefined if this process may not be traced. */
async function failSyncs(): Promise<ChildProcess | undefined> {
  const inject = "inject=fdatasync,fsync,msync:error=EIO";
  const args = ["-f", "-p", `${process.pid}`, "-e", "trace=fdatasync,fsync,msync", "-e", inject];
  const strace = spawn("strace", args, { stdio: ["ignore", "ignore", "pipe"] });
  const failed = new Promise<undefined>((resolve) => {
    strace.once("error", () => resolve(undefined));
    strace.once("exit", () => resolve(undefined));
  });
  const attached = new Promise<ChildProcess>((resolve) => {
    strace.stderr.on("data", (text: Buffer) => {
      if (text.includes("attached")) resolve(strace);
    });
  });
  return Promise.race([attached, failed]);
}

/** Limits the size of this process's files, which has the effect of a full disk. */
function limitFiles(bytes: number | "unlimited"): void {
  execFileSync("prlimit", ["--pid", `${process.pid}`, `--fsize=${bytes}:unlimited`]);
}
