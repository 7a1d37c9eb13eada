import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { Ring } from "@shardcast/protocol";
import { connect } from "../src/connect.ts";
import { ScriptedNode, closeAll, clusterOf, connectTo, failure, until } from "./support.ts";

describe("connect", () => {
  afterEach(closeAll);

  it("resolves when the first link is open", async () => {
    const node = await ScriptedNode.listen();
    const client = await connectTo({ url: node.url, route: "single" });
    expect(client.nodes()).to.deep.equal([{ node: "n1", url: node.url }]);
    expect(node.links.map(({ endpoint }) => endpoint)).to.deep.equal(["connect"]);
  });

  it("takes an http address, with or without a slash at its end", async () => {
    const node = await ScriptedNode.listen();
    const url = `${node.url.replace("ws:", "http:")}/`;
    const client = await connectTo({ url, route: "single" });
    expect(client.nodes()).to.deep.equal([{ node: "n1", url: node.url }]);
  });

  for (const route of ["direct", "single"] as const) {
    it(`rejects with SHARDCAST_HANDSHAKE_FAILED where the keys differ (${route})`, async () => {
      const node = await ScriptedNode.listen();
      const connecting = connectTo({ psk: "another key of the tests", url: node.url, route });
      await failure(connecting, "SHARDCAST_HANDSHAKE_FAILED");
      expect(node.links).to.be.empty;
    });
  }

  it("rejects a node that cannot prove that it knows the key", async () => {
    const impostor = await ScriptedNode.listen({ isImpostor: true });
    const connecting = connectTo({ producers: [impostor.url] });
    await failure(connecting, "SHARDCAST_HANDSHAKE_FAILED");
  });

  it("rejects with SHARDCAST_TIMEOUT and the last failure where no node answers", async () => {
    const url = await unusedAddress();
    const connecting = connectTo({ url, route: "single", connectTimeoutMs: 100 });
    const error = await failure(connecting, "SHARDCAST_TIMEOUT");
    expect(error.cause).to.have.property("code", "SHARDCAST_LINK_LOST");
    expect(error.message).to.include("ECONNREFUSED");
  });

  it("rejects with SHARDCAST_TIMEOUT where no node tells of the cluster", async () => {
    const url = await unusedAddress();
    const error = await failure(connectTo({ url, connectTimeoutMs: 100 }), "SHARDCAST_TIMEOUT");
    expect(error.message).to.include("/cluster").and.include("ECONNREFUSED");
  });

  it("tries again where a node takes the socket and says nothing", async () => {
    const silent = createServer((socket) => socket.on("error", () => undefined));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const url = `ws://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const timeouts = { handshakeTimeoutMs: 20, connectTimeoutMs: 200 };
    const error = await failure(
      connectTo({ url, route: "single", ...timeouts }),
      "SHARDCAST_TIMEOUT",
    );
    expect(error.cause).to.have.property("code", "SHARDCAST_HANDSHAKE_TIMEOUT");
    silent.close();
  });

  it("tries the nodes of a list until one answers", async () => {
    const url = await unusedAddress();
    const node = await ScriptedNode.listen();
    const client = await connectTo({ producers: [url, node.url, url] });
    expect(client.nodes()).to.deep.equal([{ node: "n1", url: node.url }]);
  });

  describe("with options that cannot be used", () => {
    const psk = "k";
    const bad = {
      "no address": { psk },
      "a url and lists": { psk, url: "ws://h:1", producers: ["ws://h:1"] },
      "another scheme": { psk, url: "ftp://h:1" },
      "no url at all": { psk, url: "h:1/x y" },
      "a bad address in a list": { psk, consumers: ["ws://h:1", "nonsense"] },
      "a time of 0": { psk, url: "ws://h:1", connectTimeoutMs: 0 },
      "a time that no timer can wait": { psk, url: "ws://h:1", publishTimeoutMs: 2 ** 31 },
      "half a message": { psk, url: "ws://h:1", outboxMessages: 0.5 },
      "a wait of no number": { psk, url: "ws://h:1", reconnect: { minMs: Number.NaN } },
      "an option that there is not": { psk, url: "ws://h:1", connectTimeout: 5 },
      "a wait that there is not": { psk, url: "ws://h:1", reconnect: { min: 5 } as object },
      "a route that there is not": { psk, url: "ws://h:1", route: "scenic" as "direct" },
    };
    for (const [what, options] of Object.entries(bad)) {
      it(`rejects ${what}`, async () => {
        const error = await failure(connect(options), "SHARDCAST_OPTION_INVALID");
        expect(error.message).to.not.be.empty;
      });
    }

    it("rejects an empty key", async () => {
      await failure(connect({ psk: "", url: "ws://h:1" }), "SHARDCAST_KEY_MISSING");
    });
  });

  describe("over lists of nodes", () => {
    it("publishes over a producer and subscribes over a consumer", async () => {
      const producer = await ScriptedNode.listen({ id: "p1" });
      const consumer = await ScriptedNode.listen({ id: "c1" });
      const client = await connectTo({ producers: [producer.url], consumers: [consumer.url] });
      await client.publish("t", "x");
      await client.subscribe("t").ready;
      expect(producer.links.map(({ endpoint }) => endpoint)).to.deep.equal(["produce"]);
      expect(consumer.links.map(({ endpoint }) => endpoint)).to.deep.equal(["subscribe"]);
    });

    it("cannot publish without producers, nor subscribe without consumers", async () => {
      const node = await ScriptedNode.listen();
      const subscriber = await connectTo({ consumers: [node.url] });
      await failure(subscriber.publish("t", "x"), "SHARDCAST_OPTION_INVALID");
      expect(subscriber.unanswered).to.equal(0);
      const publisher = await connectTo({ producers: [node.url] });
      expect(() => publisher.subscribe("t")).to.throw("no consumers");
    });

    it("goes on with the next node when one is lost", async () => {
      const nodes = await Promise.all([
        ScriptedNode.listen({ id: "p1" }),
        ScriptedNode.listen({ id: "p2" }),
      ]);
      const client = await connectTo({ producers: nodes.map(({ url }) => url) });
      const [used] = client.nodes();
      await nodes.find(({ id }) => id === used?.node)?.close();
      await client.publish("t", "x");
      expect(client.nodes()[0]?.node).to.be.oneOf(["p1", "p2"]).and.not.equal(used?.node);
    });
  });

  describe("straight to the owners", () => {
    async function pair(): Promise<[ScriptedNode, ScriptedNode]> {
      const c1 = await ScriptedNode.listen({ id: "c1" });
      const c2 = await ScriptedNode.listen({ id: "c2" });
      for (const node of [c1, c2]) node.cluster = clusterOf([c1, c2], node.id);
      return [c1, c2];
    }

    /** Returns topics of one owner. */
    function topicsOf(ring: Ring, id: string, count: number): string[] {
      const all = Array.from({ length: 200 }, (_, index) => `topic ${index}`);
      return all.filter((topic) => ring.ownerOf(topic).id === id).slice(0, count);
    }

    it("begins with the node that was named and opens the others when needed", async () => {
      const [c1, c2] = await pair();
      const ring = new Ring([c1, c2]);
      const client = await connectTo({ url: c1.url });
      expect(client.nodes().map(({ node }) => node)).to.deep.equal(["c1"]);
      expect(c2.links).to.be.empty;
      for (const topic of [...topicsOf(ring, "c1", 3), ...topicsOf(ring, "c2", 3)]) {
        await client.publish(topic, topic);
        await client.subscribe(topic).ready;
      }
      expect([...c1.topics.keys()]).to.deep.equal(topicsOf(ring, "c1", 3));
      expect([...c2.topics.keys()]).to.deep.equal(topicsOf(ring, "c2", 3));
      expect(c1.links).to.have.lengthOf(1);
      expect(c2.links).to.have.lengthOf(1);
    });

    it("begins with another owner where the named one cannot be reached", async () => {
      const [c1, c2] = await pair();
      c1.cluster = clusterOf([{ id: "c1", url: await unusedAddress() }, c2], "c1");
      const client = await connectTo({ url: c1.url });
      expect(client.nodes().map(({ node }) => node)).to.deep.equal(["c2"]);
    });

    it("moves topics, publishes and subscriptions to their new owner, once and in order", async () => {
      const [c1, c2] = await pair();
      const before = new Ring([c1]);
      const after = new Ring([c1, c2]);
      c1.cluster = clusterOf([c1], "c1");
      const [moved = "", stays = ""] = [topicsOf(after, "c2", 1)[0], topicsOf(after, "c1", 1)[0]];
      expect(before.ownerOf(moved).id).to.equal("c1");
      const client = await connectTo({ url: c1.url });
      const subscription = client.subscribe(moved, { from: "earliest" });
      await subscription.ready;
      // From now on c1 refuses the topic, like a node that has handed it over.
      c1.script = (link, frame) => {
        if (frame.type !== "publish" || frame.topic !== moved) return false;
        link.send({ type: "reject", seq: frame.seq, code: "SHARDCAST_NOT_OWNER", reason: "" });
        return true;
      };
      c1.cluster = clusterOf([c1, c2], "c1");
      const published = ["1", "2", "3"].map((text) => client.publish(moved, text));
      await Promise.all([...published, client.publish(stays, "x")]);
      const texts = c2.topic(moved).messages.map(({ payload }) => Buffer.from(payload).toString());
      expect(texts).to.deep.equal(["1", "2", "3"]);
      expect(c1.topic(stays).messages).to.have.lengthOf(1);
      const got: string[] = [];
      for await (const message of subscription) if (got.push(message.text()) === 3) break;
      expect(got).to.deep.equal(["1", "2", "3"]);
      expect(c1.link.subscriptions.has(moved)).to.be.false;
    });

    it("asks the cluster again when an owner stays out of reach, and leaves it", async () => {
      const [c1, c2] = await pair();
      const ring = new Ring([c1, c2]);
      const [topic = ""] = topicsOf(ring, "c2", 1);
      const client = await connectTo({ url: c1.url });
      await client.publish(topic, "to c2");
      c1.cluster = clusterOf([c1], "c1");
      await c2.close();
      await client.publish(topic, "to c1");
      expect(c1.topic(topic).messages).to.have.lengthOf(1);
      await until(() => client.nodes().length === 1);
    });

    it("refuses a cluster that hashes in another way", async () => {
      const node = await ScriptedNode.listen();
      node.cluster = { ...clusterOf([node], "n1"), hash: "md5" };
      const error = await failure(connectTo({ url: node.url }), "SHARDCAST_OPTION_INVALID");
      expect(error.message).to.include("murmur3_32");
    });
  });
});

async function unusedAddress(): Promise<string> {
  const node = await ScriptedNode.listen();
  const { url } = node;
  await node.close();
  return url;
}
