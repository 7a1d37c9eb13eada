// Shared by the specs of this package: hex, arbitrary frames, and a check for bad input.
import { expect } from "chai";
import fc from "fast-check";
import { ERRORS, ShardcastError, type ErrorCode } from "../src/errors.ts";
import { FRAME_TYPES, type Attributes, type Frame, type FrameType } from "../src/frame.ts";
import { UINT48_MAX } from "../src/limits.ts";
import type { From, Position } from "../src/position.ts";

const UINT32_MAX = 2 ** 32 - 1;

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** The inverse of {@link hex}. Ignores white space. */
export function unhex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, "");
  if (!/^([0-9a-f]{2})*$/.test(digits)) throw new Error(`not hex: ${text}`);
  return Uint8Array.from(Buffer.from(digits, "hex"));
}

export function utf8(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "utf8"));
}

/** Calls a function that must refuse its input, and returns the error's code. */
export function codeOf(call: () => unknown): ErrorCode {
  try {
    call();
  } catch (error) {
    if (!(error instanceof ShardcastError)) throw error;
    expect(ERRORS).to.have.own.property(error.code);
    return error.code;
  }
  throw new Error("nothing was thrown");
}

/** Input must decode to frames or fail with a code that may end a link. Rethrows any other error. */
export function framesOrFault(decode: () => readonly Frame[]): readonly Frame[] | undefined {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof ShardcastError)) throw error;
    expect(error.code).to.be.oneOf(["SHARDCAST_FRAME_MALFORMED", "SHARDCAST_FRAME_UNKNOWN"]);
    expect(error.message).to.be.a("string").that.is.not.empty;
    return undefined;
  }
}

function uint(max: number): fc.Arbitrary<number> {
  return fc.oneof(fc.nat({ max }), fc.constantFrom(0, 1, 0xff, 0xffff, max));
}

export const uint32 = uint(UINT32_MAX);
export const uint48 = uint(UINT48_MAX);
const bytes = fc.uint8Array({ maxLength: 80 });
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

/** Text of any script without halves of surrogate pairs, at most 255 bytes. */
const shortText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({ unit: "binary-ascii", maxLength: 255 }),
  fc.constantFrom("", "news", "日本", "😀".repeat(63), "x".repeat(255)),
);

export const epoch = fc
  .uint8Array({ minLength: 8, maxLength: 8 })
  .map((value) => Buffer.from(value).toString("hex"));
export const position: fc.Arbitrary<Position> = fc.record({ epoch, offset: uint48 });

export const from: fc.Arbitrary<From> = fc.oneof(
  fc.constant({ type: "live" } as const),
  fc.constant({ type: "earliest" } as const),
  position.map((value) => ({ type: "position", position: value }) as const),
  uint32.map((count) => ({ type: "last", count }) as const),
  uint48.map((time) => ({ type: "since", time }) as const),
);

/** Names of properties that every ordinary object has. */
const trickyName = fc.constantFrom("__proto__", "constructor", "toString", "toJSON", "length", "0");
const attributes: fc.Arbitrary<Attributes> = fc
  .uniqueArray(fc.tuple(fc.oneof(shortText, trickyName), shortText), {
    minLength: 1,
    maxLength: 16,
    selector: ([name]) => name,
  })
  .map((entries) => attributesOf(entries));

export function attributesOf(entries: readonly (readonly [string, string])[]): Attributes {
  const map = Object.create(null) as Record<string, string>;
  for (const [name, value] of entries) map[name] = value;
  return map;
}

const longText = fc.oneof(shortText, fc.constantFrom("x".repeat(1024), "é".repeat(32_767)));
const member = fc.record({ memberId: shortText, user: shortText, info: longText });
const payload = fc.oneof(bytes, shortText.map(utf8));
const content = fc.record(
  { messageId: shortText, attributes, payload },
  { requiredKeys: ["payload"] },
);

/** Frames that both codecs can encode, by type. */
export const FRAMES: {
  readonly [Type in FrameType]: fc.Arbitrary<Extract<Frame, { type: Type }>>;
} = {
  challenge: fc.record({ type: fc.constant("challenge"), nonce: bytes32 }),
  proof: fc.record({ type: fc.constant("proof"), keyId: shortText, nonce: bytes32, mac: bytes32 }),
  welcome: fc.record({
    type: fc.constant("welcome"),
    mac: bytes32,
    nodeId: shortText,
    linkId: shortText,
    maxPayloadBytes: uint32,
    maxTopics: uint32,
    windowMessages: uint32,
    heartbeatMs: uint32,
  }),
  token: fc.record({ type: fc.constant("token"), token: longText }),
  authorized: fc.record({ type: fc.constant("authorized"), user: shortText, expiresInMs: uint48 }),
  publish: fc
    .tuple(
      fc.record({
        type: fc.constant("publish"),
        seq: uint32,
        timeoutMs: uint32,
        topic: shortText,
      }),
      content,
    )
    .map(([head, rest]) => ({ ...head, ...rest })),
  ack: fc.record({ type: fc.constant("ack"), seq: uint32, position, duplicate: fc.boolean() }),
  reject: fc.record({
    type: fc.constant("reject"),
    seq: uint32,
    code: shortText,
    reason: shortText,
  }),
  subscribe: fc.record({ type: fc.constant("subscribe"), sub: uint32, topic: shortText, from }),
  subscribed: fc.record({
    type: fc.constant("subscribed"),
    sub: uint32,
    topicId: uint32,
    recovered: fc.boolean(),
    position,
    head: uint48,
    oldest: uint48,
  }),
  unsubscribe: fc.record({ type: fc.constant("unsubscribe"), sub: uint32 }),
  unsubscribed: fc.record({
    type: fc.constant("unsubscribed"),
    sub: uint32,
    code: shortText,
    reason: shortText,
  }),
  message: fc
    .tuple(
      fc.record({ type: fc.constant("message"), topicId: uint32, offset: uint48, time: uint48 }),
      content,
    )
    .map(([head, rest]) => ({ ...head, ...rest })),
  gap: fc.record({
    type: fc.constant("gap"),
    sub: uint32,
    epoch,
    first: uint48,
    last: uint48,
  }),
  heartbeat: fc.record({ type: fc.constant("heartbeat") }),
  read: fc.record({
    type: fc.constant("read"),
    seq: uint32,
    topic: shortText,
    from,
    limitBytes: uint32,
  }),
  page: fc.record({
    type: fc.constant("page"),
    seq: uint32,
    position,
    head: uint48,
    oldest: uint48,
    frames: bytes,
  }),
  enter: fc
    .tuple(fc.record({ type: fc.constant("enter"), seq: uint32, topic: shortText }), member)
    .map(([head, rest]) => ({ ...head, ...rest })),
  entered: fc.record({ type: fc.constant("entered"), seq: uint32 }),
  leave: fc.record({
    type: fc.constant("leave"),
    lost: fc.boolean(),
    topic: shortText,
    memberId: shortText,
    user: shortText,
  }),
  presence: fc.record({
    type: fc.constant("presence"),
    seq: uint32,
    topic: shortText,
    after: uint48,
    limit: uint32,
  }),
  present: fc.record({
    type: fc.constant("present"),
    seq: uint32,
    position,
    count: uint32,
    users: uint32,
    next: uint48,
    members: fc.array(member, { maxLength: 4 }),
  }),
  drain: fc.record({ type: fc.constant("drain"), withinMs: uint32 }),
  expiring: fc.record({ type: fc.constant("expiring"), withinMs: uint32 }),
  checksum: fc.record({ type: fc.constant("checksum"), bytes: uint32, crc: uint32 }),
  cause: fc.record({ type: fc.constant("cause"), sub: uint32, code: shortText }),
  regroup: fc.record({ type: fc.constant("regroup"), withinMs: uint32 }),
  ping: fc.record({ type: fc.constant("ping") }),
  pong: fc.record({ type: fc.constant("pong") }),
  large: fc.record({ type: fc.constant("large"), bytes: uint32 }),
  clock: fc.record({ type: fc.constant("clock"), seq: uint32, time: uint48 }),
};

export const FRAME_NAMES = Object.keys(FRAME_TYPES) as readonly FrameType[];

export const frame: fc.Arbitrary<Frame> = fc.oneof(...FRAME_NAMES.map((name) => FRAMES[name]));
export const frames = fc.array(frame, { maxLength: 6 });
