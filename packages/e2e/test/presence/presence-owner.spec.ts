// The node that keeps a presence list restarts without it; other nodes reconnect to it early, late,
// or last. A member that stays connected never appears to leave; a member that has left is on no
// list.
import { connect, type Client, type Presence } from "@shardcast/client";
import { presenceTopic } from "@shardcast/protocol";
import { expect } from "chai";
import { eventually, RedisServer } from "@shardcast/faults";
import { TEST_PSK, TestCluster, ringOf, type NodeProcess } from "@shardcast/e2e/nodes";
import { skipWithout } from "@shardcast/faults/testing";

/** A topic whose list c3 keeps. */
const TOPIC = topicKeptBy("c3");
/** Longer than nodes are paused here, in ms. */
const HEARTBEAT_MS = 10_000;
/** Longer than a query waits for the other nodes, in ms. */
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

  /** Kills c3, makes a member leave, pauses c2 meanwhile, and starts c3 again. */
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
      // This member is connected to the node that restarts, and enters again when it is back.
      await (await presenceAt(2)).enter({ user: "cid" });
      await leaving.enter({ user: "dan" });
      for (const one of [watcher, other]) await untilUsers(one, "ann bob cid dan");
      const events = [watcher, other].map(eventsOf);
      await replaceOwner(leaving, log, timeoutMs);
      for (const one of [watcher, other]) await untilUsers(one, "ann bob cid");
      // All see the new member, and no other event.
      await (await presenceAt(0)).enter({ user: "eve" });
      for (const one of [watcher, other]) await untilUsers(one, "ann bob cid eve");
      for (const seen of events) expect(seen).to.deep.equal(["-dan", "+eve"]);
    });

    it(`tells those behind a relay that reaches it at last, with messages in ${log}`, async () => {
      const timeoutMs = 1500;
      await startAll(log, timeoutMs);
      // No other client uses the topic, so no other node reports it to the new owner earlier.
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
