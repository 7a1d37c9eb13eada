// What every log does, whatever it keeps its messages in. Each engine's spec calls this.
import { expect } from "chai";
import type { Log, Retention, TopicLog } from "../../src/log.ts";
import { batchOf, offsetsOf } from "./batches.ts";

const MANY = 1_000_000_000;

/** What a test asks a log to be made with. */
export interface LogSetup {
  readonly retention: Retention;
  readonly now: () => number;
}

export function describeLog(name: string, makeLog: (setup: LogSetup) => Log): void {
  let now = 1000;

  function open(retention: Partial<Retention> = {}): { log: Log; topic: TopicLog } {
    const all = { count: MANY, bytes: MANY, ageMs: MANY, ...retention };
    const log = makeLog({ retention: all, now: () => now });
    return { log, topic: log.open("news") };
  }

  async function append(log: Log, topic: TopicLog, first: number, last: number): Promise<void> {
    topic.append(batchOf(first, last, { time: now }));
    await log.commit();
  }

  async function read(topic: TopicLog, after: number, limitBytes = MANY): Promise<number[]> {
    return offsetsOf(await topic.read(after, limitBytes));
  }

  describe(`a log: ${name}`, () => {
    beforeEach(() => {
      now = 1000;
    });

    it("begins empty, with an epoch of its own", async () => {
      const { log, topic } = open();
      expect(topic.head).to.equal(0);
      expect(topic.oldest).to.equal(1);
      expect(topic.epoch).to.match(/^[0-9a-f]{16}$/);
      expect(log.open("other").epoch).not.to.equal(topic.epoch);
      expect(await read(topic, 0)).to.deep.equal([]);
    });

    it("gives the same topic when it is opened again", async () => {
      const { log, topic } = open();
      await append(log, topic, 1, 3);
      expect(log.open("news").head).to.equal(3);
      expect(log.open("news").epoch).to.equal(topic.epoch);
    });

    it("reads what follows an offset, whether or not a batch begins there", async () => {
      const { log, topic } = open();
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
      const { log, topic } = open();
      for (let offset = 1; offset <= 10; offset += 1) await append(log, topic, offset, offset);
      const one = (await topic.read(0, 1))?.bytes ?? 0;
      expect(await read(topic, 0, 1)).to.deep.equal([1]);
      expect(await read(topic, 0, 3 * one)).to.deep.equal([1, 2, 3]);
    });

    it("keeps as many messages as the count says", async () => {
      const { log, topic } = open({ count: 5 });
      await append(log, topic, 1, 4);
      await append(log, topic, 5, 8);
      topic.trim(now);
      expect(topic.oldest).to.equal(4);
      expect(await read(topic, 0)).to.deep.equal([4, 5, 6, 7, 8]);
    });

    it("keeps as many bytes as it may, and always the newest", async () => {
      const one = batchOf(1, 1).bytes;
      const { log, topic } = open({ bytes: 3 * one });
      for (let offset = 1; offset <= 9; offset += 1) await append(log, topic, offset, offset);
      topic.trim(now);
      expect(await read(topic, 0)).to.deep.equal([7, 8, 9]);
      const small = open({ bytes: 1 });
      await append(small.log, small.topic, 1, 1);
      small.topic.trim(now);
      expect(await read(small.topic, 0)).to.deep.equal([1]);
    });

    it("keeps messages as long as the age says, and its head when none is left", async () => {
      const { log, topic } = open({ ageMs: 100 });
      await append(log, topic, 1, 2);
      now = 1060;
      await append(log, topic, 3, 4);
      topic.trim(1110);
      expect(await read(topic, 0)).to.deep.equal([3, 4]);
      topic.trim(2000);
      expect(await read(topic, 0)).to.deep.equal([]);
      expect(topic.head).to.equal(4);
      expect(topic.oldest).to.equal(5);
      await append(log, topic, 5, 5);
      expect(await read(topic, 0)).to.deep.equal([5]);
    });

    it("resolves every kind of start", async () => {
      const { log, topic } = open({ count: 6 });
      for (let offset = 1; offset <= 8; offset += 1) {
        now = 1000 + 10 * offset;
        await append(log, topic, offset, offset);
      }
      topic.trim(now);
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
      const { log, topic } = open();
      await append(log, topic, 1, 3);
      now = 2000;
      await append(log, topic, 4, 6);
      expect(await topic.resolve({ type: "since", time: 1000 })).to.equal(0);
      expect(await topic.resolve({ type: "since", time: 1001 })).to.equal(3);
      expect(await topic.resolve({ type: "since", time: 2001 })).to.equal(6);
    });

    it("begins a dropped topic again, with another epoch", async () => {
      const { log, topic } = open();
      await append(log, topic, 1, 3);
      log.drop("news");
      const again = log.open("news");
      expect(again.head).to.equal(0);
      expect(again.epoch).not.to.equal(topic.epoch);
      expect(log.bytes).to.equal(0);
    });
  });
}
