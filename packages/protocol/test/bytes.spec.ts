import { expect } from "chai";
import fc from "fast-check";
import {
  readUint16,
  readUint32,
  readUint48,
  writeUint16,
  writeUint32,
  writeUint48,
} from "../src/bytes.ts";
import { hex, uint32, uint48 } from "./support.ts";

const AT = 3;

describe("bytes", () => {
  it("writes numbers as Buffer does, and nothing beside them", () => {
    fc.assert(
      fc.property(fc.nat({ max: 0xffff }), uint32, uint48, (u16, u32, u48) => {
        const expected = Buffer.alloc(24, 0xee);
        expected.writeUInt16BE(u16, AT);
        expected.writeUInt32BE(u32, AT + 4);
        expected.writeUIntBE(u48, AT + 10, 6);
        const bytes = new Uint8Array(24).fill(0xee);
        writeUint16(bytes, AT, u16);
        writeUint32(bytes, AT + 4, u32);
        writeUint48(bytes, AT + 10, u48);
        expect(hex(bytes)).to.equal(hex(expected));
        expect(readUint16(bytes, AT)).to.equal(u16);
        expect(readUint32(bytes, AT + 4)).to.equal(u32);
        expect(readUint48(bytes, AT + 10)).to.equal(u48);
      }),
      { numRuns: 1000 },
    );
  });

  it("reads zeros past the end", () => {
    const bytes = Uint8Array.of(0x12);
    expect(readUint16(bytes, 0)).to.equal(0x1200);
    expect(readUint16(bytes, 1)).to.equal(0);
    expect(readUint32(bytes, 0)).to.equal(0x12000000);
    expect(readUint32(bytes, 9)).to.equal(0);
    expect(readUint48(bytes, 0)).to.equal(0x120000000000);
  });
});
