// The user of a message: the nodes stamp it from the publisher's token, and no client can choose it.
import { createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type Client, type ConnectOptions } from "@shardcast/client";
import { EventReader, ask, jsonOf } from "@shardcast/e2e/http-client";
import { TEST_PSK, TestCluster, topicOwnedBy, type NodeProcess } from "@shardcast/e2e/nodes";
import { PushReceiver } from "@shardcast/e2e/push-receiver";
import { RawLink } from "@shardcast/e2e/raw-link";
import { Recorder } from "@shardcast/e2e/recorder";
import { TOKEN_SECRET, tokenOf } from "@shardcast/e2e/tokens";
import { V1Socket } from "@shardcast/e2e/v1-socket";
import { RedisServer, eventually } from "@shardcast/faults";
import { describeWith } from "@shardcast/faults/testing";
import {
  SUBPROTOCOLS,
  ShardcastError,
  encodeJsonFrame,
  type Attributes,
  type Endpoint,
  type PublishFrame,
} from "@shardcast/protocol";
import { expect } from "chai";

const API_KEY = "the-key-of-back-ends";
const ADMIN_KEY = "the-key-of-administrators";
const WEBHOOK_KEY = Buffer.alloc(32, 7).toString("base64");
const MAX_PAYLOAD_BYTES = 1000;
const LONG_USER = "日".repeat(85);
const RESERVED = {
  code: "SHARDCAST_ATTRIBUTES_INVALID",
  reason: "names that begin with $ are reserved",
};
const ALL = [{ topics: ["*"], allow: ["publish", "subscribe", "history"] }] as const;

interface MessageJson {
  readonly payload: string;
  readonly user?: string;
  readonly attributes?: Attributes;
}

function userToken(sub = "ann"): Promise<string> {
  return tokenOf({ sub, caps: ALL });
}

function bearer(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}`, "content-type": "text/plain" };
}

/** The messages that a node returns for a topic over HTTP. */
async function pageOf(node: NodeProcess, topic: string): Promise<readonly MessageJson[]> {
  const path = `/topics/${encodeURIComponent(topic)}/messages`;
  const answer = await ask(node.httpUrl, path, { headers: bearer(API_KEY) });
  return jsonOf(answer)["messages"] as readonly MessageJson[];
}

/** For each message its payload and its user. */
async function usersOf(node: NodeProcess, topic: string): Promise<unknown[]> {
  return (await pageOf(node, topic)).map(({ payload, user }) => [payload, user]);
}

describe("the user of a message", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let c1: NodeProcess;
  let c2: NodeProcess;
  let producer: NodeProcess;
  let args: Record<string, string | number | true>;
  const clients: Client[] = [];
  const sockets: V1Socket[] = [];

  before(async () => {
    cluster = await TestCluster.plan(2);
    const keys = join(cluster.dataFolder, "webhook-keys.json");
    writeFileSync(
      keys,
      JSON.stringify([{ name: "ann", keys: [`whsec_${WEBHOOK_KEY}`], allow: "publish:*" }]),
    );
    args = {
      "token-secret": TOKEN_SECRET,
      "api-key": API_KEY,
      "webhook-keys": keys,
      "max-payload": MAX_PAYLOAD_BYTES,
      "legacy-protocol": true,
      anonymous: "publish:open/*",
    };
    [c1, c2] = await Promise.all([
      cluster.consumer(1, { args: { ...args, data: join(cluster.dataFolder, "1") } }),
      cluster.consumer(2, { args: { ...args, data: join(cluster.dataFolder, "2") } }),
    ]);
    producer = await cluster.producer({ args });
    await eventually("uplinks", async () => (await producer.metric("uplinks_open")) === 2);
  });

  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    for (const socket of sockets.splice(0)) socket.end();
  });

  after(() => cluster.stop());

  async function clientOf(options: Partial<ConnectOptions>): Promise<Client> {
    const client = await connect({ route: "single", ...options });
    clients.push(client);
    return client;
  }

  it("comes with messages from every way in, to subscribers of the owner and of a relay", async () => {
    const topic = topicOwnedBy("c1", cluster.consumers);
    const reader = { psk: TEST_PSK };
    const recorders = await Promise.all(
      [c1, c2].map(async ({ url }) => Recorder.follow(await clientOf({ ...reader, url }), topic)),
    );
    const token = await userToken();
    const attributes = { key: "k" };
    // c2 passes the message on to c1 over /producer, and so does the producer.
    for (const { url } of [c1, c2]) {
      const client = await clientOf({ token, url });
      await client.publish(topic, { at: url }, { attributes });
      await client.publish(topic, "text");
    }
    const ends = await clientOf({ token, producers: [producer.url], consumers: [c1.url] });
    await ends.publish(topic, "over /produce", { messageId: "an id" });
    const path = `/produce/${topic}`;
    await ask(producer.httpUrl, path, { headers: bearer(token), body: "over HTTP" });
    const line = JSON.stringify({ topic, payload: "a line", user: "eve", attributes });
    await ask(producer.httpUrl, "/produce", { headers: bearer(token), body: line });

    for (const recorder of recorders) {
      await recorder.count(7);
      expect(recorder.messages.map(({ user }) => user)).to.deep.equal(Array(7).fill("ann"));
      expect(recorder.messages.map(({ attributes: own }) => ({ ...own }))).to.deep.equal([
        ...[{ "content-type": "application/json", key: "k" }, {}],
        ...[{ "content-type": "application/json", key: "k" }, {}],
        ...[{}, { "content-type": "text/plain" }, { key: "k" }],
      ]);
      expect(recorder.messages[0]?.data).to.deep.equal({ at: c1.url });
      expect(recorder.texts.slice(4)).to.deep.equal(["over /produce", "over HTTP", "a line"]);
      expect(recorder.messages[4]?.messageId).to.equal("an id");
    }
    for (const node of [c1, c2]) {
      const page = await pageOf(node, topic);
      expect(page.map(({ user }) => user)).to.deep.equal(Array(7).fill("ann"));
      expect(page[1]).not.to.have.property("attributes");
      expect(page[6]?.attributes).to.deep.equal({ key: "k" });
      const stream = await EventReader.open(
        node.httpUrl,
        `/subscribe/${topic}?from=earliest`,
        bearer(API_KEY),
      );
      await stream.count(7);
      stream.close();
      expect(stream.messages).to.deep.equal(page);
    }
  });

  it("is missing without a token: with the key, with an API key, signed, anonymous, legacy", async () => {
    const topic = "open/1";
    const byKey = await clientOf({ psk: TEST_PSK, url: c1.url });
    await byKey.publish(topic, "key");
    const anonymous = await clientOf({ token: "", url: c1.url });
    await anonymous.publish(topic, "anonymous");
    const path = `/produce/${encodeURIComponent(topic)}`;
    await ask(producer.httpUrl, path, { headers: bearer(API_KEY), body: "API key" });
    const timestamp = String(Math.floor(Date.now() / 1000));
    const mac = createHmac("sha256", Buffer.from(WEBHOOK_KEY, "base64"));
    mac.update(`signed-1.${timestamp}.signed`);
    const headers = {
      "webhook-id": "signed-1",
      "webhook-timestamp": timestamp,
      "webhook-signature": `v1,${mac.digest("base64")}`,
    };
    // The sender of the signed request is called ann, as a user of a token is.
    const signed = await ask(producer.httpUrl, path, { headers, body: "signed" });
    expect(signed.status).to.equal(200);
    const legacy = await RawLink.openWith(`${producer.url}/produce`, TEST_PSK);
    legacy.send({ t: "h", o: 1 });
    await eventually("the node's answer", () => legacy.answers.length > 0);
    legacy.send({ t: "m", d: "legacy", s: topic, attributes: { $user: "eve" }, user: "eve" });
    const sources = ["key", "anonymous", "API key", "signed", "legacy"];
    await eventually("the messages", async () => (await pageOf(c1, topic)).length === 5);
    const expected = sources.map((source) => [source, undefined]);
    expect(await usersOf(c1, topic)).to.deep.equal(expected);
    legacy.socket.terminate();
    const recorder = await Recorder.follow(byKey, topic, "earliest");
    await recorder.count(5);
    expect(recorder.messages.map(({ user }) => user)).to.deep.equal(Array(5).fill(undefined));
  });

  describe("cannot be chosen by a client", () => {
    const topic = "forged";
    const forged: readonly Attributes[] = [
      { $user: "eve" },
      { key: "k", $user: "eve" },
      { $: "" },
      { $later: "x", key: "k" },
    ];

    function publishOf(seq: number, attributes: Attributes): PublishFrame {
      const payload = Buffer.from("forged");
      return { type: "publish", seq, timeoutMs: 0, topic, attributes, payload };
    }

    async function rejectsOf(socket: V1Socket): Promise<unknown[]> {
      sockets.push(socket);
      forged.forEach((attributes, seq) => socket.send(publishOf(seq, attributes)));
      const rejects = await eventually("the rejects", () => {
        const found = socket.frames.filter(({ type }) => type === "reject");
        return found.length === forged.length ? found : undefined;
      });
      expect(socket.isOpen).to.equal(true);
      return rejects;
    }

    const expected = forged.map((_, seq) => ({ type: "reject", seq, ...RESERVED }));

    for (const subprotocol of Object.values(SUBPROTOCOLS)) {
      for (const [endpoint, nodeOf] of [
        ["connect", () => c1],
        ["connect", () => c2],
        ["produce", () => producer],
      ] as readonly (readonly [Endpoint, () => NodeProcess])[]) {
        it(`with the key, on /${endpoint} in ${subprotocol}`, async () => {
          const { url } = nodeOf();
          const socket = await V1Socket.openWith(url, TEST_PSK, { endpoint, subprotocol });
          expect(await rejectsOf(socket)).to.deep.equal(expected);
        });

        it(`with a token, on /${endpoint} in ${subprotocol}`, async () => {
          const socket = await V1Socket.open(nodeOf().url, { endpoint, subprotocol });
          socket.send({ type: "token", token: await userToken() });
          await socket.first("authorized");
          expect(await rejectsOf(socket)).to.deep.equal(expected);
        });
      }
    }

    it("on /producer, which accepts no token", async () => {
      const socket = await V1Socket.open(c1.url, { endpoint: "producer" });
      socket.send({ type: "token", token: await userToken() });
      expect(await socket.closed()).to.match(/^4509 SHARDCAST_FORBIDDEN/);
    });

    it("with many messages over HTTP", async () => {
      const lines = forged.map((attributes) => encodeJsonFrame(publishOf(0, attributes)));
      for (const key of [API_KEY, await userToken()]) {
        const answer = await ask(producer.httpUrl, "/produce", {
          headers: bearer(key),
          body: lines.join("\n"),
        });
        const answers = answer.text.trim().split("\n");
        expect(answers.map((line) => JSON.parse(line) as unknown)).to.deep.equal(
          forged.map(() => ({ topic, code: RESERVED.code, detail: RESERVED.reason })),
        );
      }
    });

    it("with the SDK, which refuses it before it sends anything", async () => {
      const client = await clientOf({ token: await userToken(), url: c1.url });
      for (const attributes of forged) {
        const error: unknown = await client
          .publish(topic, "x", { attributes })
          .catch((e: unknown) => e);
        expect(error).to.be.instanceOf(ShardcastError);
        expect((error as ShardcastError).code).to.equal(RESERVED.code);
      }
    });

    after(async () => {
      expect(await pageOf(c1, topic)).to.deep.equal([]);
    });
  });

  it("fits with everything else at its limit", async () => {
    const topic = topicOwnedBy("c1", cluster.consumers).padEnd(255, "t");
    const names = Array.from({ length: 16 }, (_, index) => `${index}`.padEnd(255, "n"));
    const attributes = Object.fromEntries(names.map((name) => [name, "v".repeat(255)]));
    const payload = Buffer.alloc(MAX_PAYLOAD_BYTES, 0x41);
    const messageId = "m".repeat(128);
    const token = await userToken(LONG_USER);
    for (const [number, url] of [producer.url, c1.url, c2.url].entries()) {
      const endpoint = url === producer.url ? "produce" : "connect";
      const socket = await V1Socket.open(url, { endpoint });
      sockets.push(socket);
      socket.send({ type: "token", token });
      await socket.first("authorized");
      const fields = { messageId: messageId.slice(number), attributes, payload };
      socket.send({ type: "publish", seq: 1, timeoutMs: 0, topic, ...fields });
      await socket.first("ack");
    }
    const page = await pageOf(c2, topic);
    expect(page.map(({ user }) => user)).to.deep.equal(Array(3).fill(LONG_USER));
    for (const message of page) expect(message.attributes).to.deep.equal(attributes);
  });

  it("stays that of the first publish where another user repeats the id", async () => {
    const topic = "repeated";
    const options = { messageId: "same" };
    const ann = await clientOf({ token: await userToken(), url: c1.url });
    const bob = await clientOf({ token: await userToken("bob"), url: c2.url });
    const first = await ann.publish(topic, "by ann", options);
    expect(await bob.publish(topic, "by bob", options)).to.deep.equal({
      ...first,
      duplicate: true,
    });
    expect(await usersOf(c1, topic)).to.deep.equal([["by ann", "ann"]]);
  });

  it("survives a restart of the owner", async () => {
    const topic = topicOwnedBy("c2", cluster.consumers);
    const client = await clientOf({ token: await userToken("bob"), url: c1.url });
    await client.publish(topic, "before");
    await c2.stop("SIGKILL");
    c2 = await cluster.consumer(2, { args: { ...args, data: join(cluster.dataFolder, "2") } });
    await client.publish(topic, "after");
    for (const node of [c1, c2]) {
      expect(await usersOf(node, topic)).to.deep.equal([
        ["before", "bob"],
        ["after", "bob"],
      ]);
    }
  });
});

describe("the user of a pushed message", function () {
  this.timeout(60_000);

  it("is a header, which no attribute can set, and stays with a dead letter", async () => {
    const receiver = await PushReceiver.listen();
    const cluster = await TestCluster.plan(1);
    try {
      const node = await cluster.consumer(1, {
        args: {
          "push-allow": "127.0.0.0/8",
          "push-allow-http": true,
          "admin-key": ADMIN_KEY,
          "token-secret": TOKEN_SECRET,
        },
      });
      const config = { topics: ["chat"], url: receiver.url, retryMs: [] };
      const put = await fetch(`${node.httpUrl}/push/shop`, {
        method: "PUT",
        headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" },
        body: JSON.stringify(config),
      });
      expect(put.status).to.equal(200);
      receiver.answer = ({ text }) => (text === "bad" ? 400 : 200);
      const user = await connect({ token: await userToken("ünn"), url: node.url });
      const key = await connect({ psk: TEST_PSK, url: node.url });
      const names = ["user", "shardcast-user", "Shardcast-User"];
      const attributes = Object.fromEntries(names.map((name) => [name, "eve"]));
      await user.publish("chat", "good", { attributes });
      await user.publish("chat", "bad", { attributes });
      await key.publish("chat", "by key", { attributes });
      await receiver.count(2);
      const headers = receiver.pushes.map((push) => push.headers["shardcast-user"]);
      expect(headers).to.deep.equal([...Array<string>(2).fill("%C3%BCnn"), undefined]);
      const letters = await Recorder.follow(key, "dead-letter/shop", "earliest");
      await letters.count(1);
      const [letter] = letters.messages;
      expect([letter?.text(), letter?.user]).to.deep.equal(["bad", "ünn"]);
      expect(letter?.attributes).to.include({ user: "eve", "shardcast-reason": "status 400" });
      expect(letter?.attributes).not.to.have.property("$user");
      user.close();
      key.close();
    } finally {
      await cluster.stop();
      await receiver.stop();
    }
  });
});

describeWith(["redis-server", "redis-cli"], "the user of a message in Redis", function () {
  this.timeout(60_000);

  it("comes from any node", async () => {
    const redis = await RedisServer.start();
    const cluster = TestCluster.onRedis(redis.url);
    try {
      const options = { args: { "token-secret": TOKEN_SECRET, "api-key": API_KEY } };
      const consumers = [await cluster.consumer(1, options), await cluster.consumer(2, options)];
      const producer = await cluster.producer(options);
      const token = await userToken();
      const [c1, c2] = consumers.map(({ url }) => url);
      const client = await connect({ token, producers: [producer.url], consumers: [c1 ?? ""] });
      const reader = await connect({ psk: TEST_PSK, url: c2 ?? "", route: "single" });
      const topics = Array.from({ length: 8 }, (_, index) => `topic-${index}`);
      for (const topic of topics) {
        const recorder = await Recorder.follow(reader, topic);
        await client.publish(topic, "hello");
        await recorder.count(1);
        expect(recorder.messages[0]?.user).to.equal("ann");
        for (const node of consumers) {
          expect(await usersOf(node, topic)).to.deep.equal([["hello", "ann"]]);
        }
      }
      client.close();
      reader.close();
    } finally {
      await cluster.stop();
      await redis.remove();
    }
  });
});
