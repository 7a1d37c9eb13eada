import { encodeFrame } from "@shardcast/protocol";
import { expect } from "chai";
import type { PublishOrigin } from "../../src/publish/publish-target.ts";
import { RefusedBehind } from "../../src/publish/refused-behind.ts";

const CODE = "SHARDCAST_LOG_UNAVAILABLE";

describe("RefusedBehind", () => {
  it("refuses what came behind a refused publish before its origin could know, also when the link is lost", () => {
    const refused: number[] = [];
    const origin = {
      refuse: ({ seq }: { seq: number }) => refused.push(seq) === 1,
    } as unknown as PublishOrigin;
    const behind = new RefusedBehind();
    const includes = (ordinal: number, topic = "news"): boolean => {
      const frame = { seq: ordinal, timeoutMs: 0, topic, payload: Buffer.from("x") };
      const bytes = encodeFrame({ type: "publish", ...frame });
      return behind.includes({ origin, seq: ordinal, ordinal, bytes, start: 0 });
    };
    behind.refuse(origin, { seq: 5, topic: "news", code: CODE, reason: "" }, 5, 8);
    // One that was sent before it, one on its way, one of another topic, and one that comes again.
    expect([includes(4), includes(6), includes(7, "sport"), includes(8)]).to.deep.equal([
      ...[false, true, false, false],
    ]);
    behind.forget(7);
    expect(includes(7)).to.equal(true);
    behind.forget(8);
    expect(behind.isEmpty).to.equal(true);
    expect(refused).to.deep.equal([5, 6, 7]);
  });
});
