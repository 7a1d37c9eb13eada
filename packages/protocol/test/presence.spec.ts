import { expect } from "chai";
import {
  followedTopicFault,
  memberFault,
  presenceTopic,
  presenceTopicFault,
  topicOfPresence,
} from "../src/presence.ts";

const MEMBER = { memberId: "t1", user: "ann", info: "" };

describe("presence", () => {
  it("has a topic of its own for each topic, and back", () => {
    expect(presenceTopic("a/b")).to.equal("$presence/a/b");
    expect(topicOfPresence("$presence/a/b")).to.equal("a/b");
    expect(topicOfPresence("$presence/$presence/x")).to.equal("$presence/x");
    for (const name of ["a/b", "$presence", "presence/a", "$events/a", ""]) {
      expect(topicOfPresence(name)).to.equal(undefined);
    }
  });

  it("takes topics whose presence topic is no longer than a topic may be", () => {
    expect(presenceTopicFault("x".repeat(245))).to.equal(undefined);
    expect(presenceTopicFault("x".repeat(246))).to.equal("SHARDCAST_TOPIC_INVALID");
    expect(presenceTopicFault("é".repeat(123))).to.equal("SHARDCAST_TOPIC_INVALID");
    expect(presenceTopicFault("")).to.equal("SHARDCAST_TOPIC_INVALID");
    expect(presenceTopicFault("$presence/x")).to.equal("SHARDCAST_TOPIC_RESERVED");
  });

  it("lets its topics and those of events be followed, and no other of the system's", () => {
    expect(followedTopicFault("news")).to.equal(undefined);
    expect(followedTopicFault("$presence/news")).to.equal(undefined);
    expect(followedTopicFault("$presence/")).to.equal("SHARDCAST_TOPIC_INVALID");
    expect(followedTopicFault("$presence/$presence/x")).to.equal("SHARDCAST_TOPIC_RESERVED");
    expect(followedTopicFault("$events/links/c1")).to.equal(undefined);
    for (const name of [
      "$events/",
      "$events",
      "$push",
      "$events/\n",
      `$events/${"x".repeat(248)}`,
    ]) {
      expect(followedTopicFault(name), name).to.be.oneOf([
        ...["SHARDCAST_TOPIC_RESERVED", "SHARDCAST_TOPIC_INVALID"],
      ]);
    }
  });

  it("takes members within the limits, in any script", () => {
    const good = [
      MEMBER,
      { memberId: "x".repeat(64), user: "", info: "" },
      { memberId: "日本語", user: "ü".repeat(127), info: "\n".repeat(1024) },
    ];
    for (const member of good) expect(memberFault(member)).to.equal(false);
  });

  it("refuses what is longer, empty, or has control characters in a name", () => {
    const bad = [
      { ...MEMBER, memberId: "" },
      { ...MEMBER, memberId: "x".repeat(65) },
      { ...MEMBER, memberId: "a\nb" },
      { ...MEMBER, user: "a\nb" },
      { ...MEMBER, user: "x".repeat(256) },
      { ...MEMBER, info: "\ud800" },
      { ...MEMBER, info: "é".repeat(513) },
    ];
    for (const member of bad) expect(memberFault(member)).to.equal(true);
  });
});
