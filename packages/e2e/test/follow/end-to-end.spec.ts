// The whole queue: real node processes, and the SDK. With SHARDCAST_E2E_PRODUCERS,
// SHARDCAST_E2E_CONSUMERS and PSK, the first part runs against an existing cluster.
import { randomBytes, randomUUID } from "node:crypto";
import { ShardcastError, connect, type Client, type ConnectOptions } from "@shardcast/client";
import { expect } from "chai";
import { eventually } from "@shardcast/faults";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { Recorder } from "@shardcast/e2e/recorder";

const { env } = process;
const GIVEN_PRODUCERS = env["SHARDCAST_E2E_PRODUCERS"]?.split(",");
const GIVEN_CONSUMERS = env["SHARDCAST_E2E_CONSUMERS"]?.split(",");
const IS_GIVEN = GIVEN_PRODUCERS !== undefined && GIVEN_CONSUMERS !== undefined;
const GIVEN_PSK = env["PSK"] ?? TEST_PSK;

/** A unique prefix for topics: an existing cluster may have topics of earlier runs. */
const RUN = randomUUID().slice(0, 8);

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof ShardcastError) return error.code;
    throw error;
  }
  return "no error";
}

/** The clients of one test, which are closed together. */
class Clients {
  readonly #open: Client[] = [];

  async connect(options: ConnectOptions): Promise<Client> {
    const client = await connect(options);
    this.#open.push(client);
    return client;
  }

  close(): void {
    for (const client of this.#open.splice(0)) client.close();
  }
}

describe("a cluster, end to end", () => {
  const clients = new Clients();
  let cluster: TestCluster | undefined;
  let producers: readonly string[];
  let consumers: readonly string[];
  let psk: string;

  before(async function () {
    this.timeout(60_000);
    psk = IS_GIVEN ? GIVEN_PSK : TEST_PSK;
    if (IS_GIVEN) {
      producers = GIVEN_PRODUCERS;
      consumers = GIVEN_CONSUMERS;
      return;
    }
    const own = await TestCluster.plan(3);
    cluster = own;
    const nodes = await Promise.all([1, 2, 3].map((number) => own.consumer(number)));
    const ingress = await Promise.all([1, 2, 3].map(() => own.producer()));
    consumers = nodes.map(({ url }) => url);
    producers = ingress.map(({ url }) => url);
  });

  afterEach(() => {
    clients.close();
  });
  after(() => cluster?.stop());

  function anyNode(): Promise<Client> {
    return clients.connect({ psk, producers, consumers });
  }

  /**
   * A client with a single link to one consumer, which relays and forwards for topics that it does
   * not own.
   */
  function via(consumer: string): Promise<Client> {
    return clients.connect({ psk, url: consumer, route: "single" });
  }

  it("is reached through every producer", async () => {
    const topic = `${RUN} every producer`;
    const reader = await Recorder.follow(await anyNode(), topic);
    for (const producer of producers) {
      const client = await clients.connect({ psk, producers: [producer] });
      await client.publish(topic, producer);
    }
    await reader.count(producers.length);
    expect(reader.texts).to.deep.equal(producers);
  });

  it("gives a random message on a random topic back unmodified", async () => {
    const client = await anyNode();
    for (let round = 0; round < 20; round += 1) {
      const topic = `${RUN} ${randomUUID()}`;
      const bytes = randomBytes(round * 17);
      const reader = await Recorder.follow(client, topic);
      const attributes = { round: String(round) };
      const { epoch, offset } = await client.publish(topic, bytes, { attributes });
      const [message] = (await reader.count(1)).messages;
      expect(Buffer.from(message?.bytes ?? []).equals(bytes)).to.equal(true);
      expect(message?.attributes).to.include(attributes);
      expect(message?.position).to.equal(`${epoch}_${offset}`);
    }
  });

  it("refuses a wrong key at every node", async () => {
    const wrong = `${psk}ñ`;
    for (const producer of producers) {
      const attempt = connect({ psk: wrong, producers: [producer] });
      expect(await codeOf(attempt)).to.equal("SHARDCAST_HANDSHAKE_FAILED");
    }
    for (const consumer of consumers) {
      const list = connect({ psk: wrong, consumers: [consumer] });
      expect(await codeOf(list)).to.equal("SHARDCAST_HANDSHAKE_FAILED");
      const single = connect({ psk: wrong, url: consumer, route: "single" });
      expect(await codeOf(single)).to.equal("SHARDCAST_HANDSHAKE_FAILED");
    }
  });

  it("carries 300 topics with 20 messages each from 10 publishers, every one once and in order", async function () {
    this.timeout(120_000);
    const scripts = [
      "news",
      "日本",
      "ñandú",
      "Ωμέγα",
      "новости",
      "أخبار",
      "😀",
      "..",
      "a/b?c=d&e #",
    ];
    const topics = Array.from(
      { length: 300 },
      (_, index) => `${scripts[index % scripts.length] ?? ""} ${index} ${RUN}`,
    );
    const readers = await Promise.all(consumers.map((consumer) => via(consumer)));
    const recorders = await Promise.all(
      topics.map(async (topic, index) => {
        const client = readers[index % readers.length];
        if (client === undefined) throw new Error("no reader");
        return Recorder.follow(client, topic);
      }),
    );
    const publishers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        clients.connect({ psk, producers: [producers[index % producers.length] ?? ""] }),
      ),
    );
    const payloadOf = (topic: number, number: number): Buffer => {
      if (number === 7) return Buffer.alloc(0);
      if (topic === 13 && number === 11) return Buffer.alloc(1024 * 1024, 0xa7);
      return Buffer.concat([Buffer.from([topic % 256, number, 0, 255]), Buffer.from(`#${number}`)]);
    };
    const acks = await Promise.all(
      topics.flatMap((topic, index) => {
        // Each topic has one publisher, so the expected order is known.
        const publisher = publishers[index % 10];
        if (publisher === undefined) throw new Error("no publisher");
        return Array.from({ length: 20 }, (_, number) =>
          publisher.publish(topic, payloadOf(index, number)),
        );
      }),
    );
    expect(acks.filter(({ duplicate }) => !duplicate).length).to.equal(6000);
    for (const [index, recorder] of recorders.entries()) {
      await recorder.count(20);
      const offsets = recorder.messages.map(({ offset }) => offset);
      expect(offsets).to.deep.equal(Array.from({ length: 20 }, (_, number) => number + 1));
      for (const [number, message] of recorder.messages.entries()) {
        const isSame = payloadOf(index, number).equals(Buffer.from(message.bytes));
        expect(isSame, `${topics[index] ?? ""} #${number}`).to.equal(true);
      }
      expect(recorder.gaps).to.deep.equal([]);
    }
  });

  for (const from of ["live", "earliest", "last:3", "since:0"]) {
    it(`shows owner and relays with the same offsets and epoch, from ${from}`, async () => {
      const topic = `${RUN} spread ${from}`;
      const client = await anyNode();
      for (let number = 1; number <= 10; number += 1) await client.publish(topic, `${number}`);
      const readers = await Promise.all(consumers.map((consumer) => via(consumer)));
      const recorders = await Promise.all(
        readers.map((reader) => Recorder.follow(reader, topic, from)),
      );
      for (let number = 11; number <= 15; number += 1) await client.publish(topic, `${number}`);
      const skipped = { live: 10, earliest: 0, "last:3": 7, "since:0": 0 }[from] ?? 0;
      const expected = Array.from({ length: 15 - skipped }, (_, index) => `${skipped + index + 1}`);
      for (const recorder of recorders) {
        expect((await recorder.count(expected.length)).texts).to.deep.equal(expected);
        expect(recorder.positions).to.deep.equal(recorders[0]?.positions);
      }
    });
  }

  it("goes on after a position, on whichever node", async () => {
    const topic = `${RUN} position`;
    const client = await anyNode();
    const positions: string[] = [];
    for (let number = 1; number <= 10; number += 1) {
      const { epoch, offset } = await client.publish(topic, `${number}`);
      positions.push(`${epoch}_${offset}`);
    }
    for (const consumer of consumers) {
      const recorder = await Recorder.follow(await via(consumer), topic, positions[5]);
      expect((await recorder.count(4)).texts).to.deep.equal(["7", "8", "9", "10"]);
      expect(recorder.gaps).to.deep.equal([]);
    }
  });

  it("tells of a gap where a position is of another epoch", async () => {
    const topic = `${RUN} other epoch`;
    const client = await anyNode();
    await client.publish(topic, "1");
    for (const consumer of consumers) {
      const recorder = await Recorder.follow(await via(consumer), topic, "0123456789abcdef_77");
      expect((await recorder.count(1)).texts).to.deep.equal(["1"]);
      expect(recorder.gaps.map(({ isNewEpoch }) => isNewEpoch)).to.deep.equal([true]);
    }
  });

  it("stores a message id once, whichever producers it comes through", async () => {
    const topic = `${RUN} once`;
    const recorder = await Recorder.follow(await anyNode(), topic);
    const positions: string[] = [];
    for (const producer of [...producers, ...producers]) {
      const client = await clients.connect({ psk, producers: [producer] });
      const ack = await client.publish(topic, "the same", { messageId: `${RUN}-1` });
      positions.push(`${ack.epoch}_${ack.offset} ${String(ack.duplicate)}`);
    }
    await (await anyNode()).publish(topic, "the end");
    expect((await recorder.count(2)).texts).to.deep.equal(["the same", "the end"]);
    expect(new Set(positions).size).to.equal(2);
    expect(positions[0]).to.match(/_1 false$/);
  });

  it("passes publishes on that come to a consumer which does not own their topic", async () => {
    const topic = `${RUN} passed on`;
    const recorder = await Recorder.follow(await anyNode(), topic);
    for (const consumer of consumers) await (await via(consumer)).publish(topic, consumer);
    expect((await recorder.count(consumers.length)).texts).to.deep.equal(consumers);
  });

  it("sends nothing more to a subscription that was closed", async () => {
    const topic = `${RUN} closed`;
    const reader = await anyNode();
    const subscription = reader.subscribe(topic);
    const texts: string[] = [];
    subscription.on("message", (message) => texts.push(message.text()));
    await subscription.ready;
    const client = await anyNode();
    await client.publish(topic, "1");
    await eventually("the first", () => texts.length === 1);
    subscription.close();
    const other = await Recorder.follow(reader, topic);
    await client.publish(topic, "2");
    await other.count(1);
    expect(texts).to.deep.equal(["1"]);
  });
});

// These tests end nodes, so they need a new cluster.
if (!IS_GIVEN) {
  describe("a cluster whose nodes fail", () => {
    const clients = new Clients();
    const psk = TEST_PSK;
    let cluster: TestCluster;
    let owners: NodeProcess[];
    let ingress: NodeProcess[];

    beforeEach(async function () {
      this.timeout(60_000);
      cluster = await TestCluster.plan(2);
      owners = await Promise.all([1, 2].map((number) => cluster.consumer(number)));
      ingress = await Promise.all([1, 2].map(() => cluster.producer()));
    });

    afterEach(async () => {
      clients.close();
      await cluster.stop();
    });

    function lists(): ConnectOptions {
      return {
        psk,
        producers: ingress.map(({ url }) => url),
        consumers: owners.map(({ url }) => url),
      };
    }

    function nodeAt(nodes: readonly NodeProcess[], index: number): NodeProcess {
      const node = nodes[index];
      if (node === undefined) throw new RangeError(`no node ${index}`);
      return node;
    }

    /** One topic that c1 owns, and one that c2 owns. */
    async function topicsOfBoth(): Promise<[string, string]> {
      const client = await clients.connect({ psk, url: nodeAt(owners, 0).url });
      const owned: (string | undefined)[] = [undefined, undefined];
      for (let number = 0; owned.includes(undefined); number += 1) {
        const topic = `topic ${number}`;
        const before = await nodeAt(owners, 0).metric("messages_stored_total");
        await client.publish(topic, "whose?");
        const after = await nodeAt(owners, 0).metric("messages_stored_total");
        owned[after > before ? 0 : 1] ??= topic;
      }
      return [owned[0] ?? "", owned[1] ?? ""];
    }

    async function restartInMemory(index: number): Promise<void> {
      await nodeAt(owners, index).stop("SIGKILL");
      owners[index] = await cluster.consumer(index + 1, { args: { log: "memory" } });
    }

    it("loses nothing that was acked when a producer is killed under load, and stores nothing twice", async function () {
      this.timeout(60_000);
      const recorders = await Promise.all(
        ["a", "b", "c"].map(async (topic) =>
          Recorder.follow(await clients.connect(lists()), topic),
        ),
      );
      const publisher = await clients.connect(lists());
      const acks: Promise<unknown>[] = [];
      let number = 0;
      const publishSome = async (rounds: number): Promise<void> => {
        for (let round = 0; round < rounds; round += 1) {
          for (const topic of ["a", "b", "c"]) {
            for (let index = 0; index < 10; index += 1) {
              acks.push(publisher.publish(topic, `${number}`));
              number += 1;
            }
          }
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      };
      await publishSome(50);
      for (const index of [0, 1, 0]) {
        const port = new URL(nodeAt(ingress, index).url).port;
        await nodeAt(ingress, index).stop("SIGKILL");
        await publishSome(50);
        ingress[index] = await cluster.producer({ args: { port: Number(port) } });
        await publishSome(50);
      }
      await Promise.all(acks);
      for (const recorder of recorders) {
        await recorder.count(number / 3);
        expect(recorder.messages.length).to.equal(number / 3);
        const numbers = recorder.texts.map(Number);
        expect(numbers).to.deep.equal([...numbers].sort((left, right) => left - right));
        expect(new Set(numbers).size).to.equal(number / 3);
        expect(recorder.gaps).to.deep.equal([]);
      }
    });

    it("loses nothing when a consumer is killed under load, and stores nothing twice", async function () {
      this.timeout(60_000);
      const [ofFirst, ofSecond] = await topicsOfBoth();
      const follow = async (topic: string): Promise<Recorder[]> =>
        Promise.all([
          Recorder.follow(await clients.connect({ psk, url: nodeAt(owners, 0).url }), topic),
          Recorder.follow(
            await clients.connect({ psk, url: nodeAt(owners, 1).url, route: "single" }),
            topic,
          ),
          Recorder.follow(await clients.connect(lists()), topic),
        ]);
      const recorders = [...(await follow(ofFirst)), ...(await follow(ofSecond))];
      const publisher = await clients.connect(lists());
      const acks: Promise<unknown>[] = [];
      let number = 0;
      const publishSome = async (rounds: number): Promise<void> => {
        for (let round = 0; round < rounds; round += 1, number += 1) {
          for (const topic of [ofFirst, ofSecond]) acks.push(publisher.publish(topic, `${number}`));
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      };
      await publishSome(100);
      for (const index of [0, 1, 0]) {
        await nodeAt(owners, index).stop("SIGKILL");
        await publishSome(50);
        owners[index] = await cluster.consumer(index + 1);
        await publishSome(50);
      }
      await Promise.all(acks);
      const all = Array.from({ length: number }, (_, index) => `${index}`);
      for (const recorder of recorders) {
        expect((await recorder.count(number)).texts).to.deep.equal(all);
        expect(recorder.gaps).to.deep.equal([]);
        expect(new Set(recorder.messages.map(({ epoch }) => epoch)).size).to.equal(1);
      }
    });

    it("tells every subscriber of the gap when a consumer that keeps its log in memory is killed, and goes on", async function () {
      this.timeout(60_000);
      for (const index of [0, 1]) await restartInMemory(index);
      const [ofFirst, ofSecond] = await topicsOfBoth();
      const follow = async (topic: string): Promise<Recorder[]> =>
        Promise.all([
          Recorder.follow(await clients.connect({ psk, url: nodeAt(owners, 0).url }), topic),
          Recorder.follow(
            await clients.connect({ psk, url: nodeAt(owners, 1).url, route: "single" }),
            topic,
          ),
          Recorder.follow(await clients.connect(lists()), topic),
        ]);
      const lost = await follow(ofFirst);
      const kept = await follow(ofSecond);
      const publisher = await clients.connect(lists());
      const both = (text: string): Promise<unknown> =>
        Promise.all([ofFirst, ofSecond].map((topic) => publisher.publish(topic, text)));
      for (let number = 0; number < 50; number += 1) await both(`before ${number}`);
      await Promise.all([...lost, ...kept].map((recorder) => recorder.count(50)));
      await nodeAt(owners, 0).stop("SIGKILL");
      const meanwhile = Array.from({ length: 50 }, (_, number) => both(`meanwhile ${number}`));
      await restartInMemory(0);
      await Promise.all(meanwhile);
      for (let number = 0; number < 50; number += 1) await both(`after ${number}`);
      for (const recorder of lost) {
        await recorder.count(150);
        expect(recorder.gaps.map(({ isNewEpoch }) => isNewEpoch)).to.deep.equal([true]);
        const epochs = new Set(recorder.messages.map(({ epoch }) => epoch));
        expect(epochs.size).to.equal(2);
        expect(recorder.texts.slice(-1)).to.deep.equal(["after 49"]);
        expect(new Set(recorder.texts).size).to.equal(150);
      }
      for (const recorder of kept) {
        expect((await recorder.count(150)).gaps).to.deep.equal([]);
        expect(new Set(recorder.texts).size).to.equal(150);
      }
    });

    it("rejects a publish at its deadline while its owner is gone, and takes those of other owners", async function () {
      this.timeout(60_000);
      const [ofFirst, ofSecond] = await topicsOfBoth();
      const publisher = await clients.connect({
        psk,
        producers: [nodeAt(ingress, 0).url],
      });
      await nodeAt(owners, 0).stop("SIGKILL");
      const code = codeOf(publisher.publish(ofFirst, "nobody", { timeoutMs: 1500 }));
      await publisher.publish(ofSecond, "somebody");
      expect(await code).to.be.oneOf(["SHARDCAST_OWNER_UNAVAILABLE", "SHARDCAST_TIMEOUT"]);
    });

    it("moves its clients when a node is stopped, and loses nothing of what others own", async function () {
      this.timeout(60_000);
      const [, ofSecond] = await topicsOfBoth();
      const reader = await clients.connect({
        psk,
        consumers: owners.map(({ url }) => url),
      });
      const recorder = await Recorder.follow(reader, ofSecond);
      const publisher = await clients.connect(lists());
      const acks: Promise<unknown>[] = [];
      for (let number = 0; number < 300; number += 1) {
        acks.push(publisher.publish(ofSecond, `${number}`));
        if (number === 100) void nodeAt(owners, 0).stop("SIGTERM");
        if (number === 200) void nodeAt(ingress, 0).stop("SIGTERM");
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await Promise.all(acks);
      await recorder.count(300);
      expect(recorder.texts).to.deep.equal(Array.from({ length: 300 }, (_, number) => `${number}`));
      expect(recorder.gaps).to.deep.equal([]);
    });
  });
}
