// Several subscriptions to one topic share one subscription at the node, each with its own start and buffer.
import { expect } from "chai";
import fc from "fast-check";
import type { Client } from "../src/client.ts";
import type { Gap } from "../src/inbox.ts";
import type { Subscription } from "../src/subscription.ts";
import { ScriptedNode, closeAll, connectTo, failure, until } from "./support.ts";

const TOPIC = "news";

describe("subscriptions to one topic", () => {
  afterEach(closeAll);

  async function start(options: object = {}): Promise<{ node: ScriptedNode; client: Client }> {
    const node = await ScriptedNode.listen();
    const reconnect = { minMs: 1, maxMs: 5 };
    const client = await connectTo({ url: node.url, route: "single", reconnect, ...options });
    return { node, client };
  }

  function heardBy(subscription: Subscription): string[] {
    const heard: string[] = [];
    subscription.on("message", (message) => heard.push(message.text()));
    return heard;
  }

  it("share one link and one subscription, each from its own start", async () => {
    const { node, client } = await start();
    node.store(TOPIC, "1", "2", "3", "4", "5", "6", "7", "8");
    const { epoch } = node.topic(TOPIC);
    const starts = ["live", "earliest", "last:2", `${epoch}_4`, "live"];
    const subscriptions = starts.map((from) => client.subscribe(TOPIC, { from }));
    const heard = subscriptions.map(heardBy);
    await Promise.all(subscriptions.map(({ ready }) => ready));
    node.store(TOPIC, "9");
    await until(() => heard.every((texts) => texts.at(-1) === "9"));
    const all = "123456789";
    expect(heard.map((texts) => texts.join(""))).to.deep.equal(["9", all, "789", "56789", "9"]);
    expect(node.links).to.have.lengthOf(1);
    expect(node.frames("subscribe")).to.have.lengthOf(1);
  });

  it("are ready at once beside one that is live, and get the same messages", async () => {
    const { node, client } = await start();
    node.store(TOPIC, "1");
    const first = client.subscribe(TOPIC);
    await first.ready;
    const second = client.subscribe(TOPIC);
    let confirmations = 0;
    second.on("subscribed", () => (confirmations += 1));
    await second.ready;
    expect(confirmations).to.equal(1);
    expect(second.position).to.equal(first.position);
    const [one, other] = [first, second].map(heardBy);
    node.store(TOPIC, "2");
    await until(() => one?.length === 1 && other?.length === 1);
    expect(node.frames("read")).to.be.empty;
  });

  it("report that they are active beside one that is live, also from its position", async () => {
    const { node, client } = await start();
    node.store(TOPIC, "1", "2");
    const first = client.subscribe(TOPIC);
    await first.ready;
    for (const from of ["live", first.position ?? ""]) {
      const confirmed: object[] = [];
      const subscription = client.subscribe(TOPIC, { from });
      subscription.on("subscribed", (event) => confirmed.push(event));
      await subscription.ready;
      const { position } = first;
      const event = { position, head: 2, oldest: 1, recovered: true };
      await until(() => confirmed.length > 0);
      expect(confirmed, from).to.deep.equal([event]);
    }
  });

  it("are confirmed where they resume at the place of one that is live, and when they have made room", async () => {
    const { node, client } = await start({ subscriptionBufferBytes: 1000 });
    node.store(TOPIC, "1");
    const first = client.subscribe(TOPIC);
    const heard = heardBy(first);
    await first.ready;
    const resumed = client.subscribe(TOPIC, { from: first.position ?? "" });
    let confirmations = 0;
    resumed.on("subscribed", () => (confirmations += 1));
    await resumed.ready;
    expect(confirmations).to.equal(1);
    for (let count = 0; count < 20; count += 1) node.store(TOPIC, "x");
    await until(() => heard.length === 20);
    const messages = resumed[Symbol.asyncIterator]();
    for (let count = 0; count < 20; count += 1) await messages.next();
    await until(() => confirmations > 1);
  });

  it("end the node's subscription when the last one closes, and begin another after that", async () => {
    const { node, client } = await start();
    const [first, second] = [client.subscribe(TOPIC), client.subscribe(TOPIC)];
    await Promise.all([first.ready, second.ready]);
    first.close();
    await client.probe();
    expect(node.frames("unsubscribe")).to.be.empty;
    second.close();
    await until(() => node.frames("unsubscribe").length === 1);
    const third = client.subscribe(TOPIC);
    await third.ready;
    const heard = heardBy(third);
    node.store(TOPIC, "1");
    await until(() => heard.length === 1);
  });

  it("do not wait for one whose reader is slow, and it loses nothing", async () => {
    const { node, client } = await start({ subscriptionBufferBytes: 1000 });
    const fast = client.subscribe(TOPIC);
    const slow = client.subscribe(TOPIC);
    await Promise.all([fast.ready, slow.ready]);
    const heard = heardBy(fast);
    for (let count = 1; count <= 100; count += 1) node.store(TOPIC, String(count));
    await until(() => heard.length === 100);
    const read: string[] = [];
    for await (const message of slow) {
      read.push(message.text());
      if (read.length === 100) break;
    }
    expect(read).to.deep.equal(heard);
    expect(node.frames("subscribe")).to.have.lengthOf(1);
  });

  it("stop the node when all readers are slow, and go on when one has room", async () => {
    const { node, client } = await start({ subscriptionBufferBytes: 1000 });
    const subscriptions = [client.subscribe(TOPIC), client.subscribe(TOPIC)];
    await Promise.all(subscriptions.map(({ ready }) => ready));
    for (let count = 1; count <= 50; count += 1) node.store(TOPIC, String(count));
    await until(() => node.frames("unsubscribe").length === 1);
    await Promise.all(
      subscriptions.map(async (subscription) => {
        let count = 0;
        for await (const message of subscription) {
          expect(message.text()).to.equal(String((count += 1)));
          if (count === 50) break;
        }
      }),
    );
  });

  it("each report what is gone after a lost link, and one ends where it said so", async () => {
    const { node, client } = await start();
    node.store(TOPIC, "1", "2");
    const events = client.subscribe(TOPIC, { from: "earliest" });
    const strict = client.subscribe(TOPIC, { from: "earliest", gaps: "error" });
    const gaps: Gap[] = [];
    events.on("gap", (gap) => gaps.push(gap));
    const heard = [events, strict].map(heardBy);
    await until(() => heard.every(({ length }) => length === 2));
    node.link.subscriptions.clear();
    node.store(TOPIC, "3", "4", "5");
    node.link.drop();
    node.trim(TOPIC, 4);
    const errors: string[] = [];
    strict.on("error", ({ code }) => errors.push(code));
    await until(() => errors.length === 1 && heard[0]?.at(-1) === "5");
    expect(errors).to.deep.equal(["SHARDCAST_GAP"]);
    expect(gaps).to.deep.equal([
      { epoch: node.topic(TOPIC).epoch, first: 3, last: 4, isNewEpoch: false },
    ]);
  });

  it("all end where a node refuses the topic", async () => {
    const { node, client } = await start();
    node.script = (link, frame) => {
      if (frame.type !== "subscribe") return false;
      const code = "SHARDCAST_FORBIDDEN";
      link.send({ type: "unsubscribed", sub: frame.sub, code, reason: "" });
      return true;
    };
    const subscriptions = [client.subscribe(TOPIC), client.subscribe(TOPIC, { from: "last:1" })];
    await Promise.all(subscriptions.map(({ ready }) => failure(ready, "SHARDCAST_FORBIDDEN")));
  });

  it("each get every message once and in order, whatever is closed, slow or lost", async () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant("store" as const), count: fc.integer({ min: 1, max: 8 }) }),
      fc.record({
        type: fc.constant("subscribe" as const),
        from: fc.constantFrom("live", "earliest", "last:3"),
        isSlow: fc.boolean(),
      }),
      fc.record({ type: fc.constant("close" as const), index: fc.nat(5) }),
      fc.record({ type: fc.constant("drop" as const) }),
      fc.record({ type: fc.constant("wait" as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { node, client } = await start({ subscriptionBufferBytes: 1000 });
        const readers: { subscription: Subscription; read: number[]; isSlow: boolean }[] = [];
        let stored = 0;
        for (const one of steps) {
          switch (one.type) {
            case "store":
              for (let count = 0; count < one.count; count += 1) {
                node.store(TOPIC, String((stored += 1)));
              }
              break;
            case "subscribe": {
              const subscription = client.subscribe(TOPIC, { from: one.from });
              const reader = { subscription, read: [] as number[], isSlow: one.isSlow };
              readers.push(reader);
              if (!one.isSlow) {
                subscription.on("message", (message) => reader.read.push(Number(message.text())));
              }
              break;
            }
            case "close":
              readers.splice(one.index, 1)[0]?.subscription.close();
              break;
            case "drop":
              node.link.drop();
              break;
            default:
              await new Promise((resolve) => setTimeout(resolve, 2));
          }
        }
        await Promise.all(readers.map(({ subscription }) => subscription.ready));
        node.store(TOPIC, String((stored += 1)));
        await Promise.all(
          readers
            .filter(({ isSlow }) => isSlow)
            .map(async ({ subscription, read }) => {
              for await (const message of subscription) {
                read.push(Number(message.text()));
                if (read.at(-1) === stored) break;
              }
            }),
        );
        await until(() => readers.every(({ read }) => read.at(-1) === stored));
        for (const { read } of readers) {
          const [first = 0] = read;
          expect(read).to.deep.equal(Array.from(read, (_, index) => first + index));
        }
        client.close();
        await closeAll();
      }),
      { numRuns: 60 },
    );
  });
});
