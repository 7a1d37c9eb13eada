import { expect } from "chai";
import fc from "fast-check";
import { encodeFrame } from "../src/binary-codec.ts";
import {
  contentFault,
  payloadStart,
  readContent,
  scanContent,
  writeContent,
  type Content,
  type ContentScan,
} from "../src/content.ts";
import { ByteReader } from "../src/byte-reader.ts";
import { ByteWriter } from "../src/byte-writer.ts";
import type { Attributes } from "../src/frame.ts";
import { PUBLISH_OVERHEAD_BYTES } from "../src/limits.ts";
import { FRAMES, attributesOf, codeOf, hex, unhex } from "./support.ts";

const NO_BYTES = new Uint8Array(0);

function encode(content: Content): Uint8Array {
  const writer = new ByteWriter();
  writeContent(writer, content);
  return writer.finish();
}

function scanOf(bytes: Uint8Array, start: number, end: number): ContentScan {
  const scan: ContentScan = {
    idStart: 3,
    idEnd: 5,
    payloadStart: 7,
    fault: "SHARDCAST_INTERNAL",
    hasReserved: true,
  };
  scanContent(bytes, start, end, scan);
  return scan;
}

function withAttributes(entries: readonly (readonly [string, string])[]): Content {
  return { attributes: attributesOf(entries), payload: NO_BYTES };
}

function manyAttributes(count: number): Attributes {
  return attributesOf(Array.from({ length: count }, (_, index) => [`name${index}`, ""] as const));
}

describe("content", () => {
  describe("contentFault", () => {
    const good: readonly (readonly [string, Content])[] = [
      ["nothing but a payload", { payload: NO_BYTES }],
      ["an id of 128 bytes", { messageId: "x".repeat(128), payload: NO_BYTES }],
      ["an id of 128 bytes of two-byte letters", { messageId: "é".repeat(64), payload: NO_BYTES }],
      ["16 attributes", { attributes: manyAttributes(16), payload: NO_BYTES }],
      ["no attributes in a map", { attributes: {}, payload: NO_BYTES }],
      ["an empty value", withAttributes([["key", ""]])],
      ["a name and a value of 255 bytes", withAttributes([["x".repeat(255), "日".repeat(85)]])],
      [
        "names that objects have",
        withAttributes([
          ["__proto__", "a"],
          ["constructor", "b"],
        ]),
      ],
    ];
    for (const [what, content] of good) {
      it(`finds nothing wrong with ${what}`, () => {
        expect(contentFault(content)).to.equal(undefined);
      });
    }

    for (const messageId of ["", "x".repeat(129), "é".repeat(65), "a\0", "a\ud800", "\x80"]) {
      it(`refuses the id ${JSON.stringify(messageId.slice(0, 8))} of ${messageId.length} units`, () => {
        expect(contentFault({ messageId, payload: NO_BYTES })).to.equal(
          "SHARDCAST_MESSAGE_ID_INVALID",
        );
      });
    }

    const bad: readonly (readonly [string, Content])[] = [
      ["17 attributes", { attributes: manyAttributes(17), payload: NO_BYTES }],
      ["an empty name", withAttributes([["", "a"]])],
      ["a name of 256 bytes", withAttributes([["x".repeat(256), ""]])],
      ["a value of 256 bytes", withAttributes([["a", "é".repeat(128)]])],
      ["a control character in a name", withAttributes([["a\n", ""]])],
      ["a control character in a value", withAttributes([["a", "\r"]])],
      ["the user, which a node sets", withAttributes([["$user", "ann"]])],
      [
        "any other name that begins with $",
        withAttributes([
          ["a", "b"],
          ["$", ""],
        ]),
      ],
    ];
    for (const [what, content] of bad) {
      it(`refuses ${what}`, () => {
        expect(contentFault(content)).to.equal("SHARDCAST_ATTRIBUTES_INVALID");
      });
    }
  });

  describe("layout", () => {
    const malformed: readonly (readonly [string, string])[] = [
      ["nothing at all", ""],
      ["a flag that there is not", "04"],
      ["an id that is cut off", "01 05 6162"],
      ["an id without its length", "01"],
      ["an id that is not UTF-8", "01 01 ff"],
      ["attributes without their length", "02 00"],
      ["a block of no bytes", "02 0000"],
      ["a block that is cut off", "02 0005 01 01 61"],
      ["a count without attributes", "02 0001 01"],
      ["an attribute without a value", "02 0003 01 01 61"],
      ["a value that runs out of its block", "02 0005 01 01 61 09 62"],
      ["a name that runs out of its block", "02 0005 01 09 61 01 62"],
      ["bytes behind the last attribute", "02 0006 01 01 61 01 62 00"],
      ["a name that comes twice", "02 0009 02 01 61 01 62 01 61 01 63"],
      ["a name that is not UTF-8", "02 0005 01 01 ff 01 62"],
      ["a value that is not UTF-8", "02 0005 01 01 61 01 ff"],
    ];
    for (const [what, bytes] of malformed) {
      it(`refuses ${what}`, () => {
        const content = unhex(bytes);
        expect(codeOf(() => readContent(new ByteReader(content, 0, content.length)))).to.equal(
          "SHARDCAST_FRAME_MALFORMED",
        );
        expect(scanOf(content, 0, content.length).payloadStart).to.equal(-1);
        // The missing bytes may be present in the next frame.
        const padded = new Uint8Array(content.length + 300);
        padded.set(content);
        expect(scanOf(padded, 0, content.length).payloadStart).to.equal(-1);
      });
    }

    it("reads a block without attributes as an empty map", () => {
      const bytes = unhex("02 0001 00 61");
      const content = readContent(new ByteReader(bytes, 0, bytes.length));
      expect(Object.keys(content.attributes ?? { none: "" })).to.deep.equal([]);
      expect(hex(content.payload)).to.equal("61");
    });

    it("writes up to 255 attributes within 64 KiB, and refuses more", () => {
      expect(encode({ attributes: manyAttributes(255), payload: NO_BYTES })[3]).to.equal(255);
      const attributes = manyAttributes(256);
      expect(codeOf(() => encode({ attributes, payload: NO_BYTES }))).to.equal(
        "SHARDCAST_FRAME_MALFORMED",
      );
      const large = attributesOf(
        Array.from({ length: 255 }, (_, index) => [`name${index}`, "x".repeat(255)] as const),
      );
      expect(codeOf(() => encode({ attributes: large, payload: NO_BYTES }))).to.equal(
        "SHARDCAST_FRAME_MALFORMED",
      );
    });

    it("finds the payload where it begins", () => {
      fc.assert(
        fc.property(FRAMES.publish, (content) => {
          const bytes = Uint8Array.from([0xee, ...encode(content)]);
          const start = payloadStart(bytes, 1);
          expect(hex(bytes.subarray(start))).to.equal(hex(content.payload));
          const scan = scanOf(bytes, 1, bytes.length);
          expect(scan.payloadStart).to.equal(start);
          const id = Buffer.from(bytes.subarray(scan.idStart, scan.idEnd)).toString("utf8");
          expect(scan.idEnd === 0 ? undefined : id).to.equal(content.messageId);
          const names = Object.keys(content.attributes ?? {});
          expect(scan.hasReserved).to.equal(names.some((name) => name.startsWith("$")));
          const reserved = scan.hasReserved ? "SHARDCAST_ATTRIBUTES_INVALID" : undefined;
          expect(scan.fault ?? reserved).to.equal(contentFault(content));
        }),
        { numRuns: 500 },
      );
    });
  });

  describe("scanContent", () => {
    function scanned(attributes: Attributes): Partial<ContentScan> {
      const bytes = encode({ attributes, payload: NO_BYTES });
      const { fault, hasReserved } = scanOf(bytes, 0, bytes.length);
      return { fault, hasReserved };
    }

    it("does not count the user among the 16 attributes", () => {
      const user = { $user: "ann" };
      expect(scanned({ ...manyAttributes(16), ...user })).to.deep.equal({
        fault: undefined,
        hasReserved: true,
      });
      const invalid = { fault: "SHARDCAST_ATTRIBUTES_INVALID", hasReserved: true };
      expect(scanned({ ...manyAttributes(17), ...user })).to.deep.equal(invalid);
      expect(scanned({ ...manyAttributes(16), $other: "ann" })).to.deep.equal(invalid);
    });

    it("finds reserved names at any place, and only there", () => {
      expect(scanned({ a: "$", a$: "$$" }).hasReserved).to.equal(false);
      expect(scanned({ a: "$", $: "" }).hasReserved).to.equal(true);
      expect(scanned({ $a: "", b: "" }).hasReserved).to.equal(true);
      // The length of the value is the code of "$".
      expect(scanned({ "": "x".repeat(0x24), b: "" }).hasReserved).to.equal(false);
    });
  });

  it("adds to a payload at the most PUBLISH_OVERHEAD_BYTES", () => {
    const attributes = attributesOf(
      Array.from({ length: 16 }, (_, index) => {
        return [`${index}`.padEnd(255, "x"), "y".repeat(255)] as const;
      }),
    );
    const frame = {
      type: "publish",
      seq: 1,
      timeoutMs: 1,
      topic: "t".repeat(255),
      messageId: "m".repeat(128),
      attributes,
      payload: new Uint8Array(1000),
    } as const;
    expect(contentFault(frame)).to.equal(undefined);
    const stamped = { ...frame, attributes: { ...attributes, $user: "u".repeat(255) } };
    expect(encodeFrame(stamped).length).to.equal(1000 + PUBLISH_OVERHEAD_BYTES);
  });
});
