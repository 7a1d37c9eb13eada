// Lines on which one message takes longer than two heartbeats: the message arrives, and the link
// stays open.
import { connect, type Client } from "@shardcast/client";
import { SUBPROTOCOLS, type Subprotocol } from "@shardcast/protocol";
import { expect } from "chai";
import { eventually, TcpProxy } from "@shardcast/faults";
import { EventReader } from "@shardcast/e2e/http-client";
import { TEST_PSK, TestCluster, topicOwnedBy, type NodeProcess } from "@shardcast/e2e/nodes";
import { Recorder } from "@shardcast/e2e/recorder";
import { V1Socket } from "@shardcast/e2e/v1-socket";

const HEARTBEAT_MS = 600;
/** The size of a message: more than seven heartbeats on a slow line. */
const BYTES = 900_000;
const SLOW = { type: "slow", bytesPerSecond: 200_000 } as const;
const PASS = { type: "pass" } as const;
const API_KEY = "the key of the tests";
const LARGE = Buffer.from(Array.from({ length: BYTES }, (_, at) => (at * 7) % 251));

describe("a large message on a slow line", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let consumer: NodeProcess;
  let producer: NodeProcess;
  let toConsumer: TcpProxy;
  let toProducer: TcpProxy;
  /** A client on a fast line. */
  let near: Client;
  let topicCount = 0;

  before(async () => {
    const args = { "heartbeat-interval": HEARTBEAT_MS, "api-key": API_KEY };
    cluster = await TestCluster.plan(1, { args });
    consumer = await cluster.consumer(1);
    producer = await cluster.producer();
    toConsumer = await TcpProxy.listen(Number(new URL(consumer.url).port));
    toProducer = await TcpProxy.listen(Number(new URL(producer.url).port));
    near = await connect({
      psk: TEST_PSK,
      producers: [producer.url],
      consumers: [consumer.url],
    });
  });

  afterEach(() => {
    toConsumer.set(PASS);
    toProducer.set(PASS);
  });

  after(async () => {
    near.close();
    await Promise.all([toConsumer.close(), toProducer.close()]);
    await cluster.stop();
  });

  function newTopic(): string {
    topicCount += 1;
    return `slow-${topicCount}`;
  }

  function far(): Promise<Client> {
    return connect({
      psk: TEST_PSK,
      publishTimeoutMs: 60_000,
      producers: [`ws://127.0.0.1:${toProducer.port}`],
      consumers: [`ws://127.0.0.1:${toConsumer.port}`],
    });
  }

  it("reaches a subscriber, and what comes behind it, over one link", async () => {
    const client = await far();
    const topic = newTopic();
    const recorder = await Recorder.follow(client, topic);
    const before = toConsumer.acceptedCount;
    toConsumer.set(SLOW);
    await near.publish(topic, LARGE);
    await near.publish(topic, "behind");
    await recorder.count(2);
    expect(Buffer.from(recorder.messages[0]?.bytes ?? []).equals(LARGE)).to.equal(true);
    expect(recorder.texts[1]).to.equal("behind");
    expect(toConsumer.acceptedCount).to.equal(before);
    client.close();
  });

  for (const subprotocol of [SUBPROTOCOLS.binary, SUBPROTOCOLS.json] as Subprotocol[]) {
    it(`is announced to a client of ${subprotocol}, which may not see its bytes come`, async () => {
      const topic = newTopic();
      const url = `ws://127.0.0.1:${toConsumer.port}`;
      const path = `/subscribe/${topic}`;
      const socket = await V1Socket.openWith(url, TEST_PSK, {
        endpoint: "subscribe",
        path,
        subprotocol,
      });
      await socket.first("subscribed");
      toConsumer.set(SLOW);
      await near.publish(topic, LARGE);
      const message = await socket.first("message");
      expect(Buffer.from(message.payload).equals(LARGE)).to.equal(true);
      const types = socket.frames.map(({ type }) => type);
      expect(types[types.indexOf("message") - 1]).to.equal("large");
      expect((await socket.first("large")).bytes).to.be.at.least(BYTES);
      expect(socket.isOpen).to.equal(true);
      socket.end();
    });
  }

  it("is as good as many small ones", async () => {
    const client = await far();
    const topic = newTopic();
    const recorder = await Recorder.follow(client, topic);
    const before = toConsumer.acceptedCount;
    toConsumer.set(SLOW);
    const count = 900;
    const text = "x".repeat(BYTES / count);
    await Promise.all(Array.from({ length: count }, () => near.publish(topic, text)));
    await recorder.count(count);
    expect(toConsumer.acceptedCount).to.equal(before);
    client.close();
  });

  it("reaches the node that it is published to, once", async () => {
    const client = await far();
    const topic = newTopic();
    const recorder = await Recorder.follow(near, topic);
    await client.publish(topic, "first");
    const before = toProducer.acceptedCount;
    toProducer.set(SLOW);
    const ack = await client.publish(topic, LARGE);
    await recorder.count(2);
    expect(recorder.messages[1]?.offset).to.equal(ack.offset);
    expect(toProducer.acceptedCount).to.equal(before);
    client.close();
  });

  it("reaches an event stream, and what comes behind it", async () => {
    const topic = newTopic();
    const url = `http://127.0.0.1:${toConsumer.port}`;
    const reader = await EventReader.open(url, `/subscribe/${topic}`, {
      authorization: `Bearer ${API_KEY}`,
    });
    toConsumer.set(SLOW);
    await near.publish(topic, LARGE);
    await near.publish(topic, "behind");
    await reader.count(2);
    const [large, behind] = reader.messages;
    expect(large?.payloadBase64).to.equal(LARGE.toString("base64"));
    expect(behind?.payload).to.equal("behind");
    reader.close();
  });

  it("passes between nodes, in both directions", async () => {
    const args = { "heartbeat-interval": HEARTBEAT_MS };
    const own = await TestCluster.plan(2, { args });
    const [first = "", second = ""] = own.consumers.split(",");
    const port = Number(new URL(first.slice("c1=".length)).port);
    const owner = await own.consumer(1);
    const line = await TcpProxy.listen(port);
    try {
      // These two nodes reach the owner over the slow line.
      const consumers = `c1=ws://127.0.0.1:${line.port},${second}`;
      const relay = await own.consumer(2, { args: { consumers } });
      const entrance = await own.producer({ args: { consumers } });
      const client = await connect({
        psk: TEST_PSK,
        publishTimeoutMs: 60_000,
        producers: [entrance.url],
        consumers: [relay.url],
      });
      const topic = topicOwnedBy("c1", own.consumers);
      const recorder = await Recorder.follow(client, topic);
      await client.publish(topic, "first");
      await recorder.count(1);
      const before = line.acceptedCount;
      line.set(SLOW);
      await client.publish(topic, LARGE);
      await client.publish(topic, "behind");
      await recorder.count(3);
      expect(Buffer.from(recorder.messages[1]?.bytes ?? []).equals(LARGE)).to.equal(true);
      expect(recorder.texts[2]).to.equal("behind");
      expect(line.acceptedCount).to.equal(before);
      expect(owner.isAlive).to.equal(true);
      client.close();
    } finally {
      await line.close();
      await own.stop();
    }
  });

  it("is no excuse for one who takes nothing", async () => {
    const topic = newTopic();
    const url = `ws://127.0.0.1:${toConsumer.port}`;
    const path = `/subscribe/${topic}`;
    const socket = await V1Socket.openWith(url, TEST_PSK, { endpoint: "subscribe", path });
    await socket.first("subscribed");
    const before = await consumer.metric("links");
    toConsumer.set({ type: "stall" });
    await near.publish(topic, LARGE);
    await eventually("the end of its link", async () => (await consumer.metric("links")) < before);
    socket.end();
  });
});
