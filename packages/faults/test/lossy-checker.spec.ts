import { expect } from "chai";
import { check } from "../src/checker.ts";
import type { GapRecord, PublishRecord, View } from "../src/history.ts";
import type { Rule } from "../src/violation.ts";

const TOPIC = "lossy";
const [OLD, NEW] = ["0123456789abcdef", "fedcba9876543210"];

type Event = readonly [epoch: string, offset: number, sequence: number] | Omit<GapRecord, "after">;

function gap(epoch: string, first: number, last: number, isNewEpoch = false): Event {
  return { epoch, first, last, isNewEpoch, seenBefore: 0 };
}

/** What one subscriber received, in order. */
function viewOf(...events: readonly Event[]): View {
  const view: View = {
    topic: TOPIC,
    subscriber: "one",
    isFromStart: true,
    seen: [],
    gaps: [],
    errors: [],
  };
  for (const event of events) {
    if ("first" in event) view.gaps.push({ ...event, after: 0, seenBefore: view.seen.length });
    else {
      const [epoch, offset, sequence] = event;
      view.seen.push({ epoch, offset, sequence, publisher: "ann" });
    }
  }
  return view;
}

function acked(epoch: string, offset: number, sequence: number): PublishRecord {
  return {
    topic: TOPIC,
    publisher: "ann",
    sequence,
    epoch,
    offset,
    outcome: "acked",
    isDuplicate: false,
    code: "",
  };
}

function rulesBroken(published: readonly PublishRecord[], ...views: readonly View[]): Rule[] {
  const lossyTopics = new Set([TOPIC]);
  return [...new Set(check({ published, views, lossyTopics }).map(({ rule }) => rule))];
}

describe("the checker of a topic that Redis loses keys of", () => {
  const published = [acked(OLD, 1, 1), acked(OLD, 2, 2), acked(OLD, 3, 3), acked(NEW, 1, 4)];
  const end: readonly Event[] = [gap(NEW, 1, 0, true), [NEW, 1, 4]];

  it("takes what was lost where a gap says so, also twice, and a new epoch", () => {
    const whole = viewOf([OLD, 1, 1], [OLD, 2, 2], [OLD, 3, 3], ...end);
    const gone = viewOf([OLD, 1, 1], gap(OLD, 2, 2), gap(OLD, 2, 2), [OLD, 3, 3], ...end);
    const late = viewOf([NEW, 1, 4]);
    expect(rulesBroken(published, whole, gone, late)).to.deep.equal([]);
  });

  it("takes a gap that was announced while messages before it waited for their reader", () => {
    const early = viewOf(
      [OLD, 1, 1],
      gap(OLD, 3, 3),
      gap(NEW, 1, 0, true),
      [OLD, 2, 2],
      [NEW, 1, 4],
    );
    expect(rulesBroken(published, early)).to.deep.equal([]);
    const one = viewOf([OLD, 1, 1], gap(OLD, 3, 3), [OLD, 2, 2], [OLD, 4, 4]);
    expect(rulesBroken([...published.slice(0, 3), acked(OLD, 4, 4)], one)).to.deep.equal([]);
  });

  it("finds a hole that no gap tells of, or a gap of other messages", () => {
    const hole = viewOf([OLD, 1, 1], [OLD, 3, 3], ...end);
    expect(rulesBroken(published, hole)).to.deep.equal(["offset-hole"]);
    const other = viewOf([OLD, 1, 1], gap(OLD, 3, 3), [OLD, 3, 3], ...end);
    expect(rulesBroken(published, other)).to.include("offset-hole");
    const silent = viewOf([OLD, 1, 1], [NEW, 1, 4]);
    expect(rulesBroken(published, silent)).to.deep.equal(["offset-hole"]);
  });

  it("finds a message that came twice, and one that nobody published", () => {
    const twice = viewOf([OLD, 1, 1], [OLD, 2, 2], [OLD, 3, 1], ...end);
    expect(rulesBroken(published, twice)).to.deep.equal(["stored-twice"]);
    const ghost = viewOf([OLD, 1, 9], ...end);
    expect(rulesBroken(published, ghost)).to.deep.equal(["never-published"]);
  });

  it("takes a message that was stored again behind one whose ack was lost, and no other order", () => {
    const view = viewOf([NEW, 1, 2], [NEW, 2, 1], [NEW, 3, 3]);
    const again = [acked(NEW, 2, 1), { ...acked(NEW, 1, 2), isDuplicate: true }, acked(NEW, 3, 3)];
    expect(rulesBroken(again, view)).to.deep.equal([]);
    const turned = [acked(NEW, 2, 1), acked(NEW, 1, 2), acked(NEW, 3, 3)];
    expect(rulesBroken(turned, view)).to.deep.equal(["publisher-order"]);
  });

  it("finds a gap that calls lost messages damaged, and a subscriber that lacks the end", () => {
    const damaged = viewOf([OLD, 1, 1], {
      epoch: OLD,
      first: 2,
      last: 3,
      isNewEpoch: false,
      seenBefore: 1,
      code: "SHARDCAST_MESSAGES_DAMAGED",
    });
    expect(rulesBroken(published, damaged)).to.deep.equal(["gap-code", "view-short"]);
  });

  it("asks of a topic whose records rot that gaps call them damaged, and that it stays", () => {
    const lossCode = "SHARDCAST_MESSAGES_DAMAGED";
    const kept = published.slice(0, 3);
    const history = { published: kept, lossyTopics: new Set([TOPIC]), lossCode };
    const rulesOf = (...events: readonly Event[]): Rule[] =>
      check({ ...history, views: [viewOf(...events)] }).map(({ rule }) => rule);
    const lost = { epoch: OLD, first: 2, last: 2, isNewEpoch: false, seenBefore: 1 };
    const damaged = { ...lost, code: lossCode };
    expect(rulesOf([OLD, 1, 1], damaged, [OLD, 3, 3])).to.deep.equal([]);
    expect(rulesOf([OLD, 1, 1], lost, [OLD, 3, 3])).to.deep.equal(["gap-code"]);
    expect(rulesOf(gap(NEW, 1, 0, true), [OLD, 3, 3])).to.include("epoch-changed");
  });
});
