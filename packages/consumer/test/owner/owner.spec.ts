// Owner, CommitLane and OpeningTopics in memory: the test ends turns and commits, opens logs, and lets time pass.
import { TestRuntime, settled } from "@shardcast/process/testing";
import { PublishHead, ShardcastError, encodeFrame, type ErrorCode } from "@shardcast/protocol";
import { AwaitingPublisher, Turn, type MovedPublish } from "@shardcast/server";
import { expect } from "chai";
import fc from "fast-check";
import { FanOut } from "../../src/fan-out/fan-out.ts";
import { FanOutCounters } from "../../src/fan-out/fan-out-counters.ts";
import { OwnedTopic } from "../../src/owner/owned-topic.ts";
import { Owner } from "../../src/owner/owner.ts";
import { TestLog, type CommitResult } from "./test-log.ts";

const TIMEOUT_MS = 5000;
/** How long a lane pauses after a failed commit, and how long a topic waits to be opened again. */
const PAUSE_MS = 250;
const PROBE_MS = 1000;

/** An owner with one lane, and a publisher per client. */
class OwnerBench {
  readonly runtime = new TestRuntime();
  readonly log = new TestLog();
  readonly turns: (() => void)[] = [];
  readonly errors: unknown[] = [];
  readonly stored: string[] = [];
  readonly answers = new Map<number, string>();
  /** Why topics cannot be opened; undefined where they can. */
  openFault: ErrorCode | undefined;
  /** Whether opening takes until a later turn. */
  isSlow = false;
  readonly owner: Owner;
  readonly #topics = new Map<string, OwnedTopic>();

  constructor() {
    const onError = (error: unknown): void => void this.errors.push(error);
    const turn = new Turn({ schedule: (run) => this.turns.push(run), onError });
    const counters = new FanOutCounters();
    this.owner = new Owner({
      log: this.log.log,
      turn,
      runtime: this.runtime,
      now: this.runtime.wall,
      publishTimeoutMs: TIMEOUT_MS,
      hasRoomFor: () => true,
      ownedTopic: (name) => {
        const known = this.#topics.get(name);
        if (known?.log.isStale === false) return known;
        if (this.openFault !== undefined) throw new ShardcastError(this.openFault);
        const log = this.log.open(name);
        const view = new FanOut(name, 1, log, { turn, runtime: this.runtime, counters, onError });
        const dedupe = { windowMs: 60_000, maxIds: 1000 };
        const { wall, steady } = this.runtime;
        const owned = new OwnedTopic(view, log, 0, dedupe, wall(), steady());
        this.#topics.set(name, owned);
        return this.isSlow ? Promise.resolve(owned) : owned;
      },
      onError,
    });
    this.owner.onStored((topic) => this.stored.push(topic));
  }

  client(): (seq: number, fields?: { id?: string; timeoutMs?: number; topic?: string }) => void {
    const head = new PublishHead();
    const origin = new AwaitingPublisher(undefined, (from, bytes, start, end) => {
      head.read(bytes, start, end);
      const refused = from.refusedTopics?.codeOf(head.topic);
      from.inFlightCount += 1;
      if (refused === undefined) this.owner.publish(from, head, bytes, start, end);
      else from.refuse({ seq: head.seq, topic: head.topic, code: refused, reason: "" });
    });
    return (seq, { id, timeoutMs = 0, topic = "news" } = {}) => {
      const messageId = id === undefined ? {} : { messageId: id };
      const payload = Buffer.from(String(seq));
      const frame = encodeFrame({ type: "publish", seq, timeoutMs, topic, ...messageId, payload });
      origin.publish(seq, frame).then(
        ({ position, duplicate }) => {
          this.#answered(seq, `${position.split("_")[1] ?? ""}${duplicate ? " again" : ""}`);
        },
        (error: unknown) => this.#answered(seq, (error as ShardcastError).code),
      );
    };
  }

  endTurn(): void {
    for (const run of this.turns.splice(0)) run();
  }

  async commit(result: CommitResult = "committed"): Promise<void> {
    this.endTurn();
    this.log.endCommit(result);
    await settled();
  }

  /** Lets everything that waits come to its end. */
  async finish(): Promise<void> {
    this.openFault = undefined;
    for (let round = 0; round < 100 && !this.owner.isIdle; round += 1) {
      await this.commit();
      await this.runtime.pass(PAUSE_MS);
    }
    expect(this.owner.isIdle).to.equal(true);
    // Of topics that were being opened and have moved.
    await this.runtime.pass(PAUSE_MS);
    expect(this.runtime.timerCount).to.equal(0);
  }

  #answered(seq: number, answer: string): void {
    expect(this.answers.has(seq), `publish ${seq} has two answers`).to.equal(false);
    this.answers.set(seq, answer);
  }
}

describe("Owner", () => {
  let bench: OwnerBench;
  let publish: ReturnType<OwnerBench["client"]>;

  beforeEach(() => {
    bench = new OwnerBench();
    publish = bench.client();
  });

  function answers(): string[] {
    return [...bench.answers].sort(([a], [b]) => a - b).map(([, answer]) => answer);
  }

  it("acks when the commit is done, and not before", async () => {
    publish(1);
    await settled();
    expect(answers()).to.deep.equal([]);
    bench.endTurn();
    await settled();
    expect(bench.log.isCommitting).to.equal(true);
    expect(answers()).to.deep.equal([]);
    bench.log.endCommit("committed");
    await settled();
    expect(answers()).to.deep.equal(["1"]);
    expect(bench.stored).to.deep.equal(["news"]);
  });

  it("commits everything that arrives during a commit together, as the next one", async () => {
    publish(1);
    bench.endTurn();
    publish(2);
    publish(3);
    bench.endTurn();
    bench.log.endCommit("committed");
    await settled();
    expect(answers()).to.deep.equal(["1"]);
    expect(bench.log.isCommitting).to.equal(true);
    await bench.commit();
    expect(answers()).to.deep.equal(["1", "2", "3"]);
    expect(bench.owner.counters).to.deep.include({ stored: 3, commits: 2 });
  });

  it("acks a repeat with the first message's position, and stores it once", async () => {
    publish(1, { id: "a" });
    await bench.commit();
    publish(2, { id: "a" });
    publish(3, { id: "b" });
    publish(4, { id: "b" });
    await bench.commit();
    expect(answers()).to.deep.equal(["1", "1 again", "2", "2 again"]);
  });

  it("refuses everything of a failed commit and what came meanwhile, pauses, and uses its offsets again", async () => {
    publish(1, { id: "a" });
    bench.endTurn();
    bench.client()(2);
    bench.log.endCommit("discarded");
    await settled();
    expect(answers()).to.deep.equal(["SHARDCAST_LOG_UNAVAILABLE", "SHARDCAST_LOG_UNAVAILABLE"]);
    expect(bench.owner.health.fault).to.be.a("string");
    const again = bench.client();
    again(3, { id: "a" });
    bench.endTurn();
    expect(bench.log.isCommitting).to.equal(false);
    await bench.runtime.pass(PAUSE_MS - 1);
    bench.endTurn();
    expect(bench.log.isCommitting).to.equal(false);
    await bench.runtime.pass(1);
    await bench.commit();
    expect(bench.answers.get(3)).to.equal("1");
    expect(bench.owner.health.fault).to.equal(undefined);
    expect(bench.errors.length).to.equal(1);
  });

  for (const [result, answer] of [
    ["stored", "1 again"],
    ["lost", "1"],
  ] as const) {
    it(`opens a topic again where it is unknown what a commit has stored: ${result}`, async () => {
      publish(1, { id: "a" });
      publish(2);
      await bench.commit(result);
      // Without an id it might be stored twice.
      expect(answers()).to.deep.equal(["SHARDCAST_LOG_UNAVAILABLE"]);
      await bench.runtime.pass(PAUSE_MS);
      await bench.commit();
      expect(bench.answers.get(1)).to.equal(answer);
    });
  }

  it("keeps publishes of a topic that cannot be opened until their time is over, to the millisecond", async () => {
    bench.openFault = "SHARDCAST_LOG_UNAVAILABLE";
    publish(1, { timeoutMs: 1000 });
    await bench.runtime.pass(999);
    expect(answers()).to.deep.equal([]);
    await bench.runtime.pass(PAUSE_MS);
    expect(answers()).to.deep.equal(["SHARDCAST_LOG_UNAVAILABLE"]);
    expect(bench.owner.isIdle).to.equal(true);
  });

  it("stores what waited for its topic in the order in which it came", async () => {
    bench.isSlow = true;
    publish(1);
    publish(2);
    await settled();
    publish(3);
    await bench.commit();
    expect(answers()).to.deep.equal(["1", "2", "3"]);
  });

  it("refuses a topic of another node at once", async () => {
    bench.openFault = "SHARDCAST_NOT_OWNER";
    publish(1);
    await settled();
    expect(answers()).to.deep.equal(["SHARDCAST_NOT_OWNER"]);
  });

  it("gives away what has no answer and another owner, in each state, and answers it no more", async () => {
    const [sent, waiting] = [bench.client(), bench.client()];
    sent(1, { id: "a" });
    sent(2);
    bench.endTurn();
    waiting(3);
    bench.openFault = "SHARDCAST_LOG_UNAVAILABLE";
    waiting(4, { topic: "sport" });
    await settled();
    const moved = bench.owner.takeMoved(() => false);
    expect(moved.map(seqOf)).to.deep.equal([1, 3, 4]);
    await settled();
    // The log may have it, and it has no id.
    expect(bench.answers.get(2)).to.equal("SHARDCAST_OWNER_UNAVAILABLE");
    await bench.finish();
    expect(bench.answers.size).to.equal(1);
  });

  it("probes a log that failed, once a second, until it can be written", async () => {
    let isWritable = false;
    let probes = 0;
    Object.assign(bench.log, {
      state: {
        set: () => {
          probes += 1;
          return isWritable ? Promise.resolve() : Promise.reject(new Error("disk full"));
        },
        delete: () => Promise.resolve(),
      },
    });
    bench.owner.health.probe();
    expect(bench.runtime.timerCount).to.equal(0);
    publish(1);
    await bench.commit("discarded");
    await bench.runtime.pass(PAUSE_MS);
    for (let round = 0; round < 3; round += 1) {
      bench.owner.health.probe();
      bench.owner.health.probe();
      await bench.runtime.pass(PROBE_MS);
      isWritable = round === 1;
    }
    expect(probes).to.equal(3);
    expect(bench.owner.health.fault).to.equal(undefined);
  });

  it("answers each publish once, and stores what it acks, once and in order, whatever happens", async () => {
    const event = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ client: fc.nat(1), topic: fc.nat(1), id: fc.boolean() }),
      },
      { weight: 3, arbitrary: fc.constant("turn" as const) },
      {
        weight: 3,
        arbitrary: fc.constantFrom<CommitResult>("committed", "discarded", "stored", "lost"),
      },
      { weight: 2, arbitrary: fc.integer({ min: 1, max: 2000 }) },
      { weight: 1, arbitrary: fc.constantFrom("open", "closed", "slow") },
      { weight: 1, arbitrary: fc.constant("move" as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
        const one = new OwnerBench();
        const clients = [one.client(), one.client()];
        const moved = new Set<number>();
        const sent = new Map<string, number[]>();
        let seq = 0;
        for (const next of events) {
          if (typeof next === "object") {
            seq += 1;
            const lane = `${next.client} ${next.topic}`;
            sent.set(lane, [...(sent.get(lane) ?? []), seq]);
            clients[next.client]?.(seq, {
              topic: `topic-${next.topic}`,
              ...(next.id ? { id: `id-${seq}` } : {}),
            });
          } else if (typeof next === "number") await one.runtime.pass(next);
          else if (next === "turn") one.endTurn();
          else if (next === "open") one.openFault = undefined;
          else if (next === "closed") one.openFault = "SHARDCAST_LOG_UNAVAILABLE";
          else if (next === "slow") one.isSlow = !one.isSlow;
          else if (next === "move") {
            for (const publish of one.owner.takeMoved((topic) => topic === "topic-0")) {
              moved.add(seqOf(publish));
            }
          } else if (one.log.isCommitting) one.log.endCommit(next);
          await settled();
        }
        await one.finish();
        for (let each = 1; each <= seq; each += 1) {
          expect(one.answers.has(each), `publish ${each}`).to.equal(!moved.has(each));
        }
        for (const seqs of sent.values()) {
          const offsets = seqs.map((each) => parseInt(one.answers.get(each) ?? "", 10));
          const acked = offsets.filter((offset) => !Number.isNaN(offset));
          expect(acked).to.deep.equal([...new Set(acked)].sort((a, b) => a - b));
        }
        for (const { appended } of one.log.topics.values()) {
          let last = 0;
          for (const [batch] of appended) {
            expect(batch.first).to.equal(last + 1);
            last = batch.last;
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

function seqOf({ frame }: MovedPublish): number {
  const head = new PublishHead();
  head.read(frame, 0, frame.length);
  return head.seq;
}
