import { PROCESS_RUNTIME } from "@shardcast/process";
import type { From } from "@shardcast/protocol";
import { Turn } from "@shardcast/server";
import { expect } from "chai";
import {
  type Batch,
  Damage,
  MemoryLog,
  MemoryTopicLog,
  type ReadableLog,
  RetentionRules,
} from "@shardcast/log";
import { FanOutCounters } from "../../src/fan-out/fan-out-counters.ts";
import { LinkSubscriptions } from "../../src/fan-out/link-subscriptions.ts";
import { Subscription } from "../../src/fan-out/subscription.ts";
import { FanOut } from "../../src/fan-out/fan-out.ts";
import { batchOf } from "@shardcast/log/testing";
import { SinkRecorder } from "../support/sink-recorder.ts";

const MANY = 1_000_000_000;
const LIVE: From = { type: "live" };
const EARLIEST: From = { type: "earliest" };

/** A topic whose turns end when the test says so. */
class Bench {
  readonly runs: (() => void)[] = [];
  readonly counters = new FanOutCounters();
  readonly log: MemoryTopicLog;
  readonly topic: FanOut;

  constructor(count = MANY, log?: ReadableLog) {
    const retention = new RetentionRules({ count, bytes: MANY, ageMs: MANY });
    this.log = new MemoryLog({ retention, maxBytes: MANY, now: () => 1000 }).open("news");
    const onError = (error: unknown): void => {
      throw error;
    };
    const turn = new Turn({ schedule: (run) => this.runs.push(run), onError });
    this.topic = new FanOut("news", 7, log ?? this.log, {
      turn,
      runtime: PROCESS_RUNTIME,
      counters: this.counters,
      onError,
    });
  }

  publish(first: number, last: number): void {
    const batch = batchOf(first, last);
    this.log.append(batch);
    this.topic.deliver(batch);
  }

  subscribe(from: From): { sink: SinkRecorder; subscription: Subscription } {
    const sink = new SinkRecorder();
    const subscription = new Subscription(sink, 3, this.topic, new LinkSubscriptions());
    this.topic.subscribe(subscription, from);
    return { sink, subscription };
  }

  /** Ends turns until nothing is left to do. */
  settle(): void {
    for (let run = this.runs.shift(); run !== undefined; run = this.runs.shift()) run();
  }
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

describe("Topic", () => {
  it("pushes new batches to live subscriptions as the same bytes", () => {
    const bench = new Bench();
    const one = bench.subscribe(LIVE);
    const two = bench.subscribe(LIVE);
    bench.publish(1, 3);
    expect(one.sink.offsets).to.deep.equal([1, 2, 3]);
    expect(two.sink.shared[0]).to.equal(one.sink.shared[0]);
    expect(bench.counters.deliveries).to.equal(6);
  });

  it("tells where a subscription begins", () => {
    const bench = new Bench();
    bench.publish(1, 5);
    const { sink } = bench.subscribe({ type: "last", count: 2 });
    const { epoch } = bench.log;
    expect(sink.frames[0]).to.deep.equal({
      type: "subscribed",
      sub: 3,
      topicId: 7,
      recovered: true,
      position: { epoch, offset: 3 },
      head: 5,
      oldest: 1,
    });
    bench.settle();
    expect(sink.offsets).to.deep.equal([4, 5]);
  });

  it("tells a head that is never behind the position where a subscription begins", () => {
    const bench = new Bench();
    bench.publish(1, 5);
    const position = { epoch: bench.log.epoch, offset: 9 };
    const { sink } = bench.subscribe({ type: "position", position });
    expect(sink.frames[0]).to.include({ type: "subscribed", recovered: true, head: 9, oldest: 1 });
  });

  it("joins what was stored and what is published meanwhile, once and in order", () => {
    const bench = new Bench();
    bench.publish(1, 4000);
    const { sink, subscription } = bench.subscribe(EARLIEST);
    for (let offset = 4001; offset <= 4050; offset += 1) {
      bench.publish(offset, offset);
      bench.runs.shift()?.();
    }
    bench.settle();
    expect(sink.offsets).to.deep.equal(range(1, 4050));
    expect(subscription.state).to.equal("live");
  });

  it("stops pushing to a congested link, and lets it catch up from the log", () => {
    const bench = new Bench();
    const slow = bench.subscribe(LIVE);
    const fast = bench.subscribe(LIVE);
    bench.publish(1, 1);
    slow.sink.isCongested = true;
    for (let offset = 2; offset <= 300; offset += 1) bench.publish(offset, offset);
    bench.settle();
    expect(slow.sink.offsets).to.deep.equal([1]);
    expect(fast.sink.offsets).to.deep.equal(range(1, 300));
    expect(bench.counters.lagging).to.equal(1);
    slow.sink.isCongested = false;
    bench.topic.catchUp(slow.subscription);
    bench.settle();
    expect(slow.sink.offsets).to.deep.equal(range(1, 300));
    expect(bench.counters.lagging).to.equal(0);
  });

  it("counts its subscriptions, and what those lack that are behind", () => {
    const bench = new Bench();
    const { counters } = bench;
    const [slow, fast, waiting] = [
      bench.subscribe(LIVE),
      bench.subscribe(LIVE),
      new SinkRecorder(),
    ];
    slow.sink.isCongested = true;
    for (let offset = 1; offset <= 20; offset += 1) bench.publish(offset, offset);
    bench.settle();
    expect([counters.subscriptions, counters.lagging]).to.deep.equal([2, 1]);
    expect([...counters.lags()]).to.deep.equal([20]);
    // One that was never added costs no other its place.
    bench.topic.end(new Subscription(waiting, 4, bench.topic, new LinkSubscriptions()));
    bench.topic.end(fast.subscription);
    expect([counters.subscriptions, counters.lagging]).to.deep.equal([1, 1]);
    bench.topic.end(slow.subscription);
    bench.topic.end(slow.subscription);
    expect([counters.subscriptions, counters.lagging]).to.deep.equal([0, 0]);
    expect([...counters.laggingTopics]).to.deep.equal([]);
  });

  it("sends a laggard one page a turn, so that its link can become congested in between", () => {
    const bench = new Bench();
    for (let offset = 1; offset <= 5000; offset += 1) bench.publish(offset, offset);
    const { sink } = bench.subscribe(EARLIEST);
    const first = sink.offsets.length;
    expect(first).to.be.within(1, 4999);
    sink.isCongested = true;
    bench.settle();
    expect(sink.offsets.length).to.equal(first);
  });

  it("announces a gap to a laggard that what it needs is no longer kept", () => {
    const bench = new Bench(10);
    const { sink, subscription } = bench.subscribe(LIVE);
    bench.publish(1, 1);
    sink.isCongested = true;
    for (let offset = 2; offset <= 50; offset += 1) bench.publish(offset, offset);
    sink.isCongested = false;
    bench.topic.catchUp(subscription);
    bench.settle();
    const { epoch } = bench.log;
    expect(sink.of("gap")).to.deep.equal([{ type: "gap", sub: 3, epoch, first: 2, last: 40 }]);
    expect(sink.offsets).to.deep.equal([1, ...range(41, 50)]);
  });

  it("recovers from a position, and tells what it cannot", () => {
    const bench = new Bench(10);
    for (let offset = 1; offset <= 50; offset += 1) bench.publish(offset, offset);
    const { epoch } = bench.log;
    const whole = bench.subscribe({ type: "position", position: { epoch, offset: 45 } }).sink;
    const part = bench.subscribe({ type: "position", position: { epoch, offset: 7 } }).sink;
    const other = { epoch: "ffffffffffffffff", offset: 7 };
    const none = bench.subscribe({ type: "position", position: other }).sink;
    bench.settle();
    expect(whole.of("subscribed")[0]?.recovered).to.equal(true);
    expect(whole.of("gap")).to.deep.equal([]);
    expect(whole.offsets).to.deep.equal(range(46, 50));
    expect(part.of("subscribed")[0]?.recovered).to.equal(false);
    expect(part.of("gap")[0]).to.include({ first: 8, last: 40 });
    expect(none.of("gap")[0]).to.include({ epoch, first: 1, last: 40 });
    expect(none.of("gap").length).to.equal(1);
    expect(none.offsets).to.deep.equal(range(41, 50));
  });

  it("waits with one that has seen more than this node, and then goes on behind it", () => {
    const bench = new Bench();
    bench.publish(1, 3);
    const { epoch } = bench.log;
    const { sink } = bench.subscribe({ type: "position", position: { epoch, offset: 5 } });
    bench.publish(4, 4);
    bench.publish(5, 5);
    bench.publish(6, 8);
    bench.settle();
    expect(sink.offsets).to.deep.equal([6, 7, 8]);
    expect(sink.of("gap")).to.deep.equal([]);
  });

  it("sends nothing after the end, and tells the reason", () => {
    const bench = new Bench();
    const { sink, subscription } = bench.subscribe(LIVE);
    const other = bench.subscribe(LIVE);
    bench.topic.end(subscription, "SHARDCAST_OWNER_UNAVAILABLE");
    bench.topic.end(subscription);
    bench.publish(1, 1);
    expect(sink.offsets).to.deep.equal([]);
    expect(sink.of("unsubscribed").map(({ code }) => code)).to.deep.equal([
      "SHARDCAST_OWNER_UNAVAILABLE",
    ]);
    expect(other.sink.offsets).to.deep.equal([1]);
    expect(bench.topic.subscriberCount).to.equal(1);
  });

  it("keeps all the others live when any one of them leaves", () => {
    const bench = new Bench();
    const all = range(0, 9).map(() => bench.subscribe(LIVE));
    for (const index of [0, 9, 4, 5, 1]) {
      const gone = all[index];
      if (gone !== undefined) bench.topic.end(gone.subscription);
    }
    bench.publish(1, 1);
    const got = all.map(({ sink }) => sink.offsets.length);
    expect(got).to.deep.equal([0, 0, 1, 1, 0, 0, 1, 1, 1, 0]);
  });

  it("drops a page that was read from a log that has got another epoch meanwhile", async () => {
    const retention = { count: MANY, bytes: MANY, ageMs: MANY };
    const make = (epoch: string, head: number): MemoryTopicLog =>
      new MemoryTopicLog(epoch, { retention, maxBytes: MANY, now: () => 1000 }, undefined, head);
    let current = make("aaaaaaaaaaaaaaaa", 0);
    current.append(batchOf(1, 5));
    let finishRead: (batch: Batch | undefined) => void = () => undefined;
    const log: ReadableLog = {
      get epoch() {
        return current.epoch;
      },
      get head() {
        return current.head;
      },
      get oldest() {
        return current.oldest;
      },
      continues: ({ epoch }) => epoch === current.epoch,
      resolve: () => 0,
      read: () =>
        new Promise((resolve) => {
          finishRead = resolve;
        }),
    };
    const bench = new Bench(MANY, log);
    const { sink } = bench.subscribe(EARLIEST);
    const stale = current.read(0, MANY);
    const before = { epoch: current.epoch, offset: current.head };
    current = make("bbbbbbbbbbbbbbbb", 0);
    bench.topic.logReplaced(before);
    finishRead(stale);
    await new Promise((resolve) => setImmediate(resolve));
    bench.settle();
    expect(sink.offsets).to.deep.equal([]);
    expect(sink.of("gap")).to.deep.equal([
      { type: "gap", sub: 3, epoch: "bbbbbbbbbbbbbbbb", first: 1, last: 0 },
    ]);
  });

  for (const [what, page, gap, offsets] of [
    ["nothing", undefined, [1, 10], []],
    ["what begins later", batchOf(4, 10), [1, 3], range(4, 10)],
    ["damage that begins later", new Damage(4, 10), [1, 3], []],
  ] as const) {
    it(`goes on behind a gap, and asks once, where the log gives ${what}`, () => {
      let reads = 0;
      const log: ReadableLog = {
        ...{ epoch: "0123456789abcdef", head: 10, oldest: 1 },
        read: () => {
          reads += 1;
          return page;
        },
        continues: () => true,
        resolve: () => 0,
      };
      const bench = new Bench(MANY, log);
      const { sink, subscription } = bench.subscribe(EARLIEST);
      bench.settle();
      expect(reads).to.equal(1);
      expect(subscription.state).to.equal("live");
      const [first] = sink.of("gap");
      expect([first?.first, first?.last]).to.deep.equal(gap);
      expect(sink.offsets).to.deep.equal(offsets);
    });
  }
});
