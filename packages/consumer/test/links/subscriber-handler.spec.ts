import { PROCESS_RUNTIME } from "@shardcast/process";
import { Permissions, followedTopicFault, type Grant } from "@shardcast/protocol";
import { Turn } from "@shardcast/server";
import { expect } from "chai";
import { MemoryLog, RetentionRules, type MemoryTopicLog } from "@shardcast/log";
import type { PresenceHandler } from "../../src/presence/presence-handler.ts";
import { FanOutCounters } from "../../src/fan-out/fan-out-counters.ts";
import { SubscriberHandler } from "../../src/links/subscriber-handler.ts";
import { FanOut } from "../../src/fan-out/fan-out.ts";
import type { Topics } from "../../src/topics/topics.ts";
import { batchOf } from "@shardcast/log/testing";
import { identityOf, LinkAccess, NO_LIMITS } from "@shardcast/server/testing";
import { SinkRecorder } from "../support/sink-recorder.ts";

const MANY = 1_000_000_000;
const ALL: readonly Grant[] = [{ topics: ["*"], allow: ["subscribe", "history"] }];
const NO_HISTORY: readonly Grant[] = [{ topics: ["*"], allow: ["subscribe"] }];

describe("SubscriberHandler with a token", () => {
  let log: MemoryTopicLog;
  let runs: (() => void)[];
  let hasRoom: boolean;
  let access: LinkAccess;
  let sink: SinkRecorder;
  let handler: SubscriberHandler;

  beforeEach(() => {
    const retention = new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY });
    log = new MemoryLog({ retention, maxBytes: MANY, now: () => 1000 }).open("news");
    runs = [];
    hasRoom = true;
    const onError = (error: unknown): void => {
      throw error;
    };
    const turn = new Turn({ schedule: (run) => runs.push(run), onError });
    const counters = new FanOutCounters();
    const view = new FanOut("news", 7, log, { turn, runtime: PROCESS_RUNTIME, counters, onError });
    const source = {
      view,
      subscribe: (...args: Parameters<FanOut["subscribe"]>): void => view.subscribe(...args),
    };
    const topics: Pick<Topics, "hasOwner" | "hasRoomFor" | "isOwned"> & { served: () => unknown } =
      {
        served: () => source,
        hasOwner: () => true,
        hasRoomFor: () => hasRoom,
        isOwned: () => true,
      };
    const presence = { permitted: () => undefined, closed: () => undefined };
    handler = new SubscriberHandler({
      topics: topics as unknown as Topics,
      turn,
      maxTopics: 10,
      isOwnedOnly: false,
      events: undefined,
      topicFault: followedTopicFault,
      presence: presence as unknown as PresenceHandler,
    });
    access = new LinkAccess(identity(ALL), "", undefined, { limits: NO_LIMITS, now: () => 2000 });
    sink = new SinkRecorder();
    sink.access = access;
    log.append(batchOf(1, 4000));
    view.deliver(batchOf(1, 4000));
  });

  function identity(grants: readonly Grant[]): ReturnType<typeof identityOf> {
    return identityOf({ permissions: new Permissions(grants) });
  }

  function settle(): void {
    for (let run = runs.shift(); run !== undefined; run = runs.shift()) run();
  }

  function renew(grants: readonly Grant[]): void {
    access.renew(identity(grants));
    handler.permitted(sink);
  }

  const ended = (): string[] => sink.of("unsubscribed").map(({ code }) => code);

  for (const from of [
    { type: "earliest" },
    { type: "last", count: 4000 },
    { type: "since", time: 0 },
  ] as const) {
    it(`ends one that reads from ${from.type} where the client may not any more`, () => {
      handler.subscribe(sink, 1, "news", from);
      renew(NO_HISTORY);
      expect(ended()).to.deep.equal(["SHARDCAST_FORBIDDEN"]);
      const { length } = sink.offsets;
      settle();
      expect(sink.offsets).to.have.lengthOf(length);
    });
  }

  it("ends one that resumes from long ago likewise", () => {
    const position = { epoch: log.epoch, offset: 0 };
    handler.subscribe(sink, 1, "news", { type: "position", position });
    renew(NO_HISTORY);
    expect(ended()).to.deep.equal(["SHARDCAST_FORBIDDEN"]);
  });

  it("goes on with one that has read all that was there", () => {
    handler.subscribe(sink, 1, "news", { type: "earliest" });
    settle();
    renew(NO_HISTORY);
    expect([ended(), sink.offsets.at(-1)]).to.deep.equal([[], 4000]);
  });

  it("goes on with one that began live, and is behind", () => {
    sink.isCongested = true;
    handler.subscribe(sink, 1, "news", { type: "live" });
    renew(NO_HISTORY);
    expect(ended()).to.deep.equal([]);
  });

  it("says of a forbidden topic nothing but that, whatever there is to say", () => {
    hasRoom = false;
    handler.subscribe(sink, 1, "news", { type: "live" });
    renew([]);
    handler.subscribe(sink, 1, "news", { type: "live" });
    handler.subscribe(sink, 2, "other", { type: "live" });
    expect(ended()).to.deep.equal([
      ...["SHARDCAST_NODE_FULL", "SHARDCAST_FORBIDDEN", "SHARDCAST_FORBIDDEN"],
    ]);
  });

  it("tells the end of one only once", () => {
    handler.subscribe(sink, 1, "news", { type: "live" });
    renew([]);
    handler.unsubscribe(sink, 1);
    expect(ended()).to.deep.equal(["SHARDCAST_FORBIDDEN"]);
  });
});
