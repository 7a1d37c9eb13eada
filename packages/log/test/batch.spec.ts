import { decodeFrames, encodeFrame } from "@shardcast/protocol";
import { expect } from "chai";
import { Batch } from "../src/batch.ts";
import { batchOf, offsetsOf } from "./support/batches.ts";

const MANY = 1_000_000_000;

describe("Batch", () => {
  it("leaves out what is up to an offset", () => {
    const batch = batchOf(5, 9);
    expect(batch.slice(4, MANY)).to.equal(batch);
    expect(offsetsOf(batch.slice(6, MANY))).to.deep.equal([7, 8, 9]);
    expect(batch.slice(6, MANY)).to.include({ first: 7, last: 9 });
  });

  it("is cut at a limit, and never to nothing", () => {
    const batch = batchOf(5, 9);
    const one = batchOf(5, 5).bytes;
    expect(offsetsOf(batch.slice(4, 2 * one))).to.deep.equal([5, 6]);
    expect(offsetsOf(batch.slice(5, 2 * one + 1))).to.deep.equal([6, 7]);
    expect(offsetsOf(batch.slice(5, 1))).to.deep.equal([6]);
    expect(batch.slice(6, 1)).to.include({ first: 7, last: 7 });
  });

  it("is not made of what is no row of whole messages", () => {
    const { frames } = batchOf(3, 5).shared;
    const broken = [
      frames.subarray(0, frames.length - 1),
      Buffer.concat([frames, frames]),
      Buffer.alloc(40),
      Buffer.alloc(3, 255),
    ];
    for (const bytes of broken) {
      expect(() => Batch.fromFrames(bytes, 1))
        .to.throw()
        .with.property("code", "SHARDCAST_LOG_CORRUPT");
    }
  });

  it("joins batches that follow each other, and gives one alone as it is", () => {
    const one = batchOf(1, 2);
    expect(Batch.concat([])).to.equal(undefined);
    expect(Batch.concat([one])).to.equal(one);
    const joined = Batch.concat([one, batchOf(3, 3), batchOf(4, 6)]);
    expect([joined?.first, joined?.last]).to.deep.equal([1, 6]);
    expect(offsetsOf(joined)).to.deep.equal([1, 2, 3, 4, 5, 6]);
  });

  it("gives frames from another node this node's topic id, and leaves the original alone", () => {
    const frames = batchOf(3, 4).shared.frames;
    const batch = Batch.fromFrames(frames, 99);
    expect([batch?.first, batch?.last]).to.deep.equal([3, 4]);
    const ids = decodeFrames(batch?.shared.frames ?? frames).map(
      (frame) => frame.type === "message" && frame.topicId,
    );
    expect(ids).to.deep.equal([99, 99]);
    expect(decodeFrames(frames)[0]).to.include({ topicId: 7 });
    expect(Batch.fromFrames(new Uint8Array(0), 1)).to.equal(undefined);
  });

  it("is one whole WebSocket message, header and all", () => {
    const { shared } = batchOf(1, 1);
    expect(shared.binary[0]).to.equal(0x82);
    expect(shared.binary[1]).to.equal(shared.frames.length);
    const frame = encodeFrame({
      type: "message",
      topicId: 7,
      offset: 1,
      time: 1000,
      payload: Buffer.from("m1"),
    });
    expect(shared.binary.subarray(2).equals(frame)).to.equal(true);
  });

  it("has JSON for links that speak it, made once", () => {
    const { shared } = batchOf(1, 2);
    const lines = shared.json.subarray(shared.json.indexOf("{")).toString().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).to.deep.equal([
      { type: "message", topicId: 7, offset: 1, time: 1000, payload: "m1" },
      { type: "message", topicId: 7, offset: 2, time: 1000, payload: "m2" },
    ]);
    expect(shared.json).to.equal(shared.json);
  });
});
