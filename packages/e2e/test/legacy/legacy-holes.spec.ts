// The 29 holes of the original queue, each attacked on real nodes that speak its protocol: the
// attack has no effect, and the same processes still serve a legitimate client.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { Ring, SHARD_COUNT } from "@shardcast/protocol";
import { expect } from "chai";
import { eventually } from "@shardcast/faults";
import { answerOf, closeLegacy, dialLegacy, openLegacy } from "@shardcast/e2e/legacy-queue";
import { TEST_PSK, TestCluster, topicOwnedBy, type NodeProcess } from "@shardcast/e2e/nodes";
import { RawClient } from "@shardcast/e2e/raw-client";
import { RawLink, upgradeByHand } from "@shardcast/e2e/raw-link";

const MEBIBYTE = 1024 * 1024;
const COMMON = {
  args: {
    "legacy-protocol": true,
    "handshake-timeout": 1500,
    "high-water": 64 * 1024,
    "log-level": "trace",
  },
} as const;

describe("the holes of the original queue", () => {
  let cluster: TestCluster;
  let consumers: NodeProcess[];
  let producer: NodeProcess;
  /** One URL for each endpoint of the original. */
  let entries: string[];

  before(async () => {
    cluster = await TestCluster.plan(2, COMMON);
    consumers = [await cluster.consumer(1), await cluster.consumer(2)];
    producer = await cluster.producer();
    entries = [
      `${producer.url}/produce`,
      `${consumerUrl()}/producer`,
      `${consumerUrl()}/subscribe/attacked`,
    ];
  });

  after(() => cluster.stop());

  afterEach("the same processes still serve a good client", async () => {
    const topic = `good/${randomBytes(4).toString("hex")}`;
    const subscribers = await Promise.all(consumers.map((node) => subscribe(topic, node)));
    for (const url of [
      `${producer.url}/produce`,
      ...consumers.map((node) => `${node.url}/producer`),
    ]) {
      const publisher = await openLegacy(url, TEST_PSK);
      publisher.publish(topic, url);
      await eventually("a good client's message", () =>
        subscribers.every(({ messages }) => messages.some(({ message }) => message === url)),
      );
      await closeLegacy(publisher);
    }
    await closeLegacy(...subscribers);
    for (const node of [...consumers, producer]) {
      expect(node.isAlive).to.equal(true);
      expect(node.stderr).to.equal("");
    }
  });

  function consumerUrl(): string {
    return consumers[0]?.url ?? "";
  }

  const subscribe = (topic: string, node?: NodeProcess) =>
    openLegacy(`${node?.url ?? consumerUrl()}/subscribe/${encodeURIComponent(topic)}`, TEST_PSK);
  const publisherAt = (node = producer) => openLegacy(`${node.url}/produce`, TEST_PSK);

  /** Sends texts to every endpoint before any proof: each link ends, and none is answered. */
  async function endsBeforeProof(...texts: readonly string[]): Promise<void> {
    for (const url of entries) {
      for (const text of texts) {
        const link = await RawLink.open(url);
        link.sendText(text);
        expect(await link.closed(), text.slice(0, 50)).to.deep.equal({
          code: 1008,
          reason: "SHARDCAST_HANDSHAKE_FAILED",
        });
        expect(link.answers, text.slice(0, 50)).to.deep.equal([]);
      }
    }
  }

  /** Sends texts to every endpoint after the proof: each link ends. */
  async function endsAfterProof(...texts: readonly string[]): Promise<void> {
    for (const url of entries) {
      for (const text of texts) {
        const link = await RawLink.openWith(url, TEST_PSK);
        link.sendText(text);
        expect((await link.closed()).code, text.slice(0, 50)).to.equal(1008);
      }
    }
  }

  it("1: a node never answers its own number, so nobody gets in without the key (reflection)", async () => {
    for (const url of entries) {
      const link = await RawLink.open(url);
      link.send({ t: "h", o: await link.challenge() });
      expect(await link.closed()).to.deep.equal({
        code: 1008,
        reason: "SHARDCAST_HANDSHAKE_FAILED",
      });
      expect(link.answers).to.deep.equal([]);
    }
  });

  // A remaining weakness: an attacker between a client of the original and a node can make the
  // client answer the node's challenge, since that client answers every challenge, and the
  // original's proof does not state its purpose.
  it("2: no node answers another one's number for somebody who has not proved himself (two sockets)", async () => {
    await Promise.all(
      entries.map(async (url) => {
        const wanted = await RawLink.open(`${consumerUrl()}/subscribe/attacked`);
        const asked = await RawLink.open(url);
        asked.send({ t: "h", o: await wanted.challenge() });
        expect((await asked.closed()).reason).to.equal("SHARDCAST_HANDSHAKE_TIMEOUT");
        expect(asked.answers).to.deep.equal([]);
        wanted.socket.terminate();
      }),
    );
    const inside = await RawLink.openWith(entries[0] ?? "", TEST_PSK);
    inside.send({ t: "h", o: 1 });
    await eventually("the one answer", () => inside.answers.length === 1);
    inside.send({ t: "h", o: 2 });
    await inside.closed();
    expect(inside.answers).to.deep.equal([answerOf(TEST_PSK, 1)]);
  });

  it("3: only a whole number is hashed with the key, and not a text of the asker's choice", async () => {
    const values = ['"ff"', '"ff\\u0080"', "[255]", "{}", "true", "0.5", "-1", "1e999"];
    const frames = values.map((value) => `{"t":"h","o":${value}}`);
    await endsBeforeProof(...frames);
    for (const frame of frames) {
      const link = await RawLink.openWith(entries[0] ?? "", TEST_PSK);
      link.sendText(frame);
      expect((await link.closed()).code).to.equal(1008);
      expect(link.answers).to.deep.equal([]);
    }
  });

  it("4: a node's number is of more than 31 bits, and none comes twice", async () => {
    const numbers: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const links = await Promise.all([...entries, ...entries].map((url) => RawLink.open(url)));
      for (const link of links) {
        numbers.push(await link.challenge());
        link.socket.terminate();
      }
    }
    expect(new Set(numbers).size).to.equal(numbers.length);
    expect(numbers.every((number) => Number.isSafeInteger(number) && number > 0)).to.equal(true);
    expect(numbers.filter((number) => number > 2 ** 31).length).to.be.above(numbers.length / 2);
  });

  it("5: a challenge of 0 has its answer", async () => {
    for (const url of entries) {
      const queue = await dialLegacy(url, { psk: TEST_PSK, challenge: 0 });
      expect(await queue.first("open", "error", "close")).to.equal("open");
      await closeLegacy(queue);
    }
  });

  it("6: a link answers once; the key that stays in the process answers nobody again", async () => {
    for (const url of entries) {
      const queue = await openLegacy(url, TEST_PSK);
      let texts = 0;
      queue.socket.on("message", () => (texts += 1));
      queue.socket.send(JSON.stringify({ t: "h", o: 7 }));
      await once(queue.socket, "close");
      expect(texts).to.equal(0);
    }
  });

  it("7: an answer that is nearly right is refused as one that is not right at all", async () => {
    const change = (text: string, at: number): string =>
      text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
    const variants: readonly ((right: string) => string)[] = [
      (right) => change(right, 0),
      (right) => change(right, right.length - 2),
      (right) => right.slice(0, -1),
      (right) => `${right}=`,
      (right) => right.toLowerCase(),
      () => "A",
      () => "ñ".repeat(44),
    ];
    for (const url of entries) {
      for (const variant of variants) {
        const link = await RawLink.open(url);
        const once = await link.challenge();
        link.send({ t: "h", a: variant(answerOf(TEST_PSK, once)) });
        expect((await link.closed()).reason).to.equal("SHARDCAST_HANDSHAKE_FAILED");
        expect(link.answers).to.have.lengthOf(1);
        expect(link.answers[0]).to.match(/^[A-Za-z0-9+/]{43}=$/);
      }
    }
  });

  it("8: a right answer sent again ends the link, and doubles no subscription", async () => {
    const link = await RawLink.open(entries[2] ?? "");
    const right = { t: "h", a: answerOf(TEST_PSK, await link.challenge()) };
    link.send(right);
    link.send({ t: "h", o: 5 });
    await eventually("the node's answer", () => link.answers.length === 1);
    const publisher = await publisherAt();
    publisher.publish("attacked", "once");
    await eventually("the message", () => link.texts.some((text) => text.includes("once")));
    link.send(right);
    link.send(right);
    expect((await link.closed()).code).to.equal(1008);
    expect(link.texts.filter((text) => text.includes("once"))).to.have.lengthOf(1);
    await closeLegacy(publisher);
  });

  it("9: after a wrong answer a right one behind it opens nothing", async () => {
    const witness = await subscribe("attacked");
    for (const url of entries) {
      const link = await RawLink.open(url);
      const right = answerOf(TEST_PSK, await link.challenge());
      link.send({ t: "h", o: 1 });
      link.send({ t: "h", a: right.toLowerCase() });
      link.send({ t: "h", a: right });
      link.send({ t: "m", s: "attacked", d: "forged" });
      expect((await link.closed()).reason).to.equal("SHARDCAST_HANDSHAKE_FAILED");
      expect(link.answers).to.have.lengthOf(1);
      expect(link.answers).not.to.include(answerOf(TEST_PSK, 1));
    }
    await onlyMarkArrives(witness);
  });

  it("10: data before the hello closes the socket and is not delivered", async () => {
    const witness = await subscribe("attacked");
    await endsBeforeProof(
      '{"t":"m","s":"attacked","d":"forged"}',
      '{"t":"s","s":"attacked"}',
      '{"t":"u","s":"attacked"}',
    );
    await onlyMarkArrives(witness);
    expect(await producer.metric("links")).to.be.at.least(0);
  });

  /** The subscriber receives nothing that was sent earlier. */
  async function onlyMarkArrives(witness: Awaited<ReturnType<typeof subscribe>>): Promise<void> {
    const publisher = await publisherAt();
    publisher.publish("attacked", "mark");
    expect(await witness.take(1)).to.deep.equal(["mark"]);
    await closeLegacy(publisher, witness);
  }

  it("11: whoever says nothing, or does not prove himself, is cut off by consumer and producer", async () => {
    const links = await Promise.all([...entries, ...entries].map((url) => RawLink.open(url)));
    for (const link of links.slice(entries.length)) link.send({ t: "h", o: 1 });
    for (const link of links) {
      expect((await link.closed()).reason).to.equal("SHARDCAST_HANDSHAKE_TIMEOUT");
      expect(link.answers).to.deep.equal([]);
    }
  });

  it("12: garbage and null end the link, before the proof and after", async () => {
    const garbage = [
      "",
      "x",
      "null",
      "[]",
      "7",
      '"h"',
      "{",
      "[".repeat(3000),
      '{"t":"constructor"}',
    ];
    await endsBeforeProof(...garbage);
    await endsAfterProof(...garbage, "[".repeat(MEBIBYTE), '{"t":'.repeat(MEBIBYTE / 8));
    for (const url of entries) {
      for (const link of [await RawLink.open(url), await RawLink.openWith(url, TEST_PSK)]) {
        link.socket.send(randomBytes(100));
        expect((await link.closed()).code).to.equal(1008);
      }
    }
  });

  it("13: an o that is an object with a toString ends the link", async () => {
    await endsBeforeProof('{"t":"h","o":{"toString":1}}', '{"t":"h","o":{"toString":{"call":1}}}');
    await endsAfterProof('{"t":"h","o":{"toString":1}}');
  });

  it("14: an invalid WebSocket frame ends the link", async () => {
    const mask = [1, 2, 3, 4];
    const frames = {
      "reserved opcode": [0x83, 0x80, ...mask],
      "RSV1 without an extension": [0xc1, 0x80, ...mask],
      "fragmented ping": [0x09, 0x80, ...mask],
      "continuation of nothing": [0x80, 0x80, ...mask],
      "text that is not UTF-8": [0x81, 0x81, ...mask, 0xfe],
      "a length of 63 bits": [0x81, 0xff, ...Array<number>(8).fill(0x7f), ...mask],
      "cut off": [0x81],
    };
    for (const url of entries) {
      for (const [what, bytes] of Object.entries(frames)) {
        const socket = await upgradeByHand(url, new URL(url).pathname);
        socket.write(Uint8Array.from(bytes));
        if (what === "cut off") socket.end();
        await ended(socket);
      }
    }
  });

  it("15: toString, constructor and __proto__ are topics like others", async () => {
    const publishers = [
      await publisherAt(),
      await openLegacy(`${consumerUrl()}/producer`, TEST_PSK),
    ];
    for (const topic of ["toString", "constructor", "__proto__", "hasOwnProperty", "valueOf"]) {
      const subscribers = await Promise.all(consumers.map((node) => subscribe(topic, node)));
      for (const publisher of publishers) publisher.publish(topic, "hello");
      for (const subscriber of subscribers) {
        await subscriber.take(2);
        expect(subscriber.messages).to.deep.equal(Array(2).fill({ topic, message: "hello" }));
      }
      await closeLegacy(...subscribers);
    }
    await closeLegacy(...publishers);
  });

  it("16: a message without a topic, or without data, ends the link that sent it", async () => {
    await endsAfterProof(
      '{"t":"m"}',
      '{"t":"m","d":"x"}',
      '{"t":"m","s":"attacked"}',
      '{"t":"m","d":"x","s":null}',
      '{"t":"m","d":{"toString":1},"s":"attacked"}',
    );
  });

  it("17: a subscriber gets the messages of a producer that came after it, or came again", async () => {
    const early = await Promise.all(consumers.map((node) => subscribe("early", node)));
    const args = { port: 0 };
    const first = await cluster.producer({ args });
    await publishUntilSeen(first, "first");
    await first.stop("SIGKILL");
    const port = Number(new URL(first.url).port);
    const again = await cluster.producer({ args: { port } });
    await publishUntilSeen(again, "again");
    await closeLegacy(...early);

    async function publishUntilSeen(node: NodeProcess, message: string): Promise<void> {
      const publisher = await publisherAt(node);
      publisher.publish("early", message);
      for (const subscriber of early) {
        await eventually(message, () =>
          subscriber.messages.some((seen) => seen.message === message),
        );
      }
      await closeLegacy(publisher);
    }
  });

  it("18: a consumer that dies takes no producer along, and is found again when it is back", async () => {
    await withCluster(2, async (other) => {
      const [survivor, victim] = [await other.consumer(1), await other.consumer(2)];
      const node = await other.producer();
      const publisher = await publisherAt(node);
      const topics = {
        alive: topicOwnedBy("c1", other.consumers),
        dead: topicOwnedBy("c2", other.consumers),
      };
      const beside = await subscribe(topics.alive, survivor);
      await victim.stop("SIGKILL");
      for (let count = 0; count < 50; count += 1) publisher.publish(topics.dead, "nobody is there");
      publisher.publish(topics.alive, "beside");
      expect(await beside.take(1)).to.deep.equal(["beside"]);
      const back = await other.consumer(2);
      const subscriber = await subscribe(topics.dead, back);
      await eventually("a message by way of the consumer that is back", () => {
        publisher.publish(topics.dead, "back");
        return subscriber.messages.some(({ message }) => message === "back");
      });
      expect([publisher.opened, node.isAlive]).to.deep.equal([true, true]);
      await closeLegacy(publisher, beside, subscriber);
    });
  });

  it("19: a producer starts without its consumers, says so, and works when they are there", async () => {
    await withCluster(1, async (other) => {
      const node = await other.producer();
      const response = await fetch(`${node.httpUrl}/readyz`);
      expect(response.status).to.equal(503);
      expect(await response.text()).to.include("c1");
      const publisher = await publisherAt(node);
      const subscriber = await subscribe("late", await other.consumer(1));
      await eventually("ready", async () => (await fetch(`${node.httpUrl}/readyz`)).ok);
      publisher.publish("late", "hello");
      await eventually("the message", () =>
        subscriber.messages.some(({ message }) => message === "hello"),
      );
      await closeLegacy(publisher, subscriber);
    });
  });

  it("20: a producer with another key than the consumers lives, is not ready, and stores nothing", async () => {
    const PSK = "another key of the tests";
    const node = await cluster.producer({ env: { PSK } });
    const witness = await subscribe("attacked");
    const publisher = await openLegacy(`${node.url}/produce`, PSK);
    publisher.publish("attacked", "forged");
    await eventually("the reason is told", async () => {
      const response = await fetch(`${node.httpUrl}/readyz`);
      return (
        response.status === 503 && (await response.text()).includes("SHARDCAST_HANDSHAKE_FAILED")
      );
    });
    await onlyMarkArrives(witness);
    expect([node.isAlive, publisher.opened]).to.deep.equal([true, true]);
    await closeLegacy(publisher);
  });

  it("21: what is published before a consumer has accepted the producer waits, and is not lost", async () => {
    await withCluster(1, async (other) => {
      const node = await other.producer();
      const publisher = await publisherAt(node);
      for (const message of ["1", "2", "3"]) publisher.publish("waiting", message);
      const { url } = await other.consumer(1);
      const path = "/subscribe/waiting?from=earliest";
      const reader = await RawClient.open(url, { psk: TEST_PSK, endpoint: "subscribe", path });
      expect(await reader.take(3)).to.deep.equal(["1", "2", "3"]);
      reader.socket.close();
      await closeLegacy(publisher);
    });
  });

  it("22: an empty list of consumers is refused at the start, in one line", async () => {
    const node = cluster.spawn("producer", { args: { port: 0, consumers: "," } });
    await node.stop();
    expect(node.exitCode).to.equal(1);
    expect(node.stderr).to.match(
      /^shardcast-producer: .*--consumers.* \(SHARDCAST_OPTION_INVALID\)\n$/,
    );
  });

  it("23: subscribers that go in the middle of a fan-out cost the others nothing", async () => {
    const messages = Array.from({ length: 2000 }, (_, index) => `message ${index}`);
    const stays = await subscribe("fan-out");
    const goes = await Promise.all(
      consumers.flatMap((node) => [1, 2, 3].map(() => subscribe("fan-out", node))),
    );
    const publisher = await publisherAt();
    for (const queue of goes) queue.socket.terminate();
    const later = await Promise.all(consumers.map((node) => subscribe("fan-out", node)));
    for (const queue of later) {
      queue.on("message", () => {
        queue.socket.terminate();
      });
    }
    for (const message of messages) publisher.publish("fan-out", message);
    expect(await stays.take(messages.length)).to.deep.equal(messages);
    expect(stays.messages).to.have.lengthOf(messages.length);
    await closeLegacy(publisher, stays);
  });

  it("24: nothing large is taken before the proof, and no slow subscriber is buffered for", async () => {
    for (const bytes of [5 * 1024, 5 * MEBIBYTE, 20 * MEBIBYTE]) {
      // Sent one after another, and created before the link opens, since a handshake has only 1.5
      // s.
      const text = JSON.stringify({ t: "h", o: "x".repeat(bytes) });
      for (const url of entries) {
        const link = await RawLink.open(url);
        link.sendText(text);
        expect(await link.closed()).to.deep.equal({
          code: 1008,
          reason: "SHARDCAST_FRAME_TOO_LARGE",
        });
        expect(link.answers).to.deep.equal([]);
      }
    }

    const owner = consumers[0];
    const topic = topicOwnedBy("c1", cluster.consumers);
    const [slow, quick] = [await subscribe(topic, owner), await subscribe(topic, owner)];
    const publisher = await publisherAt();
    slow.socket.pause();
    const count = 1500;
    const filler = "x".repeat(20_000);
    for (let index = 0; index < count; index += 1) publisher.publish(topic, `${index} ${filler}`);
    const numbers = (texts: readonly string[]): number[] => texts.map((text) => parseInt(text, 10));
    const all = Array.from({ length: count }, (_, index) => index);
    expect(numbers(await quick.take(count))).to.deep.equal(all);
    expect(await owner?.metric("subscriptions_lagging")).to.equal(1);
    slow.socket.resume();
    expect(numbers(await slow.take(count))).to.deep.equal(all);
    await eventually("the node has seen that it caught up", async () => {
      return (await owner?.metric("subscriptions_lagging")) === 0;
    });
    await closeLegacy(publisher, slow, quick);
  });

  it("25: a client's frame that is not masked ends the link", async () => {
    for (const url of entries) {
      const socket = await upgradeByHand(url, new URL(url).pathname);
      const text = Buffer.from('{"t":"h","o":1}');
      socket.write(Buffer.concat([Buffer.from([0x81, text.length]), text]));
      expect((await ended(socket)).toString("latin1")).not.to.include('"a"');
    }
  });

  // Remaining limits: there are no permissions per topic and no identity per client. The original's
  // proof does not state its purpose either: a client with the key may do everything that an
  // endpoint offers.
  describe("26: one key for all roles", () => {
    it("a legacy link does what its endpoint is for, and nothing else", async () => {
      const witness = await subscribe("attacked");
      const [produce = "", accept = "", follow = ""] = entries;
      const forbidden = [
        [produce, { t: "s", s: "attacked" }],
        [produce, { t: "u", s: "attacked" }],
        [accept, { t: "s", s: "attacked" }],
        [follow, { t: "m", s: "attacked", d: "forged" }],
      ] as const;
      for (const [url, frame] of forbidden) {
        const link = await RawLink.openWith(url, TEST_PSK);
        link.send(frame);
        expect(await link.closed()).to.deep.equal({
          code: 1008,
          reason: "SHARDCAST_FRAME_UNEXPECTED",
        });
      }
      await onlyMarkArrives(witness);
    });

    it("a shardcast.v1 proof for one endpoint is refused on another", async () => {
      const options = { psk: TEST_PSK, endpoint: "subscribe", path: "/producer" } as const;
      const refused = await RawClient.open(consumerUrl(), options).catch((error: unknown) => error);
      expect(refused).to.have.property("message", "SHARDCAST_HANDSHAKE_FAILED");
    });

    it("the key can be changed: two are live for a while, and then the old one is refused", async () => {
      const [old, fresh] = ["the old key of the tests", "the new key of the tests"];
      const rotating = { env: { PSK: fresh, PSK_PREVIOUS: old } };
      await withCluster(1, async (other) => {
        const consumer = await other.consumer(1, rotating);
        const node = await other.producer(rotating);
        const subscriber = await openLegacy(`${consumer.url}/subscribe/rotation`, old);
        for (const psk of [old, fresh]) {
          const publisher = await openLegacy(`${node.url}/produce`, psk);
          publisher.publish("rotation", psk);
          await closeLegacy(publisher);
        }
        await subscriber.take(2);
        const after = await other.producer({ env: { PSK: fresh } });
        const late = await dialLegacy(`${after.url}/produce`, { psk: old });
        expect(await late.first("open", "error", "close")).to.equal("error");
        await closeLegacy(await openLegacy(`${after.url}/produce`, fresh), subscriber);
      });
    });
  });

  describe("27: ws:// only, payloads in the log, a default key", () => {
    it("a list of consumers may say wss://", async () => {
      const list = cluster.consumers.replaceAll("ws://", "wss://");
      const node = await cluster.producer({ args: { consumers: list } });
      expect(await (await fetch(`${node.httpUrl}/cluster`)).text()).to.include("wss://");
      await node.stop("SIGTERM");
    });

    it("neither payload nor key is logged, at the finest level", async () => {
      const secret = `secret ${randomBytes(8).toString("hex")}`;
      const subscriber = await subscribe("logged");
      const publisher = await publisherAt();
      publisher.publish("logged", secret);
      await subscriber.take(1);
      await closeLegacy(publisher, subscriber);
      for (const node of [producer, ...consumers]) {
        expect(node.stdout).not.to.be.empty;
        for (const text of [secret, TEST_PSK])
          expect(node.stdout + node.stderr).not.to.include(text);
      }
    });

    it("the original's public key is taken with --legacy-protocol alone, and with a loud warning", async () => {
      const psk = "pre-shared-key";
      await withCluster(1, async (other) => {
        const node = await other.consumer(1, { env: { PSK: psk } });
        await closeLegacy(await openLegacy(`${node.url}/subscribe/public`, psk));
        expect(node.stdout).to.include('"level":"warn"').and.include("public default");
      });
      const plain = await TestCluster.plan(1);
      const refused = plain.spawn("consumer", { args: { id: "c1", port: 0 }, env: { PSK: psk } });
      await refused.stop();
      await plain.stop();
      expect(refused.stderr).to.match(
        /^shardcast-consumer: --psk .*\(SHARDCAST_OPTION_INVALID\)\n$/,
      );
    });

    it("a node without a key does not start", async () => {
      for (const role of ["producer", "consumer"] as const) {
        const node = cluster.spawn(role, { args: { id: "c1", port: 0 }, env: { PSK: "" } });
        await node.stop();
        expect(node.exitCode).to.equal(1);
        expect(node.stderr).to.match(/^shardcast-\w+: .* \(SHARDCAST_KEY_MISSING\)\n$/);
      }
      const queue = await dialLegacy(entries[0] ?? "", { psk: "pre-shared-key" });
      expect(await queue.first("open", "error", "close")).to.equal("error");
    });
  });

  describe("28: which consumer has a topic", () => {
    it("does not hang on the order of the list", async () => {
      const list = cluster.consumers.split(",").reverse().join(",");
      const node = await cluster.producer({ args: { consumers: list } });
      const subscribers = await Promise.all(consumers.map((each) => subscribe("order", each)));
      const publishers = [await publisherAt(), await publisherAt(node)];
      for (let index = 0; index < 10; index += 1) {
        for (const publisher of publishers) publisher.publish("order", `${index}`);
      }
      for (const subscriber of subscribers) await subscriber.take(20);
      await closeLegacy(...publishers, ...subscribers);
    });

    it("stays as it is for all topics but the share of a consumer that is added", () => {
      const members = ["c1", "c2", "c3", "c4", "c5"].map((id) => ({ id, url: `ws://${id}:1` }));
      const [before, after] = [new Ring(members.slice(0, 4)), new Ring(members)];
      const moved = Array.from({ length: SHARD_COUNT }, (_, shard) => shard).filter(
        (shard) => before.ownerOfShard(shard).id !== after.ownerOfShard(shard).id,
      );
      expect(moved.every((shard) => after.ownerOfShard(shard).id === "c5")).to.equal(true);
      expect(moved.length / SHARD_COUNT).to.be.within(0.15, 0.25);
    });
  });

  it("29: what the bin folders start is what was built, and it forwards", async () => {
    for (const role of ["producer", "consumer"]) {
      const folder = join("packages", role);
      const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
        bin: Record<string, string>;
      };
      const [file = ""] = Object.values(bin);
      // Only three lines, which load the build, so the file cannot be older than the source it was
      // built from.
      expect(readFileSync(join(folder, file), "utf8").trim().split("\n")).to.have.lengthOf(3);
      expect(readFileSync(join(folder, file), "utf8")).to.include("../dist/main.js");
    }
    expect(readFileSync(".gitignore", "utf8").split("\n")).to.include.members(["dist/"]);
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as {
      scripts: { test: string };
    };
    expect(existsSync(scripts.test.replace("node ", ""))).to.equal(true);
    // The processes of this file were started from these bins; one more starts here, to test it
    // from the beginning.
    const subscriber = await subscribe("forwarded");
    const node = await cluster.producer();
    const publisher = await publisherAt(node);
    publisher.publish("forwarded", "by the bin");
    expect(await subscriber.take(1)).to.deep.equal(["by the bin"]);
    await closeLegacy(publisher, subscriber);
  });

  async function withCluster(
    consumerCount: number,
    run: (other: TestCluster) => Promise<void>,
  ): Promise<void> {
    const other = await TestCluster.plan(consumerCount, COMMON);
    try {
      await run(other);
    } finally {
      await other.stop();
    }
  }
});

/** Everything that the node sends until it closes the connection. */
async function ended(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  if (!socket.closed) await once(socket, "close");
  return Buffer.concat(chunks);
}
