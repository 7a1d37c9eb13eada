import { expect } from "chai";
import { RefusedTopics } from "../../src/publish/refused-topics.ts";

const CODE = "SHARDCAST_NOT_OWNER";

describe("RefusedTopics", () => {
  it("refuses a topic until the heartbeat behind its refusal is answered", () => {
    const refused = new RefusedTopics();
    refused.add("a", CODE, 3);
    refused.add("b", CODE, 3);
    refused.add("c", CODE, 4);
    refused.answered(2);
    expect(["a", "b", "c", "d"].map((topic) => refused.codeOf(topic))).to.deep.equal([
      ...[CODE, CODE, CODE, undefined],
    ]);
    refused.answered(3);
    expect(["a", "b", "c"].map((topic) => refused.codeOf(topic))).to.deep.equal([
      ...[undefined, undefined, CODE],
    ]);
    expect(refused.isEmpty).to.equal(false);
    refused.answered(4);
    expect(refused.isEmpty).to.equal(true);
  });

  it("refuses a topic until the heartbeat behind its last refusal is answered", () => {
    const refused = new RefusedTopics();
    refused.add("a", CODE, 1);
    refused.add("b", CODE, 2);
    refused.add("a", CODE, 3);
    refused.answered(2);
    expect(["a", "b"].map((topic) => refused.codeOf(topic))).to.deep.equal([CODE, undefined]);
    refused.answered(3);
    expect(refused.isEmpty).to.equal(true);
  });

  it("refuses everything beyond a number of topics, for as long", () => {
    const refused = new RefusedTopics();
    for (let number = 0; number < 100_000; number += 1) refused.add(`t${number}`, CODE, 1);
    expect(refused.codeOf("another")).to.equal(CODE);
    refused.add("late", CODE, 2);
    refused.answered(1);
    expect(refused.codeOf("another")).to.equal(CODE);
    refused.answered(2);
    expect(refused.isEmpty).to.equal(true);
  });
});
