// Nodes with different limits, as during a change of configuration: one node accepts what the next
// refuses.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, type Client } from "@shardcast/client";
import {
  FRAME_TYPES,
  NodeHandshake,
  PublishHead,
  SUBPROTOCOLS,
  ShardcastError,
  closeCodeOf,
  decodeFrames,
  encodeFrame,
  forEachFrame,
} from "@shardcast/protocol";
import { PskKeys, createNonce } from "@shardcast/protocol/proof";
import { expect } from "chai";
import { WebSocketServer, type WebSocket } from "ws";
import { TcpProxy } from "@shardcast/faults";
import { ask, problemOf } from "@shardcast/e2e/http-client";
import { TEST_PSK, TestCluster, topicOwnedBy } from "@shardcast/e2e/nodes";
import { Recorder } from "@shardcast/e2e/recorder";

const SMALL = 10_000;
const API_KEY = "the key of the tests";

function code(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "stored",
    (error: unknown) => {
      if (!(error instanceof ShardcastError)) throw error;
      return `${error.code}: ${error.message}`;
    },
  );
}

/** Publishes ten messages within the limit, around one that exceeds it. */
function publishAround(client: Client, topic: string, bytes: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: 11 }, (_, index) =>
      code(client.publish(topic, index === 5 ? Buffer.alloc(bytes) : `${index}`)),
    ),
  );
}

function expectOneRefused(answers: readonly string[], refusal: RegExp): void {
  expect(answers[5]).to.match(refusal);
  expect(answers.filter((answer) => answer === "stored").length).to.equal(10);
}

describe("nodes with different limits", () => {
  let cluster: TestCluster;
  let line: TcpProxy;

  beforeEach(async () => {
    cluster = await TestCluster.plan(2, { args: { "api-key": API_KEY } });
    const [first = ""] = cluster.consumers.split(",");
    line = await TcpProxy.listen(Number(new URL(first.slice("c1=".length)).port));
  });

  afterEach(async () => {
    await line.close();
    await cluster.stop();
  });

  /** The list of consumers for nodes that reach c1 over the line. */
  function behindLine(): string {
    const [, second = ""] = cluster.consumers.split(",");
    return `c1=ws://127.0.0.1:${line.port},${second}`;
  }

  it("refuse at once what the owner would not take, and nobody else notices", async () => {
    const consumers = behindLine();
    await cluster.consumer(1, { args: { "max-payload": SMALL } });
    const large = await cluster.consumer(2, { args: { consumers } });
    const producer = await cluster.producer({ args: { consumers } });
    const topic = topicOwnedBy("c1", cluster.consumers);
    // Through a producer, and through a consumer that forwards.
    for (const urls of [
      { producers: [producer.url], consumers: [large.url] },
      { url: large.url, route: "single" as const },
    ]) {
      const client = await connect({ psk: TEST_PSK, ...urls });
      const recorder = await Recorder.follow(client, topic);
      await client.publish(topic, "before");
      const before = line.acceptedCount;
      const answers = await publishAround(client, topic, SMALL + 1);
      expectOneRefused(answers, /^SHARDCAST_PAYLOAD_TOO_LARGE: .*10000 bytes are the limit of c1/);
      // A message of exactly the limit is accepted.
      expect(await code(client.publish(topic, Buffer.alloc(SMALL)))).to.equal("stored");
      await recorder.count(12);
      expect(line.acceptedCount).to.equal(before);
      client.close();
    }
    const answer = await ask(producer.httpUrl, `/produce/${topic}`, {
      method: "POST",
      headers: { authorization: `Bearer ${API_KEY}`, "content-type": "text/plain" },
      body: "x".repeat(SMALL + 1),
    });
    expect(problemOf(answer)).to.equal("413 SHARDCAST_PAYLOAD_TOO_LARGE");
  });

  it("refuse it as well where it was accepted before the owner could be asked", async () => {
    const producer = await cluster.producer();
    const client = await connect({ psk: TEST_PSK, producers: [producer.url], consumers: [] });
    const topic = topicOwnedBy("c1", cluster.consumers);
    const answers = publishAround(client, topic, SMALL + 1);
    await cluster.consumer(1, { args: { "max-payload": SMALL } });
    expectOneRefused(await answers, /^SHARDCAST_PAYLOAD_TOO_LARGE/);
    client.close();
  });

  for (const [what, closeCode, refusal] of [
    ["is too large for the owner's link", 1009, /^SHARDCAST_PAYLOAD_TOO_LARGE/],
    [
      "is malformed to the owner",
      closeCodeOf("SHARDCAST_FRAME_MALFORMED"),
      /^SHARDCAST_FRAME_MALFORMED/,
    ],
  ] as const) {
    it(`find the one publish that ${what}, and send it no more`, async () => {
      const owner = await StrictOwner.listen(SMALL, closeCode);
      const producer = await cluster.producer({ args: { consumers: `c1=${owner.url}` } });
      const client = await connect({ psk: TEST_PSK, producers: [producer.url], consumers: [] });
      const answers = await publishAround(client, "t", SMALL + 1);
      expectOneRefused(answers, refusal);
      // First with the others, then alone.
      expect(owner.refusals).to.equal(2);
      expect(await code(client.publish("t", "behind"))).to.equal("stored");
      client.close();
      await owner.close();
    });
  }
});

/** An owner that accepts less than it announces, and closes links that send more. */
class StrictOwner {
  readonly url: string;
  /** The number of links that it closed. */
  refusals = 0;
  readonly #server: WebSocketServer;
  readonly #limit: number;
  readonly #closeCode: number;
  #offset = 0;

  private constructor(server: WebSocketServer, limit: number, closeCode: number) {
    this.#server = server;
    this.#limit = limit;
    this.#closeCode = closeCode;
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (socket) => this.#accept(socket));
  }

  static async listen(limit: number, closeCode: number): Promise<StrictOwner> {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await once(server, "listening");
    return new StrictOwner(server, limit, closeCode);
  }

  async close(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(socket: WebSocket): void {
    const nonce = createNonce();
    const context = { endpoint: "producer", subprotocol: SUBPROTOCOLS.binary } as const;
    const handshake = new NodeHandshake(new PskKeys(TEST_PSK), context, nonce);
    socket.send(encodeFrame({ type: "challenge", nonce }));
    socket.once("message", (data: Buffer) => {
      const [proof] = decodeFrames(data);
      const welcome =
        proof?.type === "proof"
          ? handshake.accept(proof, {
              nodeId: "c1",
              linkId: "1",
              maxPayloadBytes: 1_000_000,
              maxTopics: 10,
              windowMessages: 1000,
              heartbeatMs: 1000,
            })
          : undefined;
      if (welcome === undefined) throw new Error("the proof is wrong");
      socket.send(encodeFrame(welcome));
      socket.on("message", (frames: Buffer) => this.#received(socket, frames));
    });
  }

  #received(socket: WebSocket, frames: Buffer): void {
    const publishes: PublishHead[] = [];
    const sizes: number[] = [];
    forEachFrame(frames, (type, start, end) => {
      if (type !== FRAME_TYPES.publish) return;
      const head = new PublishHead();
      head.read(frames, start, end);
      publishes.push(head);
      sizes.push(end - head.payloadStart);
    });
    if (Math.max(...sizes) > this.#limit) {
      this.refusals += 1;
      socket.close(this.#closeCode);
      return;
    }
    for (const { seq } of publishes) {
      this.#offset += 1;
      const position = { epoch: "0123456789abcdef", offset: this.#offset };
      socket.send(encodeFrame({ type: "ack", seq, position, duplicate: false }));
    }
  }
}
