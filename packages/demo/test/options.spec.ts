import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cellsIn, cellsOf } from "@shardcast/options/testing";
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { DEMO_OPTIONS, readOptions } from "../src/options.ts";

const KEY = "the key of the tests";

describe("the options of the demo", () => {
  it("have defaults", () => {
    expect(readOptions([], { PSK: KEY })).to.deep.include({
      topic: "topic0",
      psk: KEY,
      from: { type: "live" },
    });
  });

  it("take lists of nodes, a name, and a key before that of the environment", () => {
    const argv = ["news", "--producer=ws://a:1,ws://b:1", "--producer", "ws://c:1"];
    const options = readOptions([...argv, "--name", "Ann", "--psk=x"], { PSK: KEY });
    expect(options).to.include({ topic: "news", name: "Ann", psk: "x" });
    expect(options?.producers).to.deep.equal(["ws://a:1", "ws://b:1", "ws://c:1"]);
  });

  for (const [what, argv, code] of [
    ["a missing key file", ["news", "--psk-file", join("no", "file")], "KEY_MISSING"],
    ["a reserved topic", ["$news"], "TOPIC_RESERVED"],
    ["an unusable start", ["news", "--from", "noon"], "POSITION_INVALID"],
    ["a name that could drive a terminal", ["news", "--name", "\x1b[2J"], "OPTION_INVALID"],
    ["a second topic", ["news", "other"], "OPTION_INVALID"],
    ["arguments behind --", ["news", "--", "-x"], "OPTION_INVALID"],
  ] as const) {
    it(`refuse ${what}`, () => {
      expect(() => readOptions(argv, { PSK: KEY }))
        .to.throw(ShardcastError)
        .with.property("code", `SHARDCAST_${code}`);
    });
  }

  it("stand in README.md, and no others", () => {
    const readme = readFileSync("packages/demo/README.md", "utf8");
    const options = Object.values(DEMO_OPTIONS).filter(({ name }) => name !== "topic");
    expect(cellsIn(readme, "## The terminal demo")).to.deep.equal(cellsOf(options));
  });
});
