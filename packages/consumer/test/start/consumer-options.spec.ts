import { CONSUMER_OPTIONS, readOptions } from "@shardcast/options";
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { parseConsumerOptions, type ConsumerOptions } from "../../src/start/consumer-options.ts";

describe("parseConsumerOptions", () => {
  function parse(...args: string[]): ConsumerOptions {
    const source = { env: {}, scriptName: "test", description: "" };
    const values = readOptions(CONSUMER_OPTIONS, { ...source, argv: ["--id=c1", ...args] });
    if (values === undefined) throw new Error("no values");
    return parseConsumerOptions(values);
  }

  it("takes the limits of the log that is asked for", () => {
    expect(parse().maxLogBytes).to.equal(64 * 2 ** 30);
    expect(parse("--log=memory").maxLogBytes).to.equal(2 ** 30);
    expect(parse("--log-bytes=5").maxLogBytes).to.equal(5);
  });

  it("bounds the lag only of subscribers that it disconnects", () => {
    expect(parse("--max-lag=5").maxLag).to.equal(Infinity);
    expect(parse("--max-lag=5", "--slow-subscribers=disconnect").maxLag).to.equal(5);
  });

  it("takes rules of retention, the first that matches", () => {
    const { retention } = parse('--retention=[{"topics":"chat/*","count":3}]', "--retain-count=9");
    expect(retention.of("chat/a").count).to.equal(3);
    expect(retention.of("news").count).to.equal(9);
    expect(retention.of("$push").count).not.to.equal(9);
  });

  it("takes Redis and its log together", () => {
    const { redis, log } = parse("--log=redis", "--redis=redis://cache:1");
    expect([log, redis?.target.addresses]).to.deep.equal(["redis", [{ host: "cache", port: 1 }]]);
    expect(parse("--advertise=ws://10.0.0.1:9100/").advertise).to.equal("ws://10.0.0.1:9100");
  });

  for (const [fault, ...args] of [
    ["--retention is not JSON", "--retention=[{"],
    ["--retention is a list of rules", "--retention={}"],
    ['--retention rule 1 has "age"', '--retention=[{"topics":"*","age":1}]'],
    ["--log redis and --redis <url> go together", "--log=redis"],
    ["--log redis and --redis <url> go together", "--redis=redis://cache"],
    ["--advertise: http://a:1 is not ws://", "--advertise=http://a:1"],
    ["is without TLS", "--advertise=ws://a:1", "--tls-cert=cert.pem"],
    ["--redis is redis://", "--log=redis", "--redis=http://cache"],
  ] as const) {
    it(`refuses ${args.join(" ")}`, () => {
      expect(() => parse(...args))
        .to.throw(ShardcastError, fault)
        .with.property("code", "SHARDCAST_OPTION_INVALID");
    });
  }
});
