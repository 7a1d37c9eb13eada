// Unmodified programs of the original queue, against nodes started with --legacy-protocol.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { expect } from "chai";
import WebSocket from "ws";
import { eventually } from "@shardcast/faults";
import {
  closeLegacy,
  dialLegacy,
  openLegacy,
  originalHash,
  type LegacyQueue,
} from "@shardcast/e2e/legacy-queue";
import { TEST_PSK, TestCluster, topicOwnedBy, type NodeProcess } from "@shardcast/e2e/nodes";
import { RawClient } from "@shardcast/e2e/raw-client";
import { RawLink } from "@shardcast/e2e/raw-link";

const LEGACY = { "legacy-protocol": true } as const;
const TOPICS = Array.from({ length: 10 }, (_, index) => `topic${index}`);

describe("the original queue's protocol", () => {
  let cluster: TestCluster;
  let consumers: NodeProcess[];
  let producers: NodeProcess[];

  before(async () => {
    cluster = await TestCluster.plan(3, { args: LEGACY });
    consumers = await Promise.all([1, 2, 3].map((number) => cluster.consumer(number)));
    producers = await Promise.all([cluster.producer(), cluster.producer()]);
    await Promise.all(
      producers.map(({ httpUrl }) =>
        eventually("uplinks", async () => (await fetch(`${httpUrl}/readyz`)).ok),
      ),
    );
  });

  after(() => cluster.stop());

  function consumerAt(index: number): NodeProcess {
    const node = consumers[index % consumers.length];
    if (node === undefined) throw new RangeError("no consumer");
    return node;
  }

  /** The consumer that the original's hash selects, independently of the ring. */
  function subscribeUrl(topic: string, node = consumerAt(originalHash(topic))): string {
    return `${node.url}/subscribe/${encodeURIComponent(topic)}`;
  }

  function produceUrl(index = 0): string {
    return `${producers[index % producers.length]?.url ?? ""}/produce`;
  }

  const subscribe = (topic: string, node?: NodeProcess): Promise<LegacyQueue> =>
    openLegacy(subscribeUrl(topic, node), TEST_PSK);

  describe("does what the original's own test asks", () => {
    it("reaches every producer", async () => {
      for (const [index] of producers.entries()) {
        const queue = await openLegacy(produceUrl(index), TEST_PSK);
        expect(queue.opened).to.equal(true);
        expect(queue.secure).to.equal(true);
        await closeLegacy(queue);
        expect(queue.events).to.deep.equal(["open", "close"]);
      }
    });

    for (const topic of TOPICS) {
      it(`brings a message on ${topic} back unmodified, by way of every producer`, async () => {
        for (const [index] of producers.entries()) {
          const message = randomBytes(20).toString("base64");
          const publisher = await dialLegacy(produceUrl(index), { psk: TEST_PSK });
          const subscriber = await dialLegacy(subscribeUrl(topic), { psk: TEST_PSK });
          // The original's test waits only for the subscriber, and assumes that the publisher,
          // which connected first, is open.
          await Promise.all([publisher.first("open"), subscriber.first("open")]);
          publisher.publish(topic, message);
          await subscriber.take(1);
          expect(subscriber.messages).to.deep.equal([{ message, topic }]);
          await closeLegacy(publisher, subscriber);
        }
      });
    }

    it("refuses a wrong key everywhere, by an answer that does not match", async () => {
      const urls = [
        ...producers.map((_, index) => produceUrl(index)),
        ...consumers.flatMap((node) =>
          ["\0", "\u0001", "\u0002", "topic0"].map((topic) => subscribeUrl(topic, node)),
        ),
        ...consumers.map(({ url }) => `${url}/producer`),
      ];
      for (const url of urls) {
        const queue = await dialLegacy(url, { psk: `${TEST_PSK}ñ` });
        await queue.first("close");
        expect(queue.events, url).to.deep.equal(["error", "close"]);
      }
    });
  });

  it("has the subscription standing before the client is told so, on owner and relay alike", async () => {
    for (const node of consumers) {
      for (const topic of TOPICS) {
        const name = `${topic}/${node.role}/${randomBytes(4).toString("hex")}`;
        const publisher = await openLegacy(produceUrl(), TEST_PSK);
        const subscriber = await dialLegacy(subscribeUrl(name, node), { psk: TEST_PSK });
        subscriber.on("open", () => {
          publisher.publish(name, "at once");
        });
        expect(await subscriber.take(1)).to.deep.equal(["at once"]);
        await closeLegacy(publisher, subscriber);
      }
    }
  });

  it("keeps the order of a link and the text of any script", async () => {
    const messages = [
      "",
      "ñ",
      "日本",
      "😀",
      '"\\\n\u0000\u2028',
      "\ufeffmark",
      "x".repeat(100_000),
      ...Array.from({ length: 500 }, (_, index) => `message ${index}`),
    ];
    const subscribers = await Promise.all(consumers.map((node) => subscribe("order", node)));
    const publisher = await openLegacy(produceUrl(), TEST_PSK);
    for (const message of messages) publisher.publish("order", message);
    for (const subscriber of subscribers) {
      expect(await subscriber.take(messages.length)).to.deep.equal(messages);
    }
    await closeLegacy(publisher, ...subscribers);
  });

  it("writes half of a surrogate pair as U+FFFD, as the original did, and keeps the link", async () => {
    const subscriber = await subscribe("halves");
    const publisher = await openLegacy(produceUrl(), TEST_PSK);
    publisher.publish("halves", "a\ud83d");
    publisher.publish("halves", "b");
    expect(await subscriber.take(2)).to.deep.equal(["a\ufffd", "b"]);
    await closeLegacy(publisher, subscriber);
  });

  it("replays no history", async () => {
    const early = await subscribe("history");
    const publisher = await openLegacy(produceUrl(), TEST_PSK);
    publisher.publish("history", "old");
    await early.take(1);
    const late = await Promise.all(consumers.map((node) => subscribe("history", node)));
    publisher.publish("history", "new");
    for (const queue of late) expect(await queue.take(1)).to.deep.equal(["new"]);
    await closeLegacy(publisher, early, ...late);
  });

  it("passes on what a producer of the original sends to the consumer of its own choice", async () => {
    const dialled = await Promise.all(
      consumers.map(({ url }) => openLegacy(`${url}/producer`, TEST_PSK)),
    );
    for (const topic of TOPICS) {
      const subscriber = await subscribe(topic);
      for (const queue of dialled) queue.publish(topic, `for ${topic}`);
      expect(await subscriber.take(3)).to.deep.equal(Array(3).fill(`for ${topic}`));
      await closeLegacy(subscriber);
    }
    await closeLegacy(...dialled);
  });

  it("follows further topics of a link by s, until u", async () => {
    const queue = await subscribe("first");
    const publisher = await openLegacy(produceUrl(), TEST_PSK);
    // The original does not answer s: the subscription has started when a message arrives.
    const follow = async (topic: string): Promise<void> => {
      queue.send({ t: "s", s: topic });
      const has = (): boolean => queue.messages.some((message) => message.topic === topic);
      await eventually(`messages of ${topic}`, () => {
        if (!has()) publisher.publish(topic, "hello");
        return has();
      });
    };
    await follow("second");
    await follow("third");
    queue.send({ t: "s", s: "third" });
    queue.send({ t: "u", s: "second" });
    queue.send({ t: "u", s: "never followed" });
    await eventually("second is left", async () => {
      const before = queue.messages.length;
      publisher.publish("second", "is it over?");
      publisher.publish("third", "mark");
      await eventually("the mark", () =>
        queue.messages.slice(before).some(({ message }) => message === "mark"),
      );
      return !queue.messages.slice(before).some(({ topic }) => topic === "second");
    });
    const count = queue.messages.length;
    publisher.publish("third", "once only");
    publisher.publish("first", "still here");
    await eventually("both", () => queue.messages.length >= count + 2);
    expect(queue.messages.slice(count)).to.have.deep.members([
      { topic: "third", message: "once only" },
      { topic: "first", message: "still here" },
    ]);
    await closeLegacy(queue, publisher);
  });

  it("shares topics with shardcast.v1, both ways", async () => {
    const path = "/connect";
    const url = consumerAt(0).url;
    const client = await RawClient.open(url, { psk: TEST_PSK, endpoint: "connect", path });
    client.send({ type: "subscribe", sub: 1, topic: "both", from: { type: "live" } });
    await client.first("subscribed");
    const subscriber = await subscribe("both");
    const publisher = await openLegacy(produceUrl(), TEST_PSK);
    publisher.publish("both", "from the original");
    expect(await client.take(1)).to.deep.equal(["from the original"]);
    client.send({
      type: "publish",
      seq: 1,
      timeoutMs: 0,
      topic: "both",
      messageId: "an id",
      attributes: { key: "value" },
      payload: Buffer.from("from shardcast"),
    });
    const payload = Uint8Array.from([0x61, 0xff, 0xc3]);
    client.send({ type: "publish", seq: 2, timeoutMs: 0, topic: "both", payload });
    expect(await subscriber.take(3)).to.deep.equal([
      "from the original",
      "from shardcast",
      "a\ufffd\ufffd",
    ]);
    client.socket.close();
    await closeLegacy(publisher, subscriber);
  });

  describe("where a topic or a message breaks the rules", () => {
    for (const topic of ["\0", "a\nb", "$system", "x".repeat(256)]) {
      const shown = JSON.stringify(topic).slice(0, 12);

      it(`ends a subscriber of ${shown} after a good hello, and says why`, async () => {
        const queue = await dialLegacy(subscribeUrl(topic), { psk: TEST_PSK });
        const [code, reason] = (await once(queue.socket, "close")) as [number, Buffer];
        expect(queue.events).to.deep.equal(["open", "close"]);
        expect(code).to.equal(1008);
        expect(reason.toString()).to.match(/^SHARDCAST_TOPIC_(INVALID|RESERVED)$/);
      });

      it(`ends a publisher to ${shown}, but no link of a producer`, async () => {
        const publisher = await openLegacy(produceUrl(), TEST_PSK);
        publisher.publish(topic, "x");
        await publisher.first("close");
        const producer = await openLegacy(`${consumerAt(0).url}/producer`, TEST_PSK);
        const subscriber = await subscribe("beside");
        producer.publish(topic, "x");
        producer.publish("beside", "still here");
        expect(await subscriber.take(1)).to.deep.equal(["still here"]);
        expect(await consumerAt(0).metric("legacy_publishes_refused_total")).to.be.above(0);
        await closeLegacy(producer, subscriber);
      });
    }

    it("ends a publisher of a payload over the limit, and takes one at the limit", async () => {
      const limit = 1024 * 1024;
      const subscriber = await subscribe("large");
      const publisher = await openLegacy(produceUrl(), TEST_PSK);
      publisher.publish("large", "x".repeat(limit));
      expect((await subscriber.take(1))[0]).to.have.lengthOf(limit);
      publisher.publish("large", "x".repeat(limit + 1));
      const [code, reason] = (await once(publisher.socket, "close")) as [number, Buffer];
      expect([code, reason.toString()]).to.deep.equal([1008, "SHARDCAST_PAYLOAD_TOO_LARGE"]);
      await closeLegacy(subscriber);
    });
  });

  it("is spoken on the original's endpoints only", async () => {
    for (const path of ["/connect", "/relay", "/", "/subscribe/a/b"]) {
      const socket = new WebSocket(`${consumerAt(0).url}${path}`);
      const [error] = (await once(socket, "error")) as [Error];
      expect(error.message, path).to.match(/40[04]/);
    }
  });

  it("answers a close", async () => {
    const queues = await Promise.all([subscribe("close"), openLegacy(produceUrl(), TEST_PSK)]);
    for (const { socket } of queues) {
      socket.close(1000);
      const [code] = (await once(socket, "close")) as [number];
      expect(code).to.equal(1000);
    }
  });

  it("counts its links with the others", async () => {
    const node = await cluster.producer();
    const url = `${node.url}/produce`;
    const queues = [await openLegacy(url, TEST_PSK), await openLegacy(url, TEST_PSK)];
    expect(await node.metric("links")).to.equal(2);
    expect(await node.metric("handshakes_total")).to.equal(2);
    await closeLegacy(...queues);
    await eventually("they are gone", async () => (await node.metric("links")) === 0);
  });

  it("opens a subscriber of a topic whose owner is out of reach, and follows it when the owner is there", async () => {
    const other = await TestCluster.plan(2, { args: LEGACY });
    try {
      const relay = await other.consumer(1);
      const topic = topicOwnedBy("c2", other.consumers);
      const subscriber = await openLegacy(`${relay.url}/subscribe/${topic}`, TEST_PSK);
      const owner = await other.consumer(2);
      const publisher = await openLegacy(`${owner.url}/producer`, TEST_PSK);
      await eventually("a message", () => {
        publisher.publish(topic, "there");
        return subscriber.messages.length > 0;
      });
      await closeLegacy(publisher, subscriber);
    } finally {
      await other.stop();
    }
  });

  describe("with other options", () => {
    it("is not spoken without --legacy-protocol", async () => {
      const plain = await cluster.producer({ args: { "legacy-protocol": "false" } });
      const socket = new WebSocket(`${plain.url}/produce`);
      const [error] = (await once(socket, "error")) as [Error];
      expect(error.message).to.include("400");
    });

    it("takes the previous key as well, and answers with the key that the client has", async () => {
      const PSK_PREVIOUS = "an older key of the tests";
      const node = await cluster.producer({ env: { PSK_PREVIOUS } });
      for (const psk of [TEST_PSK, PSK_PREVIOUS]) {
        await closeLegacy(await openLegacy(`${node.url}/produce`, psk));
      }
    });

    it("holds no more links than --max-links", async () => {
      const node = await cluster.producer({ args: { "max-links": 2 } });
      const url = `${node.url}/produce`;
      const queues = [await openLegacy(url, TEST_PSK), await openLegacy(url, TEST_PSK)];
      const socket = new WebSocket(url);
      const [error] = (await once(socket, "error")) as [Error];
      expect(error.message).to.include("503");
      await closeLegacy(...queues);
    });

    it("keeps a client that is idle but answers pings, and ends one that does not", async () => {
      const node = await cluster.producer({ args: { "heartbeat-interval": 100 } });
      const url = `${node.url}/produce`;
      const idle = await openLegacy(url, TEST_PSK);
      let pings = 0;
      idle.socket.on("ping", () => (pings += 1));
      const deaf = await RawLink.openWith(url, TEST_PSK);
      deaf.socket.pong = () => undefined;
      deaf.socket.removeAllListeners("ping");
      deaf.socket.pause();
      await eventually("pings", () => pings > 10);
      await eventually("the other is gone", async () => (await node.metric("links")) === 1);
      expect(idle.opened).to.equal(true);
      deaf.socket.terminate();
      await closeLegacy(idle);
    });

    it("closes its links with 1001 when the node stops", async () => {
      const node = await cluster.producer();
      const queue = await openLegacy(`${node.url}/produce`, TEST_PSK);
      const closed = once(queue.socket, "close") as Promise<[number, Buffer]>;
      await node.stop("SIGTERM");
      const [code, reason] = await closed;
      expect([code, reason.toString()]).to.deep.equal([1001, "SHARDCAST_NODE_DRAINING"]);
      expect(node.exitCode).to.equal(0);
    });
  });
});
