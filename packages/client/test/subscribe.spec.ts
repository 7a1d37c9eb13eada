import { expect } from "chai";
import type { From } from "@shardcast/protocol";
import type { Client } from "../src/client.ts";
import type { Gap, Subscribed } from "../src/inbox.ts";
import type { Message } from "../src/message.ts";
import type { Subscription } from "../src/subscription.ts";
import { ScriptedNode, closeAll, codeOf, connectTo, failure, take, until } from "./support.ts";

const TOPIC = "news";

describe("subscribe", () => {
  afterEach(closeAll);

  async function start(): Promise<{ node: ScriptedNode; client: Client }> {
    const node = await ScriptedNode.listen();
    return { node, client: await connectTo({ url: node.url, route: "single" }) };
  }

  it("gives what comes after it, with all that belongs to a message", async () => {
    const { node, client } = await start();
    node.store(TOPIC, "before");
    const subscription = client.subscribe(TOPIC);
    await subscription.ready;
    await client.publish(TOPIC, "after", { messageId: "id", attributes: { key: "k" } });
    const [message] = await take(subscription, 1);
    const { epoch } = node.topic(TOPIC);
    expect(message).to.deep.include({ topic: TOPIC, epoch, offset: 2, messageId: "id" });
    expect(message?.position).to.equal(`${epoch}_2`);
    expect(message?.time).to.equal(1_700_000_000_002);
    expect({ ...message?.attributes }).to.deep.equal({ key: "k" });
    expect(message?.text()).to.equal("after");
  });

  it("goes on behind what says that it is JSON and is not, in loops and listeners", async () => {
    const { client } = await start();
    const heard: unknown[] = [];
    const listening = client.subscribe(TOPIC);
    listening.on("message", (message) => heard.push(message.data));
    await listening.ready;
    const attributes = { "content-type": "application/json" };
    await client.publish(TOPIC, "{bad", { attributes });
    await client.publish(TOPIC, { good: 1 });
    const [bad, good] = await take(client.subscribe(TOPIC, { from: "last:10" }), 2);
    expect(bad?.data).to.equal(bad?.bytes);
    expect(bad?.problem).to.be.instanceOf(SyntaxError);
    expect(() => bad?.json()).to.throw(SyntaxError);
    expect(good?.data).to.deep.equal({ good: 1 });
    expect(good?.problem).to.equal(undefined);
    await until(() => heard.length === 2);
    expect(heard[1]).to.deep.equal({ good: 1 });
  });

  it("starts where it is told to", async () => {
    const { node, client } = await start();
    node.store(TOPIC, "1", "2", "3");
    const { epoch } = node.topic(TOPIC);
    const position: From = { type: "position", position: { epoch, offset: 1 } };
    expect(await texts(client.subscribe(TOPIC, { from: "earliest" }), 3)).to.equal("1 2 3");
    expect(await texts(client.subscribe(TOPIC, { from: "last:2" }), 2)).to.equal("2 3");
    expect(await texts(client.subscribe(TOPIC, { from: `${epoch}_2` }), 1)).to.equal("3");
    expect(await texts(client.subscribe(TOPIC, { from: position }), 2)).to.equal("2 3");
    expect(await texts(client.subscribe(TOPIC, { from: "since:5" }), 3)).to.equal("1 2 3");
    expect(node.frames("read").at(-1)?.from).to.deep.equal({ type: "since", time: 5 });
  });

  it("refuses at once what no node would take", async () => {
    const { client } = await start();
    expect(codeOf(() => client.subscribe(""))).to.equal("SHARDCAST_TOPIC_INVALID");
    expect(codeOf(() => client.subscribe("$sys"))).to.equal("SHARDCAST_TOPIC_RESERVED");
    const from = "yesterday";
    expect(codeOf(() => client.subscribe(TOPIC, { from }))).to.equal("SHARDCAST_POSITION_INVALID");
  });

  it("tells by events what it does", async () => {
    const { node, client } = await start();
    node.store(TOPIC, "1", "2");
    const subscription = client.subscribe(TOPIC, { from: "earliest" });
    const events: string[] = [];
    subscription.on("subscribed", ({ head, oldest }) => events.push(`${oldest}..${head}`));
    subscription.on("message", (message) => events.push(message.text()));
    subscription.on("closed", () => events.push("closed"));
    await until(() => events.length === 3);
    subscription.close();
    subscription.close();
    expect(events).to.deep.equal(["1..2", "1", "2", "closed"]);
    await until(() => node.frames("unsubscribe").length === 1);
  });

  it("keeps messages for an iterator or a listener that comes later", async () => {
    const { node, client } = await start();
    node.store(TOPIC, "1", "2");
    const iterated = client.subscribe(TOPIC, { from: "earliest" });
    const listened = client.subscribe(TOPIC, { from: "earliest" });
    await Promise.all([iterated.ready, listened.ready]);
    node.store(TOPIC, "3");
    await until(() => listened.position?.endsWith("_0") === true);
    const heard: string[] = [];
    const off = listened.on("message", (message) => heard.push(message.text()));
    await until(() => heard.length === 3);
    expect(heard).to.deep.equal(["1", "2", "3"]);
    expect(await texts(iterated, 3)).to.equal("1 2 3");
    off();
    node.store(TOPIC, "4");
    expect(await texts(listened, 1)).to.equal("4");
    expect(heard).to.have.lengthOf(3);
  });

  it("unsubscribes when the loop is left", async () => {
    const { node, client } = await start();
    node.store(TOPIC, "1", "2");
    for await (const message of client.subscribe(TOPIC, { from: "earliest" })) {
      expect(message.text()).to.equal("1");
      break;
    }
    await until(() => node.frames("unsubscribe").length === 1);
    expect(node.link.subscriptions.size).to.equal(0);
  });

  it("ends a loop that waits when it is closed", async () => {
    const { client } = await start();
    const subscription = client.subscribe(TOPIC);
    const reading = take(subscription, 1);
    await subscription.ready;
    subscription.close();
    expect(await reading).to.be.empty;
    expect(await take(subscription, 1)).to.be.empty;
  });

  it("follows many topics over one link", async () => {
    const { node, client } = await start();
    const topics = Array.from({ length: 300 }, (_, index) => `topic ${index}`);
    const subscriptions = topics.map((topic) => client.subscribe(topic));
    await Promise.all(subscriptions.map(({ ready }) => ready));
    await Promise.all(topics.map((topic) => client.publish(topic, topic)));
    const got = await Promise.all(subscriptions.map((subscription) => texts(subscription, 1)));
    expect(got).to.deep.equal(topics);
    expect(node.links).to.have.lengthOf(1);
  });

  it("takes a further link where one may not follow as many topics", async () => {
    const node = await ScriptedNode.listen({ limits: { maxTopics: 10 } });
    node.script = (link, frame) => {
      if (frame.type !== "subscribe" || link.subscriptions.size < 10) return false;
      const code = "SHARDCAST_TOPICS_LIMIT";
      link.send({ type: "unsubscribed", sub: frame.sub, code, reason: "" });
      return true;
    };
    const client = await connectTo({ url: node.url, route: "single" });
    const subscribe = (index: number): Promise<void> => client.subscribe(`topic ${index}`).ready;
    // The first twelve are opened before the client knows the limit of the second link.
    await Promise.all(Array.from({ length: 25 }, (_, index) => subscribe(index)));
    await subscribe(25);
    const counts = node.links.map(({ subscriptions }) => subscriptions.size);
    expect(Math.max(...counts)).to.equal(10);
    expect(counts.reduce((sum, count) => sum + count)).to.equal(26);
  });

  describe("over a link that is lost", () => {
    it("goes on from its position: every message once and in order", async () => {
      const { node, client } = await start();
      const subscription = client.subscribe(TOPIC, { from: "earliest" });
      const got: string[] = [];
      subscription.on("message", (message) => got.push(message.text()));
      await subscription.ready;
      const all = Array.from({ length: 50 }, (_, index) => String(index));
      for (const [index, text] of all.entries()) {
        node.store(TOPIC, text);
        if (index % 10 === 5) node.link.drop();
        if (index % 10 === 9) await until(() => got.length === index + 1);
      }
      expect(got).to.deep.equal(all);
      expect(node.links).to.have.lengthOf(6);
    });

    it("goes on from where it began where no message came", async () => {
      const { node, client } = await start();
      node.store(TOPIC, "before");
      const subscription = client.subscribe(TOPIC);
      await subscription.ready;
      node.link.drop();
      // Stored while no client is subscribed: "live" would miss it.
      await until(() => node.openLinks.length === 0);
      node.store(TOPIC, "meanwhile");
      expect(await texts(subscription, 1)).to.equal("meanwhile");
    });

    it("announces what was trimmed meanwhile", async () => {
      const { node, client } = await start();
      const { subscription, gaps } = await interrupted(node, client);
      node.trim(TOPIC, 4);
      expect(await texts(subscription, 1)).to.equal("5");
      const { epoch } = node.topic(TOPIC);
      expect(gaps).to.deep.equal([{ epoch, first: 2, last: 4, isNewEpoch: false }]);
      expect(subscription.position).to.equal(`${epoch}_5`);
    });

    it("announces that the topic's log began anew, and goes on with the new one", async () => {
      const { node, client } = await start();
      const { subscription, gaps } = await interrupted(node, client);
      node.restartTopic(TOPIC);
      node.store(TOPIC, "new 1", "new 2");
      expect(await texts(subscription, 2)).to.equal("new 1 new 2");
      const { epoch } = node.topic(TOPIC);
      expect(gaps).to.deep.equal([{ epoch, first: 1, last: 0, isNewEpoch: true }]);
    });

    it("ends with SHARDCAST_GAP instead where it was asked to", async () => {
      const { node, client } = await start();
      const { subscription } = await interrupted(node, client, "error");
      node.trim(TOPIC, 4);
      await failure(take(subscription, 1), "SHARDCAST_GAP");
      await failure(take(subscription, 1), "SHARDCAST_GAP");
      expect(subscription.position).to.equal(`${node.topic(TOPIC).epoch}_4`);
    });

    /** A subscription that has read message 1 of 5 when its link is lost. The next link waits for `trim` and the like. */
    async function interrupted(
      node: ScriptedNode,
      client: Client,
      gaps: "event" | "error" = "event",
    ): Promise<{ subscription: Subscription; gaps: Gap[] }> {
      node.store(TOPIC, "1");
      const subscription = client.subscribe(TOPIC, { from: "earliest", gaps });
      const told: Gap[] = [];
      subscription.on("gap", (gap) => told.push(gap));
      const { value } = await subscription[Symbol.asyncIterator]().next();
      expect(value?.text()).to.equal("1");
      node.link.drop();
      await until(() => node.openLinks.length === 0);
      node.store(TOPIC, "2", "3", "4", "5");
      return { subscription, gaps: told };
    }
  });

  describe("at a node that does not behave", () => {
    it("gives no message twice", async () => {
      const { node, client } = await start();
      node.store(TOPIC, "1", "2", "3");
      const subscription = client.subscribe(TOPIC, { from: "earliest" });
      await subscription.ready;
      const again = [1, 2, 3, 1, 3].map((offset) => node.message(TOPIC, offset));
      node.link.send(...again);
      node.store(TOPIC, "4");
      expect(await texts(subscription, 4)).to.equal("1 2 3 4");
    });

    it("announces what was left out without a word", async () => {
      const { node, client } = await start();
      const subscription = client.subscribe(TOPIC, { from: "live" });
      const gaps: Gap[] = [];
      subscription.on("gap", (gap) => gaps.push(gap));
      await subscription.ready;
      const frame = { topicId: 1, time: 0, payload: Buffer.from("x"), type: "message" } as const;
      node.link.send({ ...frame, offset: 1 }, { ...frame, offset: 5 });
      expect((await take(subscription, 2)).map(({ offset }) => offset)).to.deep.equal([1, 5]);
      const { epoch } = node.topic(TOPIC);
      expect(gaps).to.deep.equal([{ epoch, first: 2, last: 4, isNewEpoch: false }]);
    });

    it("announces no gap twice", async () => {
      const { node, client } = await start();
      node.store(TOPIC, "1", "2", "3");
      const subscription = client.subscribe(TOPIC, { from: "earliest" });
      const gaps: Gap[] = [];
      subscription.on("gap", (gap) => gaps.push(gap));
      await subscription.ready;
      const { epoch } = node.topic(TOPIC);
      node.link.send({ type: "gap", sub: 1, epoch, first: 1, last: 2 });
      expect(await texts(subscription, 3)).to.equal("1 2 3");
      expect(gaps).to.be.empty;
    });

    it("asks again where the topic is out of reach, and ends where it is refused for good", async () => {
      const { node, client } = await start();
      node.store(TOPIC, "1");
      const codes = ["SHARDCAST_OWNER_UNAVAILABLE", "SHARDCAST_OWNER_UNAVAILABLE", ""];
      node.script = (link, frame) => {
        const code = frame.type === "subscribe" ? codes.shift() : undefined;
        if (frame.type !== "subscribe" || code === undefined) return false;
        link.send({ type: "unsubscribed", sub: frame.sub, code, reason: "wait" });
        return true;
      };
      expect(await texts(client.subscribe(TOPIC, { from: "earliest" }), 1)).to.equal("1");
      expect(codes).to.be.empty;
      codes.push("SHARDCAST_TOPIC_RESERVED");
      const refused = client.subscribe("another topic");
      const errors: string[] = [];
      refused.on("error", ({ code }) => errors.push(code));
      await failure(refused.ready, "SHARDCAST_TOPIC_RESERVED");
      await failure(take(refused, 1), "SHARDCAST_TOPIC_RESERVED");
      expect(errors).to.deep.equal(["SHARDCAST_TOPIC_RESERVED"]);
    });
  });

  describe("with a reader that is slow", () => {
    it("stops following at the limit, goes on from there, and loses nothing", async () => {
      const node = await ScriptedNode.listen();
      const limitBytes = 10_000;
      const client = await connectTo({ url: node.url, subscriptionBufferBytes: limitBytes });
      const all = Array.from({ length: 400 }, (_, index) => `${index} ${"x".repeat(100)}`);
      const starts: Subscribed[] = [];
      const subscription = client.subscribe(TOPIC, { from: "earliest" });
      subscription.on("subscribed", (subscribed) => starts.push(subscribed));
      await subscription.ready;
      node.store(TOPIC, ...all.slice(0, 200));
      await until(() => node.frames("unsubscribe").length === 1);
      expect(node.link.subscriptions.size).to.equal(0);
      node.store(TOPIC, ...all.slice(200));
      const got: Message[] = [];
      for await (const message of subscription) {
        got.push(message);
        if (got.length % 10 === 0) await new Promise(setImmediate);
        if (got.length === all.length) break;
      }
      expect(got.map((message) => message.text())).to.deep.equal(all);
      // Each page has about the size of the buffer, and none starts from the beginning.
      const offsets = starts.map(({ position }) => Number(position.split("_")[1]));
      expect(offsets).to.have.length.above(5);
      for (const [index, offset] of offsets.slice(1).entries()) {
        expect(offset - (offsets[index] ?? 0)).to.be.within(1, limitBytes / 256);
      }
    });

    it("does not keep the others of its link waiting", async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url, subscriptionBufferBytes: 1000 });
      const slow = client.subscribe("slow");
      const fast = client.subscribe("fast");
      await Promise.all([slow.ready, fast.ready]);
      for (let count = 0; count < 50; count += 1) {
        node.store("slow", "x".repeat(100));
        node.store("fast", String(count));
      }
      await texts(fast, 50);
      expect(await take(slow, 50)).to.have.lengthOf(50);
    });

    it("holds nothing where messages go to a listener", async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url, subscriptionBufferBytes: 1 });
      const subscription = client.subscribe(TOPIC);
      let count = 0;
      subscription.on("message", () => (count += 1));
      await subscription.ready;
      for (let index = 0; index < 100; index += 1) node.store(TOPIC, "x");
      await until(() => count === 100);
      expect(node.frames("unsubscribe")).to.be.empty;
    });
  });

  it("tells the position up to which its reader has come", async () => {
    const { node, client } = await start();
    const { epoch } = node.topic(TOPIC);
    const subscription = client.subscribe(TOPIC);
    expect(subscription.position).to.equal(undefined);
    await subscription.ready;
    expect(subscription.position).to.equal(`${epoch}_0`);
    node.store(TOPIC, "1", "2", "3");
    const messages = subscription[Symbol.asyncIterator]();
    await messages.next();
    await until(() => node.topic(TOPIC).messages.length === 3);
    expect(subscription.position).to.equal(`${epoch}_1`);
    await messages.next();
    await messages.next();
    expect(subscription.position).to.equal(`${epoch}_3`);
  });
});

async function texts(subscription: Subscription, count: number): Promise<string> {
  const messages = subscription[Symbol.asyncIterator]();
  const taken: string[] = [];
  while (taken.length < count) {
    const next = await messages.next();
    if (next.done === true) break;
    taken.push(next.value.text());
  }
  return taken.join(" ");
}
