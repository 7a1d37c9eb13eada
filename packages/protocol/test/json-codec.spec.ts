import { expect } from "chai";
import fc from "fast-check";
import { decodeJsonFrames, encodeJsonFrame } from "../src/json-codec.ts";
import { framesToBinary } from "../src/transcode.ts";
import { GOLDEN } from "./golden.ts";
import {
  FRAMES,
  FRAME_NAMES,
  attributesOf,
  codeOf,
  frame,
  frames,
  framesOrFault,
  utf8,
} from "./support.ts";

const PUBLISH = { type: "publish", seq: 1, timeoutMs: 0, topic: "t" } as const;

function decodeOne(fields: object): unknown {
  const decoded = decodeJsonFrames(JSON.stringify(fields));
  expect(decoded).to.have.length(1);
  return decoded[0];
}

describe("JSON codec", () => {
  describe("golden text", () => {
    for (const golden of GOLDEN) {
      it(`writes and reads ${golden.json.slice(0, 60)}`, () => {
        expect(encodeJsonFrame(golden.frame)).to.equal(golden.json);
        expect(decodeJsonFrames(golden.json)).to.deep.equal([golden.frame]);
      });
    }
  });

  describe("round trips", () => {
    for (const name of FRAME_NAMES) {
      it(`gives back any ${name} frame on one line`, () => {
        fc.assert(
          fc.property(FRAMES[name], (original) => {
            const line = encodeJsonFrame(original);
            expect(line).not.to.include("\n");
            expect(decodeJsonFrames(line)).to.deep.equal([original]);
          }),
          { numRuns: 200 },
        );
      });
    }

    it("gives back many lines in their order", () => {
      fc.assert(
        fc.property(frames, (originals) => {
          const text = originals.map(encodeJsonFrame).join("\n");
          expect(decodeJsonFrames(text)).to.deep.equal(originals);
        }),
        { numRuns: 500 },
      );
    });

    it("ignores empty lines, carriage returns and white space around a frame", () => {
      expect(
        decodeJsonFrames('\n \r\n{"type":"heartbeat"}\r\n\t{ "type" : "heartbeat" } \n'),
      ).to.deep.equal([{ type: "heartbeat" }, { type: "heartbeat" }]);
      expect(decodeJsonFrames("")).to.deep.equal([]);
    });
  });

  describe("fields", () => {
    it("ignores fields that it does not know", () => {
      expect(decodeOne({ type: "unsubscribe", sub: 1, later: { a: [] }, seq: "x" })).to.deep.equal({
        type: "unsubscribe",
        sub: 1,
      });
    });

    it("lets a client leave out what has a default", () => {
      expect(decodeOne({ type: "publish", seq: 1, topic: "t" })).to.deep.equal({
        ...PUBLISH,
        payload: new Uint8Array(0),
      });
      expect(decodeOne({ type: "subscribe", sub: 1, topic: "t" })).to.deep.equal({
        type: "subscribe",
        sub: 1,
        topic: "t",
        from: { type: "live" },
      });
      expect(decodeOne({ type: "unsubscribed", sub: 1 })).to.deep.equal({
        type: "unsubscribed",
        sub: 1,
        code: "",
        reason: "",
      });
    });

    it("writes a payload as text where it is UTF-8, and as base64 where it is not", () => {
      const lineOf = (payload: Uint8Array): unknown =>
        JSON.parse(encodeJsonFrame({ ...PUBLISH, payload }));
      expect(lineOf(utf8('a\n"\0😀'))).to.include({ payload: 'a\n"\0😀' });
      expect(lineOf(utf8("\uFEFFa"))).to.include({ payload: "\uFEFFa" });
      expect(lineOf(Uint8Array.of(0xc3)))
        .to.include({ payloadBase64: "ww==" })
        .and.not.have.property("payload");
    });

    it("reads a payload from either of its names, and refuses both at once", () => {
      const fields = { type: "publish", seq: 1, topic: "t" };
      expect(decodeOne({ ...fields, payloadBase64: "aGk=" })).to.deep.equal({
        ...PUBLISH,
        payload: utf8("hi"),
      });
      expect(codeOf(() => decodeOne({ ...fields, payload: "", payloadBase64: "" }))).to.equal(
        "SHARDCAST_FRAME_MALFORMED",
      );
      expect(codeOf(() => decodeOne({ ...fields, payloadBase64: "aGk" }))).to.equal(
        "SHARDCAST_FRAME_MALFORMED",
      );
    });

    it("keeps attributes apart from the prototype of an object", () => {
      const line =
        '{"type":"publish","seq":1,"topic":"t","__proto__":{"seq":9},' +
        '"attributes":{"__proto__":"a","constructor":"b","toJSON":"c"}}';
      const [publish] = decodeJsonFrames(line);
      expect(publish).to.deep.equal({
        ...PUBLISH,
        attributes: attributesOf([
          ["__proto__", "a"],
          ["constructor", "b"],
          ["toJSON", "c"],
        ]),
        payload: new Uint8Array(0),
      });
      expect(decodeJsonFrames(framesOnOneLine(line))).to.deep.equal([publish]);
    });

    function framesOnOneLine(line: string): string {
      return decodeJsonFrames(line).map(encodeJsonFrame).join("\n");
    }

    it("takes attributes over the rules' count, so that a reject can answer them", () => {
      const attributes = Object.fromEntries(
        Array.from({ length: 17 }, (_, index) => [`name${index}`, "value"]),
      );
      const [publish] = decodeJsonFrames(
        JSON.stringify({ type: "publish", seq: 1, topic: "t", attributes }),
      );
      if (publish?.type !== "publish") throw new Error("no publish");
      expect(Object.keys(publish.attributes ?? {})).to.have.length(17);
      expect(framesToBinary([publish]).length).to.be.greaterThan(17 * 11);
    });
  });

  describe("bad input", () => {
    const refused: readonly (readonly [string, string])[] = [
      ["what is not JSON", "hello"],
      ["JSON that is cut off", '{"type":"heartbeat"'],
      ["null", "null"],
      ["a number", "1"],
      ["a string", '"heartbeat"'],
      ["an array", "[]"],
      ["an array of frames", '[{"type":"heartbeat"}]'],
      ["a frame without a type", "{}"],
      ["a type that is no string", '{"type":25}'],
      ["two frames on one line", '{"type":"heartbeat"}{"type":"heartbeat"}'],
      ["a number that is a string", '{"type":"unsubscribe","sub":"1"}'],
      ["a negative number", '{"type":"unsubscribe","sub":-1}'],
      ["a fraction", '{"type":"unsubscribe","sub":1.5}'],
      ["a number of more than 32 bits", '{"type":"unsubscribe","sub":4294967296}'],
      ["a number without end", '{"type":"unsubscribe","sub":1e999}'],
      ["a number that is null", '{"type":"publish","seq":1,"timeoutMs":null,"topic":"t"}'],
      ["a number that is missing", '{"type":"unsubscribe"}'],
      ["an offset of more than 48 bits", gap({ last: 2 ** 48 })],
      ["an epoch of 15 digits", gap({ epoch: "0123456789abcde" })],
      ["an epoch in capitals", gap({ epoch: "0123456789ABCDEF" })],
      ["a boolean that is a number", ack({ duplicate: 1 })],
      ["a position without an offset", ack({ position: "0123456789abcdef" })],
      ["a position that is an object", ack({ position: { epoch: "0123456789abcdef", offset: 1 } })],
      ["a start that there is not", '{"type":"subscribe","sub":1,"topic":"t","from":"latest"}'],
      ["a start that is a number", '{"type":"subscribe","sub":1,"topic":"t","from":1}'],
      ["a nonce of 31 bytes", `{"type":"challenge","nonce":"${"A".repeat(41)}I=="}`],
      ["a nonce that is not base64", `{"type":"challenge","nonce":"${"-".repeat(43)}="}`],
      ["frames of a page that are not base64", page({ frames: "?" })],
      ["a topic of 256 bytes", publish({ topic: "é".repeat(128) })],
      ["a message id of 256 bytes", publish({ messageId: "x".repeat(256) })],
      ["a message id that is null", publish({ messageId: null })],
      ["attributes that are an array", publish({ attributes: ["a"] })],
      ["attributes that are null", publish({ attributes: null })],
      ["attributes that are text", publish({ attributes: "a" })],
      ["an attribute that is a number", publish({ attributes: { a: 1 } })],
      ["an attribute that is an object", publish({ attributes: { a: {} } })],
      ["an attribute of 256 bytes", publish({ attributes: { a: "x".repeat(256) } })],
      ["256 attributes", publish({ attributes: manyAttributes(256, 1) })],
      ["attributes of more than 64 KiB", publish({ attributes: manyAttributes(255, 255) })],
      ["a payload that is an object", publish({ payload: {} })],
      ["half of a surrogate pair in a topic", publish({ topic: "a\ud800" })],
      ["half of a surrogate pair in a payload", publish({ payload: "\udc00\ud800" })],
      ["half of a surrogate pair in an attribute", publish({ attributes: { a: "\ud83d" } })],
      ["half of a surrogate pair in a name", publish({ attributes: { "\ud83d": "a" } })],
    ];

    for (const [what, line] of refused) {
      it(`refuses ${what} with SHARDCAST_FRAME_MALFORMED`, () => {
        expect(codeOf(() => decodeJsonFrames(line))).to.equal("SHARDCAST_FRAME_MALFORMED");
      });
    }

    it("skips an unknown type that says that it is optional, and refuses others", () => {
      const line = '{"type":"heartbeat"}';
      expect(decodeJsonFrames(`{"type":"later","optional":true,"x":[{}]}\n${line}`)).to.deep.equal([
        { type: "heartbeat" },
      ]);
      for (const type of ["later", "", "__proto__", "constructor", "toString", "hasOwnProperty"]) {
        expect(codeOf(() => decodeJsonFrames(JSON.stringify({ type })))).to.equal(
          "SHARDCAST_FRAME_UNKNOWN",
        );
        expect(codeOf(() => decodeJsonFrames(JSON.stringify({ type, optional: false })))).to.equal(
          "SHARDCAST_FRAME_UNKNOWN",
        );
      }
      expect(codeOf(() => decodeJsonFrames('{"type":"later","optional":"yes"}'))).to.equal(
        "SHARDCAST_FRAME_MALFORMED",
      );
    });

    it("never quotes what was sent", () => {
      try {
        decodeJsonFrames('{"secret-of-a-client');
        expect.fail("nothing was thrown");
      } catch (error) {
        expect(String(error)).not.to.include("secret");
      }
    });

    it("bears JSON that nests 300,000 deep", () => {
      const depth = 300_000;
      const arrays = "[".repeat(depth) + "]".repeat(depth);
      const objects = '{"a":'.repeat(depth) + "1" + "}".repeat(depth);
      const inField = `{"type":"unsubscribe","sub":${arrays}}`;
      const inPayload = publish({ payload: "?" }).replace('"?"', objects);
      for (const text of ["[".repeat(depth), arrays, objects, inField, inPayload]) {
        expect(codeOf(() => decodeJsonFrames(text))).to.equal("SHARDCAST_FRAME_MALFORMED");
      }
      const inUnknownField = `{"type":"heartbeat","later":${arrays}}`;
      framesOrFault(() => decodeJsonFrames(inUnknownField));
    });

    it("bears huge JSON", () => {
      const fields = Array.from({ length: 100_000 }, (_, index) => `"f${index}":${index}`);
      expect(decodeJsonFrames(`{"type":"heartbeat",${fields.join(",")}}`)).to.deep.equal([
        { type: "heartbeat" },
      ]);
      expect(codeOf(() => decodeJsonFrames(`[${"0,".repeat(1_000_000)}0]`))).to.equal(
        "SHARDCAST_FRAME_MALFORMED",
      );
      expect(codeOf(() => decodeJsonFrames(publish({ topic: "x".repeat(5_000_000) })))).to.equal(
        "SHARDCAST_FRAME_MALFORMED",
      );
      expect(decodeJsonFrames("\n".repeat(1_000_000))).to.deep.equal([]);
    });
  });

  describe("fuzzing", () => {
    /** A decoded frame fits the binary layout, so that a node never fails to encode it. */
    function check(text: string): void {
      const decoded = framesOrFault(() => decodeJsonFrames(text));
      if (decoded !== undefined) framesToBinary(decoded);
    }

    const names = fc.constantFrom(
      ...["type", "seq", "sub", "topic", "from", "payload", "payloadBase64", "attributes", "nonce"],
      ...["messageId", "position", "offset", "epoch", "mac", "keyId", "duplicate", "optional"],
      ...["__proto__", "constructor", "toString", "toJSON", "valueOf", "length"],
    );
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((c) => String.fromCharCode(c)) }),
      fc.constantFrom<unknown>(-0, -1, 1.5, 2 ** 32, 2 ** 48, 2 ** 53, "", "\ud800", null, [], {}),
    );

    it("takes random text for frames or refuses it", () => {
      fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 100 }), check), {
        numRuns: 3000,
      });
    });

    it("takes random JSON for frames or refuses it", () => {
      fc.assert(fc.property(fc.json(), check), { numRuns: 3000 });
    });

    it("bears fields of wrong types in frames of every type", () => {
      const changes = fc.array(fc.tuple(names, anything), { minLength: 1, maxLength: 4 });
      fc.assert(
        fc.property(frame, changes, fc.boolean(), (original, fields, isOwnFields) => {
          const json = JSON.parse(encodeJsonFrame(original)) as Record<string, unknown>;
          const own = Object.keys(json);
          for (const [index, [name, value]] of fields.entries()) {
            const key = isOwnFields ? (own[index % own.length] ?? name) : name;
            Object.defineProperty(json, key, { value, enumerable: true, configurable: true });
          }
          check(JSON.stringify(json));
        }),
        { numRuns: 5000 },
      );
    });

    it("bears fields that are missing", () => {
      fc.assert(
        fc.property(frame, fc.nat(), (original, index) => {
          const entries = Object.entries(JSON.parse(encodeJsonFrame(original)) as object);
          entries.splice(index % entries.length, 1);
          check(JSON.stringify(Object.fromEntries(entries)));
        }),
        { numRuns: 3000 },
      );
    });

    it("refuses lines that are cut off", () => {
      fc.assert(
        fc.property(frame, fc.nat(), (original, cut) => {
          const line = encodeJsonFrame(original);
          const kept = 1 + (cut % (line.length - 1));
          expect(codeOf(() => decodeJsonFrames(line.slice(0, kept)))).to.equal(
            "SHARDCAST_FRAME_MALFORMED",
          );
        }),
        { numRuns: 3000 },
      );
    });

    it("bears lines with changed characters", () => {
      const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 0xffff })), {
        minLength: 1,
        maxLength: 3,
      });
      fc.assert(
        fc.property(frame, changes, (original, characters) => {
          const units = Array.from(encodeJsonFrame(original));
          for (const [at, unit] of characters) units[at % units.length] = String.fromCharCode(unit);
          check(units.join(""));
        }),
        { numRuns: 5000 },
      );
    });
  });
});

function publish(fields: object): string {
  return JSON.stringify({ type: "publish", seq: 1, topic: "t", ...fields });
}

function ack(fields: object): string {
  return JSON.stringify({ type: "ack", seq: 1, position: "0123456789abcdef_1", ...fields });
}

function gap(fields: object): string {
  const epoch = "0123456789abcdef";
  return JSON.stringify({ type: "gap", sub: 1, epoch, first: 1, last: 1, ...fields });
}

function page(fields: object): string {
  const position = "0123456789abcdef_1";
  return JSON.stringify({ type: "page", seq: 1, position, head: 1, oldest: 1, ...fields });
}

function manyAttributes(count: number, valueBytes: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`name${index}`, "x".repeat(valueBytes)]),
  );
}
