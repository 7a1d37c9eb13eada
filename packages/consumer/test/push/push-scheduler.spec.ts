import { PROCESS_RUNTIME } from "@shardcast/process";
import { MemoryLog, RetentionRules, type TopicLog } from "@shardcast/log";
import { ShardcastError } from "@shardcast/protocol";
import type { PostResult, WebhookPost } from "@shardcast/webhooks";
import { expect } from "chai";
import { batchOf } from "@shardcast/log/testing";
import type { OwnedTopic } from "../../src/owner/owned-topic.ts";
import type { NodeMessage } from "@shardcast/server";
import { parsePushConfig } from "../../src/push/push-config.ts";
import { PushPositions } from "../../src/push/push-positions.ts";
import { PushScheduler, type PushQueue } from "../../src/push/push-scheduler.ts";
import { PushSubscription } from "../../src/push/push-subscription.ts";
import type { PushContext, PushCounters } from "../../src/push/topic-push.ts";

const MANY = 1_000_000_000;
const SECRET = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const DELIVERED: PostResult = { type: "delivered", status: 200 };

/** A request that a test answers. */
interface Request {
  readonly topic: string;
  readonly text: string;
  readonly attempt: string;
  readonly answer: (result?: PostResult) => Promise<void>;
}

/** All that needs no timer is done by then. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2));
}

describe("PushScheduler", () => {
  let log: MemoryLog;
  let requests: Request[];
  let letters: NodeMessage[];
  let counters: PushCounters;
  let scheduler: PushScheduler;
  let positions: PushPositions;
  let isPublishRefused: boolean;
  let owned: (topic: string) => boolean;
  let disabled: string[];

  beforeEach(() => {
    const retention = new RetentionRules({ count: 100, bytes: MANY, ageMs: MANY });
    log = new MemoryLog({ retention, maxBytes: MANY, now: () => 1000 });
    requests = [];
    letters = [];
    disabled = [];
    isPublishRefused = false;
    owned = () => true;
    counters = {
      ...{ delivered: 0, failed: 0, refused: 0, blocked: 0, retries: 0 },
      ...{ deadLetters: 0, dropped: 0, disabled: 0, gaps: 0 },
    };
    const onError = (error: unknown): void => {
      throw error;
    };
    positions = new PushPositions(log.state, PROCESS_RUNTIME, onError);
    const quiet = (): void => undefined;
    const context: PushContext = {
      ...{ positions, counters, signal: new AbortController().signal },
      sender: { post: (_url, post) => answered(post) },
      logger: { warn: quiet, error: quiet } as unknown as PushContext["logger"],
      runtime: PROCESS_RUNTIME,
      now: Date.now,
      ownedTopic: (name) => {
        if (!owned(name)) throw new ShardcastError("SHARDCAST_NOT_OWNER");
        return { log: log.open(name) as TopicLog } as unknown as OwnedTopic;
      },
      publish: (message) => {
        if (isPublishRefused) return Promise.reject(new ShardcastError("SHARDCAST_NODE_FULL"));
        letters.push(message);
        return Promise.resolve();
      },
      disable: (_subscription, reason) => {
        disabled.push(reason);
        return true;
      },
      owns: (topic) => owned(topic),
      isStopping: () => false,
    };
    scheduler = new PushScheduler({ context, onRoom: () => undefined, onError });
  });

  afterEach(() => {
    scheduler.stop();
    positions.close();
  });

  function answered({ headers, body }: WebhookPost): Promise<PostResult> {
    return new Promise((resolve) => {
      requests.push({
        topic: headers["shardcast-topic"] ?? "",
        text: Buffer.from(body).toString("utf8"),
        attempt: headers["shardcast-attempt"] ?? "",
        answer: async (result = DELIVERED) => {
          resolve(result);
          await settle();
        },
      });
    });
  }

  function queueOf(fields: object = {}, name = "shop"): PushQueue {
    const url = "https://hooks.example/in";
    const config = parsePushConfig(name, { topics: ["*"], url, keys: [SECRET], ...fields });
    const life = { id: name, createdAt: 0, disabled: null, source: "api" as const };
    scheduler.update(new PushSubscription({ name, config, ...life }));
    const queue = [...scheduler.queues()].find(({ subscription }) => subscription.name === name);
    if (queue === undefined) throw new Error("it is not there");
    return queue;
  }

  function append(topic: string, count: number): void {
    const topicLog = log.open(topic);
    const first = topicLog.head + 1;
    topicLog.append(batchOf(first, first + count - 1));
  }

  async function wake(queue: PushQueue, topic: string, count: number): Promise<void> {
    append(topic, count);
    scheduler.wake(queue, topic);
    await settle();
  }

  it("sends one message of a topic at a time, in order, and forgets the topic at its end", async () => {
    const queue = queueOf();
    await wake(queue, "a", 3);
    for (const text of ["m1", "m2", "m3"]) {
      expect(requests.map((request) => request.text)).to.deep.equal([text]);
      await requests.shift()?.answer();
    }
    expect(requests).to.deep.equal([]);
    expect(queue.topics.size).to.equal(0);
    await wake(queue, "a", 1);
    expect(requests.map((request) => request.text)).to.deep.equal(["m4"]);
  });

  it("goes on with what comes while the last one is on its way", async () => {
    const queue = queueOf();
    await wake(queue, "a", 1);
    await wake(queue, "a", 1);
    await requests.shift()?.answer();
    expect(requests.map((request) => request.text)).to.deep.equal(["m2"]);
  });

  it("keeps to the concurrency, and lets topics take turns", async () => {
    const queue = queueOf({ concurrency: 1 });
    await wake(queue, "busy", 40);
    await wake(queue, "other", 1);
    const topics: string[] = [];
    for (let request = requests.shift(); request !== undefined; request = requests.shift()) {
      expect(requests.length).to.equal(0);
      topics.push(request.topic);
      await request.answer();
    }
    expect(topics.length).to.equal(41);
    expect(topics.indexOf("other")).to.be.within(1, 20);
  });

  it("tries again after the waits of the subscription, and then gives up to the dead letters", async () => {
    const queue = queueOf({ retryMs: [0, 0] });
    await wake(queue, "a", 2);
    const attempts: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      while (requests.length === 0) await settle();
      const request = requests.shift();
      attempts.push(`${request?.text ?? ""} ${request?.attempt ?? ""}`);
      await request?.answer({ type: "refused", status: 400, reason: "status 400" });
    }
    expect(attempts).to.deep.equal(["m1 1", "m1 2", "m1 3"]);
    expect(letters.map(({ topic }) => topic)).to.deep.equal(["dead-letter/shop"]);
    expect(counters).to.include({ refused: 3, retries: 2, deadLetters: 1 });
    expect(requests.map((request) => `${request.text} ${request.attempt}`)).to.deep.equal(["m2 1"]);
  });

  it("does not go on before the dead letter is stored, and does not send it again", async () => {
    const queue = queueOf({ retryMs: [] });
    isPublishRefused = true;
    await wake(queue, "a", 2);
    await requests.shift()?.answer({ type: "retry", reason: "no answer" });
    expect(requests).to.deep.equal([]);
    expect(await positions.get(queue.subscription.positionKey("a"))).to.equal(undefined);
    isPublishRefused = false;
    queue.topics.get("a")?.wake();
    await settle();
    expect(letters.length).to.equal(1);
    expect(requests.map((request) => request.text)).to.deep.equal(["m2"]);
  });

  it("waits for one topic, and goes on with others", async () => {
    const queue = queueOf();
    await wake(queue, "a", 2);
    await requests.shift()?.answer({ type: "retry", reason: "", retryAfterMs: 60_000 });
    await wake(queue, "b", 1);
    expect(requests.map(({ topic }) => topic)).to.deep.equal(["b"]);
    // What is configured anew is tried at once.
    queueOf({ timeoutMs: 1000 });
    await settle();
    expect(requests.map(({ topic }) => topic)).to.deep.equal(["b", "a"]);
  });

  it("stops at 410 without going on", async () => {
    const queue = queueOf();
    await wake(queue, "a", 2);
    await requests.shift()?.answer({ type: "gone", status: 410, reason: "status 410" });
    expect(disabled).to.deep.equal(["status 410"]);
    expect(counters.disabled).to.equal(1);
    expect(requests).to.deep.equal([]);
    expect(await positions.get(queue.subscription.positionKey("a"))).to.equal(undefined);
  });

  it("goes over what is not kept any more, and over the end of an epoch", async () => {
    const queue = queueOf();
    const key = queue.subscription.positionKey("a");
    append("a", 1);
    const { epoch } = log.open("a");
    await log.state.set([[key, `${epoch}_1`]]);
    for (let count = 0; count < 20; count += 1) append("a", 10);
    const { oldest } = log.open("a");
    expect(oldest).to.be.greaterThan(2);
    scheduler.wake(queue, "a");
    await settle();
    expect(requests.map(({ text }) => text)).to.deep.equal([`m${oldest}`]);
    expect(counters.gaps).to.equal(1);
    await log.state.set([[queue.subscription.positionKey("b"), "ffffffffffffffff_9"]]);
    await wake(queue, "b", 1);
    expect(requests.at(-1)?.text).to.equal("m1");
    expect(counters.gaps).to.equal(2);
  });

  it("leaves a topic to its new owner, and goes on where that has come to when it is back", async () => {
    const queue = queueOf();
    await wake(queue, "a", 5);
    owned = () => false;
    scheduler.regroup();
    await requests.shift()?.answer();
    expect(requests).to.deep.equal([]);
    expect(queue.topics.size).to.equal(0);
    await positions.settled(performance.now() + 5000);
    await log.state.set([[queue.subscription.positionKey("a"), `${log.open("a").epoch}_3`]]);
    owned = () => true;
    scheduler.wake(queue, "a");
    await settle();
    expect(requests.map(({ text }) => text)).to.deep.equal(["m4"]);
  });

  it("starts where it is told that messages are new, whatever the clocks say", async () => {
    const queue = queueOf();
    const later = new PushSubscription({
      ...{ name: "late", source: "api", id: "late", createdAt: 5000, disabled: null },
      config: queue.subscription.config,
    });
    scheduler.update(later);
    const late = [...scheduler.queues()].find(({ subscription }) => subscription === later);
    if (late === undefined) throw new Error("it is not there");
    append("a", 3);
    append("a", 1);
    scheduler.wake(late, "a", 4);
    await settle();
    expect(requests.map(({ text }) => text)).to.deep.equal(["m4"]);
  });
});
