import { expect } from "chai";
import { ENDPOINTS, isFrameAllowed, type Endpoint } from "../src/endpoint.ts";
import { FRAME_TYPES, SKIPPABLE_FROM, type FrameType } from "../src/frame.ts";
import { FRAME_NAMES } from "./support.ts";

describe("isFrameAllowed", () => {
  for (const endpoint of Object.keys(ENDPOINTS) as Endpoint[]) {
    const allowed: readonly FrameType[] = ENDPOINTS[endpoint];
    it(`allows ${allowed.join(", ")} and nothing else on ${endpoint}`, () => {
      const types = Array.from({ length: 256 }, (_, type) => type);
      expect(types.filter((type) => isFrameAllowed(endpoint, type))).to.deep.equal(
        allowed.map((name) => FRAME_TYPES[name]).sort((a, b) => a - b),
      );
    });
  }

  it("allows nothing on an endpoint that there is not", () => {
    for (const name of ["", "other", "__proto__", "constructor"]) {
      expect(isFrameAllowed(name as Endpoint, FRAME_TYPES.heartbeat)).to.equal(false);
    }
  });

  it("never allows a frame that only a node sends, or one of the handshake", () => {
    const never = FRAME_NAMES.filter((name) =>
      Object.keys(ENDPOINTS).every((one) => !isFrameAllowed(one as Endpoint, FRAME_TYPES[name])),
    );
    expect(never).to.have.members([
      ...[
        "challenge",
        "proof",
        "welcome",
        "authorized",
        "ack",
        "reject",
        "subscribed",
        "unsubscribed",
      ],
      ...["message", "gap", "page", "entered", "present", "drain", "regroup", "expiring"],
      "cause",
      "checksum",
      "pong",
      "large",
    ]);
  });
});

describe("FRAME_TYPES", () => {
  it("gives every type a byte of its own, from 0x80 on only to what may be skipped", () => {
    const bytes = Object.values(FRAME_TYPES);
    expect(new Set(bytes).size).to.equal(bytes.length);
    expect(FRAME_NAMES.filter((name) => FRAME_TYPES[name] >= SKIPPABLE_FROM)).to.deep.equal([
      "drain",
      "regroup",
      "expiring",
      "cause",
      "checksum",
      "ping",
      "pong",
      "large",
      "clock",
    ]);
  });
});
