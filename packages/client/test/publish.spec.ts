import { getEventListeners } from "node:events";
import { expect } from "chai";
import type { PublishFrame } from "@shardcast/protocol";
import type { PublishData } from "../src/data.ts";
import type { Published } from "../src/publication.ts";
import { ScriptedNode, closeAll, connectTo, failure, take, until } from "./support.ts";

const TOPIC = "news";

describe("publish", () => {
  afterEach(closeAll);

  it("resolves with the place where the message was stored", async () => {
    const node = await ScriptedNode.listen();
    const client = await connectTo({ url: node.url });
    const { epoch } = node.topic(TOPIC);
    const published = await Promise.all([client.publish(TOPIC, "a"), client.publish(TOPIC, "b")]);
    expect(published).to.deep.equal([
      { epoch, offset: 1, duplicate: false },
      { epoch, offset: 2, duplicate: false },
    ]);
    expect(client.unanswered).to.equal(0);
  });

  it("gives every message an id of its own, and keeps one that is given", async () => {
    const node = await ScriptedNode.listen();
    const [one, other] = await Promise.all([
      connectTo({ url: node.url }),
      connectTo({ url: node.url }),
    ]);
    await Promise.all([one, one, other].map((client) => client.publish(TOPIC, "x")));
    await one.publish(TOPIC, "x", { messageId: "mine" });
    const ids = node.frames("publish").map(({ messageId }) => messageId);
    expect(ids).to.include("mine").and.not.include(undefined);
    expect(new Set(ids).size).to.equal(4);
  });

  it("tells that an id was stored before", async () => {
    const node = await ScriptedNode.listen();
    const client = await connectTo({ url: node.url });
    const first = await client.publish(TOPIC, "x", { messageId: "once" });
    const second = await client.publish(TOPIC, "x", { messageId: "once" });
    expect(second).to.deep.equal({ ...first, duplicate: true });
  });

  it("gives a subscriber what was published, be it text, bytes or JSON", async () => {
    const node = await ScriptedNode.listen();
    const client = await connectTo({ url: node.url });
    const data: PublishData[] = [
      "text",
      "",
      "żółć 🦊",
      Uint8Array.of(0, 255, 10),
      new Uint8Array(0),
      { nested: [1, "two", null] },
      [],
      42,
      true,
      null,
    ];
    await Promise.all(data.map((item) => client.publish(TOPIC, item)));
    const messages = await take(client.subscribe(TOPIC, { from: "earliest" }), data.length);
    expect(messages.map((message) => message.data)).to.deep.equal(data);
  });

  it("carries attributes, and lets the publisher name the content type", async () => {
    const node = await ScriptedNode.listen();
    const client = await connectTo({ url: node.url });
    const attributes = { "content-type": "image/png", key: "k" };
    await client.publish(TOPIC, Uint8Array.of(1), { attributes });
    await client.publish(TOPIC, { a: 1 }, { attributes: { "content-type": "text/plain" } });
    const [image, text] = await take(client.subscribe(TOPIC, { from: "earliest" }), 2);
    expect({ ...image?.attributes }).to.deep.equal(attributes);
    expect(image?.data).to.deep.equal(Uint8Array.of(1));
    expect(text?.data).to.equal('{"a":1}');
  });

  it("sends what was said in one turn as one WebSocket message", async () => {
    const node = await ScriptedNode.listen();
    const client = await connectTo({ url: node.url });
    // Not answered, so that all publishes arrive before the first ack.
    node.script = (_link, frame) => frame.type === "publish";
    for (let count = 0; count < 10; count += 1) client.publish(TOPIC, "x").catch(() => undefined);
    await until(() => node.frames("publish").length > 0);
    expect(node.frames("publish")).to.have.lengthOf(10);
    expect(node.link.messageCount).to.equal(1);
  });

  it("carries payloads of any size up to the node's limit, and tells of one above it", async () => {
    const limits = { maxPayloadBytes: 300_000 };
    const node = await ScriptedNode.listen({ limits });
    const client = await connectTo({ url: node.url });
    const sizes = [0, 1, 65_535, 65_536, 100_000, 300_000];
    const payloads = sizes.map((size) => new Uint8Array(size).fill(size % 251));
    await Promise.all(payloads.map((payload) => client.publish(TOPIC, payload)));
    const stored = node.topic(TOPIC).messages.map(({ payload }) => payload);
    expect(stored).to.deep.equal(payloads);
    await failure(client.publish(TOPIC, new Uint8Array(300_001)), "SHARDCAST_PAYLOAD_TOO_LARGE");
    await failure(client.publish(TOPIC, new Uint8Array(2 ** 24)), "SHARDCAST_PAYLOAD_TOO_LARGE");
    await client.publish(TOPIC, "the link is as good as before");
  });

  it("refuses at once what no node would take, and sends none of it", async () => {
    const node = await ScriptedNode.listen();
    const client = await connectTo({ url: node.url });
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    await failure(client.publish("", "x"), "SHARDCAST_TOPIC_INVALID");
    await failure(client.publish("a\nb", "x"), "SHARDCAST_TOPIC_INVALID");
    await failure(client.publish("$sys", "x"), "SHARDCAST_TOPIC_RESERVED");
    await failure(client.publish(TOPIC, "x", { messageId: "" }), "SHARDCAST_MESSAGE_ID_INVALID");
    const attributes = { name: "x".repeat(256) };
    await failure(client.publish(TOPIC, "x", { attributes }), "SHARDCAST_ATTRIBUTES_INVALID");
    await failure(client.publish(TOPIC, circle), "SHARDCAST_OPTION_INVALID");
    await failure(
      client.publish(TOPIC, () => 1),
      "SHARDCAST_OPTION_INVALID",
    );
    await failure(client.publish(TOPIC, "x", { timeoutMs: -1 }), "SHARDCAST_OPTION_INVALID");
    expect(client.unanswered).to.equal(0);
    expect(node.frames("publish")).to.be.empty;
  });

  it("rejects with the node's code where the node refuses for good", async () => {
    const node = await ScriptedNode.listen();
    const client = await connectTo({ url: node.url });
    let code = "SHARDCAST_TOPIC_RESERVED";
    node.script = (link, frame) => {
      if (frame.type === "publish") {
        link.send({ type: "reject", seq: frame.seq, code, reason: "not today" });
      }
      return true;
    };
    const error = await failure(client.publish(TOPIC, "x"), "SHARDCAST_TOPIC_RESERVED");
    expect(error.message).to.equal("not today");
    // The code of a newer node.
    code = "SHARDCAST_MOON_WRONG";
    const unknown = await failure(client.publish(TOPIC, "x"), "SHARDCAST_INTERNAL");
    expect(unknown.message).to.include("SHARDCAST_MOON_WRONG").and.include("not today");
    expect(node.frames("publish")).to.have.lengthOf(2);
  });

  describe("over a link that is lost", () => {
    it("sends what has no ack again, in order and under the same ids", async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url });
      // The first link takes every publish, answers the first two, and dies.
      node.script = (link, frame) => {
        if (link !== node.links[0] || frame.type !== "publish") return false;
        if (link.frames("publish").length <= 2) return false;
        if (link.frames("publish").length === 6) link.drop();
        return true;
      };
      const texts = ["1", "2", "3", "4", "5", "6", "7"];
      await Promise.all(texts.map((text) => client.publish(TOPIC, text)));
      const [lost, next] = node.links;
      const sent = lost?.frames("publish").map(({ messageId }) => messageId) ?? [];
      const again = next?.frames("publish").map(({ messageId }) => messageId) ?? [];
      expect(again.slice(0, 4)).to.deep.equal(sent.slice(2, 6));
      expect(textsIn(node)).to.deep.equal(texts);
    });

    it("never doubles a message whose ack alone was lost", async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url });
      node.script = (link, frame) => {
        if (link !== node.links[0] || frame.type !== "publish") return false;
        node.ack({ send: () => undefined } as unknown as typeof link, frame);
        link.drop();
        return true;
      };
      const published = await client.publish(TOPIC, "x");
      expect(published).to.include({ offset: 1, duplicate: true });
      expect(textsIn(node)).to.deep.equal(["x"]);
    });

    it("keeps the order of every topic through many losses", async () => {
      const node = await ScriptedNode.listen({ limits: { windowMessages: 7 } });
      const client = await connectTo({ url: node.url });
      let received = 0;
      node.script = (link, frame) => {
        if (frame.type !== "publish") return false;
        received += 1;
        if (received % 23 === 0 && node.links.length < 20) link.drop();
        return !link.isOpen;
      };
      const topics = ["a", "b", "c"];
      const texts = Array.from({ length: 100 }, (_, index) => String(index));
      await Promise.all(
        texts.flatMap((text) => topics.map((topic) => client.publish(topic, text))),
      );
      expect(node.links).to.have.length.above(10);
      for (const topic of topics) expect(textsIn(node, topic)).to.deep.equal(texts);
    });

    it("takes publishes while there is no link, and sends them when there is one", async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url, route: "single" });
      const lost = new Promise((resolve) => client.on("link", resolve));
      node.link.drop();
      await lost;
      const published = ["1", "2"].map((text) => client.publish(TOPIC, text));
      expect(client.nodes()).to.be.empty;
      await Promise.all(published);
      expect(textsIn(node)).to.deep.equal(["1", "2"]);
    });
  });

  describe("within its limits", () => {
    it("never has more in flight than the node's window", async () => {
      const node = await ScriptedNode.listen({ limits: { windowMessages: 5 } });
      const client = await connectTo({ url: node.url });
      const held: PublishFrame[] = [];
      let most = 0;
      node.script = (link, frame) => {
        if (frame.type !== "publish") return false;
        held.push(frame);
        most = Math.max(most, held.length);
        // Answers with a delay, so that the client could send more if it ignored the window.
        setImmediate(() => {
          const next = held.shift();
          if (next !== undefined) node.ack(link, next);
        });
        return true;
      };
      const texts = Array.from({ length: 100 }, (_, index) => String(index));
      await Promise.all(texts.map((text) => client.publish(TOPIC, text)));
      expect(most).to.equal(5);
      expect(textsIn(node)).to.deep.equal(texts);
    });

    it("rejects with SHARDCAST_OUTBOX_FULL at the limit, and takes more when there is room", async () => {
      const node = await ScriptedNode.listen({ limits: { windowMessages: 1 } });
      const client = await connectTo({ url: node.url, outboxMessages: 3, outboxBytes: 1000 });
      const published: Promise<Published>[] = [];
      for (let count = 0; count < 3; count += 1) published.push(client.publish(TOPIC, "x"));
      const error = await failure(client.publish(TOPIC, "x"), "SHARDCAST_OUTBOX_FULL");
      expect(error.retryable).to.be.true;
      await Promise.all(published);
      const large = new Uint8Array(900);
      const first = client.publish(TOPIC, large);
      await failure(client.publish(TOPIC, large), "SHARDCAST_OUTBOX_FULL");
      await first;
      await client.publish(TOPIC, large);
    });

    it("rejects with SHARDCAST_TIMEOUT when the deadline passes, and tells what stood in the way", async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url, publishTimeoutMs: 30 });
      node.script = () => true;
      const silent = await failure(client.publish(TOPIC, "x"), "SHARDCAST_TIMEOUT");
      expect(silent.message).to.equal("no ack within 30 ms");
      node.script = (link, frame) => {
        if (frame.type !== "publish") return false;
        const code = "SHARDCAST_OWNER_UNAVAILABLE";
        link.send({ type: "reject", seq: frame.seq, code, reason: "c2 is away" });
        return true;
      };
      const refused = await failure(client.publish(TOPIC, "x"), "SHARDCAST_TIMEOUT");
      expect(refused.message).to.include("c2 is away");
      expect(refused.cause).to.have.property("code", "SHARDCAST_OWNER_UNAVAILABLE");
      await node.close();
      const alone = await failure(client.publish(TOPIC, "x"), "SHARDCAST_TIMEOUT");
      expect(alone.cause).to.have.property("code", "SHARDCAST_LINK_LOST");
    });

    it("tells the node how much time is left", async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url });
      await client.publish(TOPIC, "x", { timeoutMs: 5000 });
      expect(node.frames("publish")[0]?.timeoutMs).to.be.within(1, 5000);
    });

    it("gives a publish up by its signal", async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url });
      const controller = new AbortController();
      const { signal } = controller;
      node.script = () => true;
      const reason = new Error("changed my mind");
      const outcome = client.publish(TOPIC, "x", { signal }).catch((error: unknown) => error);
      controller.abort(reason);
      expect(await outcome).to.equal(reason);
      const late = client.publish(TOPIC, "x", { signal }).catch((error: unknown) => error);
      expect(await late).to.equal(reason);
      expect(client.unanswered).to.equal(0);
    });

    it("listens to a signal once, however many publishes share it, and not longer than they last", async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url });
      const controller = new AbortController();
      const { signal } = controller;
      let isHeld = false;
      node.script = () => isHeld;
      const publish = (): Promise<unknown> =>
        client.publish(TOPIC, "x", { signal }).catch((error: unknown) => error);
      await Promise.all(Array.from({ length: 50 }, publish));
      expect(getEventListeners(signal, "abort")).to.be.empty;
      isHeld = true;
      const outcomes = Array.from({ length: 50 }, publish);
      expect(getEventListeners(signal, "abort")).to.have.lengthOf(1);
      const reason = new Error("changed my mind");
      controller.abort(reason);
      expect(new Set(await Promise.all(outcomes))).to.deep.equal(new Set([reason]));
      expect(getEventListeners(signal, "abort")).to.be.empty;
    });
  });

  describe("when a node says not now", () => {
    for (const code of ["SHARDCAST_OWNER_UNAVAILABLE", "SHARDCAST_WINDOW_FULL"]) {
      it(`tries again after ${code}, in the topic's order, while others go on`, async () => {
        const node = await ScriptedNode.listen({ limits: { windowMessages: 4 } });
        const client = await connectTo({ url: node.url });
        const attempts = new Map<string | undefined, number>();
        node.script = (link, frame) => {
          if (frame.type !== "publish" || frame.topic !== TOPIC) return false;
          const attempt = (attempts.get(frame.messageId) ?? 0) + 1;
          attempts.set(frame.messageId, attempt);
          if (attempt > 2) return false;
          link.send({ type: "reject", seq: frame.seq, code, reason: "" });
          return true;
        };
        const texts = Array.from({ length: 30 }, (_, index) => String(index));
        const published = texts.map((text) => client.publish(TOPIC, text));
        await client.publish("another topic", "x");
        expect(node.topic(TOPIC).messages).to.have.length.below(texts.length);
        await Promise.all(published);
        expect([...attempts.values()]).to.deep.equal(texts.map(() => 3));
        expect(textsIn(node)).to.deep.equal(texts);
      });
    }
  });
});

function textsIn(node: ScriptedNode, topic = TOPIC): string[] {
  return node.topic(topic).messages.map(({ payload }) => Buffer.from(payload).toString());
}
