// A link of very many topics that drains: its topics go on some at a time, and all of them do.
import { PROCESS_RUNTIME } from "@shardcast/process";
import { MemoryLog, RetentionRules, type MemoryTopicLog } from "@shardcast/log";
import { Turn } from "@shardcast/server";
import { expect } from "chai";
import { batchOf } from "@shardcast/log/testing";
import { FanOutCounters } from "../../src/fan-out/fan-out-counters.ts";
import { SubscriberHandler } from "../../src/links/subscriber-handler.ts";
import { FanOut } from "../../src/fan-out/fan-out.ts";
import type { PresenceHandler } from "../../src/presence/presence-handler.ts";
import type { Topics } from "../../src/topics/topics.ts";
import { SinkRecorder } from "../support/sink-recorder.ts";

const MANY = 1_000_000_000;
const TOPICS = 500;

describe("a link of very many topics that drains", () => {
  let runs: (() => void)[];
  let sink: SinkRecorder;
  let handler: SubscriberHandler;

  beforeEach(() => {
    runs = [];
    const onError = (error: unknown): void => {
      throw error;
    };
    const turn = new Turn({ schedule: (run) => runs.push(run), onError });
    const retention = new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY });
    const log = new MemoryLog({ retention, maxBytes: MANY, now: () => 1000 });
    const counters = new FanOutCounters();
    const views = new Map<string, { view: FanOut; log: MemoryTopicLog }>();
    for (let id = 0; id < TOPICS; id += 1) {
      const name = `topics/${id}`;
      const own = log.open(name);
      views.set(name, {
        view: new FanOut(name, id, own, { turn, runtime: PROCESS_RUNTIME, counters, onError }),
        log: own,
      });
    }
    const served = (name: string): unknown => {
      const view = views.get(name)?.view;
      return {
        view,
        subscribe: (...args: Parameters<FanOut["subscribe"]>) => view?.subscribe(...args),
      };
    };
    const topics = { served, hasOwner: () => true, hasRoomFor: () => true, isOwned: () => true };
    handler = new SubscriberHandler({
      ...{ topics: topics as unknown as Topics, turn, maxTopics: TOPICS, isOwnedOnly: false },
      ...{ events: undefined, topicFault: () => undefined },
      presence: {} as unknown as PresenceHandler,
    });
    sink = new SinkRecorder();
    for (let id = 0; id < TOPICS; id += 1) {
      handler.subscribe(sink, id, `topics/${id}`, { type: "live" });
    }
    sink.isCongested = true;
    for (const { view, log: own } of views.values()) {
      own.append(batchOf(1, 1));
      view.deliver(batchOf(1, 1));
    }
  });

  it("costs nothing while it is congested", () => {
    expect([runs.length, sink.offsets.length]).to.deep.equal([0, 0]);
  });

  it("is sent a part of them in a turn, and in the end all", () => {
    sink.isCongested = false;
    handler.writable(sink);
    expect(sink.offsets.length).to.be.within(1, TOPICS / 10);
    for (let run = runs.shift(); run !== undefined; run = runs.shift()) run();
    expect(sink.offsets).to.have.lengthOf(TOPICS);
  });

  it("starves none where it is congested again after every turn", () => {
    for (let drains = 0; drains < TOPICS && sink.offsets.length < TOPICS; drains += 1) {
      sink.isCongested = false;
      handler.writable(sink);
      sink.isCongested = true;
      for (let run = runs.shift(); run !== undefined; run = runs.shift()) run();
    }
    expect(sink.offsets).to.have.lengthOf(TOPICS);
  });
});
