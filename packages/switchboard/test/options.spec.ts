import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { cellsIn, cellsOf } from "@shardcast/options/testing";
import { SWITCHBOARD_OPTIONS } from "../src/option-rows.ts";
import { readOptions, type SwitchboardOptions } from "../src/options.ts";

const ENV = {
  SWITCHBOARD_SECRET_KEY: "the secret of the sessions",
  CONCIERGE_URL: "http://127.0.0.1:5556",
  CONCIERGE_POSTBACK_SECRET_KEY: "the secret of the back end",
  PSK: "the key of the tests",
};

describe("the options of the switchboard", () => {
  function parse(
    env: Readonly<Record<string, string>>,
    argv: readonly string[] = [],
  ): SwitchboardOptions {
    const options = readOptions(argv, { ...ENV, ...env });
    if (options === undefined) throw new Error("no options");
    return options;
  }

  it("come from the environment, and from arguments before that", () => {
    const options = parse({ SWITCHBOARD_PORT: "1", SWITCHBOARD_RATE: "2" }, ["--port=3"]);
    expect([options.port, options.rate.messagesPerSecond]).to.deep.equal([3, 2]);
    expect(options.cluster.psk).to.equal(ENV.PSK);
    expect(options.seal.lifetimeMs).to.equal(30 * 24 * 60 * 60 * 1000);
  });

  it("take the nodes' own list", () => {
    const { cluster } = parse({ SHARDCAST_CONSUMERS: "c1=ws://a:1, ws://b:1" });
    expect(cluster.consumers).to.deep.equal(["ws://a:1", "ws://b:1"]);
  });

  it("take sessions of clients only where they are asked to", () => {
    expect(parse({}).sockets.clientSessionSecret).to.equal(undefined);
    const { sockets } = parse({ SWITCHBOARD_CLIENT_SESSIONS: "yes" });
    expect(sockets.clientSessionSecret).to.equal(ENV.SWITCHBOARD_SECRET_KEY);
  });

  for (const [env, reason, code = "OPTION_INVALID"] of [
    [{ PSK: "" }, /PSK or --psk-file/, "KEY_MISSING"],
    [{ SWITCHBOARD_SECRET_KEY: "" }, /SWITCHBOARD_SECRET_KEY\) is needed/],
    [{ SWITCHBOARD_SECRET_KEY: "short" }, /SWITCHBOARD_SECRET_KEY\) .*the minimum is 16/],
    [{ CONCIERGE_POSTBACK_SECRET_KEY: "" }, /CONCIERGE_POSTBACK_SECRET_KEY\) is needed/],
    [{ CONCIERGE_URL: "ftp://x" }, /CONCIERGE_URL\) ftp:\/\/x is not an http\(s\) URL/],
    [{ SWITCHBOARD_PORT: "70000" }, /--port \(SWITCHBOARD_PORT\) must be a whole number/],
    [{ SWITCHBOARD_PORT: " " }, /--port \(SWITCHBOARD_PORT\) must be a whole number/],
    [{ SHARDCAST_CONSUMERS: "c1=x" }, /x is not ws\(s\):\/\/host:port/],
    [{ SHARDCAST_PRODUCERS: "," }, /--producers names no node/],
  ] as [Record<string, string>, RegExp, string?][]) {
    it(`refuse ${JSON.stringify(env)}`, () => {
      expect(() => parse(env))
        .to.throw(ShardcastError, reason)
        .with.property("code", `SHARDCAST_${code}`);
    });
  }

  it("stand in README.md, and no others", () => {
    const readme = readFileSync("packages/switchboard/README.md", "utf8");
    const expected = cellsOf(Object.values(SWITCHBOARD_OPTIONS));
    expect(cellsIn(readme, "## Options")).to.deep.equal(expected);
  });
});
