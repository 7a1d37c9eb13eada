import { RetentionRules, DamageTally } from "@shardcast/log";
import { expect } from "chai";
import { pino } from "pino";
import { RedisServer } from "@shardcast/faults";
import { batchOf, idsOf } from "@shardcast/log/testing";
import { Keys } from "../src/keys.ts";
import { RedisConnection } from "../src/redis-connection.ts";
import { RedisLog } from "../src/redis-log.ts";
import { RedisSource } from "../src/redis-source.ts";
import { parseRedisTarget } from "../src/redis-target.ts";
import { describeWith } from "@shardcast/faults/testing";

const LOGGER = pino({ level: "silent" });
const MANY = 1_000_000_000;

describeWith(
  ["redis-server", "redis-cli"],
  "the epoch of a topic in Redis that had a follower before its first message",
  function () {
    this.timeout(60_000);
    let server: RedisServer;
    let connection: RedisConnection;
    let source: RedisSource;
    let keys: Keys;

    before(async () => {
      server = await RedisServer.start();
      connection = new RedisConnection({ target: parseRedisTarget(server.url), logger: LOGGER });
      await connection.connect();
    });

    beforeEach(() => {
      keys = new Keys("births:");
      server.cli("flushall");
      source = new RedisSource({ connection, keys, logger: LOGGER, damage: new DamageTally() });
    });

    afterEach(() => source.close());

    after(async () => {
      connection.close();
      await server.remove();
    });

    async function epoch(): Promise<string> {
      return (await source.read("news", { type: "live" }, 1)).position.epoch;
    }

    it("is the same when the topic is forgotten before it has one", async () => {
      const told = await epoch();
      server.cli("del", keys.topic("news").topic);
      expect(await epoch()).to.equal(told);
    });

    for (const lost of [["topic"], ["topic", "messages"], ["topic", "list"]] as const) {
      it(`is another one when ${lost.join(" and ")} are lost after it, since offsets begin again`, async () => {
        const told = await epoch();
        const log = new RedisLog({
          connection,
          keys,
          damage: new DamageTally(),
          nodeId: "c1",
          replicas: 0,
          ids: { ageMs: MANY, count: MANY },
          retention: new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY }),
        });
        const topic = await log.open("news", 7);
        topic.append(batchOf(1, 1, { time: Date.now(), bytes: 100 }), idsOf());
        await log.commit(log.laneOf("news"));
        expect(await epoch()).to.equal(told);
        for (const key of lost) server.cli("del", keys.topic("news")[key]);
        expect(await epoch()).not.to.equal(told);
      });
    }
  },
);
