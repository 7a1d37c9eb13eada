import { TestRuntime, settled } from "@shardcast/process/testing";
import { type From, type Frame, type Position } from "@shardcast/protocol";
import { Turn } from "@shardcast/server";
import { expect } from "chai";
import fc from "fast-check";
import { FanOutCounters } from "../../src/fan-out/fan-out-counters.ts";
import { LinkSubscriptions } from "../../src/fan-out/link-subscriptions.ts";
import { Subscription } from "../../src/fan-out/subscription.ts";
import { RelayedTopic } from "../../src/topics/relayed-topic.ts";
import { SimulatedOwner } from "../support/simulated-owner.ts";
import { SinkRecorder } from "../support/sink-recorder.ts";

const MANY = 1_000_000_000;
const OWNER_TIMEOUT_MS = 5000;
const READ_RETRY_MS = 250;
const LIVE: From = { type: "live" };
const NO_FRAMES = new Uint8Array(0);
const EARLIEST: From = { type: "earliest" };

interface BenchOptions {
  /** Messages that the relay keeps. */
  readonly tail?: number;
  /** Messages that the owner retains. */
  readonly retained?: number;
}

interface Subscriber {
  readonly sink: SinkRecorder;
  readonly subscription: Subscription;
}

/** A relay, the link to its owner, and the owner. */
class Bench {
  readonly runtime = new TestRuntime();
  readonly counters = new FanOutCounters();
  readonly owner: SimulatedOwner;
  readonly relay: RelayedTopic;
  readonly #runs: (() => void)[] = [];

  constructor({ tail = MANY, retained = MANY }: BenchOptions = {}) {
    const { runtime, counters } = this;
    this.owner = new SimulatedOwner({ runtime, retained });
    const turn = new Turn({ schedule: (run) => this.#runs.push(run), onError });
    this.relay = new RelayedTopic("news", 3, {
      owner: { id: "c2", url: "ws://c2" },
      source: this.owner,
      tail: {
        retention: { count: tail, bytes: MANY, ageMs: MANY },
        maxBytes: MANY,
        now: () => 1000,
      },
      turn,
      context: { turn, runtime, counters, onError },
    });
  }

  subscribe(from: From): Subscriber {
    const sink = new SinkRecorder();
    const subscription = new Subscription(sink, 5, this.relay.view, new LinkSubscriptions());
    this.relay.subscribe(subscription, from);
    return { sink, subscription };
  }

  position(offset: number): From {
    return { type: "position", position: { epoch: this.owner.log.epoch, offset } };
  }

  endTurn(): void {
    for (const run of this.#runs.splice(0)) run();
  }

  /** All that comes without the passing of time. */
  async settle(): Promise<void> {
    do {
      this.owner.arriveAll();
      this.endTurn();
      await settled();
    } while (this.owner.toOwner.length + this.owner.toRelay.length + this.#runs.length > 0);
  }
}

function onError(error: unknown): void {
  throw error;
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

const codesOf = ({ sink }: Subscriber): string[] => sink.of("unsubscribed").map(({ code }) => code);

const gapsOf = ({ sink }: Subscriber): [number, number][] =>
  sink.of("gap").map(({ first, last }) => [first, last]);

describe("RelayedTopic", () => {
  describe("before the owner has answered", () => {
    it("lets subscribers wait, and starts them all with the owner's first answer", async () => {
      const bench = new Bench();
      bench.owner.publish(3);
      const live = bench.subscribe(LIVE);
      const resumed = bench.subscribe(bench.position(1));
      expect([...live.sink.frames, ...resumed.sink.frames]).to.deep.equal([]);
      await bench.settle();
      bench.owner.publish(2);
      await bench.settle();
      expect(live.sink.of("subscribed")).to.have.lengthOf(1);
      expect(live.sink.offsets).to.deep.equal([4, 5]);
      expect(resumed.sink.offsets).to.deep.equal([2, 3, 4, 5]);
      expect(bench.runtime.timerCount).to.equal(0);
    });

    it("ends each subscription that has waited 5 s, and none before", () => {
      const bench = new Bench();
      const early = bench.subscribe(LIVE);
      bench.runtime.advance(1);
      const late = bench.subscribe(LIVE);
      bench.runtime.advance(OWNER_TIMEOUT_MS - 2);
      expect(codesOf(early)).to.deep.equal([]);
      bench.runtime.advance(1);
      expect(codesOf(early)).to.deep.equal(["SHARDCAST_OWNER_UNAVAILABLE"]);
      expect(codesOf(late)).to.deep.equal([]);
      expect(bench.relay.isUnused).to.equal(false);
      bench.runtime.advance(1);
      expect(codesOf(late)).to.deep.equal(["SHARDCAST_OWNER_UNAVAILABLE"]);
      expect(bench.relay.isUnused).to.equal(true);
    });

    it("starts a subscription by an answer just in time, and none by an answer that is late", async () => {
      const bench = new Bench();
      const late = bench.subscribe(LIVE);
      bench.runtime.advance(1);
      const inTime = bench.subscribe(LIVE);
      bench.runtime.advance(OWNER_TIMEOUT_MS - 1);
      await bench.settle();
      bench.runtime.advance(OWNER_TIMEOUT_MS);
      expect(late.sink.frames.map(({ type }) => type)).to.deep.equal(["unsubscribed"]);
      expect(inTime.sink.frames.map(({ type }) => type)).to.deep.equal(["subscribed"]);
      expect(bench.counters.subscriptions).to.equal(1);
      expect(bench.runtime.timerCount).to.equal(0);
    });

    it("does not start a subscription that its client has ended meanwhile", async () => {
      const bench = new Bench();
      const { sink, subscription } = bench.subscribe(LIVE);
      bench.relay.view.end(subscription);
      await bench.settle();
      bench.owner.publish(1);
      await bench.settle();
      expect(sink.frames.map(({ type }) => type)).to.deep.equal(["unsubscribed"]);
      expect(bench.counters).to.include({ subscriptions: 0, lagging: 0 });
      expect(bench.relay.isUnused).to.equal(true);
      expect(bench.runtime.timerCount).to.equal(0);
    });

    it("waits through losses of the link", async () => {
      const bench = new Bench();
      const waiting = bench.subscribe(EARLIEST);
      bench.owner.publish(2);
      bench.owner.loseLink();
      bench.owner.openLink();
      // The owner's answer is lost on its way.
      bench.owner.toOwner.shift()?.();
      bench.owner.loseLink();
      bench.runtime.advance(OWNER_TIMEOUT_MS - 1);
      bench.owner.openLink();
      await bench.settle();
      expect(waiting.sink.offsets).to.deep.equal([1, 2]);
    });

    it("ends those who wait when the topic gets another owner, and ignores the old one's answer", async () => {
      const bench = new Bench();
      const waiting = bench.subscribe(LIVE);
      const follower = bench.owner.follower;
      bench.owner.toOwner.shift()?.();
      const answers = bench.owner.toRelay.splice(0);
      bench.relay.leave();
      bench.owner.follower = follower;
      for (const answer of answers) answer();
      await bench.settle();
      expect(codesOf(waiting)).to.deep.equal(["SHARDCAST_NOT_OWNER"]);
      expect(waiting.sink.frames).to.have.lengthOf(1);
      expect(bench.runtime.timerCount).to.equal(0);
    });

    it("keeps no timer when it is closed", () => {
      const bench = new Bench();
      bench.subscribe(LIVE);
      bench.relay.close();
      expect(bench.runtime.timerCount).to.equal(0);
      expect(bench.owner.follower).to.equal(undefined);
    });
  });

  describe("while it follows its owner", () => {
    it("goes on after a loss where it was, whatever was on the way", async () => {
      const bench = new Bench();
      const live = bench.subscribe(LIVE);
      await bench.settle();
      bench.owner.publish(2);
      bench.owner.arriveAll();
      // These have arrived, and the turn is not over; those behind them are lost.
      bench.owner.publish(2);
      bench.owner.loseLink();
      bench.owner.publish(2);
      bench.owner.openLink();
      await bench.settle();
      expect(live.sink.offsets).to.deep.equal(range(1, 6));
      expect(gapsOf(live)).to.deep.equal([]);
      expect(live.subscription.state).to.equal("live");
    });

    it("reports what the owner has trimmed during a loss as a gap", async () => {
      const bench = new Bench({ retained: 3 });
      const live = bench.subscribe(LIVE);
      await bench.settle();
      bench.owner.publish(2);
      await bench.settle();
      bench.owner.loseLink();
      bench.owner.publish(8);
      bench.owner.openLink();
      await bench.settle();
      expect(live.sink.offsets).to.deep.equal([1, 2, 8, 9, 10]);
      expect(gapsOf(live)).to.deep.equal([[3, 7]]);
    });

    it("reports a new epoch, and starts at its beginning", async () => {
      const bench = new Bench();
      const live = bench.subscribe(LIVE);
      await bench.settle();
      bench.owner.publish(4);
      await bench.settle();
      bench.owner.restart();
      bench.owner.publish(2);
      bench.owner.openLink();
      await bench.settle();
      const { epoch } = bench.owner.log;
      expect(live.sink.of("gap")).to.deep.include({
        type: "gap",
        sub: 5,
        epoch,
        first: 1,
        last: 0,
      });
      expect(live.sink.offsets).to.deep.equal([1, 2, 3, 4, 1, 2]);
      expect(live.subscription.state).to.equal("live");
    });

    it("sends nothing twice when the owner answers twice", async () => {
      const bench = new Bench();
      const live = bench.subscribe(LIVE);
      await bench.settle();
      bench.owner.publish(2);
      await bench.settle();
      const { epoch, head } = bench.owner.log;
      const position = { epoch, offset: head };
      const again = { type: "subscribed", sub: 1, topicId: 7, recovered: true, position } as const;
      for (let count = 0; count < 2; count += 1) {
        bench.relay.followed({ ...again, head, oldest: 1 });
      }
      bench.owner.publish(1);
      await bench.settle();
      expect(live.sink.offsets).to.deep.equal([1, 2, 3]);
      expect(gapsOf(live)).to.deep.equal([]);
    });

    for (const change of ["a new epoch", "a gap"] as const) {
      it(`sends first what arrived in the same turn before ${change}`, async () => {
        const bench = new Bench({ retained: 2 });
        const live = bench.subscribe(LIVE);
        await bench.settle();
        bench.owner.publish(2);
        bench.owner.arriveAll();
        if (change === "a gap") bench.owner.loseLink();
        else bench.owner.restart();
        bench.owner.publish(4);
        bench.owner.openLink();
        bench.owner.arriveAll();
        await bench.settle();
        const after = change === "a gap" ? [5, 6] : [3, 4];
        expect(live.sink.offsets).to.deep.equal([1, 2, ...after]);
        expect(gapsOf(live).at(-1)).to.deep.equal([
          change === "a gap" ? 3 : 1,
          (after[0] ?? 0) - 1,
        ]);
        placeAfter(live.sink.frames);
      });
    }

    it("reads older messages from its owner after the owner has reported damaged ones", async () => {
      const bench = new Bench();
      bench.owner.publish(4);
      const live = bench.subscribe(LIVE);
      await bench.settle();
      const { epoch } = bench.owner.log;
      const gap = { type: "gap", sub: 1, epoch, first: 5, last: 6 } as const;
      bench.relay.missed(gap, "SHARDCAST_MESSAGES_DAMAGED");
      expect(bench.relay).to.include({ head: 6, oldest: 1 });
      const reader = bench.subscribe(bench.position(0));
      await bench.settle();
      expect(reader.sink.offsets).to.deep.equal(range(1, 4));
      bench.relay.missed({ ...gap, first: 7, last: 8 });
      expect(bench.relay).to.include({ head: 8, oldest: 9 });
      await bench.settle();
      expect(live.subscription.state).to.equal("live");
    });

    it("ends its subscriptions when the topic gets another owner, and sends them nothing more", async () => {
      const bench = new Bench();
      const live = bench.subscribe(LIVE);
      await bench.settle();
      bench.owner.publish(1);
      bench.owner.arriveAll();
      bench.relay.leave();
      await bench.settle();
      expect(codesOf(live)).to.deep.equal(["SHARDCAST_NOT_OWNER"]);
      expect(live.sink.frames.at(-1)?.type).to.equal("unsubscribed");
      expect(bench.counters).to.include({ subscriptions: 0, lagging: 0 });
    });
  });

  describe("while it reads older messages from its owner", () => {
    /** A relay that has the newest 2 of 10 messages, and a subscriber that reads from the first. */
    async function reading(): Promise<{ bench: Bench; reader: Subscriber }> {
      const bench = new Bench({ tail: 2 });
      bench.subscribe(LIVE);
      await bench.settle();
      bench.owner.publish(10);
      await bench.settle();
      const reader = bench.subscribe(bench.position(3));
      // The place to start from, which only the owner knows.
      while (bench.owner.reads.length > 0 && reader.subscription.state === "starting") {
        bench.owner.arriveAll();
        await settled();
      }
      expect(reader.subscription.state).to.equal("behind");
      expect(bench.owner.reads).to.have.lengthOf(1);
      return { bench, reader };
    }

    it("sends them in order, followed by what came meanwhile", async () => {
      const { bench, reader } = await reading();
      bench.owner.publish(2);
      await bench.settle();
      expect(reader.sink.offsets).to.deep.equal(range(4, 12));
      expect(reader.subscription.state).to.equal("live");
    });

    it("asks again 250 ms after the link was lost, and as often as it is lost", async () => {
      const { bench, reader } = await reading();
      for (let count = 0; count < 3; count += 1) {
        bench.owner.loseLink();
        await bench.settle();
        await bench.runtime.pass(READ_RETRY_MS - 1);
        bench.endTurn();
        await settled();
        expect(bench.owner.reads).to.have.lengthOf(0);
        bench.owner.openLink();
        await bench.runtime.pass(1);
        bench.endTurn();
        await settled();
        expect(bench.owner.reads).to.have.lengthOf(1);
      }
      await bench.settle();
      expect(reader.sink.offsets).to.deep.equal(range(4, 10));
      expect(bench.runtime.timerCount).to.equal(0);
    });

    it("drops an answer of the epoch before", async () => {
      const { bench, reader } = await reading();
      // The answer is on its way while the relay hears of the owner's new epoch.
      const [read] = bench.owner.reads.splice(0);
      const { epoch } = bench.owner.log;
      const frames = bench.owner.log.read(3, 1000)?.shared.frames ?? NO_FRAMES;
      bench.owner.restart();
      bench.owner.publish(1);
      bench.owner.openLink();
      await bench.settle();
      read?.resolve({ position: { epoch, offset: 3 }, head: 10, oldest: 1, frames });
      await bench.settle();
      await bench.runtime.pass(READ_RETRY_MS);
      await bench.settle();
      expect(reader.sink.offsets).to.deep.equal([1]);
      expect(reader.sink.of("gap").at(-1)?.epoch).to.equal(bench.owner.log.epoch);
      expect(reader.subscription.state).to.equal("live");
    });

    it("sends nothing to a subscriber that has left before the answer", async () => {
      const { bench, reader } = await reading();
      bench.relay.view.end(reader.subscription);
      await bench.settle();
      expect(reader.sink.offsets).to.deep.equal([]);
      expect(reader.sink.frames.at(-1)?.type).to.equal("unsubscribed");
    });

    it("sends nothing when the topic has got another owner before the answer", async () => {
      const { bench, reader } = await reading();
      bench.relay.leave();
      await bench.settle();
      expect(codesOf(reader)).to.deep.equal(["SHARDCAST_NOT_OWNER"]);
      expect(reader.sink.offsets).to.deep.equal([]);
    });

    it("announces messages that the owner trimmed before it could answer", async () => {
      const bench = new Bench({ tail: 2, retained: 5 });
      bench.owner.publish(5);
      bench.subscribe(LIVE);
      await bench.settle();
      const reader = bench.subscribe(bench.position(0));
      bench.owner.publish(4);
      await bench.settle();
      expect(gapsOf(reader)).to.deep.equal([[1, 4]]);
      expect(reader.sink.of("cause")).to.deep.equal([]);
      expect(reader.sink.of("subscribed")).to.have.lengthOf(1);
      expect(reader.sink.of("subscribed")[0]).to.include({ recovered: false, oldest: 5 });
      expect(reader.sink.offsets).to.deep.equal(range(5, 9));
    });

    it("announces what only the owner can have had, and goes on with what it has itself", async () => {
      const { bench, reader } = await reading();
      const [read] = bench.owner.reads.splice(0);
      bench.owner.toOwner.length = 0;
      const { epoch } = bench.owner.log;
      // The owner has lost its newest messages; the relay still has two of them.
      read?.resolve({ position: { epoch, offset: 3 }, head: 3, oldest: 1, frames: NO_FRAMES });
      await bench.settle();
      expect(gapsOf(reader)).to.deep.equal([[4, 8]]);
      expect(reader.sink.offsets).to.deep.equal([9, 10]);
    });

    it("drops an answer that brings a new epoch, and goes on in that", async () => {
      const { bench, reader } = await reading();
      const [read] = bench.owner.reads.splice(0);
      bench.owner.restart();
      bench.owner.publish(1);
      const { epoch } = bench.owner.log;
      const frames = bench.owner.log.read(0, 1000)?.shared.frames ?? NO_FRAMES;
      bench.owner.openLink();
      await bench.settle();
      read?.resolve({ position: { epoch, offset: 0 }, head: 1, oldest: 1, frames });
      await bench.settle();
      expect(reader.sink.offsets).to.deep.equal([1]);
      placeAfter(reader.sink.frames);
    });

    it("announces damaged messages, and goes on behind them", async () => {
      const { bench, reader } = await reading();
      const [read] = bench.owner.reads.splice(0);
      const { epoch } = bench.owner.log;
      bench.owner.toOwner.length = 0;
      read?.resolve({
        position: { epoch, offset: 6 },
        head: 10,
        oldest: 1,
        frames: NO_FRAMES,
      });
      await bench.settle();
      expect(reader.sink.of("cause").map(({ code }) => code)).to.deep.equal([
        "SHARDCAST_MESSAGES_DAMAGED",
      ]);
      expect(gapsOf(reader)).to.deep.equal([[4, 6]]);
      expect(reader.sink.offsets).to.deep.equal(range(7, 10));
    });
  });

  describe("while it asks its owner where a subscription starts", () => {
    for (const from of [
      EARLIEST,
      { type: "last", count: 3 },
      { type: "since", time: 8 },
    ] as const) {
      it(`starts at the owner's answer: ${from.type}`, async () => {
        const bench = new Bench({ tail: 2, retained: 7 });
        bench.owner.publish(7);
        bench.subscribe(LIVE);
        await bench.settle();
        bench.owner.publish(3);
        await bench.settle();
        const reader = bench.subscribe(from);
        await bench.settle();
        const first = from.type === "earliest" ? 4 : 8;
        expect(reader.sink.of("subscribed")[0]).to.include({ oldest: 4, recovered: true });
        expect(reader.sink.offsets).to.deep.equal(range(first, 10));
      });

      it(`ends the subscription when the link is lost: ${from.type}`, async () => {
        const bench = new Bench({ tail: 2 });
        bench.owner.publish(10);
        bench.subscribe(LIVE);
        await bench.settle();
        const reader = bench.subscribe(from);
        bench.owner.loseLink();
        await bench.settle();
        expect(codesOf(reader)).to.deep.equal(["SHARDCAST_OWNER_UNAVAILABLE"]);
        expect(bench.counters.subscriptions).to.equal(1);
      });
    }

    it("starts at the beginning of a new epoch that the answer brings", async () => {
      const bench = new Bench({ tail: 2 });
      bench.owner.publish(10);
      bench.subscribe(LIVE);
      await bench.settle();
      const reader = bench.subscribe(bench.position(5));
      const [read] = bench.owner.reads.splice(0);
      bench.owner.restart();
      bench.owner.publish(1);
      bench.owner.openLink();
      await bench.settle();
      const { epoch } = bench.owner.log;
      read?.resolve({ position: { epoch, offset: 0 }, head: 1, oldest: 1, frames: NO_FRAMES });
      await bench.settle();
      expect(reader.sink.offsets).to.deep.equal([1]);
      expect(placeAfter(reader.sink.frames)).to.deep.equal({ epoch, offset: 1 });
    });

    it("ends the subscription when its topic gets another epoch before the answer", async () => {
      const bench = new Bench({ tail: 2 });
      bench.owner.publish(10);
      bench.subscribe(LIVE);
      await bench.settle();
      const reader = bench.subscribe(EARLIEST);
      const [read] = bench.owner.reads.splice(0);
      bench.owner.restart();
      bench.owner.openLink();
      await bench.settle();
      const position = { epoch: "0123456789abcdef", offset: 0 };
      read?.resolve({ position, head: 0, oldest: 1, frames: NO_FRAMES });
      await bench.settle();
      expect(codesOf(reader)).to.deep.equal(["SHARDCAST_OWNER_UNAVAILABLE"]);
    });
  });

  it("sends every retained message once and in order, or a gap that is true, whatever happens", async function () {
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(
        fc.array(stepArbitrary, { minLength: 5, maxLength: 60 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 3, max: 40 }),
        async (steps, tail, retained) => {
          const run = new RandomRun(new Bench({ tail, retained }));
          for (const step of steps) await run.take(step);
          await run.finish();
        },
      ),
      { numRuns: 100 },
    );
  });
});

type Step =
  | { readonly type: "publish"; readonly count: number }
  | { readonly type: "subscribe"; readonly from: "live" | "earliest" | "last" | "position" }
  | { readonly type: "end" | "congest" | "drain"; readonly which: number }
  | { readonly type: "pass"; readonly ms: number }
  | { readonly type: "toOwner" | "toRelay" | "ownerTurn" | "relayTurn" }
  | { readonly type: "loseLink" | "openLink" | "restart" };

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("publish" as const),
      count: fc.integer({ min: 1, max: 9 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("subscribe" as const),
      from: fc.constantFrom(
        "live" as const,
        "earliest" as const,
        "last" as const,
        "position" as const,
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom("end" as const, "congest" as const, "drain" as const),
      which: fc.nat(5),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("pass" as const), ms: fc.constantFrom(1, 250, 5000) }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constantFrom(
        "toOwner" as const,
        "toRelay" as const,
        "ownerTurn" as const,
        "relayTurn" as const,
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom(
        "loseLink" as const,
        "openLink" as const,
        "openLink" as const,
        "restart" as const,
      ),
    }),
  },
);

/** Carries out random steps, and checks all that subscribers were sent. */
class RandomRun {
  readonly #bench: Bench;
  readonly #subscribers: Subscriber[] = [];

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  async take(step: Step): Promise<void> {
    const bench = this.#bench;
    const { owner } = bench;
    switch (step.type) {
      case "publish":
        owner.publish(step.count);
        break;
      case "subscribe":
        this.#subscribers.push(this.#checked(bench.subscribe(this.#from(step.from))));
        break;
      case "end":
      case "congest":
      case "drain":
        this.#change(step.type, this.#subscribers[step.which % this.#subscribers.length]);
        break;
      case "pass":
        await bench.runtime.pass(step.ms);
        break;
      case "toOwner":
      case "toRelay":
        owner[step.type].shift()?.();
        break;
      case "ownerTurn":
        owner.endTurn();
        break;
      case "relayTurn":
        bench.endTurn();
        break;
      default:
        owner[step.type]();
    }
    await settled();
  }

  /** The network and all subscribers recover; then everybody has everything. */
  async finish(): Promise<void> {
    const bench = this.#bench;
    bench.owner.openLink();
    for (const subscriber of this.#subscribers) this.#change("drain", subscriber);
    for (let count = 0; count < 4; count += 1) {
      await bench.settle();
      await bench.runtime.pass(READ_RETRY_MS);
    }
    const { epoch, head } = bench.owner.log;
    const open = this.#subscribers.filter(({ subscription }) => subscription.state !== "ended");
    for (const { subscription, sink } of open) {
      expect(subscription.state).to.equal("live");
      expect(placeAfter(sink.frames)).to.deep.equal({ epoch, offset: head });
    }
    expect(bench.counters).to.include({ subscriptions: open.length, lagging: 0 });
    for (const { subscription } of open) bench.relay.view.end(subscription);
    bench.relay.close();
    expect(bench.counters).to.include({ subscriptions: 0, lagging: 0 });
    expect(bench.runtime.timerCount).to.equal(0);
  }

  #from(type: "live" | "earliest" | "last" | "position"): From {
    switch (type) {
      case "last":
        return { type, count: 3 };
      case "position": {
        // As of a client that comes back: from what another one has got, or from the beginning.
        const place = this.#subscribers.map(({ sink }) => placeAfter(sink.frames)).find(Boolean);
        return place === undefined ? this.#bench.position(0) : { type, position: place };
      }
      default:
        return { type };
    }
  }

  #change(type: "end" | "congest" | "drain", subscriber: Subscriber | undefined): void {
    if (subscriber === undefined) return;
    const { sink, subscription } = subscriber;
    const { view } = this.#bench.relay;
    if (type === "end") view.end(subscription);
    sink.isCongested = type === "congest";
    if (type === "drain") view.catchUp(subscription);
  }

  /** Checks each gap when it is sent: later, the owner may really have trimmed the messages. */
  #checked(subscriber: Subscriber): Subscriber {
    const { sink } = subscriber;
    const send = sink.send.bind(sink);
    sink.send = (frame) => {
      send(frame);
      const { log } = this.#bench.owner;
      expect(frame.type).to.not.equal("cause");
      if (frame.type !== "gap" || frame.epoch !== log.epoch) return;
      expect(frame.last, "a gap covers a message that the owner has").to.be.lessThan(log.oldest);
    };
    return subscriber;
  }
}

/**
 * Where a client is that was sent these frames.
 * @throws where a message is missing, comes twice, or comes from elsewhere
 */
function placeAfter(frames: readonly Frame[]): Position | undefined {
  let place: Position | undefined;
  let isNew = true;
  for (const frame of frames) {
    if (frame.type === "subscribed") place = frame.position;
    if (place === undefined) continue;
    const { epoch, offset } = place;
    if (frame.type === "message") {
      expect(Buffer.from(frame.payload).toString()).to.equal(`${epoch}_${frame.offset}`);
      expect(frame.offset).to.equal(offset + 1);
      place = { epoch, offset: frame.offset };
      isNew = false;
    } else if (frame.type === "gap") {
      // Right behind `subscribed`, the gap ends at the position that was told there.
      if (frame.epoch !== epoch) expect(frame.first).to.equal(1);
      else if (isNew) expect(frame.last).to.be.at.least(offset);
      else expect(frame.first).to.equal(offset + 1);
      place = { epoch: frame.epoch, offset: frame.last };
      isNew = false;
    }
  }
  return place;
}
