import { Batch, MemoryLog, RetentionRules } from "@shardcast/log";
import { SharedFrames } from "@shardcast/protocol/websocket";
import { TestRuntime, settled } from "@shardcast/process/testing";
import { ShardcastError, encodeFrame, parsePosition } from "@shardcast/protocol";
import type { PostResult } from "@shardcast/webhooks";
import { expect } from "chai";
import fc from "fast-check";
import type { OwnedTopic } from "../../src/owner/owned-topic.ts";
import { parsePushConfig } from "../../src/push/push-config.ts";
import { PushPositions } from "../../src/push/push-positions.ts";
import { PushSubscription } from "../../src/push/push-subscription.ts";
import {
  TopicPush,
  type PushContext,
  type PushCounters,
  type TurnSource,
} from "../../src/push/topic-push.ts";

const MANY = 1_000_000_000;
const SECRET = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const TOPIC = "orders";
const TROUBLE_MS = 1000;
const MAX_RETRY_AFTER_MS = 60 * 60 * 1000;
const DELIVERED: PostResult = { type: "delivered", status: 200 };
const NO_ANSWER: PostResult = { type: "retry", reason: "no answer" };

interface Request {
  readonly text: string;
  readonly attempt: number;
  readonly answer: (result: PostResult) => Promise<void>;
}

interface BenchOptions {
  readonly config?: object;
  /** Messages that the log retains. */
  readonly retained?: number;
}

/** A topic, its log, and an endpoint that a test plays. */
class Bench {
  readonly runtime = new TestRuntime();
  readonly log: MemoryLog;
  readonly positions: PushPositions;
  readonly counters: PushCounters = {
    ...{ delivered: 0, failed: 0, refused: 0, blocked: 0, retries: 0 },
    ...{ deadLetters: 0, dropped: 0, disabled: 0, gaps: 0 },
  };
  readonly requests: Request[] = [];
  /** Texts of messages that were stored among the dead letters. */
  readonly letters: string[] = [];
  readonly logged: string[] = [];
  readonly abort = new AbortController();
  readonly queue: {
    subscription: PushSubscription;
    isStopped: boolean;
    toldAt: Map<string, number>;
  };
  topic: TopicPush;
  owns = true;
  isStopping = false;
  isLogDown = false;
  isPublishRefused = false;
  othersWait = false;
  readonly #context: PushContext;

  constructor({ config = {}, retained = MANY }: BenchOptions = {}) {
    const retention = new RetentionRules({ count: retained, bytes: MANY, ageMs: MANY });
    this.log = new MemoryLog({ retention, maxBytes: MANY, now: () => 1000 });
    this.positions = new PushPositions(this.log.state, this.runtime, (error) => {
      throw error;
    });
    this.queue = { subscription: subscriptionOf(config), isStopped: false, toldAt: new Map() };
    const tell = (_facts: object, text: string): void => void this.logged.push(text);
    this.#context = {
      positions: this.positions,
      counters: this.counters,
      signal: this.abort.signal,
      runtime: this.runtime,
      now: () => 1000,
      sender: { post: (_url, { headers, body }) => this.#post(headers, body) },
      logger: { warn: tell, error: tell } as unknown as PushContext["logger"],
      ownedTopic: () => {
        if (this.isLogDown) throw new ShardcastError("SHARDCAST_LOG_UNAVAILABLE");
        if (!this.owns) throw new ShardcastError("SHARDCAST_NOT_OWNER");
        return { log: this.log.open(TOPIC) } as unknown as OwnedTopic;
      },
      publish: ({ payload }) => {
        if (this.isPublishRefused) {
          return Promise.reject(new ShardcastError("SHARDCAST_OWNER_UNAVAILABLE"));
        }
        this.letters.push(Buffer.from(payload).toString());
        return Promise.resolve();
      },
      disable: () => true,
      owns: () => this.owns,
      isStopping: () => this.isStopping,
    };
    this.topic = this.renew();
  }

  /** As after the topic had nothing left, or another node had it: only the stored position is known. */
  renew(): TopicPush {
    const queue: TurnSource = this.queue;
    this.topic = new TopicPush(TOPIC, { queue, first: undefined }, this.#context);
    return this.topic;
  }

  run(): Promise<"idle" | "more" | number> {
    return this.topic.run(() => this.othersWait);
  }

  append(count: number, attributes?: Record<string, string>): void {
    const log = this.log.open(TOPIC);
    const frames: Uint8Array[] = [];
    const first = log.head + 1;
    for (let offset = first; offset < first + count; offset += 1) {
      const payload = Buffer.from(`m${offset}`);
      const frame = { type: "message" as const, topicId: 1, offset, time: 1000, payload };
      frames.push(encodeFrame(attributes === undefined ? frame : { ...frame, attributes }));
    }
    const shared = SharedFrames.of(Buffer.concat(frames));
    log.append(new Batch(first, first + count - 1, shared));
  }

  /** Answers the request that is under way. */
  async answer(result = DELIVERED): Promise<string> {
    await settled();
    const request = this.requests.shift();
    if (request === undefined) throw new Error("there is no request");
    await request.answer(result);
    return `${request.text} ${request.attempt}`;
  }

  async storedOffset(): Promise<number | undefined> {
    await this.runtime.pass(100);
    const text = await this.log.state.get(this.queue.subscription.positionKey(TOPIC));
    return text === undefined ? undefined : parsePosition(text)?.offset;
  }

  async store(offset: number, epoch = this.log.open(TOPIC).epoch): Promise<void> {
    const key = this.queue.subscription.positionKey(TOPIC);
    await this.log.state.set([[key, `${epoch}_${offset}`]]);
  }

  #post(headers: Readonly<Record<string, string>>, body: Uint8Array): Promise<PostResult> {
    return new Promise((resolve) => {
      this.requests.push({
        text: Buffer.from(body).toString(),
        attempt: Number(headers["shardcast-attempt"]),
        answer: async (result) => {
          resolve(result);
          await settled();
        },
      });
    });
  }
}

function subscriptionOf(fields: object): PushSubscription {
  const url = "https://hooks.example/in";
  const from = { from: "earliest" };
  const config = parsePushConfig("shop", {
    topics: ["*"],
    url,
    keys: [SECRET],
    ...from,
    ...fields,
  });
  const life = { id: "shop", createdAt: 0, disabled: null, source: "api" as const };
  return new PushSubscription({ name: "shop", config, ...life });
}

describe("TopicPush", () => {
  it("delivers in order, one at a time, and stores how far it is", async () => {
    const bench = new Bench();
    bench.append(3);
    const end = bench.run();
    for (const text of ["m1 1", "m2 1", "m3 1"]) {
      await settled();
      expect(bench.requests).to.have.lengthOf(1);
      expect(await bench.answer()).to.equal(text);
    }
    expect(await end).to.equal("idle");
    expect(await bench.storedOffset()).to.equal(3);
    expect(bench.counters).to.include({ delivered: 3, retries: 0, gaps: 0 });
    expect(bench.runtime.timerCount).to.equal(0);
  });

  it("goes on with others waiting for 16 messages, and then lets them", async () => {
    const bench = new Bench();
    bench.append(20);
    bench.othersWait = true;
    const end = bench.run();
    for (let count = 0; count < 16; count += 1) await bench.answer();
    expect(await end).to.equal("more");
    expect(bench.requests).to.deep.equal([]);
    const next = bench.run();
    for (let count = 0; count < 4; count += 1) await bench.answer();
    expect(await next).to.equal("idle");
  });

  describe("when an attempt fails", () => {
    it("waits as long as the schedule says, and a random tenth more", async () => {
      const bench = new Bench({ config: { retryMs: [1000, 2000] } });
      bench.append(1);
      for (const [random, waitMs] of [
        [0, 1000],
        [0.5, 2100],
      ] as const) {
        bench.runtime.randomValue = random;
        const end = bench.run();
        await bench.answer(NO_ANSWER);
        expect(await end).to.equal(waitMs);
      }
      expect(bench.letters).to.deep.equal([]);
      const last = bench.run();
      await bench.answer(NO_ANSWER);
      expect(await last).to.equal("idle");
      expect(bench.letters).to.deep.equal(["m1"]);
      expect(bench.counters).to.include({ failed: 3, retries: 2, deadLetters: 1 });
      expect(await bench.storedOffset()).to.equal(1);
    });

    it("tries until retryForMs has passed since the first failure, and not once more", async () => {
      const bench = new Bench({ config: { retryMs: [100], retryForMs: 5000 } });
      bench.append(1);
      for (const ms of [0, 4999]) {
        bench.runtime.advance(ms);
        const end = bench.run();
        await bench.answer(NO_ANSWER);
        expect(await end).to.be.a("number");
      }
      bench.runtime.advance(1);
      const end = bench.run();
      await bench.answer(NO_ANSWER);
      expect(await end).to.equal("idle");
      expect(bench.letters).to.deep.equal(["m1"]);
    });

    it("waits as the endpoint asks, an hour at the most", async () => {
      for (const [retryAfterMs, waitMs] of [
        [1, 1050],
        [30_000, 30_000],
        [2 * MAX_RETRY_AFTER_MS, MAX_RETRY_AFTER_MS],
      ]) {
        const bench = new Bench({ config: { retryMs: [1000] } });
        bench.append(1);
        const end = bench.run();
        await bench.answer({ ...NO_ANSWER, retryAfterMs } as PostResult);
        expect(await end).to.equal(waitMs);
      }
    });

    it("is ready at the end of the wait, not before, and only once", () => {
      const bench = new Bench();
      let count = 0;
      bench.topic.wait(1000, () => (count += 1));
      bench.runtime.advance(999);
      expect(count).to.equal(0);
      bench.runtime.advance(1);
      bench.topic.wake();
      expect(count).to.equal(1);
      bench.topic.wait(1000, () => (count += 1));
      bench.topic.wake();
      bench.runtime.advance(1000);
      expect(count).to.equal(2);
      bench.topic.wait(1000, () => (count += 1));
      bench.topic.stopWaiting();
      bench.runtime.advance(1000);
      expect(count).to.equal(2);
      expect(bench.runtime.timerCount).to.equal(0);
    });

    it("starts its attempts again for a subscription that has changed", async () => {
      const bench = new Bench({ config: { retryMs: [1000] } });
      bench.append(1);
      const end = bench.run();
      await bench.answer(NO_ANSWER);
      let isReady = false;
      bench.topic.wait((await end) as number, () => (isReady = true));
      bench.topic.retryNow();
      expect(isReady).to.equal(true);
      void bench.run();
      expect(await bench.answer(NO_ANSWER)).to.equal("m1 1");
      expect(bench.letters).to.deep.equal([]);
    });

    it("counts each kind of failure, and logs it once in 10 s", async () => {
      const bench = new Bench({ config: { retryMs: [1, 1, 1, 1] } });
      bench.append(1);
      const results: PostResult[] = [
        NO_ANSWER,
        { type: "refused", status: 400, reason: "status 400" },
        { type: "blocked", reason: "the address is private" },
      ];
      for (const result of results) {
        void bench.run();
        await bench.answer(result);
      }
      expect(bench.counters).to.include({ failed: 1, refused: 1, blocked: 1 });
      expect(bench.logged).to.deep.equal(["a push failed"]);
      bench.runtime.advance(10_000);
      void bench.run();
      await bench.answer(NO_ANSWER);
      expect(bench.logged).to.deep.equal(["a push failed", "a push failed"]);
    });

    it("counts no attempt that this node has broken off", async () => {
      const bench = new Bench({ config: { retryMs: [] } });
      bench.append(1);
      const end = bench.run();
      await settled();
      bench.abort.abort();
      await bench.answer({ type: "retry", reason: "aborted" });
      expect(await end).to.equal(TROUBLE_MS);
      expect(bench.counters).to.include({ failed: 0, deadLetters: 0 });
      expect(await bench.storedOffset()).to.equal(undefined);
    });
  });

  describe("when a message is given up", () => {
    it("stores it among the dead letters before it goes on, and posts it no more", async () => {
      const bench = new Bench({ config: { retryMs: [] } });
      bench.append(2);
      bench.isPublishRefused = true;
      for (let count = 0; count < 2; count += 1) {
        const end = bench.run();
        if (count === 0) await bench.answer(NO_ANSWER);
        expect(await end).to.equal(TROUBLE_MS);
        expect(bench.requests).to.deep.equal([]);
      }
      bench.isPublishRefused = false;
      const end = bench.run();
      expect(await bench.answer()).to.equal("m2 1");
      expect(await end).to.equal("idle");
      expect(bench.letters).to.deep.equal(["m1"]);
    });

    it("drops a dead letter that cannot be delivered either", async () => {
      const bench = new Bench({ config: { retryMs: [] } });
      bench.append(1, { "shardcast-origin-position": "0123456789abcdef_1" });
      const end = bench.run();
      await bench.answer(NO_ANSWER);
      expect(await end).to.equal("idle");
      expect(bench.letters).to.deep.equal([]);
      expect(bench.counters).to.include({ dropped: 1, deadLetters: 0 });
      expect(await bench.storedOffset()).to.equal(1);
    });
  });

  describe("when it has to stop", () => {
    for (const [what, stop] of [
      ["the node stops", (bench: Bench) => (bench.isStopping = true)],
      ["the subscription is removed", (bench: Bench) => (bench.queue.isStopped = true)],
      ["the topic gets another owner", (bench: Bench) => (bench.owns = false)],
      ["the ring changes", (bench: Bench) => bench.topic.forgetPosition()],
    ] as const) {
      it(`ends after the request that is under way: ${what}`, async () => {
        const bench = new Bench();
        bench.append(3);
        const end = bench.run();
        await settled();
        stop(bench);
        await bench.answer();
        expect(await end).to.equal("more");
        expect(bench.requests).to.deep.equal([]);
        // Of a subscription that was removed, nothing is kept.
        expect(await bench.storedOffset()).to.equal(bench.queue.isStopped ? undefined : 1);
      });
    }

    it("is idle at once where another node owns the topic", async () => {
      const bench = new Bench();
      bench.append(1);
      bench.owns = false;
      expect(await bench.run()).to.equal("idle");
      expect(bench.logged).to.deep.equal([]);
    });

    it("tries again in 1 s where the log is out of reach", async () => {
      const bench = new Bench();
      bench.append(1);
      bench.isLogDown = true;
      expect(await bench.run()).to.equal(TROUBLE_MS);
      bench.isLogDown = false;
      const end = bench.run();
      expect(await bench.answer()).to.equal("m1 1");
      expect(await end).to.equal("idle");
    });
  });

  describe("when the topic comes back", () => {
    it("goes on where the other node was", async () => {
      const bench = new Bench();
      bench.append(5);
      const end = bench.run();
      await settled();
      bench.topic.forgetPosition();
      await bench.answer();
      expect(await end).to.equal("more");
      // Its own position is written by then; the other node's comes later, and counts.
      await bench.storedOffset();
      await bench.store(4);
      const next = bench.run();
      expect(await bench.answer()).to.equal("m5 1");
      expect(await next).to.equal("idle");
    });

    it("forgets its position at once where it waits", async () => {
      const bench = new Bench({ config: { retryMs: [1000] } });
      bench.append(3);
      const end = bench.run();
      await bench.answer(NO_ANSWER);
      await end;
      bench.topic.forgetPosition();
      expect(bench.topic.position).to.equal(undefined);
      await bench.store(2);
      void bench.run();
      expect((await bench.answer()).split(" ")[0]).to.equal("m3");
    });

    it("counts a gap for what is no longer retained, and starts a new epoch at its beginning", async () => {
      const bench = new Bench({ retained: 2 });
      bench.append(5);
      await bench.store(1);
      const end = bench.run();
      for (const text of ["m4 1", "m5 1"]) expect(await bench.answer()).to.equal(text);
      expect(await end).to.equal("idle");
      expect(bench.counters.gaps).to.equal(1);
      bench.renew();
      await bench.storedOffset();
      await bench.store(9, "ffffffffffffffff");
      const next = bench.run();
      for (const text of ["m4 1", "m5 1"]) expect(await bench.answer()).to.equal(text);
      expect(await next).to.equal("idle");
      expect(bench.counters.gaps).to.equal(2);
    });
  });

  describe("when the message that failed is not the next one any more", () => {
    /** A topic whose first message has had its last attempt, and cannot be stored among the dead letters. */
    async function givenUp(options: BenchOptions = {}): Promise<Bench> {
      const bench = new Bench({ config: { retryMs: [1000] }, ...options });
      bench.append(2);
      bench.isPublishRefused = true;
      for (let count = 0; count < 2; count += 1) {
        const end = bench.run();
        await bench.answer(NO_ANSWER);
        await end;
      }
      bench.isPublishRefused = false;
      return bench;
    }

    it("gives the next one all its attempts where another node has given up the first", async () => {
      const bench = await givenUp();
      bench.topic.forgetPosition();
      await bench.store(1);
      const end = bench.run();
      expect(await bench.answer(NO_ANSWER)).to.equal("m2 1");
      expect(await end).to.equal(1050);
      expect(bench.letters).to.deep.equal([]);
    });

    it("gives the next one all its attempts where the first is no longer retained", async () => {
      const bench = await givenUp({ retained: 2 });
      bench.append(1);
      const end = bench.run();
      expect(await bench.answer(NO_ANSWER)).to.equal("m2 1");
      expect(await end).to.equal(1050);
      expect(bench.letters).to.deep.equal([]);
      expect(bench.counters.gaps).to.equal(1);
    });

    it("goes on with the attempts of the first where it is still the next one", async () => {
      const bench = await givenUp();
      bench.topic.forgetPosition();
      const end = bench.run();
      expect(await bench.answer()).to.equal("m2 1");
      expect(await end).to.equal("idle");
      expect(bench.letters).to.deep.equal(["m1"]);
    });
  });

  it("delivers or gives up each message, in order, whatever happens", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepArbitrary, { minLength: 5, maxLength: 60 }), async (steps) => {
        const run = new RandomRun(new Bench({ config: { retryMs: [100, 100] } }));
        for (const step of steps) await run.take(step);
        await run.finish();
      }),
      { numRuns: 100 },
    );
  });
});

const stepArbitrary = fc.constantFrom(
  ...(["append", "append", "run", "run", "run", "pass", "move", "return", "renew"] as const),
  ...([
    "deliver",
    "deliver",
    "deliver",
    "fail",
    "fail",
    "refuse",
    "accept",
    "logDown",
    "logUp",
  ] as const),
);

type Step = typeof stepArbitrary extends fc.Arbitrary<infer Type> ? Type : never;

/** Carries out random steps, and keeps what became of each message. */
class RandomRun {
  readonly #bench: Bench;
  #running: Promise<unknown> | undefined;
  #appended = 0;
  /** Offsets of messages that the endpoint took, in their order. */
  readonly #taken: number[] = [];

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  async take(step: Step): Promise<void> {
    const bench = this.#bench;
    switch (step) {
      case "append":
        bench.append(1);
        this.#appended += 1;
        break;
      case "run":
        this.#run();
        break;
      case "pass":
        await bench.runtime.pass(100);
        break;
      case "move":
      case "return":
        bench.owns = step === "return";
        bench.topic.forgetPosition();
        break;
      case "renew":
        // The scheduler forgets a topic only when it does not run.
        if (this.#running === undefined) bench.renew();
        break;
      case "deliver":
      case "fail":
        await this.#answer(step === "deliver" ? DELIVERED : NO_ANSWER);
        break;
      case "refuse":
      case "accept":
        bench.isPublishRefused = step === "refuse";
        break;
      default:
        bench.isLogDown = step === "logDown";
    }
    await settled();
  }

  async finish(): Promise<void> {
    const bench = this.#bench;
    bench.owns = true;
    bench.isLogDown = false;
    bench.isPublishRefused = false;
    for (
      let isOver = false;
      !isOver;
      isOver = this.#running === undefined && (await this.#isDone())
    ) {
      this.#run();
      await settled();
      await this.#answer(DELIVERED);
      await bench.runtime.pass(100);
    }
    const settledOffsets = [...this.#taken, ...bench.letters.map((text) => Number(text.slice(1)))];
    const all = Array.from({ length: this.#appended }, (_, index) => index + 1);
    expect([...new Set(settledOffsets)].sort((a, b) => a - b)).to.deep.equal(all);
    // Nothing is taken before what precedes it, and nothing again.
    expect(this.#taken).to.deep.equal([...new Set(this.#taken)].sort((a, b) => a - b));
    expect(settledOffsets).to.have.lengthOf(this.#appended);
    expect(bench.runtime.timerCount).to.equal(0);
  }

  async #isDone(): Promise<boolean> {
    return ((await this.#bench.storedOffset()) ?? 0) === this.#appended;
  }

  #run(): void {
    if (this.#running !== undefined) return;
    this.#running = this.#bench.run().then(() => (this.#running = undefined));
  }

  async #answer(result: PostResult): Promise<void> {
    if (this.#bench.requests.length === 0) return;
    const answered = await this.#bench.answer(result);
    if (result === DELIVERED) this.#taken.push(Number(answered.slice(1).split(" ")[0]));
  }
}
