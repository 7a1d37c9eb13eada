import { expect } from "chai";
import fc from "fast-check";
import murmurhash from "murmurhash";
import { SHARD_COUNT, shardOf } from "../src/shard.ts";
import { utf8 } from "./support.ts";

describe("shardOf", () => {
  it("is the hash of the topic's UTF-8 modulo the number of shards", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (topic) => {
        const shard = shardOf(topic);
        expect(shard).to.be.within(0, SHARD_COUNT - 1);
        expect(shard).to.equal(murmurhash.v3(utf8(topic), 0) % 1024);
      }),
    );
  });

  it("never changes", () => {
    expect(["news", "a", "日本", "😀"].map(shardOf)).to.deep.equal([336, 434, 322, 762]);
  });

  it("spreads topics over all shards", () => {
    const counts = new Array<number>(SHARD_COUNT).fill(0);
    for (let index = 0; index < 64 * SHARD_COUNT; index += 1) {
      const shard = shardOf(`topic${index}`);
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    // The mean is 64, the standard deviation 8.
    expect(Math.min(...counts)).to.be.greaterThan(20);
    expect(Math.max(...counts)).to.be.lessThan(112);
  });
});
