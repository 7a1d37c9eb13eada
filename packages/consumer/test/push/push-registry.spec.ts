import { MemoryLog, RetentionRules, type StateStore } from "@shardcast/log";
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import type { NodeMessage } from "@shardcast/server";
import { parsePushConfig, type PushConfig } from "../../src/push/push-config.ts";
import { PUSH_TOPIC_MESSAGES, PushRegistry } from "../../src/push/push-registry.ts";

const MANY = 1_000_000_000;
const SECRET = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;

/** The topic $push, and the nodes that follow it. */
class Cluster {
  readonly messages: string[] = [];
  readonly nodes = new Set<PushRegistry>();
  isDown = false;

  publish = ({ payload }: NodeMessage): Promise<void> => {
    if (this.isDown) return Promise.reject(new ShardcastError("SHARDCAST_OWNER_UNAVAILABLE"));
    const text = Buffer.from(payload).toString("utf8");
    this.messages.push(text);
    for (const node of this.nodes) node.received(text, this.messages.length);
    return Promise.resolve();
  };

  follow(node: PushRegistry): void {
    node.began();
    for (const [index, text] of this.messages.entries()) node.received(text, index + 1);
    this.nodes.add(node);
    node.caughtUp();
  }
}

function stateOf(): StateStore {
  const retention = new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY });
  return new MemoryLog({ retention, maxBytes: MANY }).state;
}

function configOf(url = "https://hooks.example/in"): PushConfig {
  return parsePushConfig("shop", { topics: ["x"], url, keys: [SECRET] });
}

describe("PushRegistry", () => {
  let cluster: Cluster;
  let made: PushRegistry[];

  beforeEach(() => {
    cluster = new Cluster();
    made = [];
  });

  afterEach(() => Promise.all(made.map((node) => node.close())));

  async function nodeOf(
    state = stateOf(),
    files: ReadonlyMap<string, PushConfig> = new Map(),
    isOwner = false,
  ): Promise<PushRegistry> {
    const node = new PushRegistry({
      ...{ state, files, publish: cluster.publish, isOwner: () => isOwner },
      onChange: () => undefined,
      now: Date.now,
      onError: (error) => {
        throw error;
      },
    });
    made.push(node);
    await node.load();
    return node;
  }

  it("is the same at every node, whichever is told", async () => {
    const [first, second] = [await nodeOf(), await nodeOf()];
    cluster.follow(first);
    cluster.follow(second);
    await first.put("a", configOf());
    await second.put("b", configOf());
    await second.put("a", configOf("https://hooks.example/other"));
    await first.delete("b");
    for (const node of [first, second, await nodeOf()]) {
      if (node !== first && node !== second) cluster.follow(node);
      expect(node.all().map(({ name }) => name)).to.deep.equal(["a"]);
      expect(node.get("a")?.config.url).to.equal("https://hooks.example/other");
    }
    expect(first.get("a")?.id).to.equal(second.get("a")?.id);
  });

  it("goes by the later word, in whatever order it hears it", async () => {
    const node = await nodeOf();
    cluster.follow(node);
    await node.put("a", configOf());
    await node.delete("a");
    const [made = "", deleted = ""] = cluster.messages;
    node.received(deleted, 3);
    node.received(made, 4);
    expect(node.all()).to.deep.equal([]);
  });

  it("tells a new topic what it does not have, deletions too, and nothing twice", async () => {
    const state = stateOf();
    const node = await nodeOf(state);
    cluster.follow(node);
    await node.put("a", configOf());
    await node.put("b", configOf());
    await node.delete("b");
    const before = cluster.messages.at(0);
    await node.close();
    cluster = new Cluster();
    // A node that was away, and still believes in what was deleted.
    const away = await nodeOf();
    away.received(String(before).replace('"name":"a"', '"name":"b"'), 1);
    const again = await nodeOf(state);
    cluster.follow(again);
    cluster.follow(away);
    expect(again.all().map(({ name }) => name)).to.deep.equal(["a"]);
    expect(away.all().map(({ name }) => name)).to.deep.equal(["a"]);
    expect(cluster.messages.length).to.equal(2);
  });

  it("is disabled at once, and tells the others when they can be told", async () => {
    const [first, second] = [await nodeOf(), await nodeOf()];
    cluster.follow(first);
    cluster.follow(second);
    await first.put("a", configOf());
    cluster.isDown = true;
    const subscription = first.get("a");
    if (subscription === undefined) throw new Error("it is not there");
    expect(first.disable(subscription, "gone")).to.equal(true);
    expect(first.disable(subscription, "gone")).to.equal(false);
    expect(first.get("a")?.isActive).to.equal(false);
    expect(second.get("a")?.isActive).to.equal(true);
    cluster.isDown = false;
    first.caughtUp();
    expect(second.get("a")?.disabled).to.equal("gone");
    await second.enable("a");
    expect(first.get("a")?.isActive).to.equal(true);
  });

  it("knows those of its file from the same time on after a restart", async () => {
    const state = stateOf();
    const files = new Map([["filed", configOf()]]);
    const first = await nodeOf(state, files);
    const { createdAt } = first.get("filed") ?? {};
    expect(createdAt).to.be.greaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const again = await nodeOf(state, files);
    expect(again.get("filed")?.createdAt).to.equal(createdAt);
    expect(again.get("filed")?.source).to.equal("file");
    for (const work of [again.put("filed", configOf()), again.delete("filed")]) {
      const error: unknown = await work.catch((reason: unknown) => reason);
      expect(error).to.have.property("code", "SHARDCAST_FORBIDDEN");
    }
  });

  it("disables and enables those of a file at every node that has it", async () => {
    const files = new Map([["filed", configOf()]]);
    const [first, second, other] = [
      await nodeOf(stateOf(), files),
      await nodeOf(stateOf(), files),
      await nodeOf(),
    ];
    for (const node of [first, second, other]) cluster.follow(node);
    const subscription = first.get("filed");
    if (subscription === undefined) throw new Error("it is not there");
    first.disable(subscription, "gone");
    expect(second.get("filed")?.disabled).to.equal("gone");
    expect(other.all()).to.deep.equal([]);
    await second.enable("filed");
    expect(first.get("filed")?.isActive).to.equal(true);
  });

  it("brings what is old to the end of the topic, before the topic drops it", async () => {
    const node = await nodeOf(stateOf(), new Map(), true);
    cluster.follow(node);
    await node.put("kept", configOf());
    for (let count = 0; count < PUSH_TOPIC_MESSAGES; count += 1) {
      const text = JSON.stringify({ name: "busy", at: count, push: null, disabled: "x" });
      await cluster.publish({ topic: "", messageId: "", payload: Buffer.from(text) });
    }
    const retained = cluster.messages.slice(-PUSH_TOPIC_MESSAGES);
    expect(retained.filter((text) => text.includes('"kept"')).length).to.be.within(1, 2);
  });
});
