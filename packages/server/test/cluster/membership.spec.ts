import { ShardcastError, type Ring } from "@shardcast/protocol";
import { expect } from "chai";
import { Membership } from "../../src/cluster/membership.ts";

const memberOf = (id: string) => ({ id, url: `ws://${id}.test:9100` });

describe("Membership", () => {
  it("knows no owner while it knows no consumer", () => {
    const membership = new Membership([], () => true);
    expect(membership.ring).to.equal(undefined);
    expect(membership.ownerOf("topic")).to.equal(undefined);
    expect(membership.owns("topic")).to.equal(false);
    expect(membership.members).to.deep.equal([]);
  });

  it("tells the node itself from the others", () => {
    const membership = new Membership([memberOf("c1"), memberOf("c2")], ({ id }) => id === "c2");
    expect(membership.self).to.deep.equal(memberOf("c2"));
    expect(membership.peers).to.deep.equal([memberOf("c1")]);
    const topics = Array.from({ length: 50 }, (_, index) => `topic-${index}`);
    for (const topic of topics) {
      expect(membership.owns(topic)).to.equal(membership.ownerOf(topic)?.id === "c2");
    }
    expect(topics.some((topic) => membership.owns(topic))).to.equal(true);
  });

  it("tells every change once, and nothing where the members are the same", () => {
    const membership = new Membership([memberOf("c1")], () => false);
    const rings: (Ring | undefined)[] = [];
    const stop = membership.onChange((ring) => rings.push(ring));
    expect(membership.update([memberOf("c1")])).to.equal(false);
    expect(membership.update([memberOf("c2"), memberOf("c1")])).to.equal(true);
    // The order of the list says nothing.
    expect(membership.update([memberOf("c1"), memberOf("c2")])).to.equal(false);
    expect(membership.update([{ id: "c1", url: "ws://elsewhere.test:9100" }])).to.equal(true);
    expect(membership.update([])).to.equal(true);
    stop();
    membership.update([memberOf("c3")]);
    expect(rings.map((ring) => ring?.members.map(({ url }) => url))).to.deep.equal([
      ["ws://c1.test:9100", "ws://c2.test:9100"],
      ["ws://elsewhere.test:9100"],
      undefined,
    ]);
  });

  it("stays as it was where two have the same id", () => {
    const membership = new Membership([memberOf("c1")], () => false);
    expect(() => membership.update([memberOf("c2"), memberOf("c2")])).to.throw(ShardcastError);
    expect(membership.members).to.deep.equal([memberOf("c1")]);
  });
});
