// Push subscriptions on real nodes, which deliver topics to endpoints on this machine.
import { connect, type Client } from "@shardcast/client";
import { expect } from "chai";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { selfSigned } from "@shardcast/webhooks/testing";
import { eventually, RedisServer } from "@shardcast/faults";
import {
  TEST_PSK,
  TestCluster,
  ringOf,
  topicOwnedBy,
  type NodeProcess,
} from "@shardcast/e2e/nodes";
import { PushReceiver } from "@shardcast/e2e/push-receiver";
import { RawClient } from "@shardcast/e2e/raw-client";
import { describeWith, skipWithout } from "@shardcast/faults/testing";

const ADMIN_KEY = "the-key-of-administrators";
const API_KEY = "the-key-of-back-ends";
const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const SECOND_SECRET = `whsec_${Buffer.alloc(32, 8).toString("base64")}`;
const LOCAL = { "push-allow": "127.0.0.0/8", "push-allow-http": true } as const;
const ADMIN = { "admin-key": ADMIN_KEY } as const;
const TOPICS = Array.from({ length: 20 }, (_, index) => `orders/${index}`);
const FAST = [50, 50, 50];

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly text: string;
}

/** Sends a request with the admin key. */
async function ask(
  node: NodeProcess,
  method: string,
  path: string,
  body?: unknown,
  key: string | undefined = ADMIN_KEY,
): Promise<Answer> {
  const response = await fetch(`${node.httpUrl}${path}`, {
    method,
    headers: {
      ...(key === "" ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const parsed: unknown = text === "" ? {} : JSON.parse(text);
  return { status: response.status, body: parsed as Record<string, unknown>, text };
}

async function put(node: NodeProcess, name: string, config: unknown): Promise<Answer> {
  const answer = await ask(node, "PUT", `/push/${name}`, config);
  expect(answer.status, answer.text).to.equal(200);
  return answer;
}

/** The numbers from `first` to `first + count − 1`, as texts. */
function numbers(count: number, first = 0): string[] {
  return Array.from({ length: count }, (_, index) => String(first + index));
}

describe("push subscriptions", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let receiver: PushReceiver;
  let clients: Client[];

  beforeEach(async () => {
    cluster = await TestCluster.plan(1, { args: { ...LOCAL, ...ADMIN } });
    receiver = await PushReceiver.listen();
    clients = [];
  });

  afterEach(async () => {
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

  /** Publishes the numbers 0 to count − 1, alternating over the topics. */
  async function publishNumbers(
    client: Client,
    topics: readonly string[],
    count: number,
    first = 0,
  ): Promise<void> {
    const acks: Promise<unknown>[] = [];
    for (let number = first; number < first + count; number += 1) {
      acks.push(client.publish(topics[number % topics.length] ?? "", String(number)));
    }
    await Promise.all(acks);
  }

  function expectAll(topics: readonly string[], count: number): void {
    for (const [index, topic] of topics.entries()) {
      const expected = numbers(count).filter((number) => Number(number) % topics.length === index);
      expect(receiver.textsOf(topic), topic).to.deep.equal(expected);
    }
  }

  it("delivers each topic in its order, one request at a time, signed and as it is", async () => {
    const node = await cluster.consumer(1);
    const { body } = await put(node, "shop", {
      topics: ["orders/*"],
      url: receiver.url,
      keys: [SECRET, SECOND_SECRET],
    });
    expect(body).not.to.have.property("secret");
    receiver.delayMs = 5;
    const client = await clientOf(node);
    await publishNumbers(client, TOPICS, 500);
    await client.publish("other", "not for it");
    await receiver.count(500);
    expectAll(TOPICS, 500);
    expect(receiver.pushes.length).to.equal(500);
    expect(receiver.atOnce.maxOfTopic).to.equal(1);
    expect(receiver.atOnce.max).to.be.within(2, 16);
    const ids = new Set(receiver.pushes.map(({ headers }) => headers["webhook-id"]));
    expect(ids.size).to.equal(500);
    for (const secret of [SECRET, SECOND_SECRET]) {
      for (const { text, headers } of receiver.pushes.slice(0, 20)) {
        const verified = new Webhook(secret).verify(text, headers as Record<string, string>);
        expect(String(verified)).to.equal(text);
      }
    }
    const [push] = receiver.pushes;
    expect(push?.headers["shardcast-attempt"]).to.equal("1");
    expect(push?.headers["shardcast-position"]).to.match(/^[0-9a-f]{16}_1$/);
    expect(push?.headers["content-type"]).to.equal("text/plain; charset=utf-8");
    await eventually("nothing is left", async () => (await node.metric("push_topics")) === 0);
    expect(await node.metric("push_delivered_total")).to.equal(500);
    expect(await node.metric("push_lag")).to.equal(0);
  });

  it("hands on bytes, content types and attributes, and topics of any characters", async () => {
    const node = await cluster.consumer(1);
    await put(node, "all", { topics: ["*"], url: receiver.url, secret: SECRET });
    const client = await clientOf(node);
    const bytes = Uint8Array.of(0, 255, 254, 10);
    await client.publish("große Menge/✓", bytes, { attributes: { traceparent: "00-1-2" } });
    const attributes = { "content-type": "application/json", évil: "x", b: "ü\u2028" };
    await client.publish("json", '{"a":1}', { messageId: "order.1", attributes });
    await client.publish("named", "x", { messageId: "order-1" });
    await client.publish("bad", "x", { attributes: { "content-type": "häßlich" } });
    await receiver.count(4);
    const of = (topic: string) => receiver.taken.find((push) => push.topic === topic);
    expect([...(of("große Menge/✓")?.body ?? [])]).to.deep.equal([...bytes]);
    expect(of("große Menge/✓")?.headers["content-type"]).to.equal("application/octet-stream");
    expect(of("große Menge/✓")?.headers["shardcast-attribute-traceparent"]).to.equal("00-1-2");
    expect(of("json")?.headers["content-type"]).to.equal("application/json");
    expect(of("json")?.headers["shardcast-attribute-b"]).to.equal("%C3%BC%E2%80%A8");
    // The id of a webhook may not contain a full stop.
    expect(of("json")?.headers["webhook-id"]).to.match(/^sc_[\w-]{43}$/);
    expect(of("named")?.headers["webhook-id"]).to.equal("order-1");
    expect(of("bad")?.headers["content-type"]).to.equal("text/plain; charset=utf-8");
  });

  it("starts with what is stored since it was made, or with the earliest", async () => {
    const node = await cluster.consumer(1);
    const client = await clientOf(node);
    await publishNumbers(client, ["old"], 5);
    await put(node, "new", { topics: ["old"], url: `${receiver.url}/new` });
    await put(node, "earliest", { topics: ["old"], url: `${receiver.url}/all`, from: "earliest" });
    await publishNumbers(client, ["old"], 5, 5);
    await receiver.count(15);
    const of = (path: string) =>
      receiver.taken.filter((push) => push.path.endsWith(path)).map(({ text }) => text);
    expect(of("/new")).to.deep.equal(numbers(5, 5));
    expect(of("/all")).to.deep.equal(numbers(10));
  });

  it("goes on where it was when an endpoint comes back, with the same id at each try", async () => {
    const node = await cluster.consumer(1);
    const retryMs = Array.from({ length: 30 }, () => 100);
    await put(node, "shop", { topics: ["orders/*"], url: receiver.url, retryMs });
    const client = await clientOf(node);
    await publishNumbers(client, TOPICS, 100);
    await receiver.count(100);
    await receiver.stop();
    await publishNumbers(client, TOPICS, 100, 100);
    await eventually("tries", async () => (await node.metric("push_retries_total")) > 0);
    await receiver.start();
    const failing = new Set<string>();
    // Each message fails once more.
    receiver.answer = ({ headers }) => {
      const id = String(headers["webhook-id"]);
      if (failing.has(id)) return 200;
      failing.add(id);
      return 500;
    };
    await receiver.count(200);
    expectAll(TOPICS, 200);
    expect(receiver.taken.length).to.equal(200);
    const second = receiver.taken.at(-1)?.headers;
    expect(Number(second?.["shardcast-attempt"])).to.be.greaterThan(1);
    const tries = receiver.pushes.filter(
      ({ headers }) => headers["webhook-id"] === second?.["webhook-id"],
    );
    expect(tries.length).to.be.greaterThan(1);
    expect(new Set(tries.map(({ headers }) => headers["shardcast-position"])).size).to.equal(1);
  });

  it("loses nothing when the node is killed, and keeps the order", async () => {
    const node = await cluster.consumer(1);
    await put(node, "shop", { topics: ["orders/*"], url: receiver.url });
    const client = await clientOf(node);
    // From then on, requests are unanswered when the node is killed.
    receiver.answer = () => (receiver.taken.length < 500 ? 200 : () => undefined);
    await publishNumbers(client, TOPICS, 2000);
    await receiver.count(500);
    await node.stop("SIGKILL");
    receiver.answer = () => 200;
    await cluster.consumer(1);
    await eventually("all is there", () => {
      return [...receiver.byTopic.values()].reduce((sum, texts) => sum + texts.length, 0) === 2000;
    });
    expectAll(TOPICS, 2000);
    // Messages recorded as delivered are not delivered again.
    expect(receiver.taken.length).to.be.lessThan(2000 + 500);
  });

  it("delivers nothing twice when the node is stopped and started", async () => {
    const node = await cluster.consumer(1, { args: { "drain-timeout": 3000 } });
    await put(node, "shop", { topics: ["orders/*"], url: receiver.url });
    const client = await clientOf(node);
    await publishNumbers(client, TOPICS, 1000);
    await receiver.count(20);
    await node.stop("SIGTERM");
    expect(node.exitCode).to.equal(0);
    await cluster.consumer(1);
    await receiver.count(1000);
    expectAll(TOPICS, 1000);
    expect(receiver.taken.length).to.equal(1000);
  });

  it("is disabled by 410, and goes on from there when it is enabled", async () => {
    const node = await cluster.consumer(1);
    await put(node, "shop", { topics: ["orders/*"], url: receiver.url });
    const client = await clientOf(node);
    receiver.answer = ({ text }) => (text === "5" ? 410 : 200);
    await publishNumbers(client, ["orders/1"], 10);
    await eventually("it is disabled", async () => {
      return "disabled" in (await ask(node, "GET", "/push/shop")).body;
    });
    await publishNumbers(client, ["orders/1"], 10, 10);
    expect(receiver.textsOf("orders/1")).to.deep.equal(numbers(5));
    expect(await node.metric("push_disabled_total")).to.equal(1);
    expect(await node.metric("push_subscriptions_disabled")).to.equal(1);
    receiver.answer = () => 200;
    const { body } = await ask(node, "POST", "/push/shop/enable");
    expect(body).not.to.have.property("disabled");
    await receiver.count(20);
    expect(receiver.textsOf("orders/1")).to.deep.equal(numbers(20));
  });

  it("waits as long as Retry-After says, while other topics go on", async () => {
    const node = await cluster.consumer(1);
    await put(node, "shop", { topics: ["orders/*"], url: receiver.url, retryMs: FAST });
    const client = await clientOf(node);
    receiver.answer = ({ topic }) =>
      topic === "orders/busy" ? [429, { "retry-after": "3600" }] : 200;
    await client.publish("orders/busy", "0");
    await eventually("it was tried", () => receiver.pushes.length === 1);
    await publishNumbers(client, ["orders/1"], 200);
    await receiver.count(200);
    expect(receiver.pushes.filter(({ topic }) => topic === "orders/busy").length).to.equal(1);
    // A changed subscription is tried at once.
    receiver.answer = () => 200;
    await put(node, "shop", { topics: ["orders/*"], url: receiver.url, retryMs: FAST });
    await receiver.count(201);
    expect(receiver.textsOf("orders/busy")).to.deep.equal(["0"]);
  });

  it("keeps what was given up among the dead letters, and the topic goes on", async () => {
    const node = await cluster.consumer(1);
    await put(node, "shop", { topics: ["*"], url: receiver.url, retryMs: FAST });
    const client = await clientOf(node);
    receiver.answer = ({ text }) => (text === "1" ? 400 : 200);
    await publishNumbers(client, ["orders/1"], 3);
    await receiver.count(2);
    expect(receiver.textsOf("orders/1")).to.deep.equal(["0", "2"]);
    expect(receiver.pushes.filter(({ text }) => text === "1").length).to.equal(4);
    const letters: unknown[] = [];
    client
      .subscribe("dead-letter/shop", { from: "earliest" })
      .on("message", (message) => letters.push([message.text(), message.attributes]));
    await eventually("the letter", () => letters.length === 1);
    const [[text, attributes]] = letters as [[string, Record<string, string>]];
    expect(text).to.equal("1");
    expect(attributes["shardcast-origin-topic"]).to.equal("orders/1");
    expect(attributes["shardcast-origin-position"]).to.match(/^[0-9a-f]{16}_2$/);
    expect(attributes["shardcast-attempts"]).to.equal("4");
    expect(attributes["shardcast-reason"]).to.equal("status 400");
    expect(await node.metric("push_dead_letters_total")).to.equal(1);
    expect(await node.metric("push_refused_total")).to.equal(4);
    // A subscription does not receive its own dead letters.
    expect(receiver.taken.some(({ topic }) => topic.startsWith("dead-letter/"))).to.equal(false);
  });

  it("trusts the certificates that it is told to, and no others", async function () {
    skipWithout(this, "openssl");
    const { key, cert } = selfSigned("localhost");
    const file = join(cluster.dataFolder, "ca.pem");
    writeFileSync(file, cert);
    const secure = await PushReceiver.listen({ key, cert });
    const other = await PushReceiver.listen(selfSigned("localhost"));
    const args = { "push-ca": file, "push-allow": "localhost" };
    const node = await cluster.consumer(1, { args });
    await put(node, "shop", { topics: ["a"], url: secure.url, retryMs: [] });
    await put(node, "other", { topics: ["a"], url: other.url, retryMs: [] });
    const client = await clientOf(node);
    await client.publish("a", "0");
    await secure.count(1);
    await eventually("the other is given up", async () => {
      return (await node.metric("push_dead_letters_total")) === 1;
    });
    expect(other.pushes).to.deep.equal([]);
    await secure.stop();
    await other.stop();
  });

  it("stays alive with endpoints that do not answer, or do not end", async () => {
    const node = await cluster.consumer(1);
    await put(node, "slow", { topics: ["slow/*"], url: receiver.url, timeoutMs: 300, retryMs: [] });
    await put(node, "shop", { topics: ["orders/*"], url: receiver.url });
    receiver.answer = ({ topic }) => {
      if (topic === "slow/never") return () => undefined;
      if (topic === "slow/endless") {
        return (response) => {
          const timer = setInterval(() => response.write("x".repeat(20_000)), 5);
          response.on("close", () => clearInterval(timer));
        };
      }
      if (topic === "slow/cut") return (response) => response.destroy();
      return topic === "slow/moved" ? [302, { location: `${receiver.url}/elsewhere` }] : 200;
    };
    const client = await clientOf(node);
    for (const name of ["never", "cut", "moved"]) await client.publish(`slow/${name}`, name);
    await client.publish("slow/endless", "endless");
    await publishNumbers(client, TOPICS, 100);
    await receiver.count(100);
    await eventually("three are given up", async () => {
      return (await node.metric("push_dead_letters_total")) === 3;
    });
    // The status was received, and only the status counts.
    expect(await node.metric("push_delivered_total")).to.equal(101);
    expect(receiver.pushes.some(({ path }) => path.endsWith("/elsewhere"))).to.equal(false);
    expect((await ask(node, "GET", "/healthz")).status).to.equal(200);
  });
});

describe("push subscriptions, as they are configured", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let receiver: PushReceiver;
  let clients: Client[];

  beforeEach(async () => {
    cluster = await TestCluster.plan(2, { args: { ...ADMIN, "api-key": API_KEY } });
    receiver = await PushReceiver.listen();
    clients = [];
  });

  afterEach(async () => {
    for (const client of clients) client.close();
    await cluster.stop();
    await receiver.stop();
  });

  async function start(args: Record<string, string | true> = LOCAL): Promise<NodeProcess[]> {
    return Promise.all([cluster.consumer(1, { args }), cluster.consumer(2, { args })]);
  }

  async function publishToBoth(nodes: readonly NodeProcess[], text: string): Promise<void> {
    const client = await connect({ psk: TEST_PSK, url: nodes[0]?.url ?? "", route: "single" });
    clients.push(client);
    await Promise.all(ownedTopics().map((topic) => client.publish(topic, text)));
  }

  function ownedTopics(): string[] {
    return [topicOwnedBy("c1", cluster.consumers), topicOwnedBy("c2", cluster.consumers)];
  }

  it("are known to every consumer, change everywhere, and outlive all nodes", async () => {
    let nodes = await start();
    const [first, second] = nodes as [NodeProcess, NodeProcess];
    await put(first, "one", { topics: ["owned-*"], url: receiver.url, keys: [SECRET] });
    await put(second, "two", { topics: ["x"], url: receiver.url });
    await put(second, "gone", { topics: ["x"], url: receiver.url });
    expect((await ask(first, "DELETE", "/push/gone")).status).to.equal(204);
    const namesAt = async (node: NodeProcess): Promise<string> => {
      const { body } = await ask(node, "GET", "/push");
      const list = body["subscriptions"] as { name: string }[];
      return list.map(({ name }) => name).join();
    };
    for (const node of nodes) {
      await eventually("both know both", async () => (await namesAt(node)) === "one,two");
    }
    await publishToBoth(nodes, "before");
    await receiver.count(2);
    await Promise.all(nodes.map((node) => node.stop("SIGKILL")));
    nodes = await start();
    for (const node of nodes) {
      await eventually("both know both", async () => (await namesAt(node)) === "one,two");
    }
    await publishToBoth(nodes, "after");
    await eventually("all is there", () => {
      return ownedTopics().every((topic) => receiver.textsOf(topic).join() === "before,after");
    });
  });

  it("are disabled everywhere by one node's 410", async () => {
    const nodes = await start();
    const [first, second] = nodes as [NodeProcess, NodeProcess];
    await put(first, "one", { topics: ["owned-*"], url: receiver.url });
    await eventually("the other knows it", async () => {
      return (await ask(second, "GET", "/push/one")).status === 200;
    });
    receiver.answer = ({ topic }) => (topic === ownedTopics()[1] ? 410 : 200);
    await publishToBoth(nodes, "0");
    for (const node of nodes) {
      await eventually("it is disabled", async () => {
        return "disabled" in (await ask(node, "GET", "/push/one")).body;
      });
    }
  });

  it("follow the ring: what a new owner does not have, the others tell it", async () => {
    const list = cluster.consumers.split(",");
    const late = ringOf(cluster.consumers).ownerOf("$push").id === "c1" ? 1 : 2;
    const file = join(cluster.dataFolder, "consumers");
    const topics = ownedTopics();
    writeFileSync(file, list[late === 1 ? 1 : 0] ?? "");
    cluster.consumers = `file:${file}`;
    const first = await cluster.consumer(3 - late, { args: LOCAL });
    await put(first, "kept", { topics: ["owned-*"], url: receiver.url });
    await put(first, "gone", { topics: ["owned-*"], url: `${receiver.url}/gone` });
    await ask(first, "DELETE", "/push/gone");
    const client = await connect({ psk: TEST_PSK, url: first.url, route: "single" });
    clients.push(client);
    await Promise.all(topics.map((topic) => client.publish(topic, "before")));
    await receiver.count(2);
    writeFileSync(file, list.join("\n"));
    const second = await cluster.consumer(late, { args: LOCAL });
    await eventually("the new owner knows it", async () => {
      return (await ask(second, "GET", "/push/kept")).status === 200;
    });
    expect((await ask(second, "GET", "/push/gone")).status).to.equal(404);
    await eventually("the ring is known", async () => {
      const { consumers } = (await ask(first, "GET", "/cluster")).body as { consumers: unknown[] };
      return consumers.length === 2;
    });
    await Promise.all(topics.map((topic) => client.publish(topic, "after")));
    for (const topic of topics) {
      await eventually("both are there", () => receiver.textsOf(topic).join() === "before,after");
    }
    expect(await second.metric("push_delivered_total")).to.equal(1);
    expect(receiver.pushes.length).to.equal(4);
  });

  it("come from a file, which nobody changes over HTTP", async () => {
    const file = join(cluster.dataFolder, "push.json");
    const own = { name: "filed", topics: ["owned-*"], url: receiver.url, keys: [SECRET] };
    writeFileSync(file, JSON.stringify([own]));
    const nodes = await start({ ...LOCAL, push: file });
    const [first, second] = nodes as [NodeProcess, NodeProcess];
    await eventually("it is known", async () => {
      return (await ask(first, "GET", "/push/filed")).body["source"] === "file";
    });
    await eventually("it is known", async () => {
      return (await ask(second, "GET", "/push/filed")).body["source"] === "file";
    });
    await publishToBoth(nodes, "0");
    await receiver.count(2);
    const changed = await ask(first, "PUT", "/push/filed", { topics: ["x"], url: receiver.url });
    expect(changed.status).to.equal(403);
    expect((await ask(first, "DELETE", "/push/filed")).status).to.equal(403);
  });

  it("tell in one line what is wrong with a file", async () => {
    const file = join(cluster.dataFolder, "push.json");
    const url = "https://hooks.example/in";
    const good = { name: "a", topics: ["x"], url, keys: [SECRET] };
    writeFileSync(file, JSON.stringify([good, { ...good, name: "b", keys: ["whsec_AAAA"] }]));
    const node = cluster.spawn("consumer", { args: { id: "c1", port: 0, push: file } });
    await node.stop();
    expect(node.exitCode).to.equal(1);
    expect(node.stderr).to.match(
      /^shardcast-consumer: .*b: .* bytes.*\(SHARDCAST_OPTION_INVALID\)\n$/,
    );
    expect(node.stderr).not.to.include(SECRET);
    rmSync(file);
  });

  it("need the admin key, and never show a secret again", async () => {
    const [node] = (await start()) as [NodeProcess];
    for (const key of ["", "wrong"]) {
      for (const [method, path] of [
        ["GET", "/push"],
        ["GET", "/push/a"],
        ["PUT", "/push/a"],
        ["DELETE", "/push/a"],
        ["POST", "/push/a/enable"],
      ] as const) {
        const body = method === "PUT" ? { topics: ["x"], url: receiver.url } : undefined;
        const answer = await ask(node, method, path, body, key);
        expect(answer.status, `${method} ${path}`).to.equal(401);
        expect(answer.body["code"]).to.equal("SHARDCAST_UNAUTHORIZED");
      }
    }
    const { body } = await put(node, "made", { topics: ["owned-*"], url: receiver.url });
    expect(body["secret"]).to.match(/^whsec_/);
    const secret = String(body["secret"]);
    await put(node, "given", { topics: ["x"], url: receiver.url, secret: SECRET });
    const again = await put(node, "made", { topics: ["owned-*"], url: receiver.url });
    expect(again.text).not.to.include("whsec_");
    expect((await ask(node, "GET", "/push")).text).not.to.include("whsec_");
    expect((await ask(node, "GET", "/push/made")).body["keys"]).to.equal(1);
    await publishToBoth([node], "1");
    await receiver.count(2);
    for (const { text, headers } of receiver.taken) {
      new Webhook(secret).verify(text, headers as Record<string, string>);
    }
    for (const one of [secret, SECRET, "whsec_"]) expect(node.stdout).not.to.include(one);
    const topics = await ask(node, "GET", "/topics");
    expect(topics.text).not.to.include("$push");
  });

  it("cannot be read or written as a topic", async () => {
    const [node] = (await start()) as [NodeProcess];
    await put(node, "made", { topics: ["x"], url: receiver.url });
    const reserved = "SHARDCAST_TOPIC_RESERVED";
    for (const path of ["/subscribe/%24push", "/topics/%24push", "/topics/%24push/messages"]) {
      const answer = await ask(node, "GET", path, undefined, API_KEY);
      expect(answer.status, path).to.equal(403);
      expect(answer.body["code"]).to.equal(reserved);
    }
    const link = await RawClient.open(node.url, {
      psk: TEST_PSK,
      endpoint: "connect",
      path: "/connect",
    });
    const payload = Buffer.from("{}");
    link.send({ type: "subscribe", sub: 1, topic: "$push", from: { type: "earliest" } });
    link.send({ type: "publish", seq: 1, timeoutMs: 0, topic: "$push", payload });
    expect((await link.first("unsubscribed")).code).to.equal(reserved);
    expect((await link.first("reject")).code).to.equal(reserved);
    link.socket.close();
  });

  it("can be written by whoever has the pre-shared key and speaks as a node", async () => {
    const [node] = (await start()) as [NodeProcess];
    const owner = ringOf(cluster.consumers).ownerOf("$push").url;
    const link = await RawClient.open(owner, {
      psk: TEST_PSK,
      endpoint: "producer",
      path: "/producer",
    });
    const config = { topics: ["x"], url: receiver.url, keys: [SECRET] };
    const push = { id: "1", createdAt: Date.now(), config };
    const entry = { name: "written", at: Date.now(), push, disabled: null };
    const payload = Buffer.from(JSON.stringify(entry));
    link.send({ type: "publish", seq: 1, timeoutMs: 0, topic: "$push", payload });
    await link.first("ack");
    await eventually("the subscription is there", async () => {
      return (await ask(node, "GET", "/push/written")).status === 200;
    });
    link.socket.close();
  });

  it("refuse what is no configuration, and nothing comes of it", async () => {
    const [node] = (await start()) as [NodeProcess];
    const good = { topics: ["x"], url: receiver.url };
    const bad: unknown[] = [
      ...["", "{", "[]", "null", "1", '"x"', "\u0000", `{"topics":${"[".repeat(5000)}`],
      ...[{}, { topics: ["x"] }, { url: receiver.url }, { ...good, topics: [] }],
      ...[
        { ...good, topics: [""] },
        { ...good, topics: ["a\nb"] },
        { ...good, topics: ["$push"] },
      ],
      ...[
        { ...good, topics: ["$pus*"] },
        { ...good, topics: Array(33).fill("x") },
      ],
      ...[
        { ...good, url: "" },
        { ...good, url: "nowhere" },
        { ...good, url: "ftp://127.0.0.1/" },
      ],
      ...[
        { ...good, url: "http://user:pass@127.0.0.1/" },
        { ...good, url: `http://127.0.0.1/${"x".repeat(3000)}` },
      ],
      ...[
        { ...good, keys: [] },
        { ...good, keys: ["x"] },
        { ...good, keys: [1] },
      ],
      ...[
        { ...good, keys: Array(9).fill(SECRET) },
        { ...good, keys: [SECRET], secret: SECRET },
      ],
      ...[
        { ...good, from: "live" },
        { ...good, retryMs: [-1] },
        { ...good, retryMs: [0.5] },
      ],
      ...[
        { ...good, retryMs: Array(33).fill(1) },
        { ...good, timeoutMs: 0 },
      ],
      ...[
        { ...good, timeoutMs: 1e9 },
        { ...good, concurrency: 0 },
        { ...good, concurrency: 1000 },
      ],
      ...[
        { ...good, deadLetter: "$x" },
        { ...good, deadLetter: "" },
        { ...good, enabled: "maybe" },
      ],
      ...[
        { ...good, createdAt: 1 },
        { ...good, name: "y" },
      ],
    ];
    for (const body of bad) {
      const answer = await ask(node, "PUT", "/push/bad", body);
      expect(answer.status, JSON.stringify(body).slice(0, 100)).to.equal(400);
      expect(answer.body["code"]).to.equal("SHARDCAST_REQUEST_INVALID");
      expect(answer.text).not.to.include(SECRET);
    }
    for (const name of ["a%2Fb", "%20", "x".repeat(65), "%C3%BC", "..%2f"]) {
      expect((await ask(node, "PUT", `/push/${name}`, good)).status, name).to.equal(400);
    }
    expect((await ask(node, "GET", "/push/bad")).status).to.equal(404);
    expect((await ask(node, "DELETE", "/push/bad")).status).to.equal(404);
    expect((await ask(node, "POST", "/push/bad/enable")).status).to.equal(404);
    expect((await ask(node, "GET", "/push")).body["subscriptions"]).to.deep.equal([]);
    const openapi = await ask(node, "GET", "/openapi.json");
    expect(openapi.text).to.include("/push/{name}/enable");
  });

  it("reach no private address that is not allowed", async () => {
    const [node, second] = (await start({ "push-allow-http": true })) as [NodeProcess, NodeProcess];
    for (const url of [
      receiver.url,
      "http://169.254.169.254/latest/meta-data",
      "http://[::1]:80/",
      "http://[::ffff:127.0.0.1]/",
      "http://2130706433/",
      "http://0177.0.0.1/",
      "http://10.0.0.1/",
    ]) {
      const answer = await ask(node, "PUT", "/push/bad", { topics: ["*"], url });
      expect(answer.status, url).to.equal(400);
      expect(answer.body["detail"]).to.include("not public");
    }
    // The address of a name is checked when it is used.
    const url = receiver.url.replace("127.0.0.1", "localhost");
    await put(node, "named", { topics: ["owned-*"], url, retryMs: [] });
    await eventually("the other knows it", async () => {
      return (await ask(second, "GET", "/push/named")).status === 200;
    });
    await publishToBoth([node, second], "0");
    await eventually("both are blocked", async () => {
      return (
        (await node.metric("push_blocked_total")) + (await second.metric("push_blocked_total")) ===
        2
      );
    });
    expect(receiver.pushes).to.deep.equal([]);
  });
});

describeWith(["redis-server", "redis-cli"], "push subscriptions on Redis", function () {
  this.timeout(60_000);
  let redis: RedisServer;
  let cluster: TestCluster;
  let receiver: PushReceiver;

  before(async () => {
    redis = await RedisServer.start();
  });

  after(() => redis.remove());

  beforeEach(async () => {
    cluster = TestCluster.onRedis(redis.url);
    receiver = await PushReceiver.listen();
  });

  afterEach(async () => {
    await cluster.stop();
    await receiver.stop();
  });

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    it(`go on at another node when one ends by ${signal}`, async () => {
      const args = { ...LOCAL, ...ADMIN };
      const first = await cluster.consumer(1, { args });
      const second = await cluster.consumer(2, { args });
      await put(first, "shop", { topics: ["orders/*"], url: receiver.url });
      await eventually("the other knows it", async () => {
        return (await ask(second, "GET", "/push/shop")).status === 200;
      });
      const client = await connect({
        psk: TEST_PSK,
        url: second.url,
        route: "single",
        publishTimeoutMs: 30_000,
      });
      const acks: Promise<unknown>[] = [];
      for (let number = 0; number < 1000; number += 1) {
        acks.push(client.publish(TOPICS[number % TOPICS.length] ?? "", String(number)));
        if (number % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
        if (number === 300) void first.stop(signal);
      }
      await Promise.all(acks);
      await eventually("all is there", () => {
        return (
          [...receiver.byTopic.values()].reduce((sum, texts) => sum + texts.length, 0) === 1000
        );
      });
      for (const [index, topic] of TOPICS.entries()) {
        const expected = numbers(1000).filter((number) => Number(number) % TOPICS.length === index);
        expect(receiver.textsOf(topic), topic).to.deep.equal(expected);
      }
      client.close();
    });
  }
});
