import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { parseRedisTarget } from "../src/redis-target.ts";

const PLAIN = {
  group: "",
  database: 0,
  isTls: false,
  username: undefined,
  password: undefined,
};

describe("--redis", () => {
  it("names one server", () => {
    const addresses = [{ host: "cache.test", port: 6379 }];
    expect(parseRedisTarget("redis://cache.test")).to.deep.equal({
      type: "single",
      addresses,
      ...PLAIN,
    });
    expect(parseRedisTarget("rediss://ann:p%40ss@cache.test:7000/3")).to.deep.equal({
      type: "single",
      addresses: [{ host: "cache.test", port: 7000 }],
      group: "",
      database: 3,
      isTls: true,
      username: "ann",
      password: "p@ss",
    });
    expect(parseRedisTarget("redis://:secret@[::1]:6380")).to.deep.include({
      addresses: [{ host: "::1", port: 6380 }],
      username: undefined,
      password: "secret",
    });
  });

  it("names Sentinels and their group, or some nodes of a cluster", () => {
    expect(parseRedisTarget("redis+sentinel://a,b:7000/main")).to.deep.equal({
      ...PLAIN,
      type: "sentinel",
      addresses: [
        { host: "a", port: 26_379 },
        { host: "b", port: 7000 },
      ],
      group: "main",
    });
    expect(parseRedisTarget("rediss+cluster://a:1,b:2")).to.deep.include({
      type: "cluster",
      isTls: true,
      addresses: [
        { host: "a", port: 1 },
        { host: "b", port: 2 },
      ],
    });
  });

  for (const value of [
    ...["", "cache.test", "http://cache.test", "redis://", "redis://a,b", "redis://a/x"],
    ...["redis+sentinel://a", "redis+other://a", "redis://a:99999", "redis://a:b:c"],
    "redis://user:%zz@a",
  ]) {
    it(`refuses ${JSON.stringify(value)} with a code, and does not repeat it`, () => {
      try {
        parseRedisTarget(value);
      } catch (error) {
        expect(error).to.be.instanceOf(ShardcastError);
        expect((error as ShardcastError).code).to.equal("SHARDCAST_OPTION_INVALID");
        if (value.includes("%zz")) expect((error as Error).message).not.to.include("%zz");
        return;
      }
      throw new Error("it was taken");
    });
  }
});
