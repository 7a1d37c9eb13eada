// Nodes of both roles may share an environment, so each knows the other's variables.
import { expect } from "chai";
import { CONSUMER_OPTIONS } from "../src/consumer-rows.ts";
import { PRODUCER_OPTIONS } from "../src/node-rows.ts";
import { variableOf } from "../src/row.ts";
import { optionsOf } from "../src/variables.ts";

const PRODUCER = Object.values(PRODUCER_OPTIONS).map(({ name }) => name);

describe("variables of the environment", () => {
  it("of a consumer are known to a producer, which does not take them", () => {
    for (const { name } of Object.values(CONSUMER_OPTIONS)) {
      const found = optionsOf({ [variableOf(name)]: "1" }, PRODUCER);
      expect(found, name).to.deep.equal(PRODUCER.includes(name) ? { [name]: "1" } : {});
    }
  });

  it("that Shardcast does not have are refused", () => {
    expect(() => optionsOf({ SHARDCAST_HOSTS: "::" }, ["host"])).to.throw(
      "SHARDCAST_HOSTS is not a variable of Shardcast",
    );
  });

  it("of Kubernetes and of other commands are left alone", () => {
    const env = {
      SHARDCAST_SERVICE_HOST: "10.0.0.1",
      SHARDCAST_SERVICE_PORT_WS: "9000",
      SHARDCAST_PORT: "tcp://10.0.0.1:9000",
      SHARDCAST_PORT_9000_TCP_ADDR: "10.0.0.1",
      SHARDCAST_CONSUMER_SERVICE_HOST: "10.0.0.2",
      SHARDCAST_PRODUCERS: "ws://127.0.0.1:1",
      SHARDCAST_URL: "http://127.0.0.1:9100",
      PATH: "/bin",
    };
    expect(optionsOf(env, ["port", "host"])).to.deep.equal({});
    expect(optionsOf({ SHARDCAST_PORT: "9000" }, ["port"])).to.deep.equal({ port: "9000" });
    expect(optionsOf({ SHARDCAST_PORT: "" }, ["port"])).to.deep.equal({});
  });
});
