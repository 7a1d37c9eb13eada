import { PROCESS_RUNTIME } from "@shardcast/process";
import { PublishHead, decodeFrames, encodeFrame, type AckFields } from "@shardcast/protocol";
import { Turn, type PublishOrigin } from "@shardcast/server";
import { expect } from "chai";
import { MemoryLog, RetentionRules } from "@shardcast/log";
import { FanOutCounters } from "../../src/fan-out/fan-out-counters.ts";
import { OwnedTopic, type Appended } from "../../src/owner/owned-topic.ts";
import { Publish } from "../../src/owner/publish.ts";
import { FanOut } from "../../src/fan-out/fan-out.ts";
import { idsOf } from "@shardcast/log/testing";

const MANY = 1_000_000_000;

const ORIGIN: PublishOrigin = {
  inFlightCount: 0,
  isOpen: true,
  ack: () => undefined,
  passAck: () => undefined,
  isNode: false,
  access: undefined,
  refusedTopics: undefined,
  source: undefined,
  refuse: () => false,
};

describe("OwnedTopic", () => {
  let owned: OwnedTopic;
  let seq: number;

  beforeEach(() => {
    const retention = new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY });
    const log = new MemoryLog({ retention, maxBytes: MANY, now: () => 1000 }).open("news");
    const onError = (error: unknown): void => {
      throw error;
    };
    const turn = new Turn({ schedule: () => undefined, onError });
    const counters = new FanOutCounters();
    const view = new FanOut("news", 7, log, { turn, runtime: PROCESS_RUNTIME, counters, onError });
    owned = new OwnedTopic(view, log, 0, { windowMs: 1000, maxIds: 1000 }, 1000);
    seq = 0;
  });

  function publish(text: string, messageId?: string): boolean {
    const id = messageId === undefined ? {} : { messageId };
    const payload = Buffer.from(text);
    seq += 1;
    const bytes = encodeFrame({
      type: "publish",
      seq,
      timeoutMs: 0,
      topic: "news",
      ...id,
      payload,
    });
    const head = new PublishHead();
    expect(head.read(bytes, 0, bytes.length)).to.equal(true);
    return owned.enqueue(new Publish(ORIGIN, head, bytes, 0, bytes.length));
  }

  function answers({
    publishes: all,
  }: Appended): Pick<AckFields, "seq" | "offset" | "isDuplicate">[] {
    return all.map(({ seq: of, offset, isDuplicate }) => ({ seq: of, offset, isDuplicate }));
  }

  it("numbers a turn's messages from one on, in the order in which they came", () => {
    expect(publish("a")).to.equal(true);
    expect(publish("b")).to.equal(false);
    const appended = owned.append(1000);
    expect(answers(appended)).to.deep.equal([
      { seq: 1, offset: 1, isDuplicate: false },
      { seq: 2, offset: 2, isDuplicate: false },
    ]);
    const stored = decodeFrames(appended.batches[0]?.shared.frames ?? new Uint8Array(0));
    expect(stored.map((frame) => frame.type === "message" && String(frame.payload))).to.deep.equal(
      ["a", "b"].map((text) => String(Buffer.from(text))),
    );
    expect(owned.log.head).to.equal(2);
  });

  it("stores an id once, within a turn and across turns, and answers with the first offset", () => {
    publish("a", "x");
    publish("again", "x");
    publish("b", "y");
    expect(answers(owned.append(1000))).to.deep.equal([
      { seq: 1, offset: 1, isDuplicate: false },
      { seq: 2, offset: 1, isDuplicate: true },
      { seq: 3, offset: 2, isDuplicate: false },
    ]);
    publish("once more", "x");
    const appended = owned.append(1500);
    expect(answers(appended)).to.deep.equal([{ seq: 4, offset: 1, isDuplicate: true }]);
    expect(appended.batches).to.deep.equal([]);
    expect(owned.log.head).to.equal(2);
  });

  it("stores an id again when its window is over", () => {
    publish("a", "x");
    owned.append(1000);
    owned.expire(2000);
    owned.expire(3000);
    publish("a", "x");
    expect(answers(owned.append(3001))).to.deep.equal([{ seq: 2, offset: 2, isDuplicate: false }]);
  });

  it("stores messages without an id each time", () => {
    publish("a");
    publish("a");
    owned.append(1000);
    expect(owned.log.head).to.equal(2);
  });

  it("makes several batches of a turn that brought much, each small enough to be sent as one", () => {
    for (let number = 0; number < 40; number += 1) publish("x".repeat(100_000));
    publish("y".repeat(2_000_000));
    publish("z");
    const { batches } = owned.append(1000);
    expect(batches.map(({ first, last }) => last - first + 1).reduce((a, b) => a + b)).to.equal(42);
    expect(
      batches.slice(1).every(({ first }, index) => first === (batches[index]?.last ?? 0) + 1),
    ).to.equal(true);
    const large = batches.filter(({ bytes }) => bytes > 1024 * 1024);
    expect(large.map(({ first, last }) => [first, last])).to.deep.equal([[41, 41]]);
    expect(owned.log.head).to.equal(42);
  });

  it("never goes back in time, even if the clock does", () => {
    publish("a");
    const first = owned.append(5000).batches[0];
    publish("b");
    const second = owned.append(4000).batches[0];
    expect([first?.firstTime, second?.firstTime]).to.deep.equal([5000, 5000]);
  });

  it("goes back with a clock that was far ahead, instead of standing still", () => {
    publish("a");
    owned.append(3_600_000);
    publish("b");
    expect(owned.append(5000).batches[0]?.firstTime).to.equal(5000);
  });

  it("knows ids for their time, whatever the clock is set to", () => {
    publish("a", "id");
    owned.append(5000, 100);
    publish("a", "id");
    expect(answers(owned.append(5_000_000, 200))).to.deep.equal([
      { seq: 2, offset: 1, isDuplicate: true },
    ]);
    owned.expire(1, 3000);
    owned.expire(1, 6000);
    publish("a", "id");
    expect(answers(owned.append(1, 6001))).to.deep.equal([
      { seq: 3, offset: 2, isDuplicate: false },
    ]);
  });

  it("is of no use to anybody once its ids have had their time, and not before", () => {
    expect(owned.expire(1000)).to.equal(true);
    publish("a", "id");
    expect(owned.expire(1000)).to.equal(false);
    owned.append(1000);
    expect(owned.expire(1500)).to.equal(false);
    expect(owned.expire(2000)).to.equal(false);
    expect(owned.expire(3000)).to.equal(true);
  });

  it("takes an id again that the log could not take", () => {
    publish("a", "id");
    owned.revert(owned.append(1000));
    publish("a", "id");
    expect(answers(owned.append(1001)).map(({ isDuplicate }) => isDuplicate)).to.deep.equal([
      false,
    ]);
  });

  it("knows the ids that its log remembers from the last process", () => {
    const { view, log } = owned;
    log.ids = () => [{ time: 900, ids: idsOf({ known: 42 }) }];
    owned = new OwnedTopic(view, log, 0, { windowMs: 1000, maxIds: 1000 }, 1000);
    publish("a", "known");
    expect(answers(owned.append(1000))).to.deep.equal([{ seq: 1, offset: 42, isDuplicate: true }]);
  });
});
