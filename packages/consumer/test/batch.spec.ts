import { decodeFrames, encodeFrame } from "@shardcast/protocol";
import { expect } from "chai";
import { Batch } from "../src/batch.ts";
import { batchOf, offsetsOf } from "./support/batches.ts";

describe("Batch", () => {
  it("leaves out what is up to an offset", () => {
    const batch = batchOf(5, 9);
    expect(batch.after(4)).to.equal(batch);
    expect(offsetsOf(batch.after(6))).to.deep.equal([7, 8, 9]);
    expect(batch.after(6).first).to.equal(7);
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
