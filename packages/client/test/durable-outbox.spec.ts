// Publishes that wait through offline phases, with their states.
import { expect } from "chai";
import { ShardcastError } from "@shardcast/protocol";
import type { Client } from "../src/client.ts";
import { createClient } from "../src/connect.ts";
import { DurableOutbox, inMemory, type OutboxEntry } from "../src/durable/index.ts";
import { MemoryStorage } from "../src/durable/in-memory.ts";
import { ScriptedNode, closeAll, failure, until } from "./support.ts";

const TOPIC = "chat";

describe("an outbox", () => {
  const clients: Client[] = [];

  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    return closeAll();
  });

  function clientWith(outbox: DurableOutbox, url: string): Client {
    const reconnect = { minMs: 2, maxMs: 10 };
    const client = createClient({
      url,
      route: "single",
      psk: "the key of the tests",
      reconnect,
      outbox,
    });
    clients.push(client);
    return client;
  }

  function statesOf(outbox: DurableOutbox): string[][] {
    const states: string[][] = [];
    outbox.on("change", (entries) => states.push(entries.map(({ state }) => state)));
    return states;
  }

  const textsOf = (node: ScriptedNode): string[] =>
    node.topic(TOPIC).messages.map(({ payload }) => Buffer.from(payload).toString());

  it("shows each message as queued, sent and stored, until it is removed", async () => {
    const node = await ScriptedNode.listen();
    const outbox = inMemory();
    const states = statesOf(outbox);
    const messageId = await outbox.publish(TOPIC, { text: "hi" });
    expect(outbox.entries).to.have.lengthOf(1);
    expect(outbox.entries[0]).to.deep.include({ messageId, topic: TOPIC, data: { text: "hi" } });
    clientWith(outbox, node.url);
    await until(() => outbox.entries[0]?.state === "stored");
    expect(outbox.entries[0]?.position).to.equal(`${node.topic(TOPIC).epoch}_1`);
    outbox.remove(messageId);
    expect(states).to.deep.equal([["queued"], ["sent"], ["stored"], []]);
  });

  it("keeps the order of a topic through lost links, each message once", async () => {
    const node = await ScriptedNode.listen();
    const outbox = inMemory();
    const client = clientWith(outbox, node.url);
    await client.ready();
    let acks = 0;
    node.script = (link, frame) => {
      if (frame.type !== "publish") return false;
      acks += 1;
      if (acks % 7 !== 0) return false;
      node.ack(link, frame);
      link.drop();
      return true;
    };
    const texts = Array.from({ length: 250 }, (_, index) => String(index));
    await Promise.all(texts.map((text) => outbox.publish(TOPIC, text)));
    await until(() => outbox.entries.every(({ state }) => state === "stored"));
    expect(textsOf(node)).to.deep.equal(texts);
  });

  it("keeps what a node refuses for good as failed, until it is sent again or removed", async () => {
    const node = await ScriptedNode.listen();
    const outbox = inMemory();
    clientWith(outbox, node.url);
    node.script = (link, frame) => {
      if (frame.type !== "publish") return false;
      link.send({ type: "reject", seq: frame.seq, code: "SHARDCAST_FORBIDDEN", reason: "no" });
      return true;
    };
    const [first, second] = [await outbox.publish(TOPIC, "1"), await outbox.publish(TOPIC, "2")];
    await until(() => outbox.entries.every(({ state }) => state === "failed"));
    expect(outbox.entries[0]?.error).to.have.property("code", "SHARDCAST_FORBIDDEN");
    outbox.remove(second);
    node.script = () => false;
    outbox.retry(first);
    await until(() => outbox.entries[0]?.state === "stored");
    expect(textsOf(node)).to.deep.equal(["1"]);
  });

  it("is sent by the next outbox over its storage, under the same ids", async () => {
    const node = await ScriptedNode.listen();
    const storage = new MemoryStorage();
    const before = new DurableOutbox(storage);
    node.script = (link, frame) => {
      if (frame.type !== "publish") return false;
      // Stored, but the ack does not arrive.
      const unheard = Object.create(link, { send: { value: () => undefined } }) as typeof link;
      node.ack(unheard, frame);
      return true;
    };
    const closing = clientWith(before, node.url);
    const ids = [await before.publish(TOPIC, "1"), await before.publish(TOPIC, "2")];
    await until(() => textsOf(node).length >= 1);
    closing.close();
    node.script = () => false;
    await before.publish(TOPIC, "3");
    const after = new DurableOutbox(storage);
    clientWith(after, node.url);
    await until(() => after.entries.length === 3 && after.entries.every(isStored));
    expect(after.entries.slice(0, 2).map(({ messageId }) => messageId)).to.deep.equal(ids);
    expect(textsOf(node)).to.deep.equal(["1", "2", "3"]);
    expect(storage.entries.size).to.equal(0);
  });

  it("lists and sends what its storage loads before what is published meanwhile", async () => {
    const node = await ScriptedNode.listen();
    const storage = new MemoryStorage();
    await new DurableOutbox(storage).publish(TOPIC, "1");
    const outbox = new DurableOutbox(storage);
    const [second, third] = [outbox.publish(TOPIC, "2"), outbox.publish(TOPIC, "3")];
    expect(outbox.entries.map(({ data }) => data)).to.deep.equal(["2", "3"]);
    await Promise.all([second, third]);
    expect(outbox.entries.map(({ data }) => data)).to.deep.equal(["1", "2", "3"]);
    expect(outbox.get(await second)).to.equal(outbox.entries[1]);
    clientWith(outbox, node.url);
    await until(() => outbox.entries.every(isStored));
    expect(textsOf(node)).to.deep.equal(["1", "2", "3"]);
  });

  it("sends over the latest client, although an earlier one still has the message", async () => {
    const outbox = inMemory();
    let refuse: ((error: Error) => void) | undefined;
    const history = (): never => {
      throw new Error("there is nothing to look up");
    };
    const closed = new Promise<never>(() => undefined);
    const waiting = new Promise<never>((_, reject) => (refuse = reject));
    outbox.attach({ closed, history, publish: () => waiting });
    await outbox.publish(TOPIC, "1");
    outbox.attach({ closed, history, publish: () => Promise.resolve({ epoch: "e", offset: 1 }) });
    await outbox.publish(TOPIC, "2");
    refuse?.(new ShardcastError("SHARDCAST_CLOSED", "the client is closed"));
    await until(() => outbox.entries.every(isStored));
  });

  it("looks a message up that was sent long ago, and sends it only if it is not stored", async () => {
    const node = await ScriptedNode.listen();
    node.store(TOPIC, "x", "x");
    const stored = node.topic(TOPIC).messages;
    const first = stored[1];
    if (first === undefined) throw new Error("not stored");
    stored[1] = { ...first, messageId: "stored" };
    const storage = new MemoryStorage();
    const content = { topic: TOPIC, attributes: {}, createdAt: 1, sentAt: 1, failure: undefined };
    await storage.add({ ...content, messageId: "stored", data: "x" });
    await storage.add({ ...content, messageId: "lost", data: "y" });
    const outbox = new DurableOutbox(storage);
    clientWith(outbox, node.url);
    await until(() => outbox.entries.length === 2 && outbox.entries.every(isStored));
    expect(outbox.entries.map(({ position }) => position?.split("_")[1])).to.deep.equal(["2", "3"]);
    expect(node.frames("publish").map(({ messageId }) => messageId)).to.deep.equal(["lost"]);
  });

  it("refuses at once what no node would take", async () => {
    const outbox = inMemory();
    await failure(outbox.publish("", "x"), "SHARDCAST_TOPIC_INVALID");
    await failure(outbox.publish("$push/x", "x"), "SHARDCAST_TOPIC_RESERVED");
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    await failure(outbox.publish(TOPIC, circular), "SHARDCAST_OPTION_INVALID");
    expect(outbox.entries).to.be.empty;
  });

  it("rejects a message that its storage does not take, and forgets it", async () => {
    const storage = new MemoryStorage();
    storage.add = () => Promise.reject(new Error("quota"));
    const outbox = new DurableOutbox(storage);
    const error = await failure(outbox.publish(TOPIC, "x"), "SHARDCAST_OUTBOX_FULL");
    expect(error.message).to.include("quota");
    expect(outbox.entries).to.be.empty;
  });
});

function isStored({ state }: OutboxEntry): boolean {
  return state === "stored";
}
