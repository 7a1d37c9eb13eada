// Attacks on the handshake of real nodes. After each, the same process still serves a legitimate
// client.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as connectTcp, type AddressInfo, type Socket } from "node:net";
import { connect } from "@shardcast/client";
import {
  SUBPROTOCOLS,
  encodeFrame,
  encodeJsonFrame,
  type Endpoint,
  type Frame,
  type From,
  type Subprotocol,
} from "@shardcast/protocol";
import { expect } from "chai";
import fc from "fast-check";
import WebSocket, { WebSocketServer } from "ws";
import { eventually } from "@shardcast/faults";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { V1Socket } from "@shardcast/e2e/v1-socket";

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
    // The processes have not restarted, and serve clients.
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
      });
    }
  }

  it("lets in who relays a client's proof: only TLS tells a relay from a node", async () => {
    let toNode: WebSocket | undefined;
    const relay = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    relay.on("connection", (client, { url }) => {
      const node = new WebSocket(`${consumer.url}${url ?? ""}`, client.protocol);
      node.on("message", (data: Buffer) => client.send(data));
      client.on("message", (data: Buffer) => node.send(data));
      toNode = node;
    });
    await once(relay, "listening");
    const { port } = relay.address() as AddressInfo;
    const options = { endpoint: "connect" } as const;
    const client = await V1Socket.openWith(`ws://127.0.0.1:${port}`, TEST_PSK, options);
    // A frame forged by the relay, not sent by the client.
    const payload = Buffer.from("forged");
    toNode?.send(encodeFrame({ type: "publish", seq: 1, timeoutMs: 0, topic: "relayed", payload }));
    expect((await client.first("ack")).seq).to.equal(1);
    client.socket.close();
    relay.close();
  });

  it("takes no more than 4 KiB before the proof, on any endpoint in either codec", async () => {
    // Concurrently, since each attempt waits for the close.
    const attempts = Object.values(SUBPROTOCOLS).flatMap((subprotocol) =>
      ALL.map(async (endpoint) => {
        const socket = await open(endpoint, subprotocol);
        const isJson = subprotocol === SUBPROTOCOLS.json;
        socket.sendRaw(isJson ? " ".repeat(5000) : Buffer.alloc(5000));
        return socket.closed();
      }),
    );
    expect(new Set(await Promise.all(attempts))).to.deep.equal(new Set([TOO_LARGE]));
  });

  it("holds nothing of a large message before the proof", async () => {
    const before = consumer.residentKib;
    const sockets = Array.from({ length: 200 }, () => {
      const socket = tcpTo(consumer);
      socket.write(upgradeRequest("/subscribe"));
      // Sends the header of a masked message of 1 MiB, then its bytes, until the node stops
      // reading.
      socket.write(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0]));
      socket.write(Buffer.alloc(1024 * 1024 - 1));
      return socket;
    });
    let most = 0;
    await eventually("all are cut off", () => {
      most = Math.max(most, consumer.residentKib);
      return sockets.every((socket) => socket.destroyed);
    });
    // If the node held the bytes, they would take 200 MiB.
    expect(most - before).to.be.lessThan(100 * 1024);
  });

  it("bears JSON that is nested as deep as a message may be long, on a link that is open", async () => {
    const depth = 500_000;
    const deep = "[".repeat(depth) + "]".repeat(depth);
    const publish = '{"type":"publish","seq":1,"topic":"x"';
    for (const text of [
      deep,
      "[".repeat(2 * depth),
      '{"a":'.repeat(depth / 5) + "1" + "}".repeat(depth / 5),
      `${publish},"payload":${deep}}`,
      `${publish},"payload":"x","attributes":${deep}}`,
      `${publish},"payload":"x","attributes":{"a":${deep}}}`,
    ]) {
      const options = { endpoint: "connect", subprotocol: SUBPROTOCOLS.json } as const;
      const socket = await V1Socket.openWith(consumer.url, TEST_PSK, options);
      socket.sendRaw(text);
      expect(await socket.closed()).to.equal(MALFORMED);
    }
  });

  it("cuts off a client that connects and says nothing", async () => {
    const socket = await open("subscribe", SUBPROTOCOLS.binary);
    expect(await socket.closed()).to.equal("4005 SHARDCAST_HANDSHAKE_TIMEOUT");
  });

  it("cuts off a connection that never asks for anything, or never finishes asking", async () => {
    const unfinished = ["", "GET /healthz HT"];
    for (const method of ["GET /healthz", "POST /healthz", "POST /connect"]) {
      unfinished.push(`${method} HTTP/1.1\r\nHost: node\r\nContent-Length: 100\r\n\r\nx`);
    }
    // A body may take ten times as long as its head.
    const args = { "handshake-timeout": 300 };
    const quick = await Promise.all([
      cluster.start("consumer", { args: { ...args, id: "c1", port: 0 } }),
      cluster.producer({ args }),
    ]);
    const sockets = quick.flatMap((node) =>
      unfinished.map((text) => {
        const socket = tcpTo(node);
        socket.write(text);
        return socket;
      }),
    );
    await eventually("the end of all", () => sockets.every((socket) => socket.destroyed));
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

  it(`serves others with ${SILENT_CLIENTS} handshakes open at once`, async function () {
    this.timeout(60_000);
    const patient = await cluster.start("consumer", {
      args: { id: "c1", port: 0, "handshake-timeout": 600_000 },
    });
    const silent: WebSocket[] = [];
    let challenged = 0;
    let closed = 0;
    for (let index = 0; index < SILENT_CLIENTS; index += 1) {
      const socket = new WebSocket(`${patient.url}/connect`, SUBPROTOCOLS.binary);
      socket.on("error", () => undefined);
      socket.on("message", () => (challenged += 1));
      socket.on("close", () => (closed += 1));
      silent.push(socket);
      // At most as many at once as the accept queue holds.
      if (index % 500 === 499) await eventually("challenges", () => challenged === index + 1);
    }
    const client = await connect({ psk: TEST_PSK, url: patient.url, route: "single" });
    const subscription = client.subscribe("beside");
    await subscription.ready;
    await client.publish("beside", "served");
    for await (const message of subscription) {
      expect(message.text()).to.equal("served");
      break;
    }
    expect([challenged, closed]).to.deep.equal([SILENT_CLIENTS, 0]);
    client.close();
    for (const socket of silent) socket.terminate();
    await eventually(
      "the node has let go of them",
      async () => (await patient.metric("links")) === 0,
    );
    await patient.stop("SIGTERM");
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
    for (const node of [consumer, producer]) {
      const bad = [
        randomBytes(2000),
        Buffer.from("GET / HTTP/9.9\r\n\r\n"),
        Buffer.from("\0\0\0"),
        Buffer.from(`GET / HTTP/1.1\r\nHost: ${"x".repeat(100_000)}\r\n\r\n`),
        Buffer.from(`GET /subscribe HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`),
      ];
      for (const data of bad) {
        const socket = tcpTo(node);
        socket.end(data);
        await eventually("the end", () => socket.destroyed);
      }
    }
  });

  it("ends a link on a WebSocket frame that breaks RFC 6455, before and after the proof", async () => {
    const bad = {
      unmasked: [0x82, 0x00],
      "with a reserved bit": [0xf2, 0x80, 0, 0, 0, 0],
      "of an unknown opcode": [0x83, 0x80, 0, 0, 0, 0],
      "a ping in two parts": [0x09, 0x80, 0, 0, 0, 0],
      "a continuation of nothing": [0x80, 0x80, 0, 0, 0, 0],
      "of 2^63 bytes": [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    };
    for (const [name, bytes] of Object.entries(bad)) {
      const early = tcpTo(consumer);
      early.write(upgradeRequest("/connect"));
      early.write(Buffer.from(bytes));
      await eventually(name, () => early.destroyed);
      const { socket } = await V1Socket.openWith(consumer.url, TEST_PSK, { endpoint: "connect" });
      writeRaw(socket, Buffer.from(bytes));
      await eventually(name, () => socket.readyState === WebSocket.CLOSED);
    }
  });

  for (const subprotocol of Object.values(SUBPROTOCOLS)) {
    it(`outlives thousands of fuzzed messages over ${subprotocol}, before and after the proof`, async function () {
      this.timeout(60_000);
      const bystander = await V1Socket.openWith(consumer.url, TEST_PSK, { endpoint: "connect" });
      const topic = `not theirs ${subprotocol}`;
      bystander.send({ type: "subscribe", sub: 1, topic, from: { type: "live" } });
      await bystander.first("subscribed");
      let rounds = 0;
      const attack = fc.record({
        endpoint: fc.constantFrom(...ALL),
        isProved: fc.boolean(),
        messages: fc.array(fuzzedMessage(subprotocol), { minLength: 10, maxLength: 20 }),
      });
      const attempt = async ({ endpoint, isProved, messages }: Attack): Promise<void> => {
        const socket = await open(endpoint, subprotocol);
        if (isProved) {
          socket.send(await socket.proof(TEST_PSK));
          await socket.first("welcome");
        }
        for (const message of messages) if (socket.isOpen) socket.sendRaw(message);
        socket.socket.close();
        // The node must not report an internal error.
        expect(await socket.closed()).not.to.include("SHARDCAST_INTERNAL");
        rounds += 1;
        const payload = Buffer.from(String(rounds));
        bystander.send({ type: "publish", seq: rounds, timeoutMs: 0, topic, payload });
        await eventually("the bystander's message", () =>
          bystander.frames.some((frame) => frame.type === "message" && frame.offset === rounds),
        );
      };
      await fc.assert(fc.asyncProperty(attack, attempt), { numRuns: 150, endOnFailure: true });
      bystander.end();
    });
  }
});

interface Attack {
  readonly endpoint: Endpoint;
  readonly isProved: boolean;
  readonly messages: readonly (Uint8Array | string)[];
}

/**
 * Valid frames of every type, the same frames with bytes changed, cut off or doubled, and random
 * bytes.
 */
function fuzzedMessage(subprotocol: Subprotocol): fc.Arbitrary<Uint8Array | string> {
  const good = fc.array(goodFrame(), { minLength: 1, maxLength: 3 });
  const spoil = fc.tuple(good, fc.nat(), fc.nat(255));
  if (subprotocol === SUBPROTOCOLS.json) {
    const lines = (frames: readonly Frame[]): string => frames.map(encodeJsonFrame).join("\n");
    return fc.oneof(
      { weight: 6, arbitrary: good.map(lines) },
      spoil.map(([frames, at, byte]) => {
        const text = lines(frames);
        const where = at % text.length;
        return text.slice(0, where) + String.fromCharCode(byte) + text.slice(where + (byte % 3));
      }),
      fc.json(),
      fc.string({ unit: "binary" }),
    );
  }
  const bytes = (frames: readonly Frame[]): Buffer => Buffer.concat(frames.map(encodeFrame));
  return fc.oneof(
    { weight: 6, arbitrary: good.map(bytes) },
    spoil.map(([frames, at, byte]) => {
      const whole = bytes(frames);
      whole[at % whole.length] = byte;
      return whole;
    }),
    spoil.map(([frames, at]) => bytes(frames).subarray(0, at % 40)),
    fc.uint8Array({ maxLength: 100 }),
    fc
      .tuple(fc.integer({ min: 0x80, max: 0xff }), fc.uint8Array({ maxLength: 60 }))
      .map(([type, body]) => Buffer.from([type, 0, 0, body.length, ...body])),
  );
}

/** Frames that a legitimate client may send to any endpoint, on topics that only this test uses. */
function goodFrame(): fc.Arbitrary<Frame> {
  const sub = fc.nat(5);
  const topic = fc.oneof(
    fc.constantFrom("theirs", "theirs too", "", "$theirs", "__proto__"),
    fc.string({ unit: "grapheme", maxLength: 20 }),
  );
  const epoch = fc.constant("0123456789abcdef");
  const from: fc.Arbitrary<From> = fc.oneof(
    fc.constantFrom({ type: "live" } as const, { type: "earliest" } as const),
    fc.record({ type: fc.constant("last"), count: fc.nat() }),
    fc.record({ type: fc.constant("since"), time: fc.maxSafeNat().map((n) => n % 2 ** 48) }),
    fc.record({
      type: fc.constant("position"),
      position: fc.record({ epoch, offset: fc.nat() }),
    }),
  );
  const attributes = fc.dictionary(fc.string({ maxLength: 10 }), fc.string({ maxLength: 10 }), {
    maxKeys: 20,
  });
  return fc.oneof(
    fc.record(
      {
        type: fc.constant("publish"),
        seq: fc.nat(),
        timeoutMs: fc.nat(1000),
        topic,
        messageId: fc.string({ maxLength: 130 }),
        attributes,
        payload: fc.uint8Array({ maxLength: 100 }),
      },
      { requiredKeys: ["type", "seq", "timeoutMs", "topic", "payload"] },
    ),
    fc.record({ type: fc.constant("subscribe"), sub, topic, from }),
    fc.record({ type: fc.constant("unsubscribe"), sub }),
    fc.record({ type: fc.constant("read"), seq: fc.nat(), topic, from, limitBytes: fc.nat() }),
    fc.constant({ type: "heartbeat" } as const),
  );
}

/** A TCP connection that ignores received data and errors. */
function tcpTo(node: NodeProcess): Socket {
  const socket = connectTcp(Number(new URL(node.url).port), "127.0.0.1");
  socket.on("error", () => undefined);
  return socket.resume();
}

function upgradeRequest(path: string): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    "Host: node",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
    `Sec-WebSocket-Protocol: ${SUBPROTOCOLS.binary}`,
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** Writes bytes that `ws` would not send, directly to its socket. */
function writeRaw(socket: WebSocket, bytes: Buffer): void {
  (socket as unknown as { _socket: Socket })._socket.write(bytes);
}

describe("two live keys", () => {
  const [OLD, NEW] = ["the old key of the tests", "the new key of the tests"];

  it("let a key be changed while nodes and clients still use either", async () => {
    const cluster = await TestCluster.plan(2);
    try {
      // Halfway through a key rotation: c1 and the producer have the new key first, c2 still has
      // only the old one.
      const rolled = { env: { PSK: NEW, PSK_PREVIOUS: OLD } };
      const [c1, c2] = await Promise.all([
        cluster.consumer(1, rolled),
        cluster.consumer(2, { env: { PSK: OLD, PSK_PREVIOUS: NEW } }),
      ]);
      const producer = await cluster.producer(rolled);
      for (const psk of [OLD, NEW]) {
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
      other.send(await other.proof("an even older key"));
      expect(await other.closed()).to.equal(FAILED);
    } finally {
      await cluster.stop();
    }
  });
});
