import { PublishHead, ShardcastError, encodeFrame } from "@shardcast/protocol";
import { PROCESS_RUNTIME } from "@shardcast/process";
import { AwaitingPublisher } from "@shardcast/server";
import { expect } from "chai";
import { Backlog } from "../../src/owner/backlog.ts";
import { OpeningTopics } from "../../src/owner/opening-topics.ts";
import { Publish } from "../../src/owner/publish.ts";

const LONG_MS = 60_000;
const SHORT_MS = 5;

describe("publishes that wait for their topic's log", () => {
  it("are refused where their time is over, and with one that may come again those behind it", async () => {
    const stored: number[] = [];
    let isThere = false;
    const opening = new OpeningTopics({
      open: () => {
        if (isThere) return Promise.resolve(undefined as never);
        throw new ShardcastError("SHARDCAST_LOG_UNAVAILABLE");
      },
      onOpen: (_topic, publishes) => stored.push(...publishes.map(({ seq }) => seq)),
      publishTimeoutMs: SHORT_MS,
      onError: (error) => {
        throw error;
      },
      runtime: PROCESS_RUNTIME,
      backlog: new Backlog(),
    });
    const publisher = (): ((seq: number, timeoutMs: number) => Promise<unknown>) => {
      const origin = new AwaitingPublisher(undefined, (from, bytes, start, end) => {
        const head = new PublishHead();
        expect(head.read(bytes, start, end)).to.equal(true);
        opening.add("news", [new Publish(from, head, bytes, start, end)]);
      });
      return (seq, timeoutMs) => {
        const fields = { seq, timeoutMs, topic: "news", payload: Buffer.from("x") };
        const answer = origin.publish(seq, encodeFrame({ type: "publish", ...fields }));
        return answer.catch((error: unknown) => (error as ShardcastError).code);
      };
    };
    const [ann, bob] = [publisher(), publisher()];
    void ann(1, LONG_MS);
    const late = ann(2, 0);
    const behind = ann(3, LONG_MS);
    // It says when it is given up: it does not come again.
    const givenUp = bob(4, SHORT_MS);
    void bob(5, LONG_MS);
    expect(await Promise.all([late, behind, givenUp])).to.deep.equal([
      "SHARDCAST_LOG_UNAVAILABLE",
      "SHARDCAST_LOG_UNAVAILABLE",
      "SHARDCAST_LOG_UNAVAILABLE",
    ]);
    isThere = true;
    while (opening.count > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(stored).to.deep.equal([1, 5]);
  });
});
