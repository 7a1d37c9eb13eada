// The stores of a client with an outbox: what they show after a reload, and when the outbox refuses a message.
import { expect } from "chai";
import type { Client } from "../../src/client.ts";
import { createClient } from "../../src/connect.ts";
import { MemoryStorage } from "../../src/durable/in-memory.ts";
import { DurableOutbox, inMemory } from "../../src/durable/index.ts";
import type { Stores } from "../../src/stores/stores.ts";
import { createStores } from "../../src/stores/stores.ts";
import type { TopicMessage } from "../../src/stores/topic-message.ts";
import { ScriptedNode, closeAll, until } from "../support.ts";

const TOPIC = "chat";

describe("stores with an outbox", () => {
  const closings: (() => void)[] = [];

  afterEach(() => {
    for (const close of closings.splice(0)) close();
    return closeAll();
  });

  /** What a page has. Closing it leaves only what the storage keeps. */
  class Page {
    readonly stores: Stores;
    readonly clients: Client[] = [];
    readonly unmount: () => void;
    readonly #outbox: DurableOutbox;

    constructor(url: string, outbox: DurableOutbox) {
      const create = (): Client => {
        const reconnect = { minMs: 1, maxMs: 5 };
        const psk = "the key of the tests";
        const client = createClient({ url, route: "single", psk, reconnect, publishTimeoutMs: 50 });
        this.clients.push(client);
        return client;
      };
      this.stores = createStores(create, { outbox });
      this.#outbox = outbox;
      this.unmount = this.mount();
    }

    close(): void {
      this.unmount();
      this.#outbox.close();
    }

    /** Uses the stores as the components of a page do. The returned function ends that. */
    mount(): () => void {
      const close = this.stores.open();
      const stops = [this.topic, this.publishing].map((store) => store.subscribe(() => undefined));
      const unmount = (): void => {
        for (const stop of stops.splice(0)) stop();
        close();
      };
      closings.push(unmount);
      return unmount;
    }

    get topic(): ReturnType<Stores["topic"]> {
      return this.stores.topic(TOPIC);
    }

    get publishing(): ReturnType<Stores["publishing"]> {
      return this.stores.publishing(TOPIC);
    }

    /** Texts in their order; ? pending, ! failed. */
    get shown(): string {
      const mark = ({ pending, error }: TopicMessage): string =>
        error === undefined ? (pending ? "?" : "") : "!";
      const { messages } = this.topic.getSnapshot();
      const keys = messages.map(({ key }) => key);
      expect(new Set(keys).size, keys.join()).to.equal(keys.length);
      return messages.map((message) => `${String(message.data)}${mark(message)}`).join(" ");
    }

    get states(): string {
      const { messages } = this.publishing.getSnapshot();
      return messages.map(({ data, state }) => `${data as string}=${state}`).join(" ");
    }
  }

  const textsOf = (node: ScriptedNode): string =>
    node
      .topic(TOPIC)
      .messages.map(({ payload }) => Buffer.from(payload).toString())
      .join(" ");

  it("show the messages that waited after a reload, then each once and in order", async () => {
    const storage = new MemoryStorage();
    const node = await ScriptedNode.listen();
    const before = new Page(node.url, new DurableOutbox(storage));
    const stored = await before.publishing.publish("a");
    expect(stored).to.include({ state: "stored", position: `${node.topic(TOPIC).epoch}_1` });
    await until(() => before.shown === "a");
    const { topics, url } = node;
    await node.close();
    await until(() => before.topic.getSnapshot().status === "offline");
    const texts = ["b", "c", "d"];
    for (const text of texts) void before.publishing.publish(text);
    await until(() => storage.entries.size === 3);
    // Longer than the timeout of a publish.
    await new Promise((done) => setTimeout(done, 100));
    expect(before.shown).to.equal("a b? c? d?");
    before.close();

    const after = new Page(url, new DurableOutbox(storage));
    // Before the storage has been read.
    const published = after.publishing.publish("e");
    await until(() => after.states === "b=queued c=queued d=queued e=queued");
    const next = await ScriptedNode.listen({ port: Number(new URL(url).port) });
    for (const [name, topic] of topics) next.topics.set(name, topic);
    await until(() => after.shown === "a b c d e");
    expect((await published).state).to.equal("stored");
    await until(() => after.states === "b=stored c=stored d=stored e=stored");
    expect(textsOf(next)).to.equal("a b c d e");
    expect(storage.entries.size).to.equal(0);
  });

  it("keep what a node refuses, for retry and dismiss", async () => {
    const node = await ScriptedNode.listen();
    node.script = (link, frame) => {
      if (frame.type !== "publish") return false;
      const { seq } = frame;
      link.send({ type: "reject", seq, code: "SHARDCAST_FORBIDDEN", reason: "not you" });
      return true;
    };
    const outbox = inMemory();
    const page = new Page(node.url, outbox);
    const { publishing } = page;
    const [first, second] = await Promise.all([publishing.publish("a"), publishing.publish("b")]);
    expect(first.error).to.have.property("code", "SHARDCAST_FORBIDDEN");
    await until(() => page.shown === "a! b!" && page.states === "a=failed b=failed");
    publishing.dismiss(second.messageId);
    await until(() => page.shown === "a!");
    expect(outbox.entries).to.have.lengthOf(1);
    node.script = () => false;
    const retried = await publishing.retry(first.messageId);
    expect(retried).to.include({ state: "stored", messageId: first.messageId });
    await until(() => page.shown === "a");
    expect(await publishing.retry(first.messageId)).to.include({ state: "stored" });
    publishing.dismiss(first.messageId);
    expect(page.states).to.equal("a=stored");
    expect(textsOf(node)).to.equal("a");
  });

  it("keep what the storage refuses, for retry and dismiss", async () => {
    const node = await ScriptedNode.listen();
    const storage = new MemoryStorage();
    storage.add = () => Promise.reject(new Error("quota"));
    const page = new Page(node.url, new DurableOutbox(storage));
    const { publishing } = page;
    const [first, second] = await Promise.all([publishing.publish("a"), publishing.publish("b")]);
    expect([first.state, second.state]).to.deep.equal(["failed", "failed"]);
    expect(first.error).to.have.property("code", "SHARDCAST_OUTBOX_FULL");
    await until(() => page.shown === "a! b!");
    publishing.dismiss(second.messageId);
    Reflect.deleteProperty(storage, "add");
    expect(await publishing.retry(first.messageId)).to.include({ state: "stored" });
    await until(() => page.shown === "a" && page.states === "a=stored");
    expect(await publishing.retry("unknown")).to.equal(undefined);
  });

  it("show a message once that history has before the outbox is loaded", async () => {
    const node = await ScriptedNode.listen();
    node.store(TOPIC, "a");
    const stored = node.topic(TOPIC).messages;
    const [message] = stored;
    if (message === undefined) throw new Error("not stored");
    stored[0] = { ...message, messageId: "known" };
    node.script = (_link, { type }) => type === "publish";
    const storage = new MemoryStorage();
    const sent = { attributes: {}, createdAt: Date.now(), sentAt: Date.now(), failure: undefined };
    await storage.add({ ...sent, messageId: "known", topic: TOPIC, data: "a" });
    await storage.add({ ...sent, messageId: "other", topic: "other", data: "b" });
    let load = (): void => undefined;
    const loading = new Promise<void>((done) => (load = done));
    const open = storage.open.bind(storage);
    storage.open = () => loading.then(open);
    const page = new Page(node.url, new DurableOutbox(storage));
    await until(() => page.shown === "a");
    load();
    await until(() => page.states === "a=sent");
    expect(page.shown).to.equal("a");
  });

  it("send over the next client when they are used again after a pause", async () => {
    const node = await ScriptedNode.listen();
    node.script = (_link, { type }) => type === "publish";
    const page = new Page(node.url, inMemory());
    const published = page.publishing.publish("a");
    await until(() => page.states === "a=sent");
    page.unmount();
    await until(() => page.clients[0]?.state.name === "closed");
    node.script = () => false;
    page.mount();
    expect((await published).state).to.equal("stored");
    await until(() => page.shown === "a");
    expect(page.clients).to.have.lengthOf(2);
    expect(textsOf(node)).to.equal("a");
  });
});
