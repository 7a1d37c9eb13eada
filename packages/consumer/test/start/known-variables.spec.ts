// The options of one kind of node are known to the other: nodes may share an environment.
import { REDIS_OPTIONS } from "@shardcast/redis/options";
import { NODE_OPTIONS } from "@shardcast/server";
import { expect } from "chai";
import { CONSUMER_OPTIONS } from "../../src/start/consumer-options.ts";
import { argumentsOf } from "@shardcast/server/testing";

describe("variables of the environment", () => {
  it("of a consumer are known to a producer", () => {
    const producer = [
      "id",
      "port",
      "config",
      ...Object.keys({ ...NODE_OPTIONS, ...REDIS_OPTIONS }),
    ];
    for (const name of Object.keys(CONSUMER_OPTIONS)) {
      const variable = `SHARDCAST_${name.toUpperCase().replaceAll("-", "_")}`;
      expect(argumentsOf({ [variable]: "1" }, producer), variable).to.be.an("array");
    }
  });

  it("that nobody knows are refused", () => {
    expect(() => argumentsOf({ SHARDCAST_HOSTS: "::" }, ["host"])).to.throw(
      "SHARDCAST_HOSTS is no variable of Shardcast",
    );
  });
});
