// One subscriber that stops reading while others continue, with real sockets and a real node.
import { join } from "node:path";
import { connect } from "@shardcast/client";
import { expect } from "chai";
import { eventually } from "@shardcast/faults";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { RawClient } from "@shardcast/e2e/raw-client";
import { Recorder } from "@shardcast/e2e/recorder";

const PAYLOAD_BYTES = 64 * 1024;
const MESSAGES = 600;

describe("a slow reader", () => {
  let cluster: TestCluster;
  let consumer: NodeProcess;
  let producer: NodeProcess;

  before(async () => {
    // The topic keeps at most 8 MiB, far less than is published.
    cluster = await TestCluster.plan(1);
    consumer = await cluster.consumer(1, { args: { "retain-bytes": 8 * 1024 * 1024 } });
    producer = await cluster.producer();
  });

  after(() => cluster.stop());

  function slowReader(topic: string): Promise<RawClient> {
    return RawClient.open(consumer.url, {
      psk: TEST_PSK,
      endpoint: "subscribe",
      path: `/subscribe/${topic}`,
    });
  }

  it("holds nobody up, costs the node little, and gets all that is kept, with the gap told", async function () {
    this.timeout(60_000);
    const client = await connect({
      psk: TEST_PSK,
      producers: [producer.url],
      consumers: [consumer.url],
    });
    const fast = await Recorder.follow(client, "busy");
    const slow = await Promise.all(Array.from({ length: 20 }, () => slowReader("busy")));
    await Promise.all(slow.map((reader) => reader.first("subscribed")));
    await client.publish("busy", "0");
    await Promise.all(slow.map((reader) => reader.take(1)));
    for (const { socket } of slow) socket.pause();
    const before = consumer.residentKib;

    for (let number = 1; number <= MESSAGES; number += 1) {
      await client.publish("busy", `${number}`.padEnd(PAYLOAD_BYTES, "."));
    }
    await fast.count(MESSAGES + 1);
    expect(fast.messages.map(({ offset }) => offset)).to.deep.equal(
      Array.from({ length: MESSAGES + 1 }, (_, index) => index + 1),
    );
    expect(await consumer.metric("subscriptions_lagging")).to.equal(slow.length);
    // Without a limit, 20 readers of 600 messages of 64 KiB each would take 750 MiB.
    expect(consumer.residentKib - before).to.be.lessThan(200 * 1024);

    for (const { socket } of slow) socket.resume();
    for (const reader of slow) {
      await eventually("the last message", () =>
        reader.frames.some((frame) => frame.type === "message" && frame.offset === MESSAGES + 1),
      );
      const missing: number[] = [];
      let expected = 1;
      for (const frame of reader.frames) {
        if (frame.type === "gap") {
          expect(frame.first).to.equal(expected);
          for (let offset = frame.first; offset <= frame.last; offset += 1) missing.push(offset);
          expected = frame.last + 1;
        } else if (frame.type === "message") {
          expect(frame.offset).to.equal(expected);
          expected += 1;
        }
      }
      expect(expected).to.equal(MESSAGES + 2);
      // 8 MiB are 127 messages: the reader gets a gap for exactly the messages trimmed before it
      // returned.
      expect(missing.length).to.be.within(1, MESSAGES - 100);
    }
    await eventually("the node has seen that they caught up", async () => {
      return (await consumer.metric("subscriptions_lagging")) === 0;
    });
    for (const { socket } of slow) socket.terminate();
    client.close();
  });

  it("gets every message where all are still kept", async function () {
    this.timeout(60_000);
    const client = await connect({
      psk: TEST_PSK,
      producers: [producer.url],
      consumers: [consumer.url],
    });
    const reader = await slowReader("calm");
    await reader.first("subscribed");
    reader.socket.pause();
    // 5 MiB: more than the node buffers for a link, less than it keeps of the topic.
    const acks = Array.from({ length: 5000 }, (_, number) =>
      client.publish("calm", `${number}`.padEnd(1000, ".")),
    );
    await Promise.all(acks);
    reader.socket.resume();
    const texts = await reader.take(5000);
    expect(texts.map((text) => Number.parseInt(text, 10))).to.deep.equal(
      Array.from({ length: 5000 }, (_, number) => number),
    );
    expect(reader.frames.some(({ type }) => type === "gap")).to.equal(false);
    reader.socket.terminate();
    client.close();
  });

  it("costs the node no more with 500 of them, however much is published", async function () {
    this.timeout(120_000);
    const node = await cluster.start("consumer", {
      args: { id: "c1", port: 0, data: join(cluster.dataFolder, "many"), "high-water": 65_536 },
    });
    const client = await connect({ psk: TEST_PSK, url: node.url, route: "single" });
    const fast = await Recorder.follow(client, "crowd");
    const slow: RawClient[] = [];
    for (let number = 0; number < 500; number += 1) {
      const path = "/subscribe/crowd";
      const reader = await RawClient.open(node.url, { psk: TEST_PSK, endpoint: "subscribe", path });
      slow.push(reader);
    }
    for (const { socket } of slow) socket.pause();
    let published = 0;
    const publish = async (count: number): Promise<void> => {
      const payload = Buffer.alloc(8000, "x");
      for (let number = 0; number < count; number += 50) {
        await Promise.all(Array.from({ length: 50 }, () => client.publish("crowd", payload)));
      }
      published += count;
      await fast.count(published);
    };
    await eventually("all of them lag", async () => {
      await publish(100);
      return (await node.metric("subscriptions_lagging")) === slow.length;
    });
    const before = node.residentKib;
    await publish(5000);
    // 40 MB more. A copy for each subscriber would be 20 GB.
    expect(node.residentKib - before).to.be.lessThan(48 * 1024);
    expect(await node.metric("subscription_lag_max")).to.be.greaterThan(5000);
    expect(await node.metric("subscription_lag_messages_count")).to.equal(500);
    expect(await node.metric("log_tail_bytes")).to.be.within(1, 2 * 1024 * 1024);

    const last = slow.at(-1);
    for (const { socket } of slow.slice(0, -1)) socket.terminate();
    last?.socket.resume();
    await last?.take(published);
    const offsets = last?.frames.flatMap((frame) =>
      frame.type === "message" ? [frame.offset] : [],
    );
    expect(offsets).to.deep.equal(Array.from({ length: published }, (_, index) => index + 1));
    expect(await node.metric("pages_total")).to.be.greaterThan(100);
    last?.socket.terminate();
    client.close();
    await node.stop("SIGTERM");
  });

  it("is disconnected beyond a lag where the node is told to, may come back, and has lost nothing", async function () {
    this.timeout(60_000);
    const node = await cluster.start("consumer", {
      args: {
        id: "c1",
        port: 0,
        data: join(cluster.dataFolder, "strict"),
        "slow-subscribers": "disconnect",
        "max-lag": 100,
      },
    });
    const client = await connect({ psk: TEST_PSK, url: node.url, route: "single" });
    const options = { psk: TEST_PSK, endpoint: "subscribe", path: "/subscribe/strict" } as const;
    const reader = await RawClient.open(node.url, options);
    await reader.first("subscribed");
    reader.socket.pause();
    let epoch = "";
    let published = 0;
    await eventually("it is ended", async () => {
      for (let number = 0; number < 50; number += 1) {
        ({ epoch, offset: published } = await client.publish("strict", Buffer.alloc(8000)));
      }
      return (await node.metric("slow_subscribers_ended_total")) === 1;
    });
    reader.socket.resume();
    expect(await reader.closed()).to.equal("SHARDCAST_SUBSCRIBER_SLOW");
    const seen = reader.frames.filter(({ type }) => type === "message").length;
    // Far behind, but not closed for it, since it is catching up.
    const path = `/subscribe/strict?from=${epoch}_${seen}`;
    const again = await RawClient.open(node.url, { ...options, path });
    await again.take(published - seen);
    expect(published - seen).to.be.greaterThan(100);
    again.socket.terminate();
    client.close();
    await node.stop("SIGTERM");
  });

  it("goes on when it reads again, however low the mark is from which on it counts as slow", async function () {
    this.timeout(60_000);
    const node = await cluster.start("consumer", {
      args: { id: "c1", port: 0, data: join(cluster.dataFolder, "low"), "high-water": 1024 },
    });
    const client = await connect({ psk: TEST_PSK, url: node.url, route: "single" });
    const reader = await RawClient.open(node.url, {
      psk: TEST_PSK,
      endpoint: "subscribe",
      path: "/subscribe/low",
    });
    await reader.first("subscribed");
    reader.socket.pause();
    let published = 0;
    // Publish one at a time: when the link is found to be slow, a single message is unsent, less
    // than the TCP socket's own high-water mark.
    await eventually("it lags", async () => {
      for (let number = 0; number < 200; number += 1) {
        published = (await client.publish("low", Buffer.alloc(3000))).offset;
      }
      return (await node.metric("subscriptions_lagging")) === 1;
    });
    reader.socket.resume();
    await reader.take(published);
    await client.publish("low", "and on");
    expect((await reader.take(published + 1)).at(-1)).to.equal("and on");
    reader.socket.terminate();
    client.close();
    await node.stop("SIGTERM");
  });
});
