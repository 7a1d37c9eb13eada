// A cluster with messages and members in Redis: any node may stop, and the others continue.
import { connect, type Client, type ConnectOptions } from "@shardcast/client";
import { expect } from "chai";
import { eventually, RedisServer } from "@shardcast/faults";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { Recorder } from "@shardcast/e2e/recorder";
import { describeWith } from "@shardcast/faults/testing";

const TOPICS = Array.from({ length: 8 }, (_, index) => `topic-${index}`);

describeWith(["redis-server", "redis-cli"], "a cluster on Redis", function () {
  this.timeout(60_000);
  let redis: RedisServer;
  let cluster: TestCluster;
  let clients: Client[];

  before(async () => {
    redis = await RedisServer.start();
  });

  after(() => redis.remove());

  beforeEach(() => {
    cluster = TestCluster.onRedis(redis.url);
    clients = [];
  });

  afterEach(async () => {
    for (const client of clients) client.close();
    await cluster.stop();
  });

  async function clientOf(options: Partial<ConnectOptions>): Promise<Client> {
    const client = await connect({ psk: TEST_PSK, ...options });
    clients.push(client);
    return client;
  }

  it("delivers from any producer to subscribers of any consumer", async () => {
    const nodes = await start(cluster, 2);
    const publisher = await clientOf({ producers: [nodes.producer.url], consumers: nodes.urls });
    for (const url of nodes.urls) {
      const subscriber = await clientOf({ url, route: "single" });
      const recorders = await Promise.all(
        TOPICS.map((topic) => Recorder.follow(subscriber, topic)),
      );
      await Promise.all(TOPICS.map((topic) => publisher.publish(topic, `to ${topic}`)));
      for (const [index, recorder] of recorders.entries()) {
        await recorder.count(1);
        expect(recorder.texts).to.deep.equal([`to ${TOPICS[index] ?? ""}`]);
      }
    }
    for (const { metric } of nodes.consumers.map((node) => ({ metric: node.metric.bind(node) }))) {
      expect(await metric("messages_stored_total")).to.be.greaterThan(0);
    }
  });

  it("loses and doubles nothing when an owner is killed, and its topics go on elsewhere", async () => {
    const nodes = await start(cluster, 2);
    const [, second] = nodes.consumers;
    const publisher = await clientOf({
      producers: [nodes.producer.url],
      consumers: nodes.urls,
      publishTimeoutMs: 30_000,
    });
    const subscriber = await clientOf({ url: second?.url ?? "", route: "single" });
    const recorders = await Promise.all(TOPICS.map((topic) => Recorder.follow(subscriber, topic)));
    const acks: Promise<unknown>[] = [];
    let number = 0;
    const timer = setInterval(() => {
      for (const topic of TOPICS) acks.push(publisher.publish(topic, String(number)));
      number += 1;
    }, 5);
    await recorders[0]?.count(50);
    await nodes.consumers[0]?.stop("SIGKILL");
    await eventually("one consumer is left", async () => {
      return (await second?.metric("topics_owned")) === TOPICS.length;
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    clearInterval(timer);
    await Promise.all(acks);
    const all = Array.from({ length: number }, (_, of) => String(of));
    for (const recorder of recorders) {
      await recorder.count(number);
      expect(recorder.texts).to.deep.equal(all);
      expect(recorder.gaps).to.deep.equal([]);
      expect(recorder.messages.map(({ offset }) => offset)).to.deep.equal(
        all.map((of) => Number(of) + 1),
      );
    }
  });

  it("goes on after Redis was killed and started again", async () => {
    const nodes = await start(cluster, 2);
    const publisher = await clientOf({
      producers: [nodes.producer.url],
      consumers: nodes.urls,
      publishTimeoutMs: 30_000,
    });
    const subscriber = await clientOf({ url: nodes.urls[0] ?? "", route: "single" });
    const recorder = await Recorder.follow(subscriber, "kept");
    await publisher.publish("kept", "before");
    await redis.end();
    const acked = publisher.publish("kept", "meanwhile");
    await eventually("not ready", async () => {
      return (await fetch(`${nodes.consumers[0]?.httpUrl ?? ""}/readyz`)).status === 503;
    });
    await redis.start();
    await acked;
    await publisher.publish("kept", "after");
    await recorder.count(3);
    expect(recorder.texts).to.deep.equal(["before", "meanwhile", "after"]);
    expect(recorder.gaps).to.deep.equal([]);
  });
});

interface Started {
  readonly consumers: NodeProcess[];
  readonly urls: string[];
  readonly producer: NodeProcess;
}

async function start(cluster: TestCluster, count: number): Promise<Started> {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const consumers = await Promise.all(numbers.map((number) => cluster.consumer(number)));
  const producer = await cluster.producer();
  await eventually("all know all", async () => {
    const answers = await Promise.all(
      [...consumers, producer].map(async (node) => {
        const answer = await fetch(`${node.httpUrl}/cluster`);
        return ((await answer.json()) as { consumers: unknown[] }).consumers.length;
      }),
    );
    return answers.every((known) => known === count);
  });
  return { consumers, urls: consumers.map(({ url }) => url), producer };
}
