// Faults of the network, with real sockets.
import type { Client } from "@shardcast/client";
import { eventually } from "@shardcast/faults";
import { startCluster, type Cluster } from "@shardcast/testing";
import { expect } from "chai";
import { Recorded, range, topicOf } from "./recorded.ts";

const ROUNDS = 3;
const PER_ROUND = 10;
/** So long that nothing arrives within the test, unless the delay is ended. */
const LONG_MS = 60_000;

describe("the network of a cluster", () => {
  let cluster: Cluster;

  before(async () => {
    cluster = await startCluster({ consumers: 2, producers: 1 });
  });

  afterEach(() => cluster.network.heal());

  after(() => cluster.close());

  /** The nodes whose links a client has lost. */
  function lossesOf(client: Client): string[] {
    const lost: string[] = [];
    client.on("link", ({ state, url }) => {
      if (state === "lost") lost.push(url);
    });
    return lost;
  }

  /** What the producer waits for. */
  async function waitingFor(): Promise<string> {
    const url = cluster.producers[0]?.replace(/^ws/, "http") ?? "";
    const response = await fetch(`${url}/readyz`);
    return ((await response.json()) as { waitingFor: string[] }).waitingFor.join();
  }

  it("loses and repeats nothing while it is cut again and again", async () => {
    for (const owner of ["c1", "c2"]) {
      const topic = topicOf(cluster, owner);
      const { producers } = cluster;
      const consumers = [...cluster.consumers].reverse();
      const publisher = await cluster.connect({ producers, consumers });
      const subscriber = await cluster.connect();
      const seen = await Recorded.follow(subscriber, topic);
      const acks: Promise<unknown>[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const first = 1 + round * PER_ROUND;
        const numbers = range(first, first + PER_ROUND - 1);
        acks.push(...numbers.map((number) => publisher.publish(topic, number)));
        const losses = lossesOf(subscriber);
        cluster.network.cut();
        await eventually("the subscriber's link is lost", () => losses.length > 0);
        cluster.network.heal();
        await Promise.all(acks);
        await seen.until(numbers.at(-1));
      }
      expect(seen.data).to.deep.equal(range(1, ROUNDS * PER_ROUND));
      expect(seen.gaps).to.deep.equal([]);
    }
  });

  it("freezes a node, which its clients find dead", async () => {
    const topic = topicOf(cluster, "c1");
    const client = await cluster.connect({ probeTimeoutMs: 200 });
    await client.publish(topic, "before");
    const losses = lossesOf(client);
    cluster.network.freeze("c1");
    const ack = client.publish(topic, "during");
    // Frozen, the node accepts the next link too, and does not answer on it.
    await eventually("the link is lost", () => losses.includes(cluster.consumers[0] ?? ""));
    await client.publish(topicOf(cluster, "c2"), "another node");
    cluster.network.heal();
    await ack;
  });

  it("gives each node what was sent while it was frozen", async () => {
    const topic = topicOf(cluster, "c1");
    const client = await cluster.connect({ probeTimeoutMs: LONG_MS });
    const seen = await Recorded.follow(client, topic);
    const losses = lossesOf(client);
    cluster.network.freeze("c1", "clients");
    const ack = client.publish(topic, "frozen");
    await client.publish(topicOf(cluster, "c2"), "another node");
    expect(seen.data).to.deep.equal([]);
    cluster.network.heal();
    await ack;
    await seen.until("frozen");
    expect(losses).to.deep.equal([]);
  });

  it("delays what one node gets until the delay ends", async () => {
    const topic = topicOf(cluster, "c1");
    const client = await cluster.connect({ probeTimeoutMs: LONG_MS });
    await client.publish(topic, "before");
    const order: string[] = [];
    cluster.network.delay(LONG_MS, "c1");
    const late = client.publish(topic, "late").then(() => order.push("late"));
    await client.publish(topicOf(cluster, "c2"), "soon").then(() => order.push("soon"));
    cluster.network.delay(1, "c1");
    await late;
    expect(order).to.deep.equal(["soon", "late"]);
  });

  it("drops the links that are open, and lets clients connect again", async () => {
    const topic = topicOf(cluster, "c1");
    const client = await cluster.connect();
    await client.publish(topic, 1);
    const losses = lossesOf(client);
    cluster.network.dropLinks("clients");
    await eventually("the link is lost", () => losses.length > 0);
    await client.publish(topic, 2);
  });

  it("cuts two nodes from each other, and from no client", async () => {
    const topic = topicOf(cluster, "c1");
    const client = await cluster.connect();
    const { producers, consumers } = cluster;
    const throughProducer = await cluster.connect({ producers, consumers });
    cluster.network.cut("p1", "c1");
    await eventually("the producer has lost c1", async () => (await waitingFor()).includes("c1"));
    expect(await waitingFor()).not.to.include("c2");
    let isStored = false;
    const ack = throughProducer.publish(topic, "waits").then(() => (isStored = true));
    await client.publish(topic, "passes");
    await throughProducer.publish(topicOf(cluster, "c2"), "passes");
    expect(isStored).to.equal(false);
    cluster.network.heal();
    await ack;
  });

  it("cuts clients from a node, and no other node", async () => {
    const client = await cluster.connect();
    await client.publish(topicOf(cluster, "c1"), "before");
    const losses = lossesOf(client);
    cluster.network.cut("clients", "c1");
    await eventually("the link is lost", () => losses.includes(cluster.consumers[0] ?? ""));
    const { producers, consumers } = cluster;
    const throughProducer = await cluster.connect({ producers, consumers: consumers.slice(1) });
    await throughProducer.publish(topicOf(cluster, "c1"), "passes");
    expect(await waitingFor()).to.equal("");
  });
});
