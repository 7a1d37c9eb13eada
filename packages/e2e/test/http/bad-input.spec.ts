// Errors that a client with the key can make, on real nodes: each has its code, and affects only
// its sender. Another client on the same nodes receives every message meanwhile.
import { once } from "node:events";
import { connect, type Client } from "@shardcast/client";
import {
  SUBPROTOCOLS,
  encodeFrame,
  type Endpoint,
  type Frame,
  type PublishFrame,
  type Subprotocol,
} from "@shardcast/protocol";
import { expect } from "chai";
import WebSocket from "ws";
import { eventually } from "@shardcast/faults";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { RawClient } from "@shardcast/e2e/raw-client";
import { Recorder } from "@shardcast/e2e/recorder";
import { V1Socket } from "@shardcast/e2e/v1-socket";

const MAX_PAYLOAD_BYTES = 2000;
const MAX_TOPICS = 5;
const WINDOW_MESSAGES = 10;

describe("bad input", () => {
  let cluster: TestCluster;
  let consumer: NodeProcess;
  let producer: NodeProcess;
  let bystander: Client;
  let recorder: Recorder;
  let published = 0;
  const sockets: V1Socket[] = [];

  before(async () => {
    const limits = { "max-payload": MAX_PAYLOAD_BYTES, "max-topics": MAX_TOPICS };
    cluster = await TestCluster.plan(2);
    consumer = await cluster.consumer(1, { args: limits });
    await cluster.consumer(2, { args: limits });
    producer = await cluster.producer({ args: { ...limits, window: WINDOW_MESSAGES } });
    bystander = await connect({
      psk: TEST_PSK,
      producers: [producer.url],
      consumers: [consumer.url],
    });
    recorder = await Recorder.follow(bystander, "bystander");
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.end();
    await bystander.publish("bystander", `${published}`);
    published += 1;
    await recorder.count(published);
    expect(recorder.texts).to.deep.equal(
      Array.from({ length: published }, (_, index) => `${index}`),
    );
    expect(recorder.gaps).to.deep.equal([]);
    expect(bystander.nodes().length).to.be.greaterThan(0);
  });

  after(async () => {
    bystander.close();
    await cluster.stop();
  });

  async function open(
    endpoint: Endpoint,
    subprotocol: Subprotocol = SUBPROTOCOLS.binary,
    path = `/${endpoint}`,
  ): Promise<V1Socket> {
    const url = endpoint === "produce" ? producer.url : consumer.url;
    const socket = await V1Socket.openWith(url, TEST_PSK, { endpoint, subprotocol, path });
    sockets.push(socket);
    return socket;
  }

  function publishOf(fields: Partial<PublishFrame>): PublishFrame {
    const payload = Buffer.from("x");
    return { type: "publish", seq: 7, timeoutMs: 0, topic: "good", payload, ...fields };
  }

  /** The link stays open: later publishes are acked. */
  async function isRejected(fields: Partial<PublishFrame>, code: string): Promise<void> {
    for (const endpoint of ["produce", "connect"] as const) {
      for (const subprotocol of Object.values(SUBPROTOCOLS)) {
        const socket = await open(endpoint, subprotocol);
        socket.send(publishOf(fields));
        expect((await socket.first("reject")).code).to.equal(code);
        socket.send(publishOf({ seq: 8 }));
        expect((await socket.first("ack")).seq).to.equal(8);
      }
    }
  }

  const badTopics = { empty: "", control: "a\u0000b", newline: "a\n", c1: "\u0085", del: "\u007f" };
  for (const [name, topic] of Object.entries(badTopics)) {
    it(`rejects a publish to a topic that breaks the rules: ${name}`, async () => {
      await isRejected({ topic }, "SHARDCAST_TOPIC_INVALID");
    });
  }

  it("rejects a publish to a topic of the system", async () => {
    await isRejected({ topic: "$presence" }, "SHARDCAST_TOPIC_RESERVED");
  });

  it("takes a topic of 255 bytes in any script, and as names that objects have", async () => {
    for (const topic of [
      "t".repeat(255),
      "日".repeat(85),
      "__proto__",
      "constructor",
      "toString",
    ]) {
      for (const subprotocol of Object.values(SUBPROTOCOLS)) {
        const socket = await open("connect", subprotocol);
        socket.send({ type: "subscribe", sub: 1, topic, from: { type: "live" } });
        await socket.first("subscribed");
        socket.send(publishOf({ topic }));
        expect((await socket.first("message")).offset).to.equal(
          (await socket.first("ack")).position.offset,
        );
      }
    }
  });

  it("rejects a payload over the limit, and takes one at the limit", async () => {
    const payload = Buffer.alloc(MAX_PAYLOAD_BYTES + 1, 0x41);
    await isRejected({ payload }, "SHARDCAST_PAYLOAD_TOO_LARGE");
    const socket = await open("produce");
    socket.send(publishOf({ payload: payload.subarray(1) }));
    await socket.first("ack");
  });

  it("ends a link whose WebSocket message is larger than any that could be good", async () => {
    const socket = await open("produce");
    socket.sendRaw(Buffer.alloc(2 * 1024 * 1024));
    expect(await socket.closed()).to.match(/^1009 /);
  });

  it("rejects ids and attributes that break the rules", async () => {
    const idInvalid = "SHARDCAST_MESSAGE_ID_INVALID";
    await isRejected({ messageId: "" }, idInvalid);
    await isRejected({ messageId: "a\tb" }, idInvalid);
    await isRejected({ messageId: "i".repeat(129) }, idInvalid);
    await isRejected({ messageId: "é".repeat(65) }, idInvalid);
    const attributesInvalid = "SHARDCAST_ATTRIBUTES_INVALID";
    await isRejected({ attributes: { "": "x" } }, attributesInvalid);
    await isRejected({ attributes: { a: "\u0001" } }, attributesInvalid);
    const names = Array.from({ length: 17 }, (_, index) => `name ${index}`);
    const tooMany = Object.fromEntries(names.map((name) => [name, ""]));
    await isRejected({ attributes: tooMany }, attributesInvalid);
  });

  it("takes an id and attributes at their limits, and gives them back", async () => {
    const messageId = "é".repeat(64);
    const names = Array.from({ length: 16 }, (_, index) => `${index}`.padEnd(255, "n"));
    const attributes = Object.fromEntries(names.map((name) => [name, "v".repeat(255)]));
    for (const subprotocol of Object.values(SUBPROTOCOLS)) {
      const topic = `limits ${subprotocol}`;
      const socket = await open("connect", subprotocol);
      socket.send({ type: "subscribe", sub: 1, topic, from: { type: "live" } });
      await socket.first("subscribed");
      socket.send(publishOf({ topic, messageId, attributes }));
      const message = await socket.first("message");
      expect(message.messageId).to.equal(messageId);
      expect({ ...message.attributes }).to.deep.equal(attributes);
    }
  });

  it("ends a JSON link on what is too long for any frame: a topic or an attribute of 256 bytes", async () => {
    const long = "x".repeat(256);
    for (const fields of [{ topic: long }, { topic: "x", attributes: { a: long } }]) {
      const socket = await open("connect", SUBPROTOCOLS.json);
      socket.sendRaw(JSON.stringify({ type: "publish", seq: 1, payload: "x", ...fields }));
      expect(await socket.closed()).to.equal("4501 SHARDCAST_FRAME_MALFORMED");
    }
  });

  it("skips a frame of an unknown type that may be skipped, and ends the link on any other", async () => {
    for (const endpoint of ["produce", "subscribe", "connect", "relay", "producer"] as const) {
      const skipping = await open(endpoint);
      skipping.sendRaw(Buffer.from([0xf0, 0, 0, 2, 1, 2, ...encodeFrame({ type: "heartbeat" })]));
      const ending = await open(endpoint);
      ending.sendRaw(Buffer.from([0x7f, 0, 0, 0]));
      expect(await ending.closed()).to.equal("4502 SHARDCAST_FRAME_UNKNOWN");
      expect(skipping.isOpen).to.equal(true);
    }
    const json = await open("connect", SUBPROTOCOLS.json);
    json.sendRaw('{"type":"later","optional":true}\n{"type":"heartbeat"}');
    json.send(publishOf({}));
    await json.first("ack");
    json.sendRaw('{"type":"later"}');
    expect(await json.closed()).to.equal("4502 SHARDCAST_FRAME_UNKNOWN");
  });

  it("ends the link on a frame that its endpoint does not have", async () => {
    const unexpected = "4503 SHARDCAST_FRAME_UNEXPECTED";
    const live = { type: "live" } as const;
    const subscribe: Frame = { type: "subscribe", sub: 1, topic: "x", from: live };
    const read: Frame = { type: "read", seq: 1, topic: "x", from: live, limitBytes: 1 };
    const ack: Frame = {
      type: "ack",
      seq: 1,
      position: { epoch: "0".repeat(16), offset: 1 },
      duplicate: false,
    };
    const cases: [Endpoint, Frame][] = [
      ["produce", subscribe],
      ["producer", subscribe],
      ["subscribe", publishOf({})],
      ["relay", publishOf({})],
      ["produce", read],
      ["producer", read],
      ["connect", ack],
    ];
    for (const [endpoint, frame] of cases) {
      const socket = await open(endpoint);
      socket.send(frame);
      expect(await socket.closed(), `${frame.type} on ${endpoint}`).to.equal(unexpected);
    }
  });

  it("ends the link on a frame that breaks its layout, after what was good before it", async () => {
    const broken = encodeFrame(publishOf({ seq: 9 })).subarray(0, -3);
    const socket = await open("produce");
    socket.sendRaw(Buffer.concat([encodeFrame(publishOf({})), broken]));
    expect(await socket.closed()).to.equal("4501 SHARDCAST_FRAME_MALFORMED");
    const text = await open("produce");
    text.sendRaw("text on a binary link");
    expect(await text.closed()).to.equal("4501 SHARDCAST_FRAME_MALFORMED");
    const json = await open("connect", SUBPROTOCOLS.json);
    json.sendRaw('{"type":"publish","seq":-1,"topic":"x"}');
    expect(await json.closed()).to.equal("4501 SHARDCAST_FRAME_MALFORMED");
  });

  it("rejects what is over the window, and acks the rest", async () => {
    const socket = await open("produce");
    const frames = Array.from({ length: 50 }, (_, seq) => publishOf({ seq, topic: "window" }));
    socket.send(...frames);
    await eventually("50 answers", () => {
      return socket.frames.filter(({ type }) => type === "ack" || type === "reject").length === 50;
    });
    const rejects = socket.frames.filter((frame) => frame.type === "reject");
    expect(rejects.map(({ code }) => code)).to.deep.equal(
      Array.from({ length: 50 - WINDOW_MESSAGES }, () => "SHARDCAST_WINDOW_FULL"),
    );
    // Later publishes must not overtake refused ones, so they are refused too until the client
    // confirms the refusals by answering a heartbeat.
    const answerTo = (seq: number): Promise<string> => {
      socket.send(publishOf({ seq, topic: "window" }));
      return eventually("an answer", () => {
        return socket.frames.find((one) => "seq" in one && one.seq === seq)?.type;
      });
    };
    expect(await answerTo(98)).to.equal("reject");
    socket.send({ type: "heartbeat" });
    expect(await answerTo(99)).to.equal("ack");
  });

  it("follows as many topics on a link as it may, and one of each", async () => {
    const socket = await open("subscribe");
    for (let sub = 0; sub <= MAX_TOPICS; sub += 1) {
      socket.send({ type: "subscribe", sub, topic: `limit ${sub}`, from: { type: "live" } });
    }
    expect(await socket.first("unsubscribed")).to.include({
      sub: MAX_TOPICS,
      code: "SHARDCAST_TOPICS_LIMIT",
    });
    socket.send({ type: "unsubscribe", sub: 0 });
    socket.send({ type: "subscribe", sub: 100, topic: "limit 1", from: { type: "live" } });
    await eventually("a refusal", () =>
      socket.frames.some(
        (frame) => frame.type === "unsubscribed" && frame.code === "SHARDCAST_SUBSCRIPTION_EXISTS",
      ),
    );
    socket.send({ type: "subscribe", sub: 101, topic: "limit new", from: { type: "live" } });
    await eventually("room again", () =>
      socket.frames.some((frame) => frame.type === "subscribed" && frame.sub === 101),
    );
  });

  it("tells what is wrong with a topic that it is asked to follow", async () => {
    const socket = await open("connect");
    socket.send({ type: "subscribe", sub: 1, topic: "a\u0000", from: { type: "live" } });
    expect(await socket.first("unsubscribed")).to.include({ code: "SHARDCAST_TOPIC_INVALID" });
    const long = await open("subscribe", SUBPROTOCOLS.binary, `/subscribe/${"x".repeat(256)}`);
    expect(await long.first("unsubscribed")).to.include({ code: "SHARDCAST_TOPIC_INVALID" });
    const reserved = await open("subscribe", SUBPROTOCOLS.json, "/subscribe/$events");
    expect(await reserved.first("unsubscribed")).to.include({
      sub: 0,
      code: "SHARDCAST_TOPIC_RESERVED",
    });
  });

  it("announces a gap for a position of another epoch, on the owner and on a relay", async () => {
    for (const topic of ["epoch 1", "epoch 2", "epoch 3", "epoch 4"]) {
      await bystander.publish(topic, "1");
      const from = { type: "position", position: { epoch: "f".repeat(16), offset: 9 } } as const;
      const socket = await open("subscribe");
      socket.send({ type: "subscribe", sub: 1, topic, from });
      expect((await socket.first("subscribed")).recovered).to.equal(false);
      expect(await socket.first("gap")).to.include({ sub: 1, first: 1, last: 0 });
      expect((await socket.first("message")).offset).to.equal(1);
    }
  });

  it("refuses at a consumer what its producer should have sent elsewhere", async () => {
    const producerLink = await open("producer");
    const relayLink = await open("relay");
    const live = { type: "live" } as const;
    let refused = 0;
    for (let number = 0; number < 20; number += 1) {
      const topic = `whose ${number}`;
      producerLink.send(publishOf({ seq: number, topic }));
      relayLink.send({ type: "subscribe", sub: number, topic, from: live });
    }
    await eventually("20 answers", () => {
      refused = producerLink.frames.filter(({ type }) => type === "reject").length;
      return refused + producerLink.frames.filter(({ type }) => type === "ack").length === 20;
    });
    await eventually("20 answers", () => {
      return relayLink.frames.filter(({ type }) => /^(?:un)?subscribed$/.test(type)).length === 20;
    });
    const codes = [...producerLink.frames, ...relayLink.frames].flatMap((frame) =>
      frame.type === "reject" || frame.type === "unsubscribed" ? [frame.code] : [],
    );
    expect(refused).to.be.within(1, 19);
    expect(new Set(codes)).to.deep.equal(new Set(["SHARDCAST_NOT_OWNER"]));
  });

  it("ends a link that answers no heartbeat, and keeps one that does", async () => {
    const node = await cluster.start("consumer", {
      args: { id: "c1", port: 0, "heartbeat-interval": 200 },
    });
    const deaf = await V1Socket.openWith(node.url, TEST_PSK, { endpoint: "subscribe" });
    const alive = await RawClient.open(node.url, {
      psk: TEST_PSK,
      endpoint: "subscribe",
      path: "/subscribe",
    });
    expect(await deaf.closed()).to.equal("4001 SHARDCAST_HEARTBEAT_MISSED");
    const beats = (): number => alive.frames.filter(({ type }) => type === "heartbeat").length;
    const before = beats();
    await eventually("five more heartbeats", () => beats() >= before + 5);
    expect(alive.socket.readyState).to.equal(alive.socket.OPEN);
    alive.socket.terminate();
    await node.stop("SIGTERM");
  });

  it("takes no more links than it may, and takes one again when one has left", async () => {
    const node = await cluster.start("consumer", { args: { id: "c1", port: 0, "max-links": 2 } });
    const dial = (): Promise<V1Socket> =>
      V1Socket.openWith(node.url, TEST_PSK, { endpoint: "connect" });
    const [first, second] = [await dial(), await dial()];
    const refused = new WebSocket(`${node.url}/connect`, SUBPROTOCOLS.binary);
    const [error] = (await once(refused, "error")) as [Error];
    expect(error.message).to.include("503");
    first.end();
    await eventually("room", async () => (await node.metric("links")) === 1);
    (await dial()).end();
    second.end();
    await node.stop("SIGTERM");
  });
});
