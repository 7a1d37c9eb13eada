import { expect } from "chai";
import fc from "fast-check";
import { decodeFrame, encodeFrame } from "../src/binary-codec.ts";
import { contentFault } from "../src/content.ts";
import type { PublishFrame } from "../src/frame.ts";
import { PUBLISH_SEQ_AT, PUBLISH_TIMEOUT_AT, PublishHead } from "../src/publish-head.ts";
import { readUint32, writeUint32 } from "../src/bytes.ts";
import { FRAMES, framesOrFault, hex, uint32, unhex } from "./support.ts";

function decodePublish(bytes: Uint8Array, start: number, end: number): PublishFrame | undefined {
  const decoded = framesOrFault(() => {
    const frame = decodeFrame(bytes, start, end);
    return frame === undefined ? [] : [frame];
  })?.[0];
  if (decoded === undefined) return undefined;
  if (decoded.type !== "publish") throw new Error(`not a publish: ${decoded.type}`);
  return decoded;
}

/** The head and the codec must agree on complete frames and on broken ones. */
function expectAgreement(bytes: Uint8Array, start: number, end: number): void {
  const head = new PublishHead();
  const isRead = head.read(bytes, start, end);
  const frame = decodePublish(bytes, start, end);
  expect(isRead).to.equal(frame !== undefined);
  if (frame === undefined) return;
  expect(head.seq).to.equal(frame.seq);
  expect(head.timeoutMs).to.equal(frame.timeoutMs);
  expect(head.topic).to.equal(frame.topic);
  expect(head.messageId).to.equal(frame.messageId);
  const reserved = head.hasReserved ? "SHARDCAST_ATTRIBUTES_INVALID" : undefined;
  expect(head.fault ?? reserved).to.equal(contentFault(frame));
  expect(hex(bytes.subarray(head.payloadStart, end))).to.equal(hex(frame.payload));
  expect(head.contentStart).to.equal(start + 13 + Buffer.byteLength(frame.topic));
}

/** Puts a frame between others, so that a read beyond its bounds finds foreign bytes. */
function embed(bytes: Uint8Array): { all: Uint8Array; start: number; end: number } {
  const all = new Uint8Array(bytes.length + 600).fill(0x03);
  all.set(bytes, 100);
  return { all, start: 100, end: 100 + bytes.length };
}

function stampOf(name: string, value: string): Uint8Array {
  const [first, second] = [Buffer.from(name), Buffer.from(value)];
  return Uint8Array.of(first.length, ...first, second.length, ...second);
}

describe("PublishHead", () => {
  it("agrees with the codec on arbitrary publish frames", () => {
    fc.assert(
      fc.property(FRAMES.publish, (frame) => {
        const { all, start, end } = embed(encodeFrame(frame));
        expectAgreement(all, start, end);
      }),
      { numRuns: 2000 },
    );
  });

  it("agrees with the codec on frames that are cut off", () => {
    fc.assert(
      fc.property(FRAMES.publish, fc.nat(), (frame, cut) => {
        const bytes = encodeFrame(frame);
        const { all, start } = embed(bytes);
        expectAgreement(all, start, start + 4 + (cut % (bytes.length - 3)));
      }),
      { numRuns: 2000 },
    );
  });

  it("agrees with the codec on frames with flipped bytes", () => {
    const flip = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 0xff }));
    fc.assert(
      fc.property(
        FRAMES.publish,
        fc.array(flip, { minLength: 1, maxLength: 4 }),
        (frame, flips) => {
          const bytes = encodeFrame(frame);
          for (const [at, mask] of flips) {
            const index = 4 + (at % (bytes.length - 4));
            bytes[index] = (bytes[index] ?? 0) ^ mask;
          }
          const { all, start, end } = embed(bytes);
          expectAgreement(all, start, end);
        },
      ),
      { numRuns: 4000 },
    );
  });

  it("agrees with the codec on random bodies", () => {
    const body = fc.uint8Array({ maxLength: 80 });
    // Plausible lengths and flags; with random ones almost no frame would be valid beyond the topic.
    const small = fc.array(fc.nat({ max: 6 }), { minLength: 8, maxLength: 60 });
    fc.assert(
      fc.property(fc.oneof(body, small), (random) => {
        const bytes = Uint8Array.from([0x10, 0, 0, random.length, ...random]);
        const { all, start, end } = embed(bytes);
        expectAgreement(all, start, end);
      }),
      { numRuns: 4000 },
    );
  });

  it("forgets the frame before", () => {
    const head = new PublishHead();
    const withId = unhex("10 00000f 00000001 00000000 01 74 01 03 6d2031 00");
    expect(head.read(withId, 0, withId.length)).to.equal(true);
    expect(head.messageId).to.equal("m 1");
    const withBadId = unhex("10 00000c 00000001 00000000 01 74 01 00");
    expect(head.read(withBadId, 0, withBadId.length)).to.equal(true);
    expect(head.fault).to.equal("SHARDCAST_MESSAGE_ID_INVALID");
    const plain = unhex("10 00000b 00000002 00000005 01 75 00");
    expect(head.read(plain, 0, plain.length)).to.equal(true);
    expect(head).to.include({ seq: 2, timeoutMs: 5, topic: "u", contentStart: 14 });
    expect(head.messageId).to.equal(undefined);
    expect(head.fault).to.equal(undefined);
  });

  it("names the first of two faults, as the codec does", () => {
    const bytes = encodeFrame({
      type: "publish",
      seq: 1,
      timeoutMs: 0,
      topic: "t",
      messageId: "",
      attributes: { "": "" },
      payload: new Uint8Array(0),
    });
    const head = new PublishHead();
    expect(head.read(bytes, 0, bytes.length)).to.equal(true);
    expect(head.fault).to.equal("SHARDCAST_MESSAGE_ID_INVALID");
  });

  it("stamps a frame with an attribute, and then refers to the stamped frame", () => {
    const user = fc.constantFrom("ann", "日本", "u".repeat(255));
    fc.assert(
      fc.property(FRAMES.publish, user, (frame, value) => {
        const { all, start, end } = embed(encodeFrame(frame));
        const head = new PublishHead();
        head.read(all, start, end);
        const attribute = stampOf("$user", value);
        const bytes = end - start + head.stampBytes(attribute);
        const out = new Uint8Array(bytes + 20).fill(0xee);
        head.stamp(start, attribute, out, 10, 10 + bytes);
        const stamped = out.subarray(10, 10 + bytes);
        const attributes = { ...frame.attributes, $user: value };
        const expected = { ...frame, attributes };
        fc.pre(!("$user" in (frame.attributes ?? {})));
        expect(hex(stamped)).to.equal(hex(encodeFrame(expected)));
        expect([out[9], out[10 + bytes]]).to.deep.equal([0xee, 0xee]);
        expect(head.messageId).to.equal(frame.messageId);
        expect([head.seq, head.timeoutMs]).to.deep.equal([frame.seq, frame.timeoutMs]);
        const again = new PublishHead();
        expect(again.read(out, 10, 10 + bytes)).to.equal(true);
        expect(again.hasReserved).to.equal(true);
        const { idStart, idEnd, contentStart, payloadStart } = again;
        expect(head).to.include({ idStart, idEnd, contentStart, payloadStart });
      }),
      { numRuns: 2000 },
    );
  });

  it("tells where seq and timeout are, for those who patch them", () => {
    fc.assert(
      fc.property(FRAMES.publish, uint32, uint32, (frame, seq, timeoutMs) => {
        const bytes = encodeFrame(frame);
        expect(readUint32(bytes, PUBLISH_SEQ_AT)).to.equal(frame.seq);
        expect(readUint32(bytes, PUBLISH_TIMEOUT_AT)).to.equal(frame.timeoutMs);
        writeUint32(bytes, PUBLISH_SEQ_AT, seq);
        writeUint32(bytes, PUBLISH_TIMEOUT_AT, timeoutMs);
        expect(decodeFrame(bytes, 0, bytes.length)).to.deep.equal({ ...frame, seq, timeoutMs });
      }),
    );
  });
});
