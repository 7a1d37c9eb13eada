// A log with flipped bits: no client ever receives an altered message on any path, and every reader
// is notified of what is left out.
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createConnection, createServer, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import { connect, type Client } from "@shardcast/client";
import { expect } from "chai";
import { eventually } from "@shardcast/faults";
import { EventReader, ask, jsonOf } from "@shardcast/e2e/http-client";
import {
  TEST_PSK,
  TestCluster,
  ringOf,
  topicOwnedBy,
  type NodeProcess,
} from "@shardcast/e2e/nodes";
import { PushReceiver } from "@shardcast/e2e/push-receiver";
import { Recorder } from "@shardcast/e2e/recorder";

const API_KEY = "the-key-of-back-ends";
const ADMIN_KEY = "the-key-of-administrators";
const ARGS = {
  "api-key": API_KEY,
  "admin-key": ADMIN_KEY,
  "push-allow": "127.0.0.0/8",
  "push-allow-http": true,
} as const;
const AUTHORIZED = { authorization: `Bearer ${API_KEY}` };
const CODE = "SHARDCAST_MESSAGES_DAMAGED";
/** Forwards data, and flips one bit after a text, a given number of times. */
class FlippingProxy {
  readonly #server: Server;
  readonly #text: string;
  left = 0;

  private constructor(server: Server, text: string) {
    this.#server = server;
    this.#text = text;
  }

  static async listen(targetUrl: string, text: string): Promise<FlippingProxy> {
    const server = createServer();
    const proxy = new FlippingProxy(server, text);
    server.on("connection", (near) => {
      const far = createConnection(Number(new URL(targetUrl).port), "127.0.0.1");
      near.pipe(far);
      far.on("data", (data) => near.write(proxy.#flip(data)));
      far.on("close", () => near.destroy());
      near.on("close", () => far.destroy());
      for (const socket of [near, far]) socket.on("error", () => undefined);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
  }

  #flip(data: Buffer): Buffer {
    const at = data.indexOf(this.#text);
    if (at < 0 || this.left === 0) return data;
    this.left -= 1;
    data[at] = (data[at] ?? 0) ^ 0x08;
    return data;
  }
}

/** Of the twelve stored messages, one in each record, these are damaged. */
const DAMAGED = [4, 8, 12];

describe("a log with flipped bits", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let receiver: PushReceiver;
  let owner: NodeProcess;
  let relay: NodeProcess;
  let topic: string;
  const clients: Client[] = [];

  const textOf = (number: number): string => `message-${number}-`.padEnd(2000, "x");
  const whole = Array.from({ length: 12 }, (_, index) => index + 1)
    .filter((number) => !DAMAGED.includes(number))
    .map(textOf);

  before(async () => {
    cluster = await TestCluster.plan(2, { args: ARGS });
    receiver = await PushReceiver.listen();
    owner = await cluster.consumer(1);
    relay = await cluster.consumer(2);
    topic = topicOwnedBy("c1", cluster.consumers);
    const client = await clientOf(owner);
    for (let number = 1; number <= 12; number += 1) await client.publish(topic, textOf(number));
    await owner.stop("SIGTERM");
    flip(join(cluster.dataFolder, "c1", "log.mdb"));
    owner = await cluster.consumer(1);
  });

  after(async () => {
    for (const client of clients) client.close();
    await cluster.stop();
    await receiver.stop();
  });

  async function clientOf(node: NodeProcess): Promise<Client> {
    const client = await connect({
      psk: TEST_PSK,
      url: node.url,
      route: "single",
      publishTimeoutMs: 30_000,
    });
    clients.push(client);
    return client;
  }

  /** The number that makes a topic name one that a given node owns. */
  function numberOwnedBy(id: string): number {
    const ring = ringOf(cluster.consumers);
    for (let number = 0; ; number += 1) {
      if (ring.ownerOf(`${topic}-followed-${number}`).id === id) return number;
    }
  }

  /** Flips one bit in each payload that is to be damaged. */
  function flip(file: string): void {
    const bytes = readFileSync(file);
    for (const number of DAMAGED) {
      const text = `message-${number}-`;
      let at = bytes.indexOf(text);
      expect(at).to.be.greaterThan(0);
      for (; at >= 0; at = bytes.indexOf(text, at + 1)) {
        bytes[at + 500] = (bytes[at + 500] ?? 0) ^ 0x08;
      }
    }
    writeFileSync(file, bytes);
  }

  for (const [where, nodeOf] of [
    ["the owner", () => owner],
    ["a relay", () => relay],
  ] as const) {
    it(`gives the SDK what is whole, and tells of the rest, at ${where}`, async () => {
      const client = await clientOf(nodeOf());
      const recorder = await Recorder.follow(client, topic, "earliest");
      await eventually("all gaps", () => recorder.gaps.length === DAMAGED.length);
      await recorder.count(whole.length);
      expect(recorder.texts).to.deep.equal(whole);
      expect(recorder.gaps.map(({ first, last, code }) => [first, last, code])).to.deep.equal(
        DAMAGED.map((number) => [number, number, CODE]),
      );
    });

    it(`gives an event stream what is whole, and tells of the rest, at ${where}`, async () => {
      const stream = await EventReader.open(
        nodeOf().httpUrl,
        `/subscribe/${topic}?from=earliest`,
        AUTHORIZED,
      );
      const gaps = (): unknown[] =>
        stream.events
          .filter(({ event }) => event === "gap")
          .map(({ data }): unknown => JSON.parse(data));
      await eventually("all gaps", () => gaps().length === DAMAGED.length);
      await stream.count(whole.length);
      stream.close();
      expect(stream.payloads).to.deep.equal(whole);
      const { epoch } = gaps()[0] as { epoch: string };
      expect(gaps()).to.deep.equal(
        DAMAGED.map((number) => ({ epoch, first: number, last: number, code: CODE })),
      );
    });

    it(`gives pages of what is whole, and tells of the rest, at ${where}`, async () => {
      const payloads: unknown[] = [];
      const gaps: unknown[] = [];
      let query = "from=earliest";
      for (let pages = 0; ; pages += 1) {
        expect(pages).to.be.lessThan(20);
        const answer = await ask(nodeOf().httpUrl, `/topics/${topic}/messages?${query}`, {
          headers: AUTHORIZED,
        });
        expect(answer.status).to.equal(200);
        const { messages, gap, position, head } = jsonOf(answer);
        payloads.push(...(messages as { payload: string }[]).map(({ payload }) => payload));
        if (gap !== undefined) gaps.push(gap);
        if (position === head) break;
        query = `after=${String(position)}`;
      }
      expect(payloads).to.deep.equal(whole);
      expect(gaps).to.deep.equal(
        DAMAGED.map((number) => ({ first: number, last: number, code: CODE })),
      );
    });
  }

  it("pushes what is whole", async () => {
    const answer = await ask(owner.httpUrl, "/push/all", {
      method: "PUT",
      headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" },
      body: JSON.stringify({
        topics: [topic],
        url: receiver.url,
        from: "earliest",
        secret: `whsec_${Buffer.alloc(32, 7).toString("base64")}`,
      }),
    });
    expect(answer.status, answer.text).to.equal(200);
    await eventually("all are pushed", () => receiver.taken.length >= whole.length);
    expect(receiver.taken.map(({ text }) => text)).to.deep.equal(whole);
  });

  it("takes no message from another node that was damaged on its way", async () => {
    const text = "altered-on-its-way";
    const proxy = await FlippingProxy.listen(owner.url, text);
    const consumers = cluster.consumers.replace(owner.url, proxy.url);
    const args = { id: "c2", port: 0, consumers, data: join(cluster.dataFolder, "other") };
    const other = await cluster.start("consumer", { args });
    const followed = `${topic}-followed-${numberOwnedBy("c1")}`;
    const publisher = await clientOf(owner);
    for (let number = 0; number < 3; number += 1) await publisher.publish(followed, text);
    const client = await clientOf(other);
    // Read in pages, and as they are published.
    proxy.left = 2;
    const reader = await Recorder.follow(client, followed, "earliest");
    await reader.count(3);
    const live = await Recorder.follow(client, followed);
    proxy.left = 2;
    for (let number = 0; number < 3; number += 1) await publisher.publish(followed, text);
    await Promise.all([reader.count(6), live.count(3)]);
    expect(proxy.left).to.equal(0);
    expect([...reader.texts, ...live.texts]).to.deep.equal(Array.from({ length: 9 }, () => text));
    expect([...reader.gaps, ...live.gaps]).to.deep.equal([]);
    proxy.close();
  });

  it("goes on with what is new, and says that the node is degraded", async () => {
    const client = await clientOf(owner);
    const published = await client.publish(topic, "new");
    expect(published.offset).to.equal(13);
    const ready = await ask(owner.httpUrl, "/readyz");
    expect(ready.status).to.equal(200);
    expect(jsonOf(ready)).to.deep.equal({
      status: "ready",
      waitingFor: [],
      degraded: ["the log: 3 damaged places were left out"],
    });
    const { text } = await ask(owner.httpUrl, "/metrics");
    expect(text).to.match(/^shardcast_log_damaged_total(\{[^}]*\})? 3$/m);
  });
});
