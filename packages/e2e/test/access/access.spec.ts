// Clients with a token instead of the key: their permissions, expiry and limits, with real nodes.
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type Client, type ConnectOptions } from "@shardcast/client";
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { eventually } from "@shardcast/faults";
import { TEST_PSK, TestCluster, topicOwnedBy, type NodeProcess } from "@shardcast/e2e/nodes";
import { TOKEN_SECRET, tokenOf } from "@shardcast/e2e/tokens";
import { V1Socket } from "@shardcast/e2e/v1-socket";

const ALL = ["publish", "subscribe", "history", "presence"] as const;

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ShardcastError) return error.code;
  throw new Error(`no code: ${String(error)}`);
}

describe("a client with a token", () => {
  let cluster: TestCluster;
  let nodes: readonly NodeProcess[] = [];
  let producer: NodeProcess;
  const clients: Client[] = [];

  before(async function () {
    this.timeout(60_000);
    const args = {
      "token-secret": TOKEN_SECRET,
      "token-leeway": 0,
      "resume-window": 0,
      anonymous: "subscribe:demo/*",
      "link-publishes": 20,
      "max-links-per-user": 3,
    };
    cluster = await TestCluster.plan(2, { args });
    const log = { args: { log: "memory" } };
    nodes = await Promise.all([cluster.consumer(1, log), cluster.consumer(2, log)]);
    producer = await cluster.producer();
  });

  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  after(() => cluster.stop());

  async function clientOf(options: Partial<ConnectOptions>): Promise<Client> {
    const client = await connect({ url: nodes[0]?.url, ...options });
    clients.push(client);
    return client;
  }

  it("publishes and follows what its token names, and nothing else", async () => {
    const caps = [{ topics: ["chat/*"], allow: ["publish", "subscribe"] }] as const;
    const client = await clientOf({ token: await tokenOf({ caps }) });
    expect(client.user).to.equal("ann");
    const subscription = client.subscribe("chat/1");
    await subscription.ready;
    await client.publish("chat/1", "hello");
    for await (const message of subscription) {
      expect(message.text()).to.equal("hello");
      break;
    }
    expect(await codeOf(client.publish("news", "no"))).to.equal("SHARDCAST_FORBIDDEN");
    expect(await codeOf(client.subscribe("news").ready)).to.equal("SHARDCAST_FORBIDDEN");
    const history = client.subscribe("chat/1", { from: "earliest" });
    expect(await codeOf(history.ready)).to.equal("SHARDCAST_FORBIDDEN");
    expect(await codeOf(client.presence("chat/1").numbers())).to.equal("SHARDCAST_FORBIDDEN");
    const watched = client.subscribe("$presence/chat/1");
    expect(await codeOf(watched.ready)).to.equal("SHARDCAST_FORBIDDEN");
  });

  it("is refused where the token is not signed with the secret, or has expired", async () => {
    const wrong = tokenOf({ secret: "another secret that is long enough, too" });
    expect(await codeOf(clientOf({ token: await wrong }))).to.equal("SHARDCAST_TOKEN_INVALID");
    const late = await tokenOf({ expiresInS: -1 });
    expect(await codeOf(clientOf({ token: late }))).to.equal("SHARDCAST_TOKEN_EXPIRED");
  });

  it("may do nothing with a token that names nothing", async () => {
    const client = await clientOf({ token: await tokenOf({}) });
    expect(await codeOf(client.publish("news", "no"))).to.equal("SHARDCAST_FORBIDDEN");
  });

  it("may do without a token what the node was told that anyone may", async () => {
    const client = await clientOf({ token: "" });
    await client.subscribe("demo/1").ready;
    expect(await codeOf(client.publish("demo/1", "no"))).to.equal("SHARDCAST_FORBIDDEN");
    expect(await codeOf(client.subscribe("news").ready)).to.equal("SHARDCAST_FORBIDDEN");
  });

  it("gets another token from the application before the last one expires, over the same link", async () => {
    let count = 0;
    const caps = [{ topics: ["*"], allow: ALL }];
    const client = await clientOf({
      getToken: () => {
        count += 1;
        return tokenOf({ caps, expiresInS: count === 1 ? 3 : 3600 });
      },
    });
    const lost: string[] = [];
    client.on("link", ({ state }) => lost.push(state));
    await eventually("the second token", () => count === 2);
    await sleep(2500);
    await client.publish("news", "still here");
    expect([lost, count]).to.deep.equal([[], 2]);
  });

  it("ends with SHARDCAST_TOKEN_EXPIRED where it has no other, and was told before", async () => {
    const caps = [{ topics: ["*"], allow: ALL }];
    const short = await tokenOf({ caps, expiresInS: 2 });
    const fixed = await clientOf({ token: short });
    expect((await fixed.closed)?.code).to.equal("SHARDCAST_TOKEN_EXPIRED");
    const socket = await V1Socket.open(nodes[0]?.url ?? "", { endpoint: "connect" });
    socket.send({ type: "token", token: await tokenOf({ caps, expiresInS: 2 }) });
    await socket.first("authorized");
    await socket.first("expiring");
    expect(await socket.closed()).to.equal("4007 SHARDCAST_TOKEN_EXPIRED");
  });

  it("loses what a later token does not allow", async () => {
    const topic = topicOwnedBy("c1", cluster.consumers);
    const socket = await V1Socket.open(nodes[0]?.url ?? "", { endpoint: "connect" });
    const more = await tokenOf({ caps: [{ topics: ["*"], allow: ALL }] });
    const less = await tokenOf({ caps: [{ topics: ["other"], allow: ALL }] });
    socket.send({ type: "token", token: more });
    await socket.first("welcome");
    socket.send({ type: "subscribe", sub: 1, topic, from: { type: "earliest" } });
    await socket.first("subscribed");
    socket.send({ type: "token", token: less });
    const ended = await socket.first("unsubscribed");
    expect(ended).to.deep.include({ sub: 1, code: "SHARDCAST_FORBIDDEN" });
    socket.send({ type: "token", token: await tokenOf({ sub: "bob" }) });
    expect(await socket.closed()).to.equal("4507 SHARDCAST_TOKEN_INVALID: it is another user's");
  });

  it("resumes without the permission history, but gets nothing that is too old", async () => {
    const topic = topicOwnedBy("c1", cluster.consumers);
    const trusted = await clientOf({ psk: TEST_PSK });
    const first = await trusted.publish(topic, "secret");
    await sleep(5);
    const socket = await V1Socket.open(nodes[1]?.url ?? "", { endpoint: "subscribe" });
    socket.send({
      type: "token",
      token: await tokenOf({ caps: [{ topics: ["*"], allow: ["subscribe"] }] }),
    });
    await socket.first("welcome");
    const position = { epoch: first.epoch, offset: 0 };
    socket.send({ type: "subscribe", sub: 1, topic, from: { type: "position", position } });
    const gap = await socket.first("gap");
    expect(gap).to.deep.include({ first: 1, last: first.offset });
    expect(await socket.first("subscribed")).to.deep.include({ recovered: false });
    await trusted.publish(topic, "new");
    expect(await socket.first("message")).to.deep.include({ offset: first.offset + 1 });
  });

  it("is on a presence list as its own user, whatever it says", async () => {
    const caps = [{ topics: ["*"], allow: ["presence"] as const }];
    const socket = await V1Socket.open(nodes[0]?.url ?? "", { endpoint: "connect" });
    socket.send({ type: "token", token: await tokenOf({ caps }) });
    await socket.first("welcome");
    const member = { memberId: "m1", info: "" };
    socket.send({ type: "enter", seq: 1, topic: "room", user: "bob", ...member });
    expect(await socket.first("reject")).to.deep.include({ code: "SHARDCAST_FORBIDDEN" });
    socket.send({ type: "enter", seq: 2, topic: "room", user: "", ...member });
    await socket.first("entered");
    socket.send({ type: "presence", seq: 3, topic: "room", after: 0, limit: 10 });
    const { members } = await socket.first("present");
    expect(members).to.deep.equal([{ memberId: "m1", user: "ann", info: "" }]);
  });

  it("is put off where it publishes too much, and loses nothing", async function () {
    this.timeout(30_000);
    const caps = [{ topics: ["*"], allow: ALL }];
    const client = await clientOf({ token: await tokenOf({ sub: "loud", caps }) });
    const texts = Array.from({ length: 60 }, (_, index) => `${index}`);
    const published = await Promise.all(
      texts.map((text) => client.publish("loud", text, { timeoutMs: 20_000 })),
    );
    expect(published.map(({ offset }) => offset)).to.deep.equal(texts.map((_, index) => index + 1));
  });

  it("has as many links as a user may, and no more", async () => {
    const caps = [{ topics: ["*"], allow: ALL }];
    const token = await tokenOf({ sub: "many", caps });
    const open = async (): Promise<V1Socket> => {
      const socket = await V1Socket.open(nodes[0]?.url ?? "", { endpoint: "connect" });
      socket.send({ type: "token", token });
      return socket;
    };
    const sockets = [await open(), await open(), await open()];
    await Promise.all(sockets.map((socket) => socket.first("welcome")));
    expect(await (await open()).closed()).to.match(/^4008 /);
    sockets[0]?.socket.close();
    await eventually("there is room again", async () => {
      const socket = await open();
      return Promise.race([
        socket.first("welcome").then(() => true),
        socket.closed().then(() => false),
      ]);
    });
  });

  it("is not let in where only nodes belong", async () => {
    for (const endpoint of ["producer", "relay"] as const) {
      const socket = await V1Socket.open(nodes[0]?.url ?? "", { endpoint });
      socket.send({
        type: "token",
        token: await tokenOf({ caps: [{ topics: ["*"], allow: ALL }] }),
      });
      expect(await socket.closed()).to.match(/^4509 /);
    }
  });

  it("brings its token in the upgrade as well", async () => {
    const caps = [{ topics: ["*"], allow: ALL }];
    const headers = { authorization: `Bearer ${await tokenOf({ caps })}` };
    const socket = await V1Socket.dial(producer.url, { endpoint: "produce", headers });
    expect((await socket.first("authorized")).user).to.equal("ann");
    expect(socket.frames.map(({ type }) => type)).to.deep.equal(["welcome", "authorized"]);
    const bad = await V1Socket.dial(producer.url, {
      endpoint: "produce",
      headers: { authorization: "Bearer a.b.c" },
    });
    expect(await bad.closed()).to.match(/^4507 /);
  });
});
