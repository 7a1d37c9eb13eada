import { expect } from "chai";
import fc from "fast-check";
import murmurhash from "murmurhash";
import { Ring, type RingMember } from "../src/ring.ts";
import { SHARD_COUNT, shardOf } from "../src/shard.ts";
import { codeOf } from "./support.ts";

const SHARDS = Array.from({ length: SHARD_COUNT }, (_, shard) => shard);
/** The tolerance, in standard deviations. A fair assignment exceeds it once in 10^9 rings. */
const DEVIATIONS = 6;

function memberOf(id: string): RingMember {
  return { id, url: `ws://${id}.test:9100` };
}

function ownersOf(ring: Ring): readonly string[] {
  return SHARDS.map((shard) => ring.ownerOfShard(shard).id);
}

function countOf(owners: readonly string[], id: string): number {
  return owners.filter((owner) => owner === id).length;
}

/** The bounds of a binomial count: each shard goes to a given member of n with probability 1/n. */
function fairShare(members: number): { least: number; most: number } {
  const mean = SHARD_COUNT / members;
  const deviation = Math.sqrt(mean * (1 - 1 / members));
  return { least: mean - DEVIATIONS * deviation, most: mean + DEVIATIONS * deviation };
}

const ids = fc.uniqueArray(fc.stringMatching(/^[a-z0-9.-]{1,12}$/), {
  minLength: 1,
  maxLength: 12,
});

describe("murmur3", () => {
  // Vectors of the reference implementation, seed 0 (SMHasher's MurmurHash3_x86_32).
  const vectors: readonly (readonly [string, number, number])[] = [
    ["", 0, 0],
    ["", 1, 0x514e28b7],
    ["", 0xffffffff, 0x81f16f39],
    ["a", 0, 0x3c2569b2],
    ["aa", 0x9747b28c, 0x5d211726],
    ["abc", 0, 0xb3dd93fa],
    ["aaaa", 0x9747b28c, 0x5a97808a],
    ["Hello, world!", 0, 0xc0363e43],
    ["Hello, world!", 0x9747b28c, 0x24884cba],
    ["ππππππππ", 0x9747b28c, 0xd58063c1],
    ["The quick brown fox jumps over the lazy dog", 0, 0x2e4ff723],
  ];
  for (const [text, seed, hash] of vectors) {
    it(`hashes "${text}" with seed ${seed} to 0x${hash.toString(16)}`, () => {
      expect(murmurhash.v3(text, seed)).to.equal(hash);
    });
  }
});

describe("Ring", () => {
  it("gives every shard an owner among its members", () => {
    fc.assert(
      fc.property(ids, (names) => {
        const owners = ownersOf(new Ring(names.map(memberOf)));
        for (const owner of owners) expect(names).to.include(owner);
      }),
      { numRuns: 30 },
    );
  });

  it("does not care for the order of its members", () => {
    const shuffled = ids.chain((names) =>
      fc.tuple(
        fc.constant(names),
        fc.shuffledSubarray(names, { minLength: names.length, maxLength: names.length }),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([names, others]) => {
        const ring = new Ring(names.map(memberOf));
        const other = new Ring(others.map(memberOf));
        expect(ownersOf(ring)).to.deep.equal(ownersOf(other));
        expect(ring.members).to.deep.equal(other.members);
      }),
      { numRuns: 30 },
    );
  });

  it("does not care for the addresses of its members", () => {
    const names = ["c1", "c2", "c3"];
    const moved = new Ring(names.map((id) => ({ id, url: `wss://elsewhere.test/${id}` })));
    expect(ownersOf(moved)).to.deep.equal(ownersOf(new Ring(names.map(memberOf))));
    expect(moved.ownerOf("news").url).to.match(/^wss:/);
  });

  it("spreads the shards evenly", () => {
    for (let count = 2; count <= 16; count += 1) {
      const names = Array.from({ length: count }, (_, index) => `c${index + 1}`);
      const owners = ownersOf(new Ring(names.map(memberOf)));
      const { least, most } = fairShare(count);
      for (const name of names) expect(countOf(owners, name)).to.be.within(least, most);
    }
  });

  it("moves to a new member about its share of the shards, and moves no other", () => {
    fc.assert(
      fc.property(ids, (names) => {
        const [added = "", ...rest] = names;
        if (rest.length === 0) return;
        const before = ownersOf(new Ring(rest.map(memberOf)));
        const after = ownersOf(new Ring(names.map(memberOf)));
        const moved = SHARDS.filter((shard) => before[shard] !== after[shard]);
        for (const shard of moved) expect(after[shard]).to.equal(added);
        const { least, most } = fairShare(names.length);
        expect(moved.length).to.be.within(least, most);
      }),
      { numRuns: 60 },
    );
  });

  it("moves from a member that leaves its own shards, and moves no other", () => {
    fc.assert(
      fc.property(ids, (names) => {
        const [removed = "", ...rest] = names;
        if (rest.length === 0) return;
        const before = ownersOf(new Ring(names.map(memberOf)));
        const after = ownersOf(new Ring(rest.map(memberOf)));
        for (const shard of SHARDS) {
          if (before[shard] === removed) expect(after[shard]).not.to.equal(removed);
          else expect(after[shard]).to.equal(before[shard]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("gives a topic to the owner of its shard", () => {
    const ring = new Ring(["c1", "c2", "c3"].map(memberOf));
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (topic) => {
        expect(ring.ownerOf(topic)).to.equal(ring.ownerOfShard(shardOf(topic)));
      }),
    );
  });

  it("gives everything to a single member", () => {
    expect(new Set(ownersOf(new Ring([memberOf("only")])))).to.deep.equal(new Set(["only"]));
  });

  it("leaves the list that it was given as it was", () => {
    const members = ["c2", "c1"].map(memberOf);
    const ring = new Ring(members);
    expect(members.map((member) => member.id)).to.deep.equal(["c2", "c1"]);
    expect(ring.members.map((member) => member.id)).to.deep.equal(["c1", "c2"]);
  });

  it("refuses to be empty, and two members of one name", () => {
    expect(codeOf(() => new Ring([]))).to.equal("SHARDCAST_OPTION_INVALID");
    expect(codeOf(() => new Ring(["c1", "c2", "c1"].map(memberOf)))).to.equal(
      "SHARDCAST_OPTION_INVALID",
    );
  });

  it("has no owner for a shard that there is not", () => {
    const ring = new Ring([memberOf("c1")]);
    for (const shard of [-1, SHARD_COUNT, 0.5, Number.NaN]) {
      expect(() => ring.ownerOfShard(shard)).to.throw(RangeError);
    }
  });
});
