import { expect } from "chai";
import fc from "fast-check";
import {
  decodeFrame,
  decodeFrames,
  encodeFrame,
  forEachFrame,
  frameEnd,
} from "../src/binary-codec.ts";
import { FRAME_TYPES, SKIPPABLE_FROM } from "../src/frame.ts";
import { framesToBinary } from "../src/transcode.ts";
import { GOLDEN } from "./golden.ts";
import {
  FRAMES,
  FRAME_NAMES,
  codeOf,
  frame,
  frames,
  framesOrFault,
  hex,
  unhex,
} from "./support.ts";

const KNOWN = new Set<number>(Object.values(FRAME_TYPES));

describe("binary codec", () => {
  describe("golden bytes", () => {
    it("has them for every frame type", () => {
      expect(new Set(GOLDEN.map((golden) => golden.frame.type))).to.deep.equal(
        new Set(FRAME_NAMES),
      );
    });

    for (const golden of GOLDEN) {
      it(`writes and reads ${golden.json.slice(0, 60)}`, () => {
        expect(hex(encodeFrame(golden.frame))).to.equal(hex(unhex(golden.hex)));
        expect(decodeFrames(unhex(golden.hex))).to.deep.equal([golden.frame]);
      });
    }
  });

  describe("round trips", () => {
    for (const name of FRAME_NAMES) {
      it(`gives back any ${name} frame`, () => {
        fc.assert(
          fc.property(FRAMES[name], (original) => {
            expect(decodeFrames(encodeFrame(original))).to.deep.equal([original]);
          }),
          { numRuns: 200 },
        );
      });
    }

    it("gives back concatenated frames in their order", () => {
      fc.assert(
        fc.property(frames, (originals) => {
          expect(decodeFrames(framesToBinary(originals))).to.deep.equal(originals);
        }),
        { numRuns: 500 },
      );
    });

    it("visits each frame where it lies", () => {
      fc.assert(
        fc.property(frames, (originals) => {
          const bytes = framesToBinary(originals);
          const visited: unknown[] = [];
          let at = 0;
          forEachFrame(bytes, (type, start, end) => {
            expect(start).to.equal(at);
            expect(end).to.equal(frameEnd(bytes, start));
            expect(type).to.equal(bytes[start]);
            visited.push(decodeFrame(bytes, start, end));
            at = end;
          });
          expect(at).to.equal(bytes.length);
          expect(visited).to.deep.equal(originals);
        }),
      );
    });

    it("takes an empty WebSocket message for no frames", () => {
      expect(decodeFrames(new Uint8Array(0))).to.deep.equal([]);
    });

    it("reads byte fields as views, without a copy", () => {
      const bytes = unhex("10 000010 00000007 00001388 04 6e657773 00 6869");
      const [publish] = decodeFrames(bytes);
      if (publish?.type !== "publish") throw new Error("no publish");
      expect(publish.payload.buffer).to.equal(bytes.buffer);
    });

    it("leaves out attributes that are there and empty", () => {
      const bytes = encodeFrame({
        type: "message",
        topicId: 1,
        offset: 1,
        time: 1,
        attributes: {},
        payload: Uint8Array.of(1),
      });
      expect(decodeFrames(bytes)).to.deep.equal([
        { type: "message", topicId: 1, offset: 1, time: 1, payload: Uint8Array.of(1) },
      ]);
    });
  });

  describe("limits of the layout", () => {
    it("carries the largest body and refuses one byte more", () => {
      const page = { type: "page", seq: 1, head: 1, oldest: 1 } as const;
      const position = { epoch: "0123456789abcdef", offset: 1 };
      const headBytes = encodeFrame({ ...page, position, frames: new Uint8Array(0) }).length - 4;
      const room = 2 ** 24 - 1 - headBytes;
      const bytes = encodeFrame({ ...page, position, frames: new Uint8Array(room) });
      expect(hex(bytes.subarray(0, 4))).to.equal("1bffffff");
      const [decoded] = decodeFrames(bytes);
      expect(decoded?.type === "page" && decoded.frames.length).to.equal(room);
      expect(
        codeOf(() => encodeFrame({ ...page, position, frames: new Uint8Array(room + 1) })),
      ).to.equal("SHARDCAST_FRAME_TOO_LARGE");
    });

    it("refuses to write a text of 256 bytes", () => {
      const topic = "é".repeat(128);
      expect(
        codeOf(() => encodeFrame({ type: "subscribe", sub: 1, topic, from: { type: "live" } })),
      ).to.equal("SHARDCAST_FRAME_MALFORMED");
    });
  });

  describe("bad input", () => {
    it("leaves out frames of unknown types from 0x80 on, whatever they hold", () => {
      const heartbeat = encodeFrame({ type: "heartbeat" });
      for (let type = SKIPPABLE_FROM; type <= 0xff; type += 1) {
        if (KNOWN.has(type)) continue;
        const unknown = Uint8Array.of(type, 0, 0, 3, 1, 2, 3);
        expect(decodeFrames(Uint8Array.from([...unknown, ...heartbeat]))).to.deep.equal([
          { type: "heartbeat" },
        ]);
      }
    });

    it("refuses unknown types below 0x80 with SHARDCAST_FRAME_UNKNOWN", () => {
      for (let type = 0; type < SKIPPABLE_FROM; type += 1) {
        if (KNOWN.has(type)) continue;
        expect(codeOf(() => decodeFrames(Uint8Array.of(type, 0, 0, 0)))).to.equal(
          "SHARDCAST_FRAME_UNKNOWN",
        );
      }
    });

    const malformed: readonly (readonly [string, string])[] = [
      ["a header that is cut off", "19 0000"],
      ["a body that is cut off", "15 000004 000000"],
      ["a field that is cut off", "15 000003 000000"],
      ["bytes after the last field", "15 000005 00000003 00"],
      ["a body where there is none", "19 000001 00"],
      ["a text that is cut off", "13 000008 00000003 09 6e6577"],
      ["a text that is not UTF-8", "13 000008 00000003 02 c328 00"],
      ["a text with half of a surrogate pair", "13 000009 00000003 03 eda080 00"],
      ["a kind of start that there is not", "13 000006 00000003 00 05"],
      ["unknown flags of an ack", "11 000013 00000007 02 0123456789abcdef 00000000002a"],
      [
        "unknown flags of a subscribed",
        "14 000023 00000003 00000009 81 0123456789abcdef 00000000002a 000000000032 00000000000b",
      ],
      ["unknown flags of a content", "10 00000a 00000007 00001388 00 04"],
      ["a publish without content", "10 000009 00000007 00001388 00"],
      ["a nonce of 31 bytes", `01 00001f ${"00".repeat(31)}`],
      ["a nonce of 33 bytes", `01 000021 ${"00".repeat(33)}`],
    ];
    for (const [what, bytes] of malformed) {
      it(`refuses ${what} with SHARDCAST_FRAME_MALFORMED`, () => {
        expect(codeOf(() => decodeFrames(unhex(bytes)))).to.equal("SHARDCAST_FRAME_MALFORMED");
      });
    }

    it("refuses a good frame before a broken one as a whole", () => {
      expect(codeOf(() => decodeFrames(unhex("19 000000 15 000004 00")))).to.equal(
        "SHARDCAST_FRAME_MALFORMED",
      );
    });
  });

  describe("fuzzing", () => {
    /** A decoded frame must be complete: encoding and decoding it gives the same frame. */
    function check(bytes: Uint8Array): void {
      const decoded = framesOrFault(() => decodeFrames(bytes));
      if (decoded === undefined) return;
      expect(decodeFrames(framesToBinary(decoded)).length).to.equal(decoded.length);
    }

    it("takes random bytes for frames or refuses them", () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check), { numRuns: 5000 });
    });

    it("takes random bodies of every type for frames or refuses them", () => {
      const body = fc.uint8Array({ maxLength: 120 });
      fc.assert(
        fc.property(fc.nat({ max: 0xff }), body, (type, random) => {
          check(Uint8Array.from([type, 0, 0, random.length, ...random]));
        }),
        { numRuns: 5000 },
      );
    });

    it("refuses every frame that is cut off", () => {
      fc.assert(
        fc.property(frame, fc.nat(), (original, cut) => {
          const bytes = encodeFrame(original);
          const kept = cut % bytes.length;
          if (kept === 0) return;
          expect(codeOf(() => decodeFrames(bytes.subarray(0, kept)))).to.equal(
            "SHARDCAST_FRAME_MALFORMED",
          );
        }),
        { numRuns: 3000 },
      );
    });

    it("bears frames with flipped bytes", () => {
      const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 0xff })), {
        minLength: 1,
        maxLength: 4,
      });
      fc.assert(
        fc.property(frames, flips, (originals, changes) => {
          const bytes = framesToBinary(originals);
          if (bytes.length === 0) return;
          for (const [at, mask] of changes) {
            const index = at % bytes.length;
            bytes[index] = (bytes[index] ?? 0) ^ mask;
          }
          check(bytes);
        }),
        { numRuns: 5000 },
      );
    });

    it("bears bodies that are longer or shorter than their fields", () => {
      fc.assert(
        fc.property(frame, fc.integer({ min: -40, max: 40 }), (original, change) => {
          const bytes = encodeFrame(original);
          const bodyBytes = Math.max(0, bytes.length - 4 + change);
          const changed = new Uint8Array(4 + bodyBytes);
          changed.set(bytes.subarray(0, changed.length));
          changed.set([bytes[0] ?? 0, bodyBytes >>> 16, bodyBytes >>> 8, bodyBytes]);
          check(changed);
        }),
        { numRuns: 5000 },
      );
    });
  });
});
