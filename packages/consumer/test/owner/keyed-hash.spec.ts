import { expect } from "chai";
import { hashId } from "../../src/owner/id-table.ts";
import { keyedHash, type HashKey } from "../../src/owner/keyed-hash.ts";

describe("the keyed hash", () => {
  it("is HalfSipHash-1-3", () => {
    const key: HashKey = [0x0302_0100, 0x0706_0504];
    const bytes = Buffer.from([0xff, 0, 1, 2, 3, 0xff]);
    const hashes = [0, 1, 2, 3, 4].map((count) => keyedHash(key, bytes, 1, 1 + count).toString(16));
    expect(hashes).to.deep.equal(["5814c896", "e7e864ca", "bc4b0e30", "1539939", "7e059ea6"]);
  });

  it("depends on every byte, its place and the length", () => {
    const key: HashKey = [1, 2];
    const hashes = new Set<number>();
    let count = 0;
    for (let length = 0; length < 40; length += 1) {
      const bytes = Buffer.alloc(length);
      hashes.add(keyedHash(key, bytes, 0, length));
      count += 1;
      for (let at = 0; at < length; at += 1) {
        bytes[at] = 0x80;
        hashes.add(keyedHash(key, bytes, 0, length));
        bytes[at] = 0;
        count += 1;
      }
    }
    expect(hashes.size).to.equal(count);
  });

  it("spreads ids that were made to collide under FNV-1a, as it spreads any", () => {
    // Whatever the start of FNV-1a is, these collide once any two do: found pairs, joined in all ways.
    const pairs = collidingPairs();
    const ids: Buffer[] = [];
    for (let choice = 0; choice < 2 ** pairs.length; choice += 1) {
      ids.push(Buffer.concat(pairs.map((pair, index) => pair[(choice >> index) & 1] ?? pair[0])));
    }
    expect(new Set(ids.map((id) => fnv1a(id, 0x811c_9dc5))).size).to.equal(1);
    const slots = new Map<number, number>();
    for (const id of ids) {
      const slot = hashId(id, 0, id.length) % ids.length;
      slots.set(slot, (slots.get(slot) ?? 0) + 1);
    }
    // As with random numbers: the fullest of n slots has a handful.
    expect(Math.max(...slots.values())).to.be.lessThan(16);
    expect(slots.size).to.be.greaterThan(ids.length / 2);
  });
});

function fnv1a(bytes: Uint8Array, start: number): number {
  let hash = start;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x0100_0193);
  return hash >>> 0;
}

/** Blocks of which either leaves the same hash behind the blocks before. */
function collidingPairs(): [Buffer, Buffer][] {
  const pairs: [Buffer, Buffer][] = [];
  let state = 0x811c_9dc5;
  for (let number = 0; pairs.length < 8;) {
    const seen = new Map<number, Buffer>();
    for (;;) {
      const block = Buffer.alloc(8);
      block.writeUInt32LE(Math.imul(number, 0x9e37_79b1) >>> 0);
      block.writeUInt32LE(Math.imul(number ^ (number >>> 7), 0x85eb_ca6b) >>> 0, 4);
      number += 1;
      const hash = fnv1a(block, state);
      const other = seen.get(hash);
      if (other !== undefined) {
        pairs.push([other, block]);
        state = hash;
        break;
      }
      seen.set(hash, block);
    }
  }
  return pairs;
}
