// The messages of a topic and the publishes to it, as a user interface shows them.
import { expect } from "chai";
import fc from "fast-check";
import type { Client } from "../../src/client.ts";
import type { Store } from "../../src/stores/store.ts";
import { createStores } from "../../src/stores/stores.ts";
import type { TopicSnapshot } from "../../src/stores/topic-store.ts";
import { ScriptedNode, closeAll, connectTo, until } from "../support.ts";

const TOPIC = "chat";

describe("topic store", () => {
  afterEach(closeAll);

  async function start(options: object = {}): Promise<{ node: ScriptedNode; client: Client }> {
    const node = await ScriptedNode.listen();
    const reconnect = { minMs: 1, maxMs: 5 };
    const client = await connectTo({ url: node.url, route: "single", reconnect, ...options });
    return { node, client };
  }

  /** Texts in their order; ? pending, ! failed. */
  function show({ messages }: TopicSnapshot): string {
    const mark = ({ pending, error }: TopicSnapshot["messages"][number]): string =>
      error === undefined ? (pending ? "?" : "") : "!";
    return messages.map((message) => `${String(message.data)}${mark(message)}`).join(" ");
  }

  /** Records the snapshots, and checks what holds for each. */
  function record(store: Store<TopicSnapshot>): { snapshots: TopicSnapshot[]; stop: () => void } {
    const snapshots: TopicSnapshot[] = [];
    const take = (): void => {
      const snapshot = store.getSnapshot();
      expect(store.getSnapshot()).to.equal(snapshot);
      expect(Object.isFrozen(snapshot) && Object.isFrozen(snapshot.messages)).to.be.true;
      const keys = snapshot.messages.map(({ key }) => key);
      expect(new Set(keys).size, keys.join()).to.equal(keys.length);
      snapshots.push(snapshot);
    };
    const stop = store.subscribe(take);
    take();
    return { snapshots, stop };
  }

  it("is loading at first, then has the newest messages and gets new ones", async () => {
    const { node, client } = await start();
    node.store(TOPIC, "a", "b", "c", "d");
    const store = createStores(client).topic(TOPIC, { history: 3 });
    expect(store.getSnapshot()).to.equal(store.getServerSnapshot());
    const { snapshots } = record(store);
    expect(snapshots[0]).to.include({ isLoading: true, status: "loading", hasOlder: false });
    await until(() => !store.getSnapshot().isLoading);
    expect(show(store.getSnapshot())).to.equal("b c d");
    expect(store.getSnapshot()).to.include({ status: "live", hasOlder: true });
    node.store(TOPIC, "e");
    await until(() => show(store.getSnapshot()) === "b c d e");
    const { epoch } = node.topic(TOPIC);
    expect(store.getSnapshot().messages.map(({ position }) => position)).to.deep.equal(
      [2, 3, 4, 5].map((offset) => `${epoch}_${offset}`),
    );
  });

  it("pages back to the oldest message, and keeps no more than its limit", async () => {
    const { node, client } = await start();
    node.store(TOPIC, "a", "b", "c", "d", "e", "f");
    const stores = createStores(client);
    const store = stores.topic(TOPIC, { history: 2 });
    record(store);
    await until(() => store.getSnapshot().hasOlder);
    await Promise.all([store.loadOlder(), store.loadOlder()]);
    await until(() => show(store.getSnapshot()) === "c d e f");
    await store.loadOlder();
    await until(() => show(store.getSnapshot()) === "a b c d e f");
    expect(store.getSnapshot()).to.include({ hasOlder: false, isLoading: false });
    await store.loadOlder();
    expect(node.frames("read").length).to.be.lessThan(6);

    const small = stores.topic(TOPIC, { history: 2, limit: 3 });
    record(small);
    await until(() => small.getSnapshot().hasOlder);
    await small.loadOlder();
    await until(() => show(small.getSnapshot()) === "d e f");
    expect(small.getSnapshot().hasOlder).to.be.false;
    node.store(TOPIC, "g");
    await until(() => show(small.getSnapshot()) === "e f g");
    await until(() => show(store.getSnapshot()) === "a b c d e f g");
  });

  it("shows a published message at once, under one key, and never twice or not at all", async () => {
    const { node, client } = await start();
    node.store(TOPIC, "a");
    const stores = createStores(client);
    const store = stores.topic(TOPIC);
    const publishing = stores.publishing(TOPIC);
    const { snapshots } = record(store);
    await until(() => !store.getSnapshot().isLoading);
    const { length } = snapshots;
    const held: (() => void)[] = [];
    node.script = (link, frame) => {
      if (frame.type === "publish") held.push(() => node.ack(link, frame));
      return frame.type === "publish";
    };
    const published = publishing.publish("b", { attributes: { colour: "red" } });
    await until(() => show(store.getSnapshot()) === "a b?" && held.length > 0);
    for (const release of held) release();
    expect(store.getSnapshot().messages[1]).to.deep.include({ attributes: { colour: "red" } });
    const { state, position, messageId } = await published;
    expect([state, position]).to.deep.equal(["stored", `${node.topic(TOPIC).epoch}_2`]);
    await until(() => show(store.getSnapshot()) === "a b");
    node.store(TOPIC, "c");
    await until(() => show(store.getSnapshot()) === "a b c");
    const withB = snapshots.slice(length).filter(({ messages }) => messages.length > 1);
    const shown = withB.map(({ messages }) => messages[1]?.key);
    expect(new Set(shown)).to.deep.equal(new Set([messageId]));
    expect(publishing.getSnapshot().messages.map((message) => message.state)).to.deep.equal([
      "stored",
    ]);
  });

  for (const first of ["the message", "the ack"] as const) {
    it(`shows a published message once if ${first} arrives first`, async () => {
      const { node, client } = await start();
      const stores = createStores(client);
      const store = stores.topic(TOPIC);
      record(store);
      await until(() => !store.getSnapshot().isLoading);
      const held: (() => void)[] = [];
      node.script = (link, frame) => {
        if (frame.type !== "publish") return false;
        // A message of the same offset for the others: the node stores it, and sends only one of the two now.
        if (first === "the message") {
          const send = link.send.bind(link);
          link.send = (...frames) => {
            const acks = frames.filter(({ type }) => type === "ack");
            if (acks.length > 0) held.push(() => send(...acks));
            else send(...frames);
          };
          node.ack(link, frame);
          return true;
        }
        const { subscriptions } = link;
        const known = [...subscriptions];
        subscriptions.clear();
        node.ack(link, frame);
        held.push(() => {
          for (const [topic, subscription] of known) subscriptions.set(topic, subscription);
          link.send(node.message(TOPIC, 1));
        });
        return true;
      };
      void stores.publishing(TOPIC).publish("a");
      await until(() => show(store.getSnapshot()) === "a" && held.length > 0);
      for (const release of held) release();
      node.store(TOPIC, "b");
      await until(() => show(store.getSnapshot()) === "a b");
    });
  }

  it("keeps a failed message, which can be retried under its id, or dismissed", async () => {
    const { node, client } = await start();
    const stores = createStores(client);
    const store = stores.topic(TOPIC);
    const publishing = stores.publishing(TOPIC);
    record(store);
    await until(() => !store.getSnapshot().isLoading);
    node.script = (link, frame) => {
      if (frame.type !== "publish") return false;
      const { seq } = frame;
      link.send({ type: "reject", seq, code: "SHARDCAST_FORBIDDEN", reason: "not you" });
      return true;
    };
    const failed = await publishing.publish("a");
    expect(failed.state).to.equal("failed");
    expect(failed.error).to.have.property("code", "SHARDCAST_FORBIDDEN");
    const other = await publishing.publish("b");
    await until(() => show(store.getSnapshot()) === "a! b!");
    publishing.dismiss(other.messageId);
    await until(() => show(store.getSnapshot()) === "a!");
    node.script = () => false;
    const retried = await publishing.retry(failed.messageId);
    expect(retried).to.include({ state: "stored", messageId: failed.messageId });
    await until(() => show(store.getSnapshot()) === "a");
    expect(node.frames("publish").at(-1)?.messageId).to.equal(failed.messageId);
  });

  it("is offline without a link, and continues without loss or repetition", async () => {
    const { node, client } = await start();
    node.store(TOPIC, "a");
    const stores = createStores(client);
    const store = stores.topic(TOPIC);
    const { snapshots } = record(store);
    await until(() => store.getSnapshot().status === "live");
    const { port } = new URL(node.url);
    const stored = node.topics.get(TOPIC);
    await node.close();
    await until(() => store.getSnapshot().status === "offline");
    const published = stores.publishing(TOPIC).publish("b");
    await until(() => show(store.getSnapshot()) === "a b?");
    const next = await ScriptedNode.listen({ port: Number(port) });
    if (stored !== undefined) next.topics.set(TOPIC, stored);
    expect((await published).state).to.equal("stored");
    await until(() => show(store.getSnapshot()) === "a b");
    await until(() => store.getSnapshot().status === "live");
    expect(snapshots.every(({ messages }) => messages.length <= 2)).to.be.true;
  });

  it("reports gaps, and an epoch that starts over", async () => {
    const { node, client } = await start();
    node.store(TOPIC, "a", "b");
    const store = createStores(client).topic(TOPIC);
    record(store);
    await until(() => show(store.getSnapshot()) === "a b");
    node.link.drop();
    await until(() => node.openLinks.length === 0);
    node.restartTopic(TOPIC);
    node.store(TOPIC, "c", "d", "e");
    node.trim(TOPIC, 2);
    await until(() => show(store.getSnapshot()) === "a b e");
    expect(store.getSnapshot().gaps).to.have.lengthOf(1);
    expect(store.getSnapshot().gaps[0]).to.include({ isNewEpoch: true, last: 2 });
    expect(store.getSnapshot()).to.include({ hasOlder: false, isLoading: false });
  });

  it("ends with the error of a node or of the options", async () => {
    const { node, client } = await start();
    node.script = (link, frame) => {
      if (frame.type !== "subscribe") return false;
      const { sub } = frame;
      link.send({ type: "unsubscribed", sub, code: "SHARDCAST_FORBIDDEN", reason: "" });
      return true;
    };
    const stores = createStores(client);
    for (const [store, code] of [
      [stores.topic(TOPIC), "SHARDCAST_FORBIDDEN"],
      [stores.topic(""), "SHARDCAST_TOPIC_INVALID"],
      [stores.topic(TOPIC, { from: "whenever" }), "SHARDCAST_POSITION_INVALID"],
    ] as const) {
      record(store);
      await until(() => store.getSnapshot().status === "ended");
      expect(store.getSnapshot().error).to.have.property("code", code);
      expect(store.getSnapshot().isLoading).to.be.false;
    }
  });

  it("releases its subscription after the last listener, and resumes where it was", async () => {
    const { node, client } = await start();
    node.store(TOPIC, "a");
    const stores = createStores(client);
    const [one, other] = [stores.topic(TOPIC), stores.topic(TOPIC)];
    const [first, second] = [record(one), record(other)];
    await until(() => show(one.getSnapshot()) === "a");
    expect(other.getSnapshot()).to.equal(one.getSnapshot());
    first.stop();
    // As React does in StrictMode.
    second.stop();
    const third = record(one);
    await client.probe();
    expect(node.frames("unsubscribe")).to.be.empty;
    third.stop();
    await until(() => node.link.subscriptions.size === 0);
    const { length } = first.snapshots;
    node.store(TOPIC, "b", "c");
    const fresh = stores.topic(TOPIC, { history: 1 });
    record(fresh);
    record(one);
    expect(show(one.getSnapshot())).to.equal("a");
    await until(() => show(one.getSnapshot()) === "a b c");
    await until(() => show(fresh.getSnapshot()) === "c");
    expect(first.snapshots).to.have.lengthOf(length);
  });

  it("shows each message once and in order, whatever the order of events", async () => {
    const steps = fc.array(fc.constantFrom("publish", "store", "drop", "older", "remount"), {
      maxLength: 12,
    });
    const { node, client } = await start();
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (names) => {
        runs += 1;
        const topic = `t${runs}`;
        const stores = createStores(client);
        const store = stores.topic(topic, { history: 2 });
        const publishing = stores.publishing(topic);
        let recording = record(store);
        const texts = ["x", "y", "z"];
        node.store(topic, ...texts);
        for (const [index, name] of names.entries()) {
          if (name === "store") node.store(topic, `s${index}`);
          else if (name === "publish") void publishing.publish(`p${index}`);
          else if (name === "drop") node.openLinks.at(-1)?.drop();
          else if (name === "older") await store.loadOlder();
          else {
            recording.stop();
            await new Promise((done) => setTimeout(done, 2));
            recording = record(store);
          }
          if (name === "store" || name === "publish") texts.push(`${name.slice(0, 1)}${index}`);
        }
        const last = await publishing.publish("end");
        expect(last.state).to.equal("stored");
        await until(() => store.getSnapshot().messages.at(-1)?.position === last.position);
        const all = node
          .topic(topic)
          .messages.map(({ payload }) => Buffer.from(payload).toString());
        expect([...all].sort()).to.deep.equal([...texts, "end"].sort());
        await until(() => !store.getSnapshot().isLoading);
        while (store.getSnapshot().hasOlder) {
          await store.loadOlder();
          await new Promise((done) => setTimeout(done, 20));
        }
        await until(() => store.getSnapshot().messages.length >= all.length);
        expect(show(store.getSnapshot())).to.equal(all.join(" "));
        recording.stop();
      }),
      { numRuns: 30 },
    );
  });
});
