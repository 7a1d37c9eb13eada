import { Batch, Damage, DamageTally, RetentionRules, type TopicLog } from "@shardcast/log";
import { readMessageOffset, type GapFrame, type Position } from "@shardcast/protocol";
import { expect } from "chai";
import { pino } from "pino";
import { eventually, RedisServer } from "@shardcast/faults";
import { batchOf, framesOf, idsOf, offsetsOf } from "@shardcast/log/testing";
import { Keys } from "../src/keys.ts";
import { readNotification } from "../src/notification.ts";
import { RedisConnection } from "../src/redis-connection.ts";
import { RedisLog } from "../src/redis-log.ts";
import { RedisSource } from "../src/redis-source.ts";
import { parseRedisTarget } from "../src/redis-target.ts";
import { describeWith } from "@shardcast/faults/testing";

const LOGGER = pino({ level: "silent" });
const MANY = 1_000_000_000;

type Entry = [id: Buffer, fields: Buffer[]];

describeWith(["redis-server", "redis-cli"], "messages in Redis that are damaged", function () {
  this.timeout(60_000);
  let server: RedisServer;
  let connection: RedisConnection;
  let keys: Keys;
  let found: string[];
  let damage: DamageTally;
  let log: RedisLog;
  let topic: TopicLog;
  let count = 0;

  before(async () => {
    server = await RedisServer.start();
    connection = new RedisConnection({ target: parseRedisTarget(server.url), logger: LOGGER });
    await connection.connect();
  });

  after(async () => {
    connection.close();
    await server.remove();
  });

  beforeEach(async () => {
    count += 1;
    keys = new Keys(`damage-${count}:`);
    found = [];
    damage = new DamageTally(({ what }) => found.push(what));
    log = new RedisLog({
      connection,
      keys,
      damage,
      nodeId: "c1",
      replicas: 0,
      now: () => 1000,
      ids: { ageMs: MANY, count: MANY },
      retention: new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY }),
    });
    topic = await log.open("news", 7);
    for (let first = 1; first <= 9; first += 2) {
      topic.append(batchOf(first, first + 1, { time: 1000, bytes: 100 }), idsOf());
    }
    await log.commit(log.laneOf("news"));
  });

  /** Replaces each entry of the stream. */
  async function rewrite(change: (fields: Buffer[], index: number) => Buffer[]): Promise<void> {
    const { messages } = keys.topic("news");
    const entries = (await connection.command(messages, [
      ...["XRANGE", messages, "-", "+"],
    ])) as unknown as Entry[];
    await connection.command(messages, ["DEL", messages]);
    for (const [index, [id, fields]] of entries.entries()) {
      const changed = change(fields, index);
      await connection.command(messages, ["XADD", messages, id.toString(), ...changed]);
    }
  }

  function flip([name = Buffer.of(), frames = Buffer.of(), ...rest]: Buffer[]): Buffer[] {
    const damaged = Buffer.from(frames);
    damaged[60] = (damaged[60] ?? 0) ^ 0x10;
    return [name, damaged, ...rest];
  }

  it("are not given, and told instead", async () => {
    await rewrite((fields, index) => (index === 2 ? flip(fields) : fields));
    expect(offsetsOf(await topic.read(0, MANY))).to.deep.equal([1, 2, 3, 4]);
    expect(await topic.read(4, MANY)).to.deep.equal(new Damage(5, 6));
    expect(await topic.read(5, MANY)).to.deep.equal(new Damage(6, 6));
    const rest = await topic.read(6, MANY);
    expect(rest).to.be.instanceOf(Batch);
    expect(offsetsOf(rest)).to.deep.equal([7, 8, 9, 10]);
    expect(found[0]).to.equal("messages 5 to 6");
  });

  it("are gone over by whoever follows the topic, and told, also at its end", async () => {
    await rewrite((fields, index) => (index === 1 || index === 4 ? flip(fields) : fields));
    const source = new RedisSource({ connection, keys, logger: LOGGER, damage });
    const offsets: number[] = [];
    const gaps: [number, number, string | undefined][] = [];
    let position: Position = { epoch: topic.epoch, offset: 0 };
    const unfollow = source.follow({
      topic: "news",
      get position() {
        return position;
      },
      followed: () => undefined,
      delivered: (bytes, start) => {
        const offset = readMessageOffset(bytes, start);
        offsets.push(offset);
        position = { ...position, offset };
      },
      missed: ({ first, last }: GapFrame, code) => {
        gaps.push([first, last, code]);
        position = { ...position, offset: last };
      },
    });
    await eventually("all is followed", () => position.offset === 10);
    unfollow();
    const code = "SHARDCAST_MESSAGES_DAMAGED";
    expect(gaps).to.deep.equal([
      [3, 4, code],
      [9, 10, code],
    ]);
    expect(offsets).to.deep.equal([1, 2, 5, 6, 7, 8]);
    const from = { type: "position", position: { epoch: topic.epoch, offset: 2 } } as const;
    const page = await source.read("news", from, MANY);
    expect([page.position.offset, page.frames.length]).to.deep.equal([4, 0]);
    source.close();
  });

  it("are read as before where an earlier version has stored them, without a checksum", async () => {
    await rewrite(([name = Buffer.of(), frames = Buffer.of()]) => [name, frames]);
    const page = await topic.read(0, MANY);
    expect(offsetsOf(page)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(found).to.deep.equal([]);
  });

  it("are not taken from a notification either", async () => {
    const notifications: Buffer[] = [];
    const { shard } = keys.topic("news");
    await connection.subscribe(shard, (payload) => notifications.push(Buffer.from(payload)));
    const batch = batchOf(11, 11, { time: 1000, bytes: 100 });
    topic.append(batch, idsOf());
    await log.commit(log.laneOf("news"));
    const [payload = Buffer.of()] = await eventually("a notification", () =>
      notifications.length > 0 ? notifications : undefined,
    );
    expect(readNotification(payload)?.frames).to.deep.equal(Buffer.from(framesOf(batch)));
    const at = payload.indexOf("m11..") + 50;
    payload[at] = (payload[at] ?? 0) ^ 1;
    expect(readNotification(payload)?.frames).to.have.lengthOf(0);
  });
});
