import { expect } from "chai";
import { encodeFrame } from "@shardcast/protocol";
import type { LinkEvent } from "../src/connection.ts";
import { ScriptedNode, closeAll, codeOf, connectTo, failure, take, until } from "./support.ts";

const TOPIC = "news";

describe("client", () => {
  afterEach(closeAll);

  describe("drain", () => {
    it("waits for the acks that are missing, takes nothing new, and closes", async () => {
      const node = await ScriptedNode.listen({ limits: { windowMessages: 2 } });
      const client = await connectTo({ url: node.url });
      const published = ["1", "2", "3", "4", "5"].map((text) => client.publish(TOPIC, text));
      const drained = client.drain();
      await failure(client.publish(TOPIC, "late"), "SHARDCAST_CLOSED");
      expect(codeOf(() => client.subscribe(TOPIC))).to.equal("SHARDCAST_CLOSED");
      await drained;
      expect(await Promise.all(published)).to.have.lengthOf(5);
      expect(await client.closed).to.equal(undefined);
      await until(() => node.openLinks.length === 0);
      expect(node.topic(TOPIC).messages).to.have.lengthOf(5);
      await client.drain();
    });

    it("does not wait longer than the publishes' deadlines", async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url, publishTimeoutMs: 20 });
      node.script = () => true;
      const outcome = failure(client.publish(TOPIC, "x"), "SHARDCAST_TIMEOUT");
      await client.drain();
      await outcome;
    });

    it("is what `await using` does", async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url });
      const published = client.publish(TOPIC, "x");
      await client[Symbol.asyncDispose]();
      await published;
      expect(await client.closed).to.equal(undefined);
    });
  });

  describe("close", () => {
    it("rejects publishes, ends iterators and leaves the node, at once", async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url });
      node.script = (_link, frame) => frame.type === "publish";
      const subscription = client.subscribe(TOPIC);
      await subscription.ready;
      const reading = take(subscription, 1);
      const outcome = failure(client.publish(TOPIC, "x"), "SHARDCAST_CLOSED");
      client.close();
      client.close();
      await outcome;
      expect(await reading).to.be.empty;
      expect(await client.closed).to.equal(undefined);
      expect(client.nodes()).to.be.empty;
      await until(() => node.openLinks.length === 0);
      await failure(client.publish(TOPIC, "x"), "SHARDCAST_CLOSED");
    });

    it("does not connect again", async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url, route: "single" });
      const lost = new Promise((resolve) => client.on("link", resolve));
      node.link.drop();
      await lost;
      client.close();
      const other = await connectTo({ url: node.url, route: "single" });
      await other.publish(TOPIC, "x");
      expect(node.links).to.have.lengthOf(2);
    });
  });

  describe("when a node ends the link for good", () => {
    it("ends with the node's code: publishes reject, iterators throw", async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url });
      const subscription = client.subscribe(TOPIC);
      await subscription.ready;
      const reading = take(subscription, 1);
      node.script = (link, frame) => {
        if (frame.type === "publish") link.close(4503, "SHARDCAST_FRAME_UNEXPECTED");
        return true;
      };
      await failure(client.publish(TOPIC, "x"), "SHARDCAST_FRAME_UNEXPECTED");
      await failure(reading, "SHARDCAST_FRAME_UNEXPECTED");
      expect(await client.closed).to.have.property("code", "SHARDCAST_FRAME_UNEXPECTED");
      expect(node.links).to.have.lengthOf(1);
    });

    it("ends with SHARDCAST_CLOSED where the code is one that it does not know", async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url });
      node.link.close(4999, "go away");
      const error = await client.closed;
      expect(error).to.have.property("code", "SHARDCAST_CLOSED");
      expect(error?.message).to.include("4999").and.include("go away");
    });

    const offences: Record<string, (node: ScriptedNode) => void> = {
      SHARDCAST_FRAME_MALFORMED: (node) => node.link.sendRaw(Uint8Array.of(0x17, 0, 0, 9, 1)),
      SHARDCAST_FRAME_UNKNOWN: (node) => node.link.sendRaw(Uint8Array.of(0x7f, 0, 0, 0)),
      SHARDCAST_FRAME_UNEXPECTED: (node) =>
        node.link.send({ type: "challenge", nonce: new Uint8Array(32) }),
    };
    for (const [code, offend] of Object.entries(offences)) {
      it(`ends the link itself at a frame that deserves ${code}`, async () => {
        const node = await ScriptedNode.listen();
        const client = await connectTo({ url: node.url });
        offend(node);
        expect(await client.closed).to.have.property("code", code);
      });
    }

    it("takes text over a binary link for malformed", async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url });
      node.link.sendRaw("hello");
      expect(await client.closed).to.have.property("code", "SHARDCAST_FRAME_MALFORMED");
    });
  });

  it("skips frames that it does not know and may skip", async () => {
    const node = await ScriptedNode.listen();
    const client = await connectTo({ url: node.url });
    node.link.sendRaw(Uint8Array.of(0xfe, 0, 0, 1, 7));
    await client.publish(TOPIC, "x");
    expect(node.links).to.have.lengthOf(1);
  });

  it("tells of its links as they come and go", async () => {
    const node = await ScriptedNode.listen();
    const client = await connectTo({ url: node.url, route: "single" });
    const events: LinkEvent[] = [];
    const off = client.on("link", (event) => events.push(event));
    node.link.close(4002, "SHARDCAST_NODE_FULL");
    await until(() => events.length === 2);
    expect(events[0]).to.deep.include({ state: "lost", node: "n1", url: node.url });
    expect(events[0]?.error).to.have.property("code", "SHARDCAST_NODE_FULL");
    expect(events[1]).to.deep.include({ state: "open", node: "n1", error: undefined });
    off();
    await node.close();
    await until(() => client.nodes().length === 0);
    expect(events).to.have.lengthOf(2);
  });

  it("reports a listener's error as uncaught, and works on", async () => {
    const node = await ScriptedNode.listen();
    const client = await connectTo({ url: node.url });
    const subscription = client.subscribe(TOPIC);
    const got: string[] = [];
    subscription.on("message", () => {
      throw new Error("the listener's own");
    });
    subscription.on("message", (message) => got.push(message.text()));
    await subscription.ready;
    const uncaught = catchUncaught();
    node.store(TOPIC, "1");
    expect(await uncaught).to.have.property("message", "the listener's own");
    expect(got).to.deep.equal(["1"]);
    expect(node.openLinks).to.have.lengthOf(1);
  });

  describe("heartbeat", () => {
    it("answers each of the node's", async () => {
      const node = await ScriptedNode.listen();
      await connectTo({ url: node.url });
      node.link.send({ type: "heartbeat" }, { type: "heartbeat" });
      await until(() => node.frames("heartbeat").length === 2);
    });

    it("connects again when nothing at all has come for two intervals", async () => {
      const node = await ScriptedNode.listen({ limits: { heartbeatMs: 20 } });
      const client = await connectTo({ url: node.url, route: "single" });
      const events: LinkEvent[] = [];
      client.on("link", (event) => events.push(event));
      await until(() => node.links.length >= 2);
      expect(events[0]?.error).to.have.property("code", "SHARDCAST_HEARTBEAT_MISSED");
    });

    it("stays on a link that anything comes over", async () => {
      const node = await ScriptedNode.listen({ limits: { heartbeatMs: 50 } });
      const client = await connectTo({ url: node.url });
      for (let count = 0; count < 20; count += 1) {
        node.link.sendRaw(Buffer.concat([encodeFrame({ type: "heartbeat" })]));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect(node.links).to.have.lengthOf(1);
      await client.publish(TOPIC, "x");
    });
  });

  describe("when a node asks it to move", () => {
    it("opens the next link before it leaves the one it has, and misses nothing", async () => {
      const nodes = await Promise.all(
        ["c1", "c2"].map(async (id) => [id, await ScriptedNode.listen({ id })] as const),
      );
      const byId = new Map<string | undefined, ScriptedNode>(nodes);
      const client = await connectTo({ consumers: nodes.map(([, { url }]) => url) });
      const [used] = client.nodes();
      const old = byId.get(used?.node);
      const next = [...byId.values()].find((node) => node !== old);
      if (old === undefined || next === undefined) throw new Error("there are two");
      // Both nodes serve the same topic, like an owner and a relay.
      next.topics.set(TOPIC, old.topic(TOPIC));
      const subscription = client.subscribe(TOPIC);
      await subscription.ready;
      const linksAtOpen: number[] = [];
      client.on("link", ({ state }) => {
        if (state === "open") linksAtOpen.push(old.openLinks.length);
      });
      old.store(TOPIC, "1");
      old.link.send({ type: "drain", withinMs: 10 });
      await until(() => next.openLinks.some(({ subscriptions }) => subscriptions.has(TOPIC)));
      next.store(TOPIC, "2");
      const messages = await take(subscription, 2);
      expect(messages.map((message) => message.text())).to.deep.equal(["1", "2"]);
      expect(linksAtOpen).to.deep.equal([1]);
      await until(() => old.openLinks.length === 0);
    });

    it("sends what has no ack over the new link, under the same ids", async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url, route: "single" });
      node.script = (link, frame) => link === node.links[0] && frame.type === "publish";
      const published = ["1", "2"].map((text) => client.publish(TOPIC, text));
      await until(() => node.frames("publish").length === 2);
      node.link.send({ type: "drain", withinMs: 1 });
      await Promise.all(published);
      const texts = node
        .topic(TOPIC)
        .messages.map(({ payload }) => Buffer.from(payload).toString());
      expect(texts).to.deep.equal(["1", "2"]);
    });
  });
});

/** Captures the next uncaught exception before mocha does. */
function catchUncaught(): Promise<unknown> {
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  return new Promise((resolve) => {
    process.once("uncaughtException", (error) => {
      for (const listener of listeners) process.on("uncaughtException", listener);
      resolve(error);
    });
  });
}
