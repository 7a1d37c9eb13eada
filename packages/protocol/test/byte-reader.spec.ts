import { expect } from "chai";
import { ByteReader } from "../src/byte-reader.ts";
import { codeOf, hex, unhex } from "./support.ts";

describe("ByteReader", () => {
  it("reads field after field, and no further than its end", () => {
    const bytes = unhex("ee 01 0203 04050607 08090a0b0c0d 0123456789abcdef 02 6869 aabb ee");
    const reader = new ByteReader(bytes, 1, bytes.length - 1);
    expect(reader.uint8()).to.equal(0x01);
    expect(reader.uint16()).to.equal(0x0203);
    expect(reader.uint32()).to.equal(0x04050607);
    expect(reader.uint48()).to.equal(0x08090a0b0c0d);
    expect(reader.epoch()).to.equal("0123456789abcdef");
    expect(reader.shortText()).to.equal("hi");
    expect(codeOf(() => reader.finish())).to.equal("SHARDCAST_FRAME_MALFORMED");
    expect(hex(reader.rest())).to.equal("aabb");
    reader.finish();
    expect(hex(reader.rest())).to.equal("");
    expect(codeOf(() => reader.uint8())).to.equal("SHARDCAST_FRAME_MALFORMED");
  });

  it("refuses every field that its end cuts off, though there are bytes behind it", () => {
    const bytes = new Uint8Array(64).fill(0x20);
    const reads: readonly ((reader: ByteReader) => unknown)[] = [
      (reader) => reader.uint8(),
      (reader) => reader.uint16(),
      (reader) => reader.uint32(),
      (reader) => reader.uint48(),
      (reader) => reader.epoch(),
      (reader) => reader.bytes(9),
      (reader) => reader.shortText(),
    ];
    const needs = [1, 2, 4, 6, 8, 9, 33];
    for (const [index, read] of reads.entries()) {
      const needed = needs[index] ?? 0;
      expect(codeOf(() => read(new ByteReader(bytes, 5, 5 + needed - 1)))).to.equal(
        "SHARDCAST_FRAME_MALFORMED",
      );
      const exact = new ByteReader(bytes, 5, 5 + needed);
      read(exact);
      exact.finish();
    }
  });
});
