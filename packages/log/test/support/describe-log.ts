// Tests for every log engine. Each engine's spec calls this.
import { decodeFrames } from "@shardcast/protocol";
import { expect } from "chai";
import { FORGET_AFTER_MS, type Log, type TopicLog } from "../../src/log.ts";
import type { Retention } from "../../src/retention.ts";
import {
  MAX_STATE_KEY_BYTES,
  MAX_STATE_VALUE_BYTES,
  type StateStore,
} from "../../src/state-store.ts";
import { batchOf, framesOf, idsOf, offsetsOf } from "./batches.ts";

const MANY = 1_000_000_000;

/** Options with which a test creates a log. */
export interface LogSetup {
  readonly retention: Retention;
  readonly now: () => number;
}

/** @param pass waits for the given time, in ms, with an engine that has its own clock */
export function describeLog(
  name: string,
  makeLog: (setup: LogSetup) => Promise<Log>,
  pass: (ms: number) => Promise<void> = () => Promise.resolve(),
): void {
  let now = 1000;
  const logs: Log[] = [];

  async function open(retention: Partial<Retention> = {}): Promise<{ log: Log; topic: TopicLog }> {
    const all = { count: MANY, bytes: MANY, ageMs: MANY, ...retention };
    const log = await makeLog({ retention: all, now: () => now });
    logs.push(log);
    return { log, topic: await log.open("news", 7) };
  }

  async function append(log: Log, topic: TopicLog, first: number, last: number): Promise<void> {
    topic.append(batchOf(first, last, { time: now }), idsOf());
    await log.commit(log.laneOf("news"));
  }

  async function trim(log: Log, topic: TopicLog, at: number): Promise<void> {
    topic.trim(at);
    await log.commit(log.laneOf("news"));
  }

  async function read(topic: TopicLog, after: number, limitBytes = MANY): Promise<number[]> {
    return offsetsOf(await topic.read(after, limitBytes));
  }

  describe(`a log: ${name}`, () => {
    beforeEach(() => {
      now = 1000;
    });

    afterEach(async () => {
      for (const log of logs.splice(0)) await log.close();
    });

    it("begins empty, with an epoch of its own", async () => {
      const { log, topic } = await open();
      expect(topic.head).to.equal(0);
      expect(topic.oldest).to.equal(1);
      expect(topic.epoch).to.match(/^[0-9a-f]{16}$/);
      expect((await log.open("other", 8)).epoch).not.to.equal(topic.epoch);
      expect(await read(topic, 0)).to.deep.equal([]);
    });

    it("gives the same topic when it is opened again", async () => {
      const { log, topic } = await open();
      await append(log, topic, 1, 3);
      expect((await log.open("news", 7)).head).to.equal(3);
      expect((await log.open("news", 7)).epoch).to.equal(topic.epoch);
    });

    it("reads what follows an offset, whether or not a batch begins there", async () => {
      const { log, topic } = await open();
      await append(log, topic, 1, 4);
      await append(log, topic, 5, 5);
      await append(log, topic, 6, 9);
      expect(topic.head).to.equal(9);
      for (let after = 0; after <= 9; after += 1) {
        const rest = Array.from({ length: 9 - after }, (_, index) => after + 1 + index);
        expect(await read(topic, after)).to.deep.equal(rest);
      }
    });

    it("reads at least one message, and not much more than the limit", async () => {
      const { log, topic } = await open();
      for (let offset = 1; offset <= 10; offset += 1) await append(log, topic, offset, offset);
      const one = framesOf(await topic.read(0, 1)).length;
      expect(await read(topic, 0, 1)).to.deep.equal([1]);
      expect(await read(topic, 0, 3 * one)).to.deep.equal([1, 2, 3]);
    });

    it("keeps as many messages as the count says", async () => {
      const { log, topic } = await open({ count: 5 });
      await append(log, topic, 1, 4);
      await append(log, topic, 5, 8);
      await trim(log, topic, now);
      expect(topic.oldest).to.equal(4);
      expect(await read(topic, 0)).to.deep.equal([4, 5, 6, 7, 8]);
    });

    it("keeps as many bytes as it may, and always the newest", async () => {
      const one = batchOf(1, 1).bytes;
      const { log, topic } = await open({ bytes: 3 * one });
      for (let offset = 1; offset <= 9; offset += 1) await append(log, topic, offset, offset);
      await trim(log, topic, now);
      expect(await read(topic, 0)).to.deep.equal([7, 8, 9]);
      const small = await open({ bytes: 1 });
      await append(small.log, small.topic, 1, 1);
      await trim(small.log, small.topic, now);
      expect(await read(small.topic, 0)).to.deep.equal([1]);
    });

    it("keeps messages as long as the age says, and its head when none is left", async () => {
      const { log, topic } = await open({ ageMs: 100 });
      await append(log, topic, 1, 2);
      now = 1060;
      await append(log, topic, 3, 4);
      await trim(log, topic, 1110);
      expect(await read(topic, 0)).to.deep.equal([3, 4]);
      await trim(log, topic, 2000);
      expect(await read(topic, 0)).to.deep.equal([]);
      expect(topic.head).to.equal(4);
      expect(topic.oldest).to.equal(5);
      await append(log, topic, 5, 5);
      expect(await read(topic, 0)).to.deep.equal([5]);
    });

    it("resolves every kind of start", async () => {
      const { log, topic } = await open({ count: 6 });
      for (let offset = 1; offset <= 8; offset += 1) {
        now = 1000 + 10 * offset;
        await append(log, topic, offset, offset);
      }
      await trim(log, topic, now);
      expect(await topic.resolve({ type: "live" })).to.equal(8);
      expect(await topic.resolve({ type: "earliest" })).to.equal(2);
      expect(await topic.resolve({ type: "last", count: 0 })).to.equal(8);
      expect(await topic.resolve({ type: "last", count: 3 })).to.equal(5);
      expect(await topic.resolve({ type: "last", count: 99 })).to.equal(2);
      expect(await topic.resolve({ type: "since", time: 1050 })).to.equal(4);
      expect(await topic.resolve({ type: "since", time: 1051 })).to.equal(5);
      expect(await topic.resolve({ type: "since", time: 0 })).to.equal(2);
      expect(await topic.resolve({ type: "since", time: 9999 })).to.equal(8);
      const { epoch } = topic;
      expect(await topic.resolve({ type: "position", position: { epoch, offset: 1 } })).to.equal(1);
      const other = { epoch: "ffffffffffffffff", offset: 5 };
      expect(await topic.resolve({ type: "position", position: other })).to.equal(2);
    });

    it("finds a time within a batch", async () => {
      const { log, topic } = await open();
      await append(log, topic, 1, 3);
      now = 2000;
      await append(log, topic, 4, 6);
      expect(await topic.resolve({ type: "since", time: 1000 })).to.equal(0);
      expect(await topic.resolve({ type: "since", time: 1001 })).to.equal(3);
      expect(await topic.resolve({ type: "since", time: 2001 })).to.equal(6);
    });

    it("counts its bytes", async () => {
      const { log, topic } = await open({ count: 2 });
      await append(log, topic, 1, 2);
      expect(log.bytes).to.equal(batchOf(1, 2).bytes);
      await append(log, topic, 3, 4);
      await trim(log, topic, now);
      expect(log.bytes).to.equal(batchOf(3, 4).bytes);
      expect(log.tailBytes).to.be.at.most(batchOf(1, 4).bytes);
    });

    it("tells when its newest message was stored, and before the first, when it was made", async () => {
      now = 900;
      const { log, topic } = await open({ ageMs: 100 });
      expect(topic.lastTime).to.equal(900);
      await append(log, topic, 1, 2);
      now = 1050;
      await append(log, topic, 3, 3);
      expect(topic.lastTime).to.equal(1050);
      await trim(log, topic, 5000);
      expect(topic.lastTime).to.equal(1050);
    });

    it("gives a page as what its topic is called on the wire", async () => {
      const { log, topic } = await open();
      await append(log, topic, 1, 3);
      const page = await topic.read(1, MANY);
      const ids = decodeFrames(framesOf(page)).map(
        (frame) => frame.type === "message" && frame.topicId,
      );
      expect(ids).to.deep.equal([7, 7]);
    });

    it("reads a large batch in parts", async () => {
      const { log, topic } = await open();
      topic.append(batchOf(1, 9, { bytes: 1000, time: now }), idsOf());
      await log.commit(log.laneOf("news"));
      const seen: number[] = [];
      for (let after = 0; after < 9; after = seen.at(-1) ?? 9) {
        const page = await topic.read(after, 2500);
        expect(framesOf(page).length).to.be.at.most(2500);
        seen.push(...offsetsOf(page));
      }
      expect(seen).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    });

    it("keeps the offsets and the epoch of a topic that nobody uses", async () => {
      const { log, topic } = await open({ ageMs: 100 });
      await append(log, topic, 1, 3);
      log.release("news", now + 1);
      expect(await log.open("news", 7)).to.include({ head: 3, epoch: topic.epoch });
      await trim(log, await log.open("news", 7), now + 1000);
      log.release("news", now + 1000);
      expect(await log.open("news", 7)).to.include({ head: 3, oldest: 4, epoch: topic.epoch });
    });

    it("takes a position from before the first message for its own, for half a day at the least", async () => {
      const { log, topic } = await open();
      const before = { epoch: topic.epoch, offset: 0 };
      expect(topic.continues(before)).to.equal(true);
      expect(topic.continues({ epoch: "0123456789abcdef", offset: 0 })).to.equal(false);
      log.release("news", now);
      now += FORGET_AFTER_MS / 2;
      const { epoch } = await log.open("news", 7);
      await append(log, await log.open("news", 7), 1, 3);
      const born = await log.open("news", 7);
      expect(born.epoch).to.equal(epoch);
      expect(born.continues(before)).to.equal(true);
      expect(born.continues({ ...before, offset: 1 })).to.equal(before.epoch === epoch);
      expect(await born.resolve({ type: "position", position: before })).to.equal(0);
      now += FORGET_AFTER_MS;
      expect(born.continues(before)).to.equal(before.epoch === epoch);
    });

    it("keeps the epoch of a topic that never had a message and that nobody uses", async () => {
      const { log, topic } = await open();
      await log.commit(log.laneOf("news"));
      log.release("news", now + 1000);
      for (let call = 0; call < 3; call += 1) log.tidy(now + 1000);
      await log.commit(log.laneOf("news"));
      expect((await log.open("news", 7)).epoch).to.equal(topic.epoch);
    });

    it("forgets a topic that has been empty for a day, and begins it again with another epoch", async () => {
      const { log, topic } = await open({ ageMs: 100 });
      await append(log, topic, 1, 3);
      const later = now + FORGET_AFTER_MS + 1000;
      await trim(log, topic, later);
      expect(log.release("news", later)).to.equal(true);
      for (let call = 0; call < 3; call += 1) log.tidy(later);
      await log.commit(log.laneOf("news"));
      await pass(later - now);
      now = later;
      const again = await log.open("news", 7);
      expect(again.head).to.equal(0);
      expect(again.epoch).not.to.equal(topic.epoch);
      expect(log.bytes).to.equal(0);
    });

    async function makeTopics(log: Log, names: readonly string[]): Promise<void> {
      for (const name of names) {
        const made = await log.open(name, 1);
        made.append(batchOf(1, 1, { time: now }), idsOf());
        await log.commit(log.laneOf(name));
      }
    }

    it("lists its topics in the order of their bytes", async () => {
      const { log, topic } = await open();
      await append(log, topic, 1, 1);
      // In UTF-16 order the last name would come before the one in front of it.
      const names = ["$presence/a", "B", "a", "a/b", "ab", "ß", "\uff5e", "😀"];
      await makeTopics(log, [...names].reverse());
      const all = [...names.slice(0, 5), "news", ...names.slice(5)];
      expect(await log.topics("", 100)).to.deep.equal(all);
      expect(await log.topics("", 0)).to.deep.equal([]);
      expect(await log.topics("a", 3)).to.deep.equal(["a/b", "ab", "news"]);
      expect(await log.topics("a/", 1)).to.deep.equal(["a/b"]);
      expect(await log.topics("\uff5e", 100)).to.deep.equal(["😀"]);
      expect(await log.topics("😀", 100)).to.deep.equal([]);
      expect(await log.topics("x".repeat(5000), 100)).to.deep.equal(["ß", "\uff5e", "😀"]);
    });

    it("lists many topics page by page, each once", async () => {
      const { log } = await open();
      const names = Array.from({ length: 250 }, (_, number) => `many/${1000 + number}`);
      await makeTopics(log, ["news", ...names]);
      const listed: string[] = [];
      for (let page = await log.topics("", 64); page.length > 0;) {
        expect(page.length).to.be.at.most(64);
        listed.push(...page);
        page = await log.topics(page.at(-1) ?? "", 64);
      }
      expect(listed).to.deep.equal([...names, "news"]);
    });

    it("lists a topic that has lost its messages until it is forgotten", async () => {
      const { log, topic } = await open({ ageMs: 100 });
      await append(log, topic, 1, 3);
      await trim(log, topic, now + 1000);
      expect(await log.topics("", 10)).to.deep.equal(["news"]);
      const later = now + FORGET_AFTER_MS + 1000;
      log.release("news", later);
      for (let call = 0; call < 3; call += 1) log.tidy(later);
      await log.commit(log.laneOf("news"));
      await pass(later - now);
      expect(await log.topics("", 10)).to.deep.equal([]);
      await makeTopics(log, ["news"]);
      expect(await log.topics("", 10)).to.deep.equal(["news"]);
    });

    async function openState(): Promise<StateStore> {
      return (await open()).log.state;
    }

    it("keeps texts by key, the last that was set", async () => {
      const state = await openState();
      expect(await state.get("a")).to.equal(undefined);
      await state.set([]);
      await state.set([
        ["a", "1"],
        ["ß😀\n", "∂😀\u0000"],
        ["empty", ""],
      ]);
      expect(await state.get("a")).to.equal("1");
      expect(await state.get("ß😀\n")).to.equal("∂😀\u0000");
      expect(await state.get("empty")).to.equal("");
      await state.set([
        ["a", "2"],
        ["a", "3"],
      ]);
      expect(await state.get("a")).to.equal("3");
      await state.delete(["a", "empty", "never there"]);
      await state.delete([]);
      expect(await state.get("a")).to.equal(undefined);
      expect(await state.list("", "", 10)).to.deep.equal([["ß😀\n", "∂😀\u0000"]]);
    });

    it("lists what it keeps under a prefix, in the order of the keys' bytes", async () => {
      const state = await openState();
      const keys = [
        "\u0000",
        "a",
        "a/",
        "a/1",
        "a/10",
        "a/2",
        "a/\uff5e",
        "a/😀",
        "a0",
        "b/1",
        "log",
      ];
      await state.set([...keys].reverse().map((key) => [key, `of ${key}`]));
      const list = async (prefix: string, after: string, limit: number): Promise<string[]> =>
        (await state.list(prefix, after, limit)).map(([key, value]) => {
          expect(value).to.equal(`of ${key}`);
          return key;
        });
      expect(await list("", "", 100)).to.deep.equal(keys);
      expect(await list("a/", "", 100)).to.deep.equal(keys.slice(2, 8));
      expect(await list("a/", "", 2)).to.deep.equal(["a/", "a/1"]);
      expect(await list("a/", "a/1", 2)).to.deep.equal(["a/10", "a/2"]);
      expect(await list("a/", "a", 1)).to.deep.equal(["a/"]);
      expect(await list("a/", "a/😀", 100)).to.deep.equal([]);
      expect(await list("a/", "b", 100)).to.deep.equal([]);
      expect(await list("c", "", 100)).to.deep.equal([]);
      expect(await list("", "", 0)).to.deep.equal([]);
      expect(await list("x".repeat(5000), "", 100)).to.deep.equal([]);
    });

    it("keeps what many set at once, and lists it page by page", async () => {
      const state = await openState();
      const keys = Array.from({ length: 500 }, (_, number) => `k/${1000 + number}`);
      await Promise.all(keys.map((key) => state.set([[key, key]])));
      const listed: string[] = [];
      for (let page = await state.list("k/", "", 128); page.length > 0;) {
        expect(page.length).to.be.at.most(128);
        listed.push(...page.map(([key]) => key));
        page = await state.list("k/", listed.at(-1) ?? "", 128);
      }
      expect(listed).to.deep.equal(keys);
    });

    it("takes keys and values up to their limits, and nothing of a batch with one beyond", async () => {
      const state = await openState();
      const [key, value] = ["k".repeat(MAX_STATE_KEY_BYTES), "v".repeat(MAX_STATE_VALUE_BYTES)];
      await state.set([[key, value]]);
      expect(await state.get(key)).to.equal(value);
      for (const [name, text] of [
        ["", "v"],
        [`${key}k`, "v"],
        ["ß".repeat(MAX_STATE_KEY_BYTES / 2 + 1), "v"],
        ["\ud800", "v"],
        ["k", `${value}v`],
        ["k", "\udc00"],
      ] as const) {
        const refusal = await state
          .set([
            ["good", "v"],
            [name, text],
          ])
          .catch((error: unknown) => error);
        expect(refusal, name.slice(0, 9)).to.be.instanceOf(RangeError);
      }
      for (const refused of [state.get(""), state.delete([`${key}k`])]) {
        expect(await refused.catch((error: unknown) => error)).to.be.instanceOf(RangeError);
      }
      expect((await state.list("", "", 10)).length).to.equal(1);
    });
  });
}
