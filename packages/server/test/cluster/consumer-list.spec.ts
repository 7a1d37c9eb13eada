import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { parseConsumers } from "../../src/cluster/consumer-list.ts";
import { expandRanges } from "../../src/cluster/ranges.ts";

describe("the list of consumers", () => {
  it("has names and addresses", () => {
    expect(parseConsumers("c1=ws://a:9100, c2=wss://b.example:443,")).to.deep.equal([
      { id: "c1", url: "ws://a:9100" },
      { id: "c2", url: "wss://b.example" },
    ]);
    expect(parseConsumers("c1=ws://[::1]:9100/")).to.deep.equal([
      { id: "c1", url: "ws://[::1]:9100" },
    ]);
  });

  it("stands for many where it has ranges", () => {
    expect(expandRanges("c{1..3}=ws://h-{1..3}:91{00..02}")).to.equal(
      "c1=ws://h-1:910,c2=ws://h-2:911,c3=ws://h-3:912",
    );
    expect(
      parseConsumers("x=ws://x:1,c{9..11}=ws://h{9..11}:9100").map(({ id }) => id),
    ).to.deep.equal(["x", "c9", "c10", "c11"]);
  });

  for (const list of [
    "",
    ",",
    "c1",
    "c1=",
    "=ws://a",
    "c1=http://a:1",
    "c1=ws://a:1/path",
    "c 1=ws://a:1",
    "c1=ws://a:1?x",
    "c{3..1}=ws://a:1",
    "c1=ws://a:1,c1=ws://b:1",
    "c1=ws://a:1,c2=ws://a:1",
    "c1=ws://a:80,c2=ws://A/",
    "c{1..2}=ws://a:1",
    "c1=ws://b:1,c2=ws://h-{1..2}:1",
  ]) {
    it(`refuses ${JSON.stringify(list)} with a code`, () => {
      expect(() => parseConsumers(list))
        .to.throw(ShardcastError)
        .with.property("code", "SHARDCAST_OPTION_INVALID");
    });
  }

  it("names both entries that are one id or one address", () => {
    expect(() => parseConsumers("c1=ws://a:1,c2=ws://b:1,c3=ws://a:1/")).to.throw(
      "--consumers: c1=ws://a:1 and c3=ws://a:1 have the same address",
    );
    expect(() => parseConsumers("c1=ws://a:1,c1=ws://b:1")).to.throw(
      "--consumers: c1=ws://a:1 and c1=ws://b:1 have the same id",
    );
  });
});
