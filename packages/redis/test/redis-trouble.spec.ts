// Tests the log when nodes disagree about ownership, and when Redis restarts, fails over or loses
// data.
import { RetentionRules, type TopicLog } from "@shardcast/log";
import { ShardcastError, shardOf } from "@shardcast/protocol";
import { expect } from "chai";
import { pino } from "pino";
import { batchOf, idsOf, offsetsOf, textsOf } from "@shardcast/log/testing";
import { Keys } from "../src/keys.ts";
import { RedisConnection } from "../src/redis-connection.ts";
import { RedisLog } from "../src/redis-log.ts";
import { parseRedisTarget } from "../src/redis-target.ts";
import { RedisServer } from "@shardcast/faults";
import { describeWith } from "@shardcast/faults/testing";

const LOGGER = pino({ level: "silent" });
const MANY = 1_000_000_000;
const RULES = new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY });

describeWith(["redis-server", "redis-cli"], "the log in Redis, in trouble", function () {
  this.timeout(30_000);
  let server: RedisServer;
  let connections: RedisConnection[];
  let prefix = 0;

  before(async () => {
    server = await RedisServer.start();
  });

  after(() => server.remove());

  beforeEach(() => {
    prefix += 1;
    connections = [];
  });

  afterEach(() => {
    for (const connection of connections) connection.close();
  });

  async function logOf(nodeId: string, replicas = 0, retention = RULES): Promise<RedisLog> {
    const connection = new RedisConnection({
      target: parseRedisTarget(server.url),
      logger: LOGGER,
    });
    connections.push(connection);
    await connection.connect();
    const keys = new Keys(`trouble-${prefix}:`);
    const ids = { ageMs: 60_000, count: 1000 };
    return new RedisLog({ connection, keys, nodeId, retention, ids, replicas });
  }

  async function append(
    log: RedisLog,
    topic: TopicLog,
    offset: number,
    { id = "", bytes = 0 } = {},
  ): Promise<void> {
    const batch = batchOf(offset, offset, { time: Date.now(), bytes });
    topic.append(batch, id === "" ? idsOf() : idsOf({ [id]: offset }));
    await log.commit(log.laneOf("news"));
  }

  async function codeOf(promise: Promise<unknown>): Promise<string> {
    return promise.then(
      () => "none",
      (error: unknown) => (error instanceof ShardcastError ? error.code : String(error)),
    );
  }

  it("takes appends from the newest owner alone", async () => {
    const [first, second] = [await logOf("c1"), await logOf("c2")];
    const before = await first.open("news", 1);
    await append(first, before, 1);
    const after = await second.open("news", 1);
    expect(after).to.include({ head: 1, epoch: before.epoch });
    expect(await codeOf(append(first, before, 2))).to.equal("SHARDCAST_NOT_OWNER");
    expect(before.isStale).to.equal(true);
    await append(second, after, 2);
    expect(offsetsOf(await after.read(0, MANY))).to.deep.equal([1, 2]);
    // The first node may take the shard back, and then has the other's appends.
    expect(await first.open("news", 1)).to.include({ head: 2, isStale: false });
  });

  it("tells a new owner the ids that the old one stored", async () => {
    const [first, second] = [await logOf("c1"), await logOf("c2")];
    const topic = await first.open("news", 1);
    await append(first, topic, 1, { id: "one" });
    await append(first, topic, 2, { id: "two" });
    const stored = [...(await second.open("news", 1)).ids(0)].flatMap(({ ids }) => textsOf(ids));
    expect(stored).to.deep.equal([
      ["one", 1],
      ["two", 2],
    ]);
  });

  it("gives a topic another epoch where Redis has lost what was acked", async () => {
    const log = await logOf("c1");
    const topic = await log.open("news", 1);
    for (let offset = 1; offset <= 3; offset += 1) await append(log, topic, offset);
    // The state of a replica that became master before it received the last append.
    const keys = new Keys(`trouble-${prefix}:`).topic("news");
    server.cli("xtrim", keys.messages, "MAXLEN", "2");
    server.cli("hset", keys.topic, "head", "2");
    expect(await codeOf(append(log, topic, 4))).to.equal("SHARDCAST_LOG_UNAVAILABLE");
    const again = await log.open("news", 1);
    expect(again.head).to.equal(2);
    expect(again.epoch).not.to.equal(topic.epoch);
    await append(log, again, 3);
  });

  it("goes by what is left of a topic, also at an owner that knew more", async () => {
    const log = await logOf("c1");
    const keys = new Keys(`trouble-${prefix}:`).topic("news");
    const topic = await log.open("news", 1);
    for (let offset = 1; offset <= 6; offset += 1) await append(log, topic, offset);
    server.cli("xtrim", keys.messages, "MAXLEN", "2");
    expect(offsetsOf(await topic.read(0, MANY))).to.deep.equal([5, 6]);
    expect(topic.oldest).to.equal(5);
    server.cli("del", keys.messages);
    expect(await topic.read(0, MANY)).to.equal(undefined);
    expect(topic).to.include({ oldest: 7, head: 6 });
    await append(log, topic, 7);
    expect(offsetsOf(await topic.read(0, MANY))).to.deep.equal([7]);
    server.cli("del", keys.topic);
    expect(await topic.read(0, MANY)).to.equal(undefined);
    expect(topic.isStale).to.equal(true);
    const again = await log.open("news", 1);
    expect(again).to.include({ oldest: 1, head: 0 });
    await append(log, again, 1);
  });

  it("keeps as much as it may when messages were lost that counted towards the limit", async () => {
    const rules = new RetentionRules({ count: MANY, bytes: 10_000, ageMs: MANY });
    const log = await logOf("c1", 0, rules);
    const topic = await log.open("news", 1);
    for (let offset = 1; offset <= 9; offset += 1)
      await append(log, topic, offset, { bytes: 1000 });
    server.cli("del", new Keys(`trouble-${prefix}:`).topic("news").messages);
    for (let offset = 10; offset <= 17; offset += 1)
      await append(log, topic, offset, { bytes: 1000 });
    expect(offsetsOf(await topic.read(0, MANY))).to.deep.equal([10, 11, 12, 13, 14, 15, 16, 17]);
    expect(log.bytes).to.be.within(8000, 9000);
  });

  it("never gives a fence twice, also where Redis has lost the last one", async () => {
    const [first, second] = [await logOf("c1"), await logOf("c2")];
    const before = await first.open("news", 1);
    server.cli("del", new Keys(`trouble-${prefix}:`).shard(shardOf("news")));
    const after = await second.open("news", 1);
    expect(await codeOf(append(first, before, 1))).to.equal("SHARDCAST_NOT_OWNER");
    await append(second, after, 1);
  });

  it("goes on when the server has forgotten its scripts", async () => {
    const log = await logOf("c1");
    const topic = await log.open("news", 1);
    await append(log, topic, 1);
    expect(server.cli("script", "flush")).to.equal("OK");
    await append(log, topic, 2);
    expect(topic.head).to.equal(2);
  });

  it("begins a topic anew that Redis has lost, and says so by another epoch", async () => {
    const log = await logOf("c1");
    const topic = await log.open("news", 1);
    await append(log, topic, 1);
    server.cli("flushall");
    expect(await codeOf(append(log, topic, 2))).to.equal("SHARDCAST_NOT_OWNER");
    const again = await log.open("news", 1);
    expect(again.head).to.equal(0);
    expect(again.epoch).not.to.equal(topic.epoch);
    await append(log, again, 1);
  });

  it("refuses what there is no memory for, gives what it has, and recovers", async () => {
    const log = await logOf("c1");
    const topic = await log.open("news", 1);
    await append(log, topic, 1);
    server.cli("config", "set", "maxmemory", "100kb");
    expect(await codeOf(append(log, topic, 2))).to.equal("SHARDCAST_LOG_UNAVAILABLE");
    expect(offsetsOf(await topic.read(0, MANY))).to.deep.equal([1]);
    server.cli("config", "set", "maxmemory", "0");
    const again = await log.open("news", 1);
    expect(again.head).to.equal(1);
    await append(log, again, 2);
  });

  it("refuses what too few replicas have", async () => {
    // A topic cannot be opened either, since its messages may be on one server only.
    const log = await logOf("c1", 1);
    expect(await codeOf(log.open("news", 1))).to.equal("SHARDCAST_LOG_UNAVAILABLE");
  });

  it("fails at once while the server is away, and goes on when it is back", async () => {
    const log = await logOf("c1");
    const topic = await log.open("news", 1);
    await append(log, topic, 1);
    await server.end();
    expect(await codeOf(append(log, topic, 2))).to.equal("SHARDCAST_LOG_UNAVAILABLE");
    await server.start();
    let again: TopicLog | undefined;
    while (again === undefined) {
      again = await log.open("news", 1).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(again).to.include({ head: 1, epoch: topic.epoch });
    await append(log, again, 2);
  });

  it("refuses to read what is not its own", async () => {
    const log = await logOf("c1");
    const topic = await log.open("news", 1);
    await append(log, topic, 1);
    const keys = new Keys(`trouble-${prefix}:`).topic("news");
    server.cli("hset", keys.topic, "shown", "many");
    expect(await codeOf(topic.read(0, MANY))).to.match(/^SHARDCAST_LOG_/);
    server.cli("set", keys.topic, "something else");
    expect(await codeOf(topic.read(0, MANY))).to.equal("SHARDCAST_LOG_UNAVAILABLE");
  });

  it("lists a topic that is older than the list when it is opened again", async () => {
    const log = await logOf("c1");
    await append(log, await log.open("news", 1), 1);
    server.cli("del", new Keys(`trouble-${prefix}:`).topic("news").list);
    expect(await log.topics("", 10)).to.deep.equal([]);
    await (await logOf("c2")).open("news", 1);
    expect(await log.topics("", 10)).to.deep.equal(["news"]);
  });

  it("keeps a list of topics short that come and go, though nobody reads it", async () => {
    const log = await logOf("c1");
    const shard = shardOf("0");
    const names: string[] = [];
    for (let number = 0; names.length < 200; number += 1) {
      if (shardOf(String(number)) === shard) names.push(String(number));
    }
    const { list } = new Keys(`trouble-${prefix}:`).topic("0");
    for (const [index, name] of names.entries()) {
      await log.open(name, 1);
      // Redis forgets each topic once four newer ones exist.
      const old = names[index - 4];
      if (old !== undefined) server.cli("del", new Keys(`trouble-${prefix}:`).topic(old).topic);
    }
    expect(Number(server.cli("zcard", list))).to.be.below(50);
    expect((await log.topics("", 1000)).length).to.equal(4);
    expect(Number(server.cli("zcard", list))).to.equal(4);
  });

  it("says of the state what it says of messages: no memory, too few replicas, no server", async () => {
    const { state } = await logOf("c1");
    await state.set([["a", "1"]]);
    const set = (): Promise<void> => state.set([["b", "2"]]);
    server.cli("config", "set", "maxmemory", "100kb");
    expect(await codeOf(set())).to.equal("SHARDCAST_LOG_UNAVAILABLE");
    expect(await state.get("a")).to.equal("1");
    server.cli("config", "set", "maxmemory", "0");
    await set();
    const replicated = await logOf("c1", 1);
    expect(await codeOf(replicated.state.set([["a", "3"]]))).to.equal("SHARDCAST_LOG_UNAVAILABLE");
    const log = await logOf("c2");
    await server.end();
    const failed = (await state.get("a").catch((error: unknown) => error)) as Error;
    expect(failed.message).not.to.include("127.0.0.1");
    for (const call of [set(), state.get("a"), state.list("", "", 1), state.delete(["a"])]) {
      expect(await codeOf(call)).to.equal("SHARDCAST_LOG_UNAVAILABLE");
    }
    expect(await codeOf(Promise.resolve(log.topics("", 1)))).to.equal("SHARDCAST_LOG_UNAVAILABLE");
    await server.start();
  });
});
