import { expect } from "chai";
import {
  ShardcastError,
  decodeFrames,
  encodeFrame,
  type PublishFrame,
  type WelcomeFrame,
} from "@shardcast/protocol";
import { Publication } from "../src/publication.ts";
import { Sender } from "../src/sender.ts";
import { FakeClock } from "./support.ts";

const LOST = new ShardcastError("SHARDCAST_LINK_LOST");
const POSITION = { epoch: "0123456789abcdef", offset: 1 };

/** A sender with a link that records the sent frames. */
class Bench {
  readonly clock = new FakeClock();
  readonly sent: PublishFrame[] = [];
  readonly outcomes = new Map<string, string>();
  misroutedCount = 0;
  readonly sender = new Sender({
    backoff: { minMs: 100, maxMs: 1000 },
    runtime: this.clock,
    onMisrouted: () => (this.misroutedCount += 1),
  });
  #count = 0;

  open(windowMessages = 100): void {
    const limits = { maxPayloadBytes: 100, maxTopics: 1, windowMessages, heartbeatMs: 1000 };
    const ids = { nodeId: "n", linkId: "l", mac: new Uint8Array(32) };
    const welcome: WelcomeFrame = { type: "welcome", ...limits, ...ids };
    const send = (frame: Uint8Array): void => {
      for (const sent of decodeFrames(frame.slice())) this.sent.push(sent as PublishFrame);
    };
    this.sender.opened({ send }, welcome);
  }

  /** Publishes messages `<topic><number>`. */
  put(...names: string[]): Publication[] {
    const publications = names.map((name) => this.#publication(name));
    for (const publication of publications) this.sender.put(publication);
    return publications;
  }

  /** The names of the messages sent since the last call. */
  takeSent(): string {
    return this.sent
      .splice(0)
      .map(({ messageId }) => messageId)
      .join(" ");
  }

  ack(seq: number): void {
    this.sender.acked({ type: "ack", seq, position: POSITION, duplicate: false });
  }

  reject(seq: number, code = "SHARDCAST_OWNER_UNAVAILABLE"): void {
    this.sender.rejected({ type: "reject", seq, code, reason: "" });
  }

  #publication(name: string): Publication {
    const topic = name.replace(/\d+$/, "");
    const frame = encodeFrame({
      type: "publish",
      seq: 0,
      timeoutMs: 0,
      topic,
      messageId: name,
      payload: new Uint8Array(0),
    });
    const ordinal = this.#count;
    this.#count += 1;
    const fields = { ordinal, topic, frame, payloadBytes: 0, timeoutMs: 5000, deadline: 5000 };
    const answer = {
      resolve: () => this.outcomes.set(name, "ok"),
      reject: () => this.outcomes.set(name, "failed"),
    };
    return new Publication(fields, answer, { settled: () => undefined });
  }
}

describe("Sender", () => {
  it("waits for a link, sends in order, and never more than the window", () => {
    const bench = new Bench();
    bench.put("a1", "a2", "b1", "a3");
    expect(bench.takeSent()).to.equal("");
    bench.open(2);
    expect(bench.takeSent()).to.equal("a1 a2");
    bench.ack(1);
    expect(bench.takeSent()).to.equal("b1");
    bench.ack(0);
    bench.ack(0);
    bench.ack(77);
    expect(bench.takeSent()).to.equal("a3");
    expect([...bench.outcomes.keys()]).to.deep.equal(["a2", "a1"]);
  });

  it("tells the node what is left of the time", () => {
    const bench = new Bench();
    bench.put("a1");
    bench.clock.pass(2000);
    bench.open();
    expect(bench.sent[0]?.timeoutMs).to.equal(3000);
  });

  it("counts one that was given up until the node has answered it", () => {
    const bench = new Bench();
    bench.open(1);
    bench.put("a1", "a2");
    const [first] = bench.sender.take((topic) => topic === "a");
    expect(first?.isSettled).to.be.false;
    bench.put("b1");
    expect(bench.takeSent()).to.equal("a1");
    bench.ack(0);
    expect(bench.takeSent()).to.equal("b1");
    expect(bench.outcomes.size).to.equal(0);
  });

  it("puts a topic off as a whole, while the others go on", () => {
    const bench = new Bench();
    bench.open();
    bench.put("a1", "b1", "a2");
    bench.takeSent();
    bench.reject(0);
    bench.put("a3", "b2");
    expect(bench.takeSent()).to.equal("b2");
    bench.reject(2);
    bench.clock.pass(1000);
    expect(bench.takeSent()).to.equal("a1 a2 a3");
  });

  it("does not go on with a topic while answers of it are still to come", () => {
    const bench = new Bench();
    bench.open();
    bench.put("a1", "a2", "a3");
    bench.takeSent();
    bench.reject(1);
    bench.clock.pass(1000);
    expect(bench.takeSent()).to.equal("");
    bench.reject(0);
    bench.ack(2);
    bench.clock.pass(1000);
    expect(bench.takeSent()).to.equal("a1 a2");
  });

  it("puts a topic off when the node refuses a publication that was given up meanwhile", () => {
    const bench = new Bench();
    bench.open();
    const [first] = bench.put("a1", "a2");
    bench.takeSent();
    first?.expire();
    bench.reject(0);
    // The node also refuses the second one: a third would be stored before it.
    bench.put("a3");
    expect(bench.takeSent()).to.equal("");
    bench.reject(1);
    bench.clock.pass(1000);
    expect(bench.takeSent()).to.equal("a2 a3");
  });

  it("waits longer the more often it is refused", () => {
    const bench = new Bench();
    bench.open();
    bench.put("a1");
    const waits: number[] = [];
    for (let seq = 0; seq < 5; seq += 1) {
      bench.reject(seq);
      bench.takeSent();
      const before = bench.clock.now();
      while (bench.sent.length === 0) bench.clock.pass(1);
      waits.push(bench.clock.now() - before);
    }
    expect(waits).to.deep.equal([150, 250, 450, 550, 550]);
  });

  it("starts over with all that has no answer when the link is lost", () => {
    const bench = new Bench();
    bench.open(4);
    bench.put("a1", "b1", "a2", "c1", "a3", "b2");
    bench.takeSent();
    bench.reject(2);
    bench.ack(1);
    expect(bench.takeSent()).to.equal("b2");
    bench.sender.lost(LOST);
    bench.clock.pass(1000);
    expect(bench.clock.timerCount).to.equal(0);
    bench.open();
    expect(bench.takeSent()).to.equal("a1 a2 c1 a3 b2");
  });

  it("takes away in order what belongs elsewhere, wherever it is, and keeps the rest", () => {
    const bench = new Bench();
    bench.open(3);
    bench.put("a1", "b1", "a2", "a3", "b2");
    bench.takeSent();
    bench.reject(0);
    const taken = bench.sender.take((topic) => topic === "a");
    expect(taken.map(({ ordinal }) => ordinal)).to.deep.equal([0, 2, 3]);
    bench.ack(1);
    bench.ack(2);
    expect(bench.takeSent()).to.equal("b2");
    expect(bench.clock.timerCount).to.equal(0);
  });

  it("tells when a node is not the owner, and sends on", () => {
    const bench = new Bench();
    bench.open();
    bench.put("a1");
    bench.reject(0, "SHARDCAST_NOT_OWNER");
    expect(bench.misroutedCount).to.equal(1);
    expect(bench.outcomes.size).to.equal(0);
  });

  it("lets go of what has its answer already", () => {
    const bench = new Bench();
    bench.put("a1", "a2");
    bench.sender.take(() => true)[0]?.fail(LOST);
    bench.put("a3");
    bench.open();
    expect(bench.takeSent()).to.equal("a3");
    expect(bench.outcomes.get("a1")).to.equal("failed");
  });
});
