import { expect } from "chai";
import { planCluster, portsOf, type LocalClusterOptions } from "../src/cluster-plan.ts";

const OPTIONS: LocalClusterOptions = {
  producers: 2,
  consumers: 3,
  port: 9000,
  host: "127.0.0.1",
  log: "memory",
  redis: undefined,
  dataFolder: "data",
  consumerConfig: undefined,
  logFolder: "logs",
  keyFile: "psk",
  secretFile: undefined,
  drainTimeoutMs: 3000,
  isLegacySpoken: false,
  env: {},
  bins: { producer: new URL("file:///bin/p.js"), consumer: new URL("file:///bin/c.js") },
};

function plan(options: Partial<LocalClusterOptions> = {}): ReturnType<typeof planCluster> {
  const all = { ...OPTIONS, ...options };
  return planCluster(all, portsOf(all));
}

describe("portsOf", () => {
  it("counts the producers' up from the first, and the consumers' from 100 more", () => {
    expect(portsOf(OPTIONS)).to.deep.equal([9000, 9001, 9100, 9101, 9102]);
  });

  it("leaves all open where the first is 0", () => {
    expect(portsOf({ ...OPTIONS, port: 0 })).to.deep.equal([0, 0, 0, 0, 0]);
  });
});

describe("planCluster", () => {
  it("gives every node its name and port, and all the same ring", () => {
    const { producers, consumers } = plan();
    const ring = "c1=ws://127.0.0.1:9100,c2=ws://127.0.0.1:9101,c3=ws://127.0.0.1:9102";

    expect(producers.map(({ id, url }) => `${id} ${url}`)).to.deep.equal([
      "p1 ws://127.0.0.1:9000",
      "p2 ws://127.0.0.1:9001",
    ]);
    expect(consumers.map(({ id }) => id)).to.deep.equal(["c1", "c2", "c3"]);
    for (const { args } of [...producers, ...consumers]) {
      expect(args).to.include(`--consumers=${ring}`).and.to.include("--psk-file=psk");
    }
    expect(consumers[1]?.args).to.include.members(["--id=c2", "--port=9101", "--log=memory"]);
    expect(consumers[1]?.args).to.include("--data=data");
    expect(plan({ consumerConfig: "c.json" }).consumers[0]?.args).to.include("--config=c.json");
    expect(producers[0]?.args.join(" ")).not.to.include("--log=");
  });

  it("has them find one another in Redis, whose address is nobody else's business", () => {
    const { producers, consumers } = plan({ log: "redis", redis: "redis://:secret@cache.test" });
    for (const { args, env } of [...producers, ...consumers]) {
      expect(args.join(" ")).not.to.match(/--consumers|secret/);
      expect(env["SHARDCAST_REDIS"]).to.equal("redis://:secret@cache.test");
    }
    const elsewhere = plan({ env: { SHARDCAST_REDIS: "redis://other.test" } });
    expect(elsewhere.consumers[0]?.env).not.to.have.property("SHARDCAST_REDIS");
  });

  it("reaches nodes that listen everywhere by the loopback address", () => {
    expect(plan({ host: "0.0.0.0" }).consumers[0]?.url).to.equal("ws://127.0.0.1:9100");
    expect(plan({ host: "::" }).consumers[0]?.url).to.equal("ws://[::1]:9100");
    expect(plan({ host: "fe80::1" }).consumers[0]?.url).to.equal("ws://[fe80::1]:9100");
  });

  it("passes on only those variables that nodes of both roles know, and to consumers those of pushing", () => {
    const env = {
      PATH: "/bin",
      PORT: "1",
      PSK: "secret",
      SHARDCAST_PSK: "secret",
      SHARDCAST_LOG_LEVEL: "debug",
      SHARDCAST_RETAIN_COUNT: "1",
      SHARDCAST_SERVICE_HOST: "10.0.0.1",
      SHARDCAST_PUSH_ALLOW: "127.0.0.1",
    };

    expect(plan({ env }).consumers[0]?.env).to.deep.equal({
      PATH: "/bin",
      SHARDCAST_LOG_LEVEL: "debug",
      SHARDCAST_PUSH_ALLOW: "127.0.0.1",
    });
    expect(plan({ env, keyFile: undefined }).producers[0]?.env).to.deep.equal({
      PATH: "/bin",
      PSK: "secret",
      SHARDCAST_PSK: "secret",
      SHARDCAST_LOG_LEVEL: "debug",
    });
  });
});
