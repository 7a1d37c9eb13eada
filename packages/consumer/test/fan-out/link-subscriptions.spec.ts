import { PROCESS_RUNTIME } from "@shardcast/process";
import { MemoryLog, RetentionRules } from "@shardcast/log";
import { Turn } from "@shardcast/server";
import { expect } from "chai";
import { FanOutCounters } from "../../src/fan-out/fan-out-counters.ts";
import { LinkSubscriptions } from "../../src/fan-out/link-subscriptions.ts";
import { Subscription } from "../../src/fan-out/subscription.ts";
import { FanOut } from "../../src/fan-out/fan-out.ts";
import { SinkRecorder } from "../support/sink-recorder.ts";

const MANY = 1_000_000;

function topicNamed(name: string): FanOut {
  const retention = new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY });
  const log = new MemoryLog({ retention, maxBytes: MANY }).open(name);
  const onError = (error: unknown): void => {
    throw error;
  };
  const turn = new Turn({ schedule: () => undefined, onError });
  const counters = new FanOutCounters();
  return new FanOut(name, 1, log, { turn, runtime: PROCESS_RUNTIME, counters, onError });
}

describe("LinkSubscriptions", () => {
  let subscriptions: LinkSubscriptions;

  beforeEach(() => {
    subscriptions = new LinkSubscriptions();
  });

  function add(sub: number, topic: string): Subscription {
    const subscription = new Subscription(
      new SinkRecorder(),
      sub,
      topicNamed(topic),
      subscriptions,
    );
    subscriptions.add(subscription);
    return subscription;
  }

  for (const count of [1, 2, 5]) {
    it(`finds each of ${count}, by number and by topic, until it is gone`, () => {
      const all = Array.from({ length: count }, (_, index) => add(index, `topic ${index}`));
      expect(subscriptions.count).to.equal(count);
      expect([...subscriptions.all()]).to.deep.equal(all);
      for (const [index, subscription] of all.entries()) {
        expect(subscriptions.get(index)).to.equal(subscription);
        expect(subscriptions.has(index, "another")).to.equal(true);
        expect(subscriptions.has(99, `topic ${index}`)).to.equal(true);
      }
      expect(subscriptions.has(99, "another")).to.equal(false);
      for (const [index, subscription] of all.entries()) {
        subscriptions.delete(subscription);
        expect(subscriptions.count).to.equal(count - index - 1);
        expect(subscriptions.get(index)).to.equal(undefined);
        expect(subscriptions.has(index, `topic ${index}`)).to.equal(false);
      }
      const again = add(0, "topic 0");
      expect([...subscriptions.all()]).to.deep.equal([again]);
    });
  }
});
