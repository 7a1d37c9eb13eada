// Attacks on the handshake of real nodes. After each, the same process serves a client that does it right.
import { randomBytes } from "node:crypto";
import { connect as connectTcp, type Socket } from "node:net";
import { connect } from "@shardcast/client";
import { SUBPROTOCOLS, encodeFrame, type Endpoint, type Subprotocol } from "@shardcast/protocol";
import { expect } from "chai";
import fc from "fast-check";
import WebSocket from "ws";
import { eventually } from "./support/eventually.ts";
import { TEST_PSK, TestCluster, type NodeProcess } from "./support/nodes.ts";
import { V1Socket } from "./support/v1-socket.ts";

const FAILED = "4500 SHARDCAST_HANDSHAKE_FAILED";
const UNEXPECTED = "4503 SHARDCAST_FRAME_UNEXPECTED";
const MALFORMED = "4501 SHARDCAST_FRAME_MALFORMED";
const TOO_LARGE = "4504 SHARDCAST_FRAME_TOO_LARGE";
const SILENT_CLIENTS = 5000;

const CONSUMER_ENDPOINTS: readonly Endpoint[] = ["producer", "subscribe", "connect", "relay"];
const ALL: readonly Endpoint[] = ["produce", ...CONSUMER_ENDPOINTS];

describe("the handshake of a node", () => {
  let cluster: TestCluster;
  let consumer: NodeProcess;
  let producer: NodeProcess;
  let pids: string;

  before(async () => {
    cluster = await TestCluster.plan(1);
    consumer = await cluster.consumer(1);
    producer = await cluster.producer();
    pids = `${consumer.pid} ${producer.pid}`;
  });

  after(() => cluster.stop());

  afterEach(async () => {
    // The very same processes, and they serve.
    expect([consumer.isAlive, producer.isAlive]).to.deep.equal([true, true]);
    expect(`${consumer.pid} ${producer.pid}`).to.equal(pids);
    const lists = { producers: [producer.url], consumers: [consumer.url] };
    const client = await connect({ psk: TEST_PSK, ...lists });
    const subscription = client.subscribe("still here", { from: "live" });
    await subscription.ready;
    const { offset } = await client.publish("still here", "yes");
    for await (const message of subscription) {
      expect(message.offset).to.equal(offset);
      break;
    }
    client.close();
  });

  function urlOf(endpoint: Endpoint): string {
    return endpoint === "produce" ? producer.url : consumer.url;
  }

  function open(endpoint: Endpoint, subprotocol: Subprotocol): Promise<V1Socket> {
    return V1Socket.open(urlOf(endpoint), { endpoint, subprotocol });
  }

  for (const subprotocol of Object.values(SUBPROTOCOLS)) {
    for (const endpoint of ALL) {
      describe(`${endpoint} over ${subprotocol}`, () => {
        it("welcomes the right key", async () => {
          const socket = await V1Socket.openWith(urlOf(endpoint), TEST_PSK, {
            endpoint,
            subprotocol,
          });
          expect((await socket.first("welcome")).maxPayloadBytes).to.equal(1024 * 1024);
          socket.end();
        });

        it("refuses a wrong key", async () => {
          const socket = await open(endpoint, subprotocol);
          socket.send(await socket.proof(`${TEST_PSK}ñ`));
          expect(await socket.closed()).to.equal(FAILED);
        });

        it("refuses a proof without a key", async () => {
          const socket = await open(endpoint, subprotocol);
          const nothing = Buffer.alloc(32);
          socket.send({ type: "proof", keyId: "", nonce: randomBytes(32), mac: nothing });
          expect(await socket.closed()).to.equal(FAILED);
        });

        it("does not answer itself: its own nonce sent back gets nothing", async () => {
          const socket = await open(endpoint, subprotocol);
          const { nonce } = await socket.first("challenge");
          const { keyId } = await socket.proof(TEST_PSK);
          socket.send({ type: "proof", keyId, nonce, mac: nonce });
          expect(await socket.closed()).to.equal(FAILED);
          expect(socket.frames.map(({ type }) => type)).to.deep.equal(["challenge"]);
        });

        it("refuses even the right mac over its own nonce twice", async () => {
          const socket = await open(endpoint, subprotocol);
          const { nonce } = await socket.first("challenge");
          socket.send(await socket.proof(TEST_PSK, { nonce }));
          expect(await socket.closed()).to.equal(FAILED);
        });

        it("refuses a proof that was good on an earlier link", async () => {
          const earlier = await open(endpoint, subprotocol);
          const proof = await earlier.proof(TEST_PSK);
          earlier.send(proof);
          await earlier.first("welcome");
          const later = await open(endpoint, subprotocol);
          later.send(proof);
          expect(await later.closed()).to.equal(FAILED);
          earlier.end();
        });

        it("refuses a proof made for another endpoint or subprotocol", async () => {
          const others = ALL.filter((other) => other !== endpoint);
          for (const other of others) {
            const socket = await open(endpoint, subprotocol);
            socket.send(await socket.proof(TEST_PSK, { endpoint: other }));
            expect(await socket.closed()).to.equal(FAILED);
          }
          const wrong = subprotocol === SUBPROTOCOLS.json ? SUBPROTOCOLS.binary : SUBPROTOCOLS.json;
          const socket = await open(endpoint, subprotocol);
          socket.send(await socket.proof(TEST_PSK, { subprotocol: wrong }));
          expect(await socket.closed()).to.equal(FAILED);
        });

        it("takes no other frame before the proof, and none beside it", async () => {
          const early = await open(endpoint, subprotocol);
          const payload = Buffer.from("early");
          early.send({ type: "publish", seq: 1, timeoutMs: 0, topic: "early", payload });
          expect(await early.closed()).to.equal(UNEXPECTED);
          const both = await open(endpoint, subprotocol);
          const subscribe = {
            type: "subscribe",
            sub: 1,
            topic: "x",
            from: { type: "live" },
          } as const;
          both.send(await both.proof(TEST_PSK), subscribe);
          expect(await both.closed()).to.equal(UNEXPECTED);
          expect(both.frames.map(({ type }) => type)).to.deep.equal(["challenge"]);
        });

        it("ends the link on a second proof", async () => {
          const socket = await open(endpoint, subprotocol);
          const proof = await socket.proof(TEST_PSK);
          socket.send(proof);
          await socket.first("welcome");
          socket.send(proof);
          expect(await socket.closed()).to.equal(UNEXPECTED);
        });

        it("goes on refusing after a wrong proof, whatever follows", async () => {
          const socket = await open(endpoint, subprotocol);
          const right = await socket.proof(TEST_PSK);
          socket.send(await socket.proof("wrong"));
          socket.send(right);
          expect(await socket.closed()).to.equal(FAILED);
          expect(socket.frames.map(({ type }) => type)).to.deep.equal(["challenge"]);
        });

        it("ends the link on garbage, on half a frame and on the other kind of message", async () => {
          const isJson = subprotocol === SUBPROTOCOLS.json;
          const half = encodeFrame({ type: "heartbeat" }).subarray(0, 3);
          const bad = isJson
            ? ["", "null", "[]", "{", '{"type":"proof"}', "[".repeat(3000), Buffer.from("{}")]
            : [randomBytes(100), half, Buffer.alloc(0), "text"];
          for (const data of bad) {
            const socket = await open(endpoint, subprotocol);
            socket.sendRaw(data);
            expect(await socket.closed()).to.be.oneOf([MALFORMED, UNEXPECTED]);
          }
        });

        it("takes no more than 4 KiB before the proof", async () => {
          const whole = await open(endpoint, subprotocol);
          whole.sendRaw(subprotocol === SUBPROTOCOLS.json ? " ".repeat(5000) : Buffer.alloc(5000));
          expect(await whole.closed()).to.equal(TOO_LARGE);
        });
      });
    }
  }

  it("holds nothing of a large message before the proof", async () => {
    const { port } = new URL(consumer.url);
    const key = randomBytes(16).toString("base64");
    const head = [
      "GET /subscribe HTTP/1.1",
      "Host: node",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${key}`,
      "Sec-WebSocket-Protocol: shardcast.v1",
    ].join("\r\n");
    const sockets: Socket[] = [];
    for (let index = 0; index < 50; index += 1) {
      const socket = connectTcp(Number(port), "127.0.0.1");
      socket.on("error", () => undefined);
      sockets.push(socket);
      socket.write(`${head}\r\n\r\n`);
      // The header of a masked message of 1 MiB, and then its bytes, for as long as the node takes them.
      socket.write(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0]));
      socket.write(Buffer.alloc(512 * 1024));
    }
    await eventually("all are cut off", () => sockets.every((socket) => socket.destroyed));
  });

  it("cuts off a client that connects and says nothing", async () => {
    const socket = await open("subscribe", SUBPROTOCOLS.binary);
    expect(await socket.closed()).to.equal("4005 SHARDCAST_HANDSHAKE_TIMEOUT");
  });

  it("cuts off a connection that never asks for anything", async () => {
    const { port } = new URL(consumer.url);
    const socket = connectTcp(Number(port), "127.0.0.1");
    socket.on("error", () => undefined);
    socket.resume();
    await eventually("the end", () => socket.destroyed);
  });

  it(`serves others while ${SILENT_CLIENTS} say nothing`, async function () {
    this.timeout(60_000);
    const silent: WebSocket[] = [];
    let closed = 0;
    for (let index = 0; index < SILENT_CLIENTS; index += 1) {
      const socket = new WebSocket(`${consumer.url}/subscribe`, SUBPROTOCOLS.binary);
      socket.on("error", () => undefined);
      socket.on("close", () => (closed += 1));
      silent.push(socket);
      if (index % 250 === 0) {
        const good = await V1Socket.openWith(consumer.url, TEST_PSK, { endpoint: "subscribe" });
        good.end();
      }
    }
    await eventually("all are cut off", () => closed === SILENT_CLIENTS);
  });

  it("answers an upgrade to an unknown path or subprotocol over HTTP, with a code", async () => {
    const refusal = (url: string, ...offered: string[]): Promise<string> =>
      new Promise((resolve) => {
        const socket = new WebSocket(url, offered);
        socket.on("error", () => undefined);
        socket.on("unexpected-response", (_request, response) => {
          let body = "";
          response.setEncoding("utf8").on("data", (text: string) => (body += text));
          response.on("end", () => {
            resolve(`${response.statusCode ?? 0} ${(JSON.parse(body) as { code: string }).code}`);
          });
        });
      });
    const v1 = SUBPROTOCOLS.binary;
    const unknown = "404 SHARDCAST_ENDPOINT_UNKNOWN";
    for (const path of [
      "/",
      "/nowhere",
      "/produce",
      "/subscribe/a/b",
      "/connect/x",
      "/constructor",
    ]) {
      expect(await refusal(consumer.url + path, v1)).to.equal(unknown);
    }
    expect(await refusal(`${producer.url}/subscribe`, v1)).to.equal(unknown);
    const unsupported = "400 SHARDCAST_SUBPROTOCOL_UNSUPPORTED";
    expect(await refusal(`${consumer.url}/subscribe`, "graphql-ws")).to.equal(unsupported);
    expect(await refusal(`${consumer.url}/subscribe`)).to.equal(unsupported);
    const position = "400 SHARDCAST_POSITION_INVALID";
    expect(await refusal(`${consumer.url}/subscribe/x?from=never`, v1)).to.equal(position);
    expect(await refusal(`${consumer.url}/subscribe/%zz`, v1)).to.equal(
      "400 SHARDCAST_TOPIC_INVALID",
    );
  });

  it("outlives garbage on its port", async () => {
    for (const url of [consumer.url, producer.url]) {
      const port = Number(new URL(url).port);
      const bad = [randomBytes(2000), Buffer.from("GET / HTTP/9.9\r\n\r\n"), Buffer.from("\0\0\0")];
      for (const data of bad) {
        const socket = connectTcp(port, "127.0.0.1", () => socket.end(data));
        socket.on("error", () => undefined);
        socket.resume();
        await eventually("the end", () => socket.destroyed);
      }
    }
  });

  it("outlives thousands of fuzzed messages, before and after the proof, in both codecs", async function () {
    this.timeout(120_000);
    const text = fc.oneof(
      fc.json(),
      fc.string(),
      fc
        .record({ type: fc.constantFrom("publish", "subscribe", "proof", "read", "__proto__") })
        .map((value) => JSON.stringify(value)),
    );
    const frame = fc
      .tuple(fc.nat(255), fc.uint8Array({ maxLength: 60 }), fc.integer({ min: -2, max: 2 }))
      .map(([type, body, off]) => {
        const count = Math.max(0, body.length + (off === 0 ? 0 : off));
        return Buffer.from([type, 0, count >> 8, count & 255, ...body]);
      });
    const binary = fc.oneof(
      frame,
      fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    );
    for (const subprotocol of Object.values(SUBPROTOCOLS)) {
      const data: fc.Arbitrary<string | Uint8Array> =
        subprotocol === SUBPROTOCOLS.json ? text : binary;
      const cases = fc.sample(fc.array(data, { minLength: 10, maxLength: 20 }), 120);
      for (const [index, messages] of cases.entries()) {
        const endpoint = ALL[index % ALL.length] ?? "connect";
        const socket = await open(endpoint, subprotocol);
        const isProved = index % 4 !== 0;
        if (isProved) {
          socket.send(await socket.proof(TEST_PSK));
          await socket.first("welcome");
        }
        for (const message of messages) if (socket.isOpen) socket.sendRaw(message);
        socket.socket.close();
        await socket.closed();
      }
    }
  });
});

describe("two live keys", () => {
  it("let a key be changed while nodes and clients still use either", async () => {
    const cluster = await TestCluster.plan(2);
    try {
      // Halfway: c1 and the producer have the new key in front, c2 still the old one.
      const rolled = { env: { PSK: "new", PSK_PREVIOUS: "old" } };
      const [c1, c2] = await Promise.all([
        cluster.consumer(1, rolled),
        cluster.consumer(2, { env: { PSK: "old", PSK_PREVIOUS: "new" } }),
      ]);
      const producer = await cluster.producer(rolled);
      for (const psk of ["old", "new"]) {
        const client = await connect({
          psk,
          producers: [producer.url],
          consumers: [c1.url, c2.url],
        });
        for (let topic = 0; topic < 10; topic += 1) {
          expect((await client.publish(`${psk} ${topic}`, "x")).offset).to.equal(1);
        }
        client.close();
      }
      const other = await V1Socket.open(c1.url, { endpoint: "connect" });
      other.send(await other.proof("older"));
      expect(await other.closed()).to.equal(FAILED);
    } finally {
      await cluster.stop();
    }
  });
});
