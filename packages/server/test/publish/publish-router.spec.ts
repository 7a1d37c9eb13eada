import { TestRuntime, settled } from "@shardcast/process/testing";
import { Permissions, decodeFrames, encodeFrame, type RingMember } from "@shardcast/protocol";
import { expect } from "chai";
import { Membership } from "../../src/cluster/membership.ts";
import { AwaitingPublisher } from "../../src/publish/awaiting-publisher.ts";
import { PublishRouter, type PublishRouterOptions } from "../../src/publish/publish-router.ts";
import { LinkAccess } from "../../src/access/link-access.ts";
import { UserUsage } from "../../src/access/user-usage.ts";
import { ALL_TOPICS, NO_LIMITS, identityOf } from "../access/support.ts";

const TIMEOUT_MS = 5000;
/** How often publishes without a consumer are looked after. */
const ROUND_MS = 100;
const C1 = { id: "c1", url: "ws://c1" };
const C2 = { id: "c2", url: "ws://c2" };

/** A router, a ring that a test changes, and owners that keep what they are handed. */
class Bench {
  readonly runtime = new TestRuntime();
  readonly membership: Membership;
  readonly router: PublishRouter;
  /** Publishes that each owner was handed, by its id: seq and remaining time. */
  readonly taken = new Map<string, [seq: number, timeoutMs: number][]>();
  readonly answers = new Map<number, string>();
  readonly origin: AwaitingPublisher;

  constructor(members: readonly RingMember[] = []) {
    this.membership = new Membership(members, () => false);
    this.router = new PublishRouter({
      runtime: this.runtime,
      membership: this.membership,
      maxPayloadBytes: 100,
      senders: "clients",
      publishTimeoutMs: TIMEOUT_MS,
      targetOf: ({ id }) => ({
        publish: (_origin, { seq, timeoutMs }) => {
          this.taken.set(id, [...(this.taken.get(id) ?? []), [seq, timeoutMs]]);
        },
      }),
    });
    this.membership.onChange(() => this.router.reroute([]));
    this.origin = new AwaitingPublisher(undefined, (origin, bytes, start, end) => {
      this.router.publish(origin, bytes, start, end, 1000);
    });
  }

  publish(seq: number, timeoutMs = 0, topic = "news"): void {
    const frame = frameOf(seq, timeoutMs, topic);
    this.origin.publish(seq, frame).then(
      () => this.#answered(seq, "stored"),
      (error: unknown) => this.#answered(seq, (error as { code: string }).code),
    );
  }

  #answered(seq: number, answer: string): void {
    expect(this.answers.has(seq), `publish ${seq} has two answers`).to.equal(false);
    this.answers.set(seq, answer);
  }
}

function frameOf(seq: number, timeoutMs: number, topic: string): Uint8Array {
  return encodeFrame({ type: "publish", seq, timeoutMs, topic, payload: Buffer.from("x") });
}

describe("PublishRouter", () => {
  it("keeps publishes until a first consumer is known, in their order, with the time that is left", async () => {
    const bench = new Bench();
    bench.publish(1, 1000);
    bench.publish(2);
    await bench.runtime.pass(999);
    bench.publish(3, 300);
    bench.membership.update([C1]);
    await settled();
    expect(bench.taken.get("c1")).to.deep.equal([
      [1, 1],
      [2, TIMEOUT_MS - 999],
      [3, 300],
    ]);
    expect(bench.answers.size).to.equal(0);
    expect(bench.runtime.timerCount).to.equal(0);
    bench.publish(4);
    expect(bench.taken.get("c1")?.at(-1)).to.deep.equal([4, 0]);
  });

  it("refuses a publish at its deadline, and not in the round before", async () => {
    const bench = new Bench();
    bench.publish(1, 3 * ROUND_MS);
    await bench.runtime.pass(3 * ROUND_MS - 1);
    expect(bench.answers.size).to.equal(0);
    await bench.runtime.pass(1);
    expect([...bench.answers]).to.deep.equal([[1, "SHARDCAST_OWNER_UNAVAILABLE"]]);
    expect(bench.origin.inFlightCount).to.equal(0);
    expect(bench.runtime.timerCount).to.equal(0);
    bench.membership.update([C1]);
    expect(bench.taken.size).to.equal(0);
  });

  it("refuses those behind one that may come again, and keeps those of other topics", async () => {
    const bench = new Bench();
    bench.publish(1);
    await bench.runtime.pass(1);
    bench.publish(2, 60_000);
    bench.publish(3, 60_000, "sport");
    await bench.runtime.pass(TIMEOUT_MS);
    expect([...bench.answers.keys()].sort()).to.deep.equal([1, 2]);
    bench.membership.update([C1]);
    expect(bench.taken.get("c1")?.map(([seq]) => seq)).to.deep.equal([3]);
  });

  it("hands a topic to its new owner from the change of the ring on", () => {
    const bench = new Bench([C1]);
    bench.publish(1);
    bench.membership.update([C2]);
    bench.publish(2);
    bench.membership.update([]);
    bench.publish(3);
    bench.membership.update([C1]);
    const seqs = ["c1", "c2"].map((id) => bench.taken.get(id)?.map(([seq]) => seq));
    expect(seqs).to.deep.equal([[1, 3], [2]]);
  });

  describe("the user of a message", () => {
    const permissions = new Permissions([ALL_TOPICS]);
    const context = { limits: NO_LIMITS, now: () => 0 };
    const usage = new UserUsage(Infinity, Infinity, 0);
    const ann = new LinkAccess(identityOf({ user: "ann", permissions }), "", usage, context);

    /** The frames that the owner gets, and the codes of the refusals, for frames that arrive in one message. */
    function route(
      senders: PublishRouterOptions["senders"],
      access: LinkAccess | undefined,
      frames: readonly Uint8Array[],
    ): { taken: unknown[]; refused: unknown[]; isSame: boolean } {
      const taken: unknown[] = [];
      const refused: unknown[] = [];
      const message = Buffer.concat(frames);
      let isSame = true;
      const router = new PublishRouter({
        runtime: new TestRuntime(),
        membership: new Membership([C1], () => false),
        maxPayloadBytes: 20_000,
        senders,
        publishTimeoutMs: TIMEOUT_MS,
        targetOf: () => ({
          publish: (_origin, head, bytes, start, end) => {
            isSame &&= bytes === message;
            const [frame] = decodeFrames(bytes.subarray(start, end));
            const payload = Buffer.from(bytes.subarray(head.payloadStart, end)).toString("utf8");
            if (frame?.type !== "publish") throw new Error("no publish");
            expect(head.messageId).to.equal(frame.messageId);
            taken.push([payload, { ...frame.attributes }]);
          },
        }),
      });
      const origin = new AwaitingPublisher(access, () => undefined);
      origin.refuse = ({ code }) => {
        refused.push(code);
        return false;
      };
      let at = 0;
      for (const frame of frames) {
        router.publish(origin, message, at, at + frame.length, Infinity);
        at += frame.length;
      }
      return { taken, refused, isSame };
    }

    function publishOf(seq: number, fields: object, text = "x"): Uint8Array {
      const payload = Buffer.from(text);
      return encodeFrame({ type: "publish", seq, timeoutMs: 0, topic: "t", payload, ...fields });
    }

    const FRAMES = [
      publishOf(1, {}),
      publishOf(2, { messageId: "id", attributes: { key: "k" } }),
      // Larger than the buffer that stamped frames share.
      publishOf(3, { messageId: "id" }, "y".repeat(17_000)),
      publishOf(4, {}, ""),
    ];

    it("is added to each message of a token, whatever else the message has", () => {
      const { taken, refused, isSame } = route("clients", ann, FRAMES);
      expect(taken).to.deep.equal([
        ["x", { $user: "ann" }],
        ["x", { key: "k", $user: "ann" }],
        ["y".repeat(17_000), { $user: "ann" }],
        ["", { $user: "ann" }],
      ]);
      expect([refused, isSame]).to.deep.equal([[], false]);
    });

    it("costs no copy without a token", () => {
      const { taken, isSame } = route("clients", undefined, FRAMES);
      expect(taken).to.deep.equal([
        ["x", {}],
        ["x", { key: "k" }],
        ["y".repeat(17_000), {}],
        ["", {}],
      ]);
      expect(isSame).to.equal(true);
    });

    it("is refused from clients, and passed on from nodes", () => {
      const frames = [publishOf(1, { attributes: { $user: "eve" } })];
      for (const access of [undefined, ann]) {
        const { taken, refused } = route("clients", access, frames);
        expect([taken, refused]).to.deep.equal([[], ["SHARDCAST_ATTRIBUTES_INVALID"]]);
      }
      const { taken, refused, isSame } = route("nodes", undefined, frames);
      expect([taken, refused]).to.deep.equal([[["x", { $user: "eve" }]], []]);
      expect(isSame).to.equal(true);
    });
  });
});
