import { expect } from "chai";
import fc from "fast-check";
import { decodeFrames, encodeFrame } from "../src/binary-codec.ts";
import { decodeJsonFrames, encodeJsonFrame } from "../src/json-codec.ts";
import { binaryToJson, framesToBinary } from "../src/transcode.ts";
import { GOLDEN } from "./golden.ts";
import { frames, hex, unhex } from "./support.ts";

describe("transcode", () => {
  it("turns the golden bytes into the golden text and back", () => {
    const bytes = unhex(GOLDEN.map((golden) => golden.hex).join(""));
    const text = GOLDEN.map((golden) => golden.json).join("\n");
    expect(binaryToJson(bytes)).to.equal(text);
    expect(hex(framesToBinary(decodeJsonFrames(text)))).to.equal(hex(bytes));
  });

  it("loses nothing from binary to JSON and back", () => {
    fc.assert(
      fc.property(frames, (originals) => {
        const bytes = framesToBinary(originals);
        expect(hex(framesToBinary(decodeJsonFrames(binaryToJson(bytes))))).to.equal(hex(bytes));
      }),
      { numRuns: 500 },
    );
  });

  it("loses nothing from JSON to binary and back", () => {
    fc.assert(
      fc.property(frames, (originals) => {
        const text = originals.map(encodeJsonFrame).join("\n");
        expect(binaryToJson(framesToBinary(decodeJsonFrames(text)))).to.equal(text);
      }),
      { numRuns: 500 },
    );
  });

  it("concatenates what encodeFrame gives", () => {
    fc.assert(
      fc.property(frames, (originals) => {
        const bytes = framesToBinary(originals);
        expect(hex(bytes)).to.equal(originals.map((one) => hex(encodeFrame(one))).join(""));
        expect(decodeFrames(bytes)).to.deep.equal(originals);
      }),
    );
  });

  it("leaves out frames that may be skipped", () => {
    expect(binaryToJson(unhex("fe 000001 00 19 000000"))).to.equal('{"type":"heartbeat"}');
    expect(binaryToJson(new Uint8Array(0))).to.equal("");
  });
});
