import { expect } from "chai";
import { check } from "../src/checker.ts";
import type { History, PublishRecord, SeenRecord, View } from "../src/history.ts";
import type { Rule } from "../src/violation.ts";

const EPOCH = "0123456789abcdef";

/** A correct history: two publishers, five messages of one topic, two subscribers. */
function clean(): { published: PublishRecord[]; views: View[] } {
  const places: [string, number][] = [
    ["ann", 1],
    ["ben", 1],
    ["ann", 2],
    ["ann", 3],
    ["ben", 2],
  ];
  const seen = places.map(([publisher, sequence], index) => seenAt(index + 1, publisher, sequence));
  const published = places.map(([publisher, sequence], index) =>
    ackedAt(index + 1, publisher, sequence),
  );
  return { published, views: [viewOf("one", seen), viewOf("two", seen)] };
}

function seenAt(offset: number, publisher: string, sequence: number): SeenRecord {
  return { epoch: EPOCH, offset, publisher, sequence };
}

function ackedAt(offset: number, publisher: string, sequence: number): PublishRecord {
  return {
    topic: "news",
    publisher,
    sequence,
    epoch: EPOCH,
    offset,
    outcome: "acked",
    isDuplicate: false,
    code: "",
  };
}

function viewOf(subscriber: string, seen: readonly SeenRecord[]): View {
  return { topic: "news", subscriber, isFromStart: true, seen: [...seen], gaps: [], errors: [] };
}

function rulesBroken(history: History): Rule[] {
  return [...new Set(check(history).map(({ rule }) => rule))].sort();
}

describe("the checker", () => {
  it("finds nothing where nothing is wrong", () => {
    expect(check(clean())).to.deep.equal([]);
    expect(check({ published: [], views: [] })).to.deep.equal([]);
  });

  it("lets a message without an ack be stored or not, wherever it is", () => {
    const { published, views } = clean();
    published.push({ ...ackedAt(0, "ben", 3), outcome: "failed" });
    expect(check({ published, views })).to.deep.equal([]);
    // A message stored after a later one of its publisher.
    published.push(ackedAt(6, "ben", 4));
    for (const { seen } of views) seen.push(seenAt(6, "ben", 4), seenAt(7, "ben", 3));
    expect(check({ published, views })).to.deep.equal([]);
  });

  it("finds an acked message that nobody has", () => {
    const { published, views } = clean();
    published.push(ackedAt(6, "ann", 4));
    const [violation] = check({ published, views });
    expect(violation).to.deep.equal({
      rule: "acked-missing",
      topic: "news",
      detail: "ann #4 was acked at 6",
    });
  });

  it("finds a message that is not where its ack said", () => {
    const { published, views } = clean();
    published[0] = ackedAt(2, "ann", 1);
    expect(rulesBroken({ published, views })).to.include("acked-elsewhere");
  });

  it("finds a message that is there twice", () => {
    const { published, views } = clean();
    for (const { seen } of views) seen.push(seenAt(6, "ann", 1));
    expect(check({ published, views })).to.deep.equal([
      { rule: "stored-twice", topic: "news", detail: "ann #1 is at 1 and at 6" },
    ]);
  });

  it("finds two acked messages of a publisher in the wrong order", () => {
    const { published } = clean();
    const places = [seenAt(1, "ann", 2), seenAt(2, "ann", 1)];
    const acked = [ackedAt(2, "ann", 1), ackedAt(1, "ann", 2)];
    expect(rulesBroken({ published: acked, views: [viewOf("one", places)] })).to.deep.equal([
      "publisher-order",
    ]);
    expect(published.length).to.equal(5);
  });

  it("finds a hole in what a subscriber got, at the start too, and a repeat", () => {
    for (const index of [0, 2]) {
      const { published, views } = clean();
      views[1]?.seen.splice(index, 1);
      expect(rulesBroken({ published, views })).to.deep.equal(["offset-hole"]);
    }
    const { published, views } = clean();
    views[1]?.seen.splice(2, 0, seenAt(2, "ben", 1));
    expect(rulesBroken({ published, views })).to.deep.equal(["offset-hole"]);
  });

  it("finds two subscribers that have different messages at one offset", () => {
    const { published, views } = clean();
    views[1]?.seen.splice(4, 1, seenAt(5, "ann", 4));
    published.push({ ...ackedAt(0, "ann", 4), outcome: "failed" });
    expect(rulesBroken({ published, views })).to.deep.equal(["views-differ"]);
  });

  it("finds a subscriber that lacks the end", () => {
    const { published, views } = clean();
    views[0]?.seen.pop();
    expect(rulesBroken({ published, views })).to.deep.equal(["view-short"]);
  });

  it("finds a gap, another epoch, a subscription that ended, and a message that nobody published", () => {
    const gap = clean();
    gap.views[0]?.gaps.push({
      epoch: EPOCH,
      first: 2,
      last: 3,
      isNewEpoch: false,
      after: 1,
      seenBefore: 1,
    });
    expect(rulesBroken(gap)).to.deep.equal(["gap"]);
    const epoch = clean();
    epoch.views[0]?.seen.splice(4, 1, { ...seenAt(5, "ben", 2), epoch: "ffffffffffffffff" });
    expect(rulesBroken(epoch)).to.include("epoch-changed");
    const ended = clean();
    ended.views[0]?.errors.push("SHARDCAST_LOG_CORRUPT");
    expect(rulesBroken(ended)).to.deep.equal(["subscription-ended"]);
    const ghost = clean();
    for (const { seen } of ghost.views) seen.push(seenAt(6, "carl", 1));
    expect(rulesBroken(ghost)).to.deep.equal(["never-published"]);
  });

  it("looks at each topic by itself", () => {
    const { published, views } = clean();
    const other = { ...viewOf("one", [seenAt(1, "ann", 1)]), topic: "other" };
    const record = { ...ackedAt(1, "ann", 1), topic: "other" };
    expect(check({ published: [...published, record], views: [...views, other] })).to.deep.equal(
      [],
    );
  });
});
