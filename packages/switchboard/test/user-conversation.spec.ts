// Two switchboards, a cluster, and users that connect and disconnect.
import { expect } from "chai";
import { connect, type Client } from "@shardcast/client";
import { eventually } from "@shardcast/faults";
import { TEST_PSK } from "@shardcast/e2e/nodes";
import { SessionSeal } from "../src/session-seal.ts";
import { confirmedTopic, downTopic, upTopic } from "../src/user.ts";
import { apiAuthPost, post } from "./support/signed-post.ts";
import {
  SEAL_SECRET,
  SwitchboardBench,
  type SwitchboardProcess,
} from "./support/switchboard-process.ts";
import { UserSocket } from "./support/user-socket.ts";

const FIRST_POSITION = "0000000000000000_0";

describe("a conversation over two switchboards", () => {
  const seal = new SessionSeal({ secret: SEAL_SECRET, lifetimeMs: 60_000 });
  let bench: SwitchboardBench;
  let a: SwitchboardProcess;
  let b: SwitchboardProcess;
  let client: Client;

  before(async function () {
    this.timeout(60_000);
    bench = await SwitchboardBench.start();
    [a, b] = await Promise.all([bench.switchboard(), bench.switchboard()]);
    const consumers = bench.consumers.map(({ url }) => url);
    client = await connect({ producers: [bench.producer.url], consumers, psk: TEST_PSK });
  });
  after(async function () {
    this.timeout(60_000);
    client.close();
    await bench.stop();
  });
  afterEach(() => {
    expect([a.isAlive, b.isAlive], a.stderr + b.stderr).to.deep.equal([true, true]);
  });

  async function userOf(socket: UserSocket): Promise<string> {
    return (await seal.unseal(socket.session))?.userId ?? "";
  }

  async function say(to: string, bodies: readonly string[], at = a): Promise<void> {
    for (const body of bodies) {
      const { status, text } = await post(at.url, apiAuthPost({ body, from: "POSTBACK", to }));
      expect(status, text).to.equal(204);
    }
  }

  function numbered(count: number, first = 1): string[] {
    return Array.from({ length: count }, (_, index) => `m${first + index}`);
  }

  it("tells a new client its session, at any path", async () => {
    const socket = await UserSocket.open(a.url, { path: "/some/where?x=1" });
    expect(socket.frames).to.deep.equal([
      { type: "session", session: socket.session, position: FIRST_POSITION, resumed: false },
    ]);
    expect(await userOf(socket)).to.match(/^[0-9a-f-]{36}$/);
    await socket.close();
  });

  it("gives what the back end says whole, with its position, in order, whichever node takes it", async () => {
    const socket = await UserSocket.open(a.url);
    const to = await userOf(socket);
    const message = {
      type: "button",
      body: "Which?",
      buttons: [{ type: "payload", text: "A", payload: '{"a":1}' }],
      from: "POSTBACK",
      to,
    };
    expect((await post(b.url, apiAuthPost(message))).status).to.equal(204);
    await say(to, numbered(5), b);
    await socket.gets(6);
    const [first] = socket.messages;
    expect(first).to.deep.equal({ ...message, position: first?.["position"] });
    expect(first?.["position"]).to.match(/^[0-9a-f]{16}_1$/);
    expect(socket.bodies.slice(1)).to.deep.equal(numbered(5));
    expect(socket.frames.some(({ type }) => type === "gap")).to.be.false;
    await socket.close();
  });

  it("publishes what a client says, once, and tells it so", async () => {
    const socket = await UserSocket.open(a.url);
    const userId = await userOf(socket);
    socket.send({ message: "hi", payload: { k: 1 }, more: true });
    for (const times of [1, 2]) {
      socket.send({ message: "again", id: "id-1" });
      await eventually("it is stored", () => {
        return socket.frames.filter(({ type }) => type === "sent").length === times;
      });
    }
    expect(socket.frames.at(-1)).to.deep.equal({ type: "sent", id: "id-1" });
    socket.send({ message: "last" });
    const got: unknown[] = [];
    for await (const message of client.subscribe(upTopic(userId), { from: "earliest" })) {
      got.push(message.json());
      if (got.length === 3) break;
    }
    expect(got).to.deep.equal([
      { Body: "hi", From: userId, Payload: { k: 1 } },
      { Body: "again", From: userId },
      { Body: "last", From: userId },
    ]);
    await socket.close();
  });

  async function upOf(userId: string, count: number): Promise<unknown[]> {
    const got: unknown[] = [];
    for await (const message of client.subscribe(upTopic(userId), { from: "earliest" })) {
      got.push((message.json() as { Body: unknown }).Body);
      if (got.length === count) break;
    }
    return got;
  }

  it("stores a burst of 100 frames whole and in order, with and without ids", async function () {
    this.timeout(60_000);
    const node = await bench.switchboard({ SWITCHBOARD_RATE: "50" });
    for (const ids of [true, false]) {
      const socket = await UserSocket.open(node.url);
      for (const [index, message] of numbered(100).entries()) {
        socket.send(ids ? { message, id: `id-${index}` } : { message });
      }
      expect(await upOf(await userOf(socket), 100)).to.deep.equal(numbered(100));
      expect(socket.frames.some(({ type }) => type === "error")).to.be.false;
      await socket.close();
    }
    await node.stop();
  });

  it("stores a burst whole whose client leaves at once", async function () {
    this.timeout(60_000);
    const node = await bench.switchboard({ SWITCHBOARD_RATE: "20" });
    const socket = await UserSocket.open(node.url);
    for (const message of numbered(100)) socket.send({ message });
    socket.webSocket.close();
    expect(await upOf(await userOf(socket), 100)).to.deep.equal(numbered(100));
    await node.stop();
  });

  it("keeps a client that sends too fast through heartbeats, and delivers to it", async function () {
    this.timeout(60_000);
    const node = await bench.switchboard({
      SWITCHBOARD_RATE: "20",
      SWITCHBOARD_HEARTBEAT_INTERVAL: "200",
    });
    const socket = await UserSocket.open(node.url);
    for (const message of numbered(80)) socket.send({ message });
    await say(await userOf(socket), ["meanwhile"], node);
    await socket.gets(1);
    expect(await upOf(await userOf(socket), 80)).to.deep.equal(numbered(80));
    expect(socket.closeCode).to.equal(undefined);
    await node.stop();
  });

  it("keeps a client whose answer to a heartbeat waits behind messages that are too fast", async function () {
    this.timeout(60_000);
    const node = await bench.switchboard({
      SWITCHBOARD_RATE: "20",
      SWITCHBOARD_HEARTBEAT_INTERVAL: "200",
    });
    const socket = await UserSocket.open(node.url, { autoPong: false });
    socket.webSocket.once("ping", () => {
      for (const message of numbered(80)) socket.send({ message });
    });
    // By then the node has read the messages, and reads no further.
    socket.webSocket.on("ping", (data: Buffer) => {
      setTimeout(() => socket.webSocket.pong(data), 50);
    });
    expect(await upOf(await userOf(socket), 80)).to.deep.equal(numbered(80));
    expect(socket.closeCode).to.equal(undefined);
    await node.stop();
  });

  it("takes a conversation up on the other node, with the 20 messages on the way", async () => {
    const socket = await UserSocket.open(a.url);
    const to = await userOf(socket);
    await say(to, numbered(3));
    await socket.gets(3);
    const { session, position } = socket;
    socket.drop();
    await say(to, numbered(20, 4));
    const again = await UserSocket.open(b.url, { session, position });
    await again.gets(20);
    expect(again.isResumed).to.be.true;
    expect(again.frames[0]?.["position"]).to.equal(position);
    expect(again.bodies).to.deep.equal(numbered(20, 4));
    await again.close();
  });

  it("takes it up by the session alone, from what the client has confirmed", async () => {
    const socket = await UserSocket.open(a.url);
    const to = await userOf(socket);
    await say(to, numbered(3));
    await socket.gets(3);
    const { session, position } = socket;
    // Every WebSocket client answers the ping, and the position is stored when the socket closes.
    await eventually("the position is stored", async () => {
      await socket.close();
      const probe = await UserSocket.open(b.url, { session });
      const isStored = probe.frames[0]?.["position"] === position;
      await probe.close();
      return isStored;
    });
    await say(to, numbered(20, 4));
    const again = await UserSocket.open(b.url, { session });
    await again.gets(20);
    expect(again.bodies).to.deep.equal(numbered(20, 4));
    await again.close();
  });

  it("gives a session that confirmed nothing everything", async () => {
    const socket = await UserSocket.open(a.url, { autoPong: false });
    const to = await userOf(socket);
    const { session } = socket;
    await say(to, numbered(2));
    await socket.gets(2);
    socket.drop();
    const again = await UserSocket.open(b.url, { session });
    await again.gets(2);
    expect(again.bodies).to.deep.equal(numbered(2));
    await again.close();
  });

  it("keeps what is said to a session that is offline", async () => {
    const socket = await UserSocket.open(a.url);
    const to = await userOf(socket);
    const { session } = socket;
    await socket.close();
    await say(to, ["while you were away"], b);
    const again = await UserSocket.open(a.url, { session });
    await again.gets(1);
    expect(again.bodies).to.deep.equal(["while you were away"]);
    await again.close();
  });

  it("goes on with the new socket when the old one closes after it", async () => {
    const old = await UserSocket.open(a.url);
    const to = await userOf(old);
    const { session } = old;
    const fresh = await UserSocket.open(a.url, { session });
    await old.close();
    await eventually("the node knows", async () => (await a.metric("sockets")) === 1);
    await say(to, numbered(3));
    await fresh.gets(3);
    expect(fresh.bodies).to.deep.equal(numbered(3));
    await fresh.close();
  });

  it("gives everything to all sockets of a session, on one node and on both", async () => {
    const first = await UserSocket.open(a.url);
    const to = await userOf(first);
    const { session } = first;
    const sockets = [
      first,
      await UserSocket.open(a.url, { session }),
      await UserSocket.open(b.url, { session }),
    ];
    await say(to, numbered(10), b);
    for (const socket of sockets) {
      await socket.gets(10);
      expect(socket.bodies).to.deep.equal(numbered(10));
    }
    for (const socket of sockets) await socket.close();
  });

  it("takes up what a client of the original calls its session, where it is told to", async () => {
    const nodes = await Promise.all(
      [1, 2].map(() => bench.switchboard({ SWITCHBOARD_CLIENT_SESSIONS: "true" })),
    );
    const [one, two] = nodes.map(({ url }) => url);
    const session = "3f0b7a52-55c1-4f3e-9c7e-0d6f1c1b2a90";
    const socket = await UserSocket.open(one ?? "", { session });
    const to = await userOf(socket);
    await say(to, numbered(2));
    await socket.gets(2);
    socket.drop();
    await say(to, numbered(2, 3));
    const again = await UserSocket.open(two ?? "", { session });
    await eventually("the last one comes", () => again.bodies.includes("m4"));
    expect(await userOf(again)).to.equal(to);
    // Knowing or guessing the user's id gives no access, and a node without the option accepts no such session.
    for (const [url, guess] of [
      [one, to],
      [one, "bob"],
      [a.url, session],
    ] as const) {
      const guesser = await UserSocket.open(url ?? "", { session: guess });
      expect(guesser.isResumed).to.be.false;
      expect(await userOf(guesser)).to.not.equal(to);
      await guesser.close();
    }
    await again.close();
    await Promise.all(nodes.map((node) => node.stop()));
  });

  it("closes the oldest socket of a session that has too many", async () => {
    const node = await bench.switchboard({ SWITCHBOARD_MAX_SESSION_SOCKETS: "2" });
    const oldest = await UserSocket.open(node.url);
    const { session } = oldest;
    const others = [
      await UserSocket.open(node.url, { session }),
      await UserSocket.open(node.url, { session }),
    ];
    expect(await oldest.closed()).to.equal(1008);
    await say(await userOf(oldest), ["to the others"]);
    for (const socket of others) await socket.gets(1);
    await node.stop();
  });

  it("lets a reader that is slow catch up from the log", async function () {
    this.timeout(60_000);
    const socket = await UserSocket.open(a.url);
    const to = await userOf(socket);
    socket.webSocket.pause();
    const large = "x".repeat(100_000);
    const bodies = Array.from({ length: 120 }, (_, index) => `${index} ${large}`);
    await Promise.all(
      bodies.map((body) => client.publish(downTopic(to), { body, from: "POSTBACK", to })),
    );
    socket.webSocket.resume();
    await socket.gets(bodies.length);
    expect(socket.bodies).to.deep.equal(bodies);
    await socket.close();
  });

  it("leaves out what is no JSON object, whoever published it", async () => {
    const socket = await UserSocket.open(a.url);
    const to = await userOf(socket);
    for (const junk of ["{", "[]", "1", "null", '"text"', "[".repeat(100_000)]) {
      await client.publish(downTopic(to), junk);
    }
    await client.publish(downTopic(to), new Uint8Array([0xff, 0]));
    await say(to, ["still here"]);
    await socket.gets(1);
    expect(socket.bodies).to.deep.equal(["still here"]);
    await socket.close();
  });

  it("says where messages are missing", async () => {
    const socket = await UserSocket.open(a.url);
    const { session } = socket;
    await say(await userOf(socket), ["one"]);
    await socket.gets(1);
    await socket.close();
    const again = await UserSocket.open(b.url, { session, position: "00000000000000ff_7" });
    await again.gets(1);
    expect(again.frames[1]?.["type"]).to.equal("gap");
    await again.close();
  });

  it("says so where what was never read is no longer kept", async function () {
    this.timeout(60_000);
    const small = await SwitchboardBench.start({ args: { "retain-count": 5 } });
    const node = await small.switchboard();
    const socket = await UserSocket.open(node.url, { autoPong: false });
    const { session } = socket;
    const to = await userOf(socket);
    socket.drop();
    await say(to, numbered(30), node);
    const again = await UserSocket.open(node.url, { session });
    await eventually("the last one comes", () => again.bodies.includes("m30"));
    const [, gap, first] = again.frames;
    expect(gap?.["type"]).to.equal("gap");
    const next = Number(String(gap?.["position"]).split("_")[1]) + 1;
    expect(first?.["body"]).to.equal(`m${next}`);
    await small.stop();
  });

  it("moves its clients when it stops, and loses nothing by a restart", async function () {
    this.timeout(60_000);
    const env = { SWITCHBOARD_DRAIN_TIMEOUT: "1000" };
    const node = await bench.switchboard(env);
    const socket = await UserSocket.open(node.url);
    const to = await userOf(socket);
    await say(to, numbered(2));
    await socket.gets(2);
    const { session, position } = socket;
    const stopped = node.stop("SIGTERM");
    expect(await socket.closed()).to.equal(1012);
    await stopped;
    expect(node.exitCode).to.equal(0);
    await say(to, numbered(3, 3));
    const next = await bench.switchboard(env);
    const again = await UserSocket.open(next.url, { session, position });
    await again.gets(3);
    expect(again.bodies).to.deep.equal(numbered(3, 3));
    await again.close();
    await next.stop();
  });

  it("loses nothing by a kill -9, for a client that brings its session alone", async function () {
    this.timeout(60_000);
    const node = await bench.switchboard();
    const socket = await UserSocket.open(node.url);
    const to = await userOf(socket);
    await say(to, numbered(2));
    await socket.gets(2);
    await node.stop("SIGKILL");
    await say(to, numbered(3, 3));
    const again = await UserSocket.open(b.url, { session: socket.session });
    await eventually("the last one comes", () => again.bodies.includes("m5"));
    expect(again.bodies.slice(-3)).to.deep.equal(numbered(3, 3));
    await again.close();
  });

  it("gives nothing again that was confirmed before a kill -9", async function () {
    this.timeout(60_000);
    const node = await bench.switchboard();
    const socket = await UserSocket.open(node.url);
    const to = await userOf(socket);
    const { session } = socket;
    const pings: string[] = [];
    socket.webSocket.on("ping", (data: Buffer) => pings.push(data.toString()));
    await say(to, numbered(5), node);
    await socket.gets(5);
    const { position } = socket;
    await eventually("the last is asked for", () => pings.includes(position));
    // An answer after the pong proves that the node has seen the pong.
    socket.send({ message: "x", id: "1" });
    await socket.has("an answer", ({ type }) => type === "sent");
    await node.stop("SIGKILL");
    const confirmed = client.subscribe(confirmedTopic(to), { from: "earliest" });
    for await (const message of confirmed) if (message.text() === position) break;
    await say(to, ["after"], b);
    const again = await UserSocket.open(b.url, { session });
    await again.gets(1);
    expect(again.bodies).to.deep.equal(["after"]);
    await again.close();
  });

  it("renews the session of a socket that stays open", async () => {
    const node = await bench.switchboard({
      SWITCHBOARD_SESSION_LIFETIME: "2",
      SWITCHBOARD_HEARTBEAT_INTERVAL: "100",
    });
    const socket = await UserSocket.open(node.url);
    const renewed = await socket.has("a new session", ({ session, type }) => {
      return type === "session" && session !== socket.session;
    });
    expect(renewed["resumed"]).to.be.true;
    const userOf = async (session: unknown): Promise<unknown> =>
      (
        await new SessionSeal({ secret: SEAL_SECRET, lifetimeMs: 1, now: () => 0 }).unseal(
          String(session),
        )
      )?.userId;
    expect(await userOf(renewed["session"])).to.equal(await userOf(socket.session));
    await node.stop();
  });

  it("closes a client that answers no heartbeat", async () => {
    const node = await bench.switchboard({ SWITCHBOARD_HEARTBEAT_INTERVAL: "100" });
    const dead = await UserSocket.open(node.url, { autoPong: false });
    const alive = await UserSocket.open(node.url);
    expect(await dead.closed()).to.equal(1006);
    expect(alive.closeCode).to.equal(undefined);
    await node.stop();
  });
});
