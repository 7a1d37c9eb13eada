import { expect } from "chai";
import { ByteWriter } from "../src/byte-writer.ts";
import { codeOf, hex, utf8 } from "./support.ts";

describe("ByteWriter", () => {
  it("writes frames one after the other, each with its length", () => {
    const writer = new ByteWriter();
    writer.frame(0x15, () => {
      writer.uint32(3);
    });
    writer.frame(0xff, () => {
      writer.uint8(1);
      writer.uint16(0x0203);
      writer.uint48(0x040506070809);
      writer.shortText("hi");
    });
    expect(hex(writer.finish())).to.equal(
      "1500000400000003" + "ff00000c" + "01" + "0203" + "040506070809" + "026869",
    );
  });

  it("keeps what was written before when it grows", () => {
    const writer = new ByteWriter();
    for (let index = 0; index < 3000; index += 1) writer.uint8(index & 0xff);
    writer.bytes(new Uint8Array(10_000).fill(0xaa));
    const bytes = writer.finish();
    expect(bytes.length).to.equal(13_000);
    expect(bytes.subarray(0, 3000).every((byte, index) => byte === (index & 0xff))).to.equal(true);
    expect(bytes.subarray(3000).every((byte) => byte === 0xaa)).to.equal(true);
  });

  it("holds a text of 255 bytes and refuses one of 256", () => {
    const writer = new ByteWriter();
    writer.shortText("é".repeat(127) + "x");
    expect(hex(writer.finish())).to.equal(`ff${hex(utf8("é".repeat(127)))}78`);
    expect(codeOf(() => new ByteWriter().shortText("é".repeat(128)))).to.equal(
      "SHARDCAST_FRAME_MALFORMED",
    );
  });

  it("refuses a body of 16 MiB", () => {
    const writer = new ByteWriter();
    const body = (): void => writer.bytes(new Uint8Array(2 ** 24));
    expect(codeOf(() => writer.frame(0x1b, body))).to.equal("SHARDCAST_FRAME_TOO_LARGE");
  });
});
