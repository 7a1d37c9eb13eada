import { PROCESS_RUNTIME } from "@shardcast/process";
import { PublishHead, encodeFrame } from "@shardcast/protocol";
import { expect } from "chai";
import { AwaitingPublisher } from "../../src/publish/awaiting-publisher.ts";
import { Unrouted } from "../../src/publish/unrouted.ts";

const LONG_MS = 60_000;
const SHORT_MS = 5;

describe("publishes that wait for a first consumer", () => {
  function publisherTo(
    unrouted: Unrouted,
  ): (seq: number, topic: string, timeoutMs: number) => Promise<string> {
    const origin = new AwaitingPublisher(undefined, (from, bytes, start, end) => {
      const head = new PublishHead();
      expect(head.read(bytes, start, end)).to.equal(true);
      unrouted.publish(from, head, bytes, start, end);
    });
    return (seq, topic, timeoutMs) =>
      origin
        .publish(
          seq,
          encodeFrame({ type: "publish", seq, timeoutMs, topic, payload: Buffer.from("x") }),
        )
        .then(
          () => "stored",
          (error: unknown) => (error as { code: string }).code,
        );
  }

  it("are refused where their time is over, and with one that may come again those behind it", async () => {
    const unrouted = new Unrouted(SHORT_MS, PROCESS_RUNTIME);
    const [ann, bob] = [publisherTo(unrouted), publisherTo(unrouted)];
    void ann(1, "news", LONG_MS);
    const late = ann(2, "news", 0);
    const behind = ann(3, "news", LONG_MS);
    void ann(4, "sport", LONG_MS);
    // It says when it is given up: it does not come again.
    const givenUp = bob(5, "news", SHORT_MS);
    void bob(6, "news", LONG_MS);
    // The timer alone keeps no process alive.
    const alive = setInterval(() => undefined, LONG_MS);
    expect(await Promise.all([late, behind, givenUp])).to.deep.equal([
      "SHARDCAST_OWNER_UNAVAILABLE",
      "SHARDCAST_OWNER_UNAVAILABLE",
      "SHARDCAST_OWNER_UNAVAILABLE",
    ]);
    clearInterval(alive);
    const heads = unrouted.take().map(({ frame }) => {
      const head = new PublishHead();
      head.read(frame, 0, frame.length);
      return head.seq;
    });
    expect(heads).to.deep.equal([1, 4, 6]);
  });
});
