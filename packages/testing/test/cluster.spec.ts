// Clusters in the process of the test, with real sockets.
import { ShardcastError } from "@shardcast/client";
import { eventually } from "@shardcast/faults";
import { startCluster, type Cluster, type ClusterOptions } from "@shardcast/testing";
import { expect } from "chai";
import { Recorded, range, topicOf } from "./recorded.ts";

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof ShardcastError ? error.code : String(error);
}

describe("startCluster", () => {
  const clusters: Cluster[] = [];

  async function start(options?: ClusterOptions): Promise<Cluster> {
    const cluster = await startCluster(options);
    clusters.push(cluster);
    return cluster;
  }

  afterEach(async () => {
    await Promise.all(clusters.splice(0).map((cluster) => cluster.close()));
  });

  it("starts one consumer, to which a client connects with the cluster's key", async () => {
    const cluster = await start();
    expect(cluster.consumers).to.deep.equal([cluster.url]);
    expect(cluster.producers).to.deep.equal([]);
    const client = await cluster.connect();
    const seen = await Recorded.follow(client, "news");
    await client.publish("news", { title: "Hello" });
    await eventually("the message", () => seen.messages.length === 1);
    expect(seen.data).to.deep.equal([{ title: "Hello" }]);
  });

  it("passes publishes from a producer to each owner, and reads between consumers", async () => {
    const cluster = await start({ consumers: 2, producers: 1 });
    for (const owner of ["c1", "c2"]) {
      const topic = topicOf(cluster, owner);
      for (const consumer of cluster.consumers) {
        const { producers } = cluster;
        const client = await cluster.connect({ producers, consumers: [consumer] });
        const seen = await Recorded.follow(client, topic);
        await client.publish(topic, consumer);
        await seen.until(consumer);
      }
    }
  });

  it("keeps messages on disk over a kill and a restart, with none lost or twice", async () => {
    const cluster = await start({ consumers: 2, producers: 1, log: "lmdb" });
    const topic = topicOf(cluster, "c1");
    const address = cluster.consumers[0];
    const [publisher, subscriber] = [await cluster.connect(), await cluster.connect()];
    const seen = await Recorded.follow(subscriber, topic);
    const acks = range(1, 20).map((number) => publisher.publish(topic, number));
    await seen.until(1);
    const killed = cluster.kill("c1");
    acks.push(...range(21, 40).map((number) => publisher.publish(topic, number)));
    await killed;
    await cluster.restart("c1");
    const places = await Promise.all(acks);
    await publisher.publish(topic, 41);
    await seen.until(41);
    expect(seen.data).to.deep.equal(range(1, 41));
    expect(seen.gaps).to.deep.equal([]);
    expect(places.map(({ offset }) => offset)).to.deep.equal(range(1, 40));
    expect(cluster.consumers[0]).to.equal(address);
    const later = await Recorded.follow(await cluster.connect(), topic, "earliest");
    expect((await later.until(41)).data).to.deep.equal(range(1, 41));
  });

  it("loses the messages in memory when it kills their owner, and subscribers get a gap", async () => {
    const cluster = await start();
    const client = await cluster.connect();
    const seen = await Recorded.follow(client, "news");
    await client.publish("news", 1);
    await seen.until(1);
    await cluster.restart("c1");
    await client.publish("news", 2);
    await seen.until(2);
    expect(seen.gaps.map(({ isNewEpoch }) => isNewEpoch)).to.deep.equal([true]);
  });

  it("refuses connections to a killed node, which leaves the others as they are", async () => {
    const cluster = await start({ consumers: 2 });
    const [first = "", second = ""] = cluster.consumers;
    await cluster.kill("c1");
    await cluster.kill("c1");
    expect(cluster.url).to.equal(second);
    const client = await cluster.connect();
    await client.publish(topicOf(cluster, "c2"), "hello");
    const refused = cluster.connect({ url: first, connectTimeoutMs: 100 });
    expect(await codeOf(refused)).to.be.oneOf(["SHARDCAST_LINK_LOST", "SHARDCAST_TIMEOUT"]);
    await cluster.restart("c1");
    await client.publish(topicOf(cluster, "c1"), "hello");
  });

  it("shows the members of a killed node as gone", async () => {
    const cluster = await start({ consumers: 2 });
    // The node that does not keep the list of members is killed.
    const topic = [...range(1, 100)]
      .map((number) => `room-${number}`)
      .find((name) => cluster.ownerOf(`$presence/${name}`) === "c1");
    if (topic === undefined) throw new Error("no such topic");
    const ann = await cluster.connect({ url: cluster.consumers[1], route: "single" });
    await ann.presence(topic).enter({ user: "ann" });
    const room = (await cluster.connect()).presence(topic);
    await room.ready;
    expect(room.members.map(({ user }) => user)).to.deep.equal(["ann"]);
    await cluster.kill("c2");
    await eventually("ann has left", () => room.count === 0);
  });

  it("signs tokens, whose users nodes stamp on messages", async () => {
    const cluster = await start();
    const caps = [{ topics: ["chat/*"], allow: ["publish", "subscribe"] as const }];
    const ann = await cluster.connect({ token: await cluster.token({ sub: "ann", caps }) });
    const bob = await cluster.connect({ token: await cluster.token({ sub: "bob" }) });
    expect(ann.user).to.equal("ann");
    const seen = await Recorded.follow(bob, "chat/1");
    await ann.publish("chat/1", "hello");
    await seen.until("hello");
    expect(seen.messages.map(({ user }) => user)).to.deep.equal(["ann"]);
    expect(await codeOf(ann.publish("news", "hello"))).to.equal("SHARDCAST_FORBIDDEN");
    await bob.publish("news", "hello");
  });

  it("keeps two clusters apart", async () => {
    const [one, two] = [await start({ log: "lmdb" }), await start({ log: "lmdb" })];
    const seen = await Promise.all(
      [one, two].map(async (cluster) => Recorded.follow(await cluster.connect(), "news")),
    );
    const names = ["one", "two"];
    for (const [index, cluster] of [one, two].entries()) {
      await (await cluster.connect()).publish("news", names[index] ?? "");
      await seen[index]?.until(names[index]);
    }
    expect(seen.map(({ data }) => data)).to.deep.equal([["one"], ["two"]]);
    expect(await codeOf(one.connect({ url: two.url }))).to.equal("SHARDCAST_HANDSHAKE_FAILED");
    one.network.cut();
    await two.kill("c1");
    await two.restart("c1");
    await (await two.connect()).publish("news", "again");
  });

  it("passes options to the nodes, and their log to a logger", async () => {
    const lines: string[] = [];
    const cluster = await start({
      producers: 1,
      nodeOptions: { "max-payload": 10, "retain-count": 5 },
      logger: (line) => lines.push(line),
    });
    const client = await cluster.connect();
    const refused = client.publish("news", "more than ten bytes");
    expect(await codeOf(refused)).to.equal("SHARDCAST_PAYLOAD_TOO_LARGE");
    const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records.map(({ node }) => node)).to.include("p1");
  });

  it("refuses options and names that do not exist", async () => {
    for (const options of [
      { consumers: 0 },
      { producers: -1 },
      { log: "redis" as "lmdb" },
      { nodeOptions: { "max-paylod": 1 } },
      { nodeOptions: { port: 9000 } },
      { nodeOptions: { "max-payload": "much" } },
    ]) {
      expect(await codeOf(startCluster(options))).to.equal("SHARDCAST_OPTION_INVALID");
    }
    const cluster = await start();
    expect(await codeOf(cluster.kill("c2"))).to.equal("SHARDCAST_OPTION_INVALID");
    expect(() => cluster.network.cut("c2")).to.throw(ShardcastError, "c2");
  });

  it("closes its clients, once, and starts nothing afterwards", async () => {
    const cluster = await start({ log: "lmdb" });
    const client = await cluster.connect();
    await Promise.all([cluster.close(), cluster[Symbol.asyncDispose]()]);
    expect(client.state.name).to.equal("closed");
    expect(await codeOf(cluster.restart("c1"))).to.equal("SHARDCAST_CLOSED");
  });
});
