// The node that keeps a presence list goes, and comes back knowing nobody; others reach it early, late, or after
// everybody else. Who was there throughout never seems to leave; who has left is on nobody's list.
import { connect, type Client, type Presence } from "@shardcast/client";
import { presenceTopic } from "@shardcast/protocol";
import { expect } from "chai";
import { eventually, RedisServer } from "@shardcast/faults";
import { TEST_PSK, TestCluster, ringOf, type NodeProcess } from "@shardcast/e2e/nodes";
import { skipWithout } from "@shardcast/faults/testing";

/** A topic whose list c3 keeps. */
const TOPIC = topicKeptBy("c3");
/** Longer than nodes stand still here. */
const HEARTBEAT_MS = 10_000;
/** Longer than a question waits for the other nodes. */
const LATE_MS = 3500;

function topicKeptBy(id: string): string {
  const ring = ringOf("c1=ws://a,c2=ws://b,c3=ws://c");
  for (let number = 0; ; number += 1) {
    const topic = `room-${number}`;
    if (ring.ownerOf(presenceTopic(topic)).id === id) return topic;
  }
}

function usersOf(presence: Presence): string {
  return presence.members
    .map(({ user }) => user)
    .sort()
    .join(" ");
}

async function untilUsers(presence: Presence, users: string): Promise<void> {
  await eventually(`${users} on the list`, () => usersOf(presence) === users);
}

function eventsOf(presence: Presence): string[] {
  const events: string[] = [];
  presence.on("join", ({ member }) => events.push(`+${member.user}`));
  presence.on("leave", ({ member }) => events.push(`-${member.user}`));
  return events;
}

describe("a presence list whose node is a new one", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let nodes: NodeProcess[];
  let clients: Client[];

  beforeEach(async () => {
    cluster = await TestCluster.plan(3);
    clients = [];
  });

  afterEach(async () => {
    for (const client of clients) client.close();
    await cluster.stop();
  });

  async function startAll(log: string, timeoutMs: number): Promise<void> {
    nodes = await Promise.all([1, 2, 3].map((number) => startConsumer(number, log, timeoutMs)));
  }

  function startConsumer(number: number, log: string, timeoutMs: number): Promise<NodeProcess> {
    const args = { log, "presence-timeout": timeoutMs, "heartbeat-interval": HEARTBEAT_MS };
    return cluster.consumer(number, { args });
  }

  async function presenceAt(index: number): Promise<Presence> {
    const url = nodes[index]?.url ?? "";
    const client = await connect({ psk: TEST_PSK, consumers: [url] });
    clients.push(client);
    const presence = client.presence(TOPIC);
    await presence.ready;
    return presence;
  }

  function wait(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  /** Kills c3, has a member leave and c2 stand still meanwhile, and starts c3 again. */
  async function replaceOwner(leaving: Presence, log: string, timeoutMs: number): Promise<void> {
    await nodes[2]?.stop("SIGKILL");
    leaving.close();
    await wait(200);
    process.kill(nodes[1]?.pid ?? 0, "SIGSTOP");
    nodes[2] = await startConsumer(3, log, timeoutMs);
    await wait(LATE_MS);
    process.kill(nodes[1]?.pid ?? 0, "SIGCONT");
  }

  for (const log of ["memory", "lmdb"]) {
    it(`keeps whom a node tells late, and drops who has left, with messages in ${log}`, async () => {
      const timeoutMs = 6000;
      await startAll(log, timeoutMs);
      const [watcher, other] = [await presenceAt(0), await presenceAt(1)];
      const leaving = await presenceAt(0);
      await watcher.enter({ user: "ann" });
      await other.enter({ user: "bob" });
      // At the node that goes: it comes back with it.
      await (await presenceAt(2)).enter({ user: "cid" });
      await leaving.enter({ user: "dan" });
      for (const one of [watcher, other]) await untilUsers(one, "ann bob cid dan");
      const events = [watcher, other].map(eventsOf);
      await replaceOwner(leaving, log, timeoutMs);
      for (const one of [watcher, other]) await untilUsers(one, "ann bob cid");
      // Who comes now is seen by all, and nothing else has happened.
      await (await presenceAt(0)).enter({ user: "eve" });
      for (const one of [watcher, other]) await untilUsers(one, "ann bob cid eve");
      for (const seen of events) expect(seen).to.deep.equal(["-dan", "+eve"]);
    });

    it(`tells those behind a relay that reaches it at last, with messages in ${log}`, async () => {
      const timeoutMs = 1500;
      await startAll(log, timeoutMs);
      // Nobody else tells the new owner anything of the topic before.
      const watcher = await presenceAt(1);
      const leaving = await presenceAt(0);
      await watcher.enter({ user: "bob" });
      await leaving.enter({ user: "dan" });
      await untilUsers(watcher, "bob dan");
      const events = eventsOf(watcher);
      await replaceOwner(leaving, log, timeoutMs);
      await untilUsers(watcher, "bob");
      expect(events).to.deep.equal(["-dan"]);
    });
  }

  it("drops who has left before another node took its place, with messages in Redis", async function () {
    skipWithout(this, "redis-server", "redis-cli");
    const redis = await RedisServer.start();
    await cluster.stop();
    cluster = TestCluster.onRedis(redis.url);
    try {
      await startAll("redis", 1500);
      const [watcher, other] = [await presenceAt(0), await presenceAt(1)];
      const leaving = await presenceAt(0);
      await watcher.enter({ user: "ann" });
      await other.enter({ user: "bob" });
      await leaving.enter({ user: "dan" });
      for (const one of [watcher, other]) await untilUsers(one, "ann bob dan");
      const events = [watcher, other].map(eventsOf);
      await nodes[2]?.stop("SIGKILL");
      leaving.close();
      for (const one of [watcher, other]) await untilUsers(one, "ann bob");
      await (await presenceAt(0)).enter({ user: "eve" });
      for (const one of [watcher, other]) await untilUsers(one, "ann bob eve");
      for (const seen of events) expect(seen).to.deep.equal(["-dan", "+eve"]);
    } finally {
      for (const client of clients) client.close();
      await cluster.stop();
      await redis.remove();
    }
  });
});
