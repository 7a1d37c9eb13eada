// Uplink in memory: the test is the owner at the other end of the link, and lets time pass.
import { TestRuntime, settled } from "@shardcast/process/testing";
import {
  FRAME_TYPES,
  PublishHead,
  decodeFrame,
  decodeFrames,
  encodeFrame,
  epochToBytes,
  writeAck,
  ACK_BYTES,
  type Epoch,
  type PublishFrame,
  type WelcomeFrame,
} from "@shardcast/protocol";
import { expect } from "chai";
import fc from "fast-check";
import { AwaitingPublisher } from "../../src/publish/awaiting-publisher.ts";
import type { MovedPublish } from "../../src/publish/moved-publish.ts";
import { Turn } from "../../src/turn/turn.ts";
import type { PeerHandler, PeerLink } from "../../src/peer/peer.ts";
import { Uplink } from "../../src/peer/uplink.ts";

const TIMEOUT_MS = 5000;
/** How often deadlines are checked, and how long refused publishes wait. */
const TICK_MS = 100;
const REFUSED_MS = 50;
const WINDOW = 4;
const EPOCH = "00000000000000aa" as Epoch;
const LOST = 1006;
const MALFORMED = 1002;

/** The owner: it keeps what it was sent, and answers when the test says so. */
class TestPeer implements PeerLink {
  isOpen = false;
  fault: string | undefined = "not connected yet";
  /** Publishes without an answer from the owner, in the order in which they came. */
  received: PublishFrame[] = [];
  readonly #handler: PeerHandler;

  constructor(handler: PeerHandler) {
    this.#handler = handler;
  }

  start(): void {
    // The test opens it.
  }

  close(): void {
    this.isOpen = false;
  }

  send(frames: Uint8Array): void {
    for (const frame of decodeFrames(Buffer.from(frames))) {
      if (frame.type === "publish") this.received.push(frame);
    }
  }

  open(fields: Partial<WelcomeFrame> = {}): void {
    this.isOpen = true;
    this.fault = undefined;
    const welcome = { windowMessages: WINDOW, maxPayloadBytes: 1000, ...fields };
    this.#handler.opened(welcome as WelcomeFrame);
  }

  lose(closeCode = LOST): void {
    this.isOpen = false;
    this.fault = "lost";
    this.received = [];
    this.#handler.lost(closeCode);
  }

  ack({ seq }: PublishFrame, offset: number): void {
    const bytes = new Uint8Array(ACK_BYTES);
    writeAck(bytes, 0, { seq, isDuplicate: false, epoch: epochToBytes(EPOCH), offset });
    this.#handler.received(FRAME_TYPES.ack, bytes, 0, bytes.length);
  }

  reject({ seq }: PublishFrame, code: string): void {
    const bytes = encodeFrame({ type: "reject", seq, code, reason: "" });
    this.#handler.received(FRAME_TYPES.reject, bytes, 0, bytes.length);
  }
}

class UplinkBench {
  readonly runtime = new TestRuntime();
  readonly turns: (() => void)[] = [];
  readonly answers = new Map<number, string>();
  readonly uplink: Uplink;
  peer!: TestPeer;
  readonly #head = new PublishHead();

  constructor(windowBytes = 10_000) {
    this.uplink = new Uplink({
      member: { id: "c1", url: "ws://c1" },
      createPeer: (handler) => (this.peer = new TestPeer(handler)),
      runtime: this.runtime,
      turn: new Turn({
        schedule: (run) => this.turns.push(run),
        onError: (error) => {
          throw error;
        },
      }),
      windowMessages: 100,
      windowBytes,
      publishTimeoutMs: TIMEOUT_MS,
    });
    this.uplink.start();
  }

  /** A client whose publishes carry ids, unless it says otherwise. */
  client(): (
    seq: number,
    fields?: { hasId?: boolean; timeoutMs?: number; topic?: string; bytes?: number },
  ) => void {
    const origin = new AwaitingPublisher(undefined, (from, bytes, start, end) => {
      this.#head.read(bytes, start, end);
      const { seq, topic } = this.#head;
      const refused = from.refusedTopics?.codeOf(topic);
      from.inFlightCount += 1;
      if (refused === undefined) this.uplink.publish(from, this.#head, bytes, start, end);
      else from.refuse({ seq, topic, code: refused, reason: "" });
    });
    return (seq, { hasId = true, timeoutMs = 0, topic = "news", bytes = 1 } = {}) => {
      const messageId = hasId ? { messageId: `id-${seq}` } : {};
      const payload = new Uint8Array(bytes);
      const frame = encodeFrame({ type: "publish", seq, timeoutMs, topic, ...messageId, payload });
      origin.publish(seq, frame).then(
        ({ position }) => this.#answered(seq, position.split("_")[1] ?? ""),
        (error: unknown) => this.#answered(seq, (error as { code: string }).code),
      );
    };
  }

  async endTurn(): Promise<void> {
    for (const run of this.turns.splice(0)) run();
    await settled();
  }

  #answered(seq: number, answer: string): void {
    expect(this.answers.has(seq), `publish ${seq} has two answers`).to.equal(false);
    this.answers.set(seq, answer);
  }
}

describe("Uplink", () => {
  let bench: UplinkBench;
  let publish: ReturnType<UplinkBench["client"]>;

  beforeEach(() => {
    bench = new UplinkBench();
    publish = bench.client();
  });

  /** Ids of what the owner has received and not answered. */
  function received(): number[] {
    return bench.peer.received.map(({ messageId = "id-0" }) => Number(messageId.slice(3)));
  }

  async function ackAll(): Promise<void> {
    for (const frame of bench.peer.received.splice(0)) bench.peer.ack(frame, 7);
    await bench.endTurn();
  }

  it("sends what waited for the link first, and passes each answer to its publisher", async () => {
    publish(1);
    publish(2);
    bench.peer.open();
    publish(3);
    await bench.endTurn();
    expect(received()).to.deep.equal([1, 2, 3]);
    await ackAll();
    expect([...bench.answers.values()]).to.deep.equal(["7", "7", "7"]);
    expect(bench.uplink.pendingCount).to.equal(0);
  });

  it("has no more in flight than the owner's window", async () => {
    bench.peer.open();
    for (let seq = 1; seq <= WINDOW + 2; seq += 1) publish(seq);
    await bench.endTurn();
    expect(received()).to.deep.equal([1, 2, 3, 4]);
    await ackAll();
    expect(received()).to.deep.equal([5, 6]);
  });

  it("sends again what was lost, before anything newer, and rejects what has no id", async () => {
    bench.peer.open();
    publish(1);
    bench.client()(2, { hasId: false });
    await bench.endTurn();
    bench.peer.lose();
    publish(3);
    await bench.endTurn();
    expect(bench.answers.get(2)).to.equal("SHARDCAST_OWNER_UNAVAILABLE");
    bench.peer.open();
    await bench.endTurn();
    expect(received()).to.deep.equal([1, 3]);
  });

  it("rejects what the owner cannot be reached for, when its time is over and not before", async () => {
    publish(1, { timeoutMs: 1000 });
    bench.client()(2);
    await bench.runtime.pass(999);
    expect(bench.answers.size).to.equal(0);
    await bench.runtime.pass(TICK_MS);
    expect(bench.answers.get(1)).to.equal("SHARDCAST_OWNER_UNAVAILABLE");
    await bench.runtime.pass(TIMEOUT_MS - 1100);
    expect(bench.answers.has(2)).to.equal(false);
    await bench.runtime.pass(TICK_MS);
    expect(bench.answers.get(2)).to.equal("SHARDCAST_OWNER_UNAVAILABLE");
    expect(bench.uplink.pendingCount).to.equal(0);
  });

  it("takes an answer that comes after the time was over for none", async () => {
    bench.peer.open();
    publish(1, { timeoutMs: 1000 });
    await bench.endTurn();
    await bench.runtime.pass(1000 + TICK_MS);
    expect(bench.answers.get(1)).to.equal("SHARDCAST_OWNER_UNAVAILABLE");
    await ackAll();
    expect(bench.answers.size).to.equal(1);
  });

  it("waits while the owner says that it is not, and then sends the refused before anything newer", async () => {
    bench.peer.open();
    publish(1);
    publish(2);
    await bench.endTurn();
    const [first, second] = bench.peer.received.splice(0);
    if (first === undefined || second === undefined) throw new Error("nothing was sent");
    bench.peer.reject(first, "SHARDCAST_NOT_OWNER");
    publish(3);
    await bench.endTurn();
    await bench.runtime.pass(REFUSED_MS);
    await bench.endTurn();
    expect(received(), "the second has no answer yet").to.deep.equal([]);
    bench.peer.reject(second, "SHARDCAST_NOT_OWNER");
    await bench.runtime.pass(REFUSED_MS - 1);
    await bench.endTurn();
    expect(received()).to.deep.equal([]);
    await bench.runtime.pass(1);
    await bench.endTurn();
    expect(received()).to.deep.equal([1, 2, 3]);
  });

  it("refuses what waits behind a refused publish of the same client and topic", async () => {
    bench.peer.open({ windowMessages: 2 });
    publish(1);
    publish(2);
    publish(3);
    publish(4, { topic: "sport" });
    await bench.endTurn();
    expect(received()).to.deep.equal([1, 2]);
    const [first, second] = bench.peer.received.splice(0);
    if (first === undefined || second === undefined) throw new Error("nothing was sent");
    bench.peer.reject(first, "SHARDCAST_LOG_UNAVAILABLE");
    bench.peer.reject(second, "SHARDCAST_LOG_UNAVAILABLE");
    await bench.endTurn();
    expect(received()).to.deep.equal([4]);
    expect(bench.answers.get(3)).to.equal("SHARDCAST_LOG_UNAVAILABLE");
  });

  it("finds the one publish that ends links, by sending what was in flight one at a time", async () => {
    bench.peer.open();
    publish(1);
    bench.client()(2);
    await bench.endTurn();
    bench.peer.lose(MALFORMED);
    bench.peer.open();
    await bench.endTurn();
    expect(received()).to.deep.equal([1]);
    bench.peer.lose(MALFORMED);
    await bench.endTurn();
    expect(bench.answers.get(1)).to.equal("SHARDCAST_FRAME_MALFORMED");
    bench.peer.open();
    await bench.endTurn();
    expect(received()).to.deep.equal([2]);
    await ackAll();
    expect(bench.answers.get(2)).to.equal("7");
  });

  it("refuses what is too large for the owner, also what came before that was known", async () => {
    publish(1, { bytes: 600 });
    bench.peer.open({ maxPayloadBytes: 500 });
    bench.client()(2, { bytes: 501 });
    bench.client()(3, { bytes: 500 });
    await bench.endTurn();
    expect(bench.answers.get(1)).to.equal("SHARDCAST_PAYLOAD_TOO_LARGE");
    expect(bench.answers.get(2)).to.equal("SHARDCAST_PAYLOAD_TOO_LARGE");
    expect(received()).to.deep.equal([3]);
  });

  it("holds no more bytes for an owner that is out of reach than its window", async () => {
    bench = new UplinkBench(200);
    bench.client()(1, { bytes: 100 });
    bench.client()(2, { bytes: 100 });
    await bench.endTurn();
    expect([...bench.answers]).to.deep.equal([[2, "SHARDCAST_OWNER_UNAVAILABLE"]]);
  });

  it("gives away what has another owner now, in each state, and answers it no more", async () => {
    bench.peer.open({ windowMessages: 2 });
    publish(1);
    bench.client()(2, { hasId: false });
    bench.client()(3);
    bench.client()(4, { topic: "sport" });
    await bench.endTurn();
    const moved = bench.uplink.takeMoved((topic) => topic === "sport");
    expect(moved.map(seqOf)).to.deep.equal([1, 3]);
    await settled();
    expect(bench.answers.get(2)).to.equal("SHARDCAST_OWNER_UNAVAILABLE");
    await ackAll();
    expect(received()).to.deep.equal([4]);
    await ackAll();
    expect([...bench.answers.keys()]).to.deep.equal([2, 4]);
    expect(bench.uplink.pendingCount).to.equal(0);
  });

  it("rejects everything when it is closed, and leaves no timer", async () => {
    bench.peer.open({ windowMessages: 1 });
    publish(1);
    bench.client()(2);
    await bench.endTurn();
    bench.uplink.close();
    await settled();
    expect([...bench.answers.values()]).to.deep.equal([
      "SHARDCAST_NODE_DRAINING",
      "SHARDCAST_NODE_DRAINING",
    ]);
    expect(bench.runtime.timerCount).to.equal(0);
  });

  it("answers each publish once, and keeps each client's order in a topic, whatever happens", async () => {
    const event = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ client: fc.nat(1), topic: fc.nat(1), hasId: fc.boolean() }),
      },
      { weight: 4, arbitrary: fc.constantFrom("turn", "ack", "ack all") },
      { weight: 2, arbitrary: fc.constantFrom("not owner", "unavailable") },
      { weight: 2, arbitrary: fc.constantFrom("open", "lose", "lose for a frame") },
      { weight: 2, arbitrary: fc.integer({ min: 1, max: 2000 }) },
      { weight: 1, arbitrary: fc.constant("move") },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
        const one = new UplinkBench();
        const clients = [one.client(), one.client()];
        const moved = new Set<number>();
        const sent = new Map<string, number[]>();
        let [seq, offset] = [0, 0];
        const ack = (): void => {
          const frame = one.peer.received.shift();
          if (frame !== undefined) one.peer.ack(frame, (offset += 1));
        };
        const reject = (code: string): void => {
          const frame = one.peer.received.shift();
          if (frame !== undefined) one.peer.reject(frame, code);
          // As a link of the owner: what came behind it of the topic is refused as well.
          const behind = one.peer.received.filter(({ topic }) => topic === frame?.topic);
          one.peer.received = one.peer.received.filter(({ topic }) => topic !== frame?.topic);
          for (const other of behind) one.peer.reject(other, code);
        };
        for (const next of events) {
          if (typeof next === "object") {
            seq += 1;
            const topic = `topic-${next.topic}`;
            const lane = `${next.client} ${topic}`;
            sent.set(lane, [...(sent.get(lane) ?? []), seq]);
            clients[next.client]?.(seq, { topic, hasId: next.hasId });
          } else if (typeof next === "number") await one.runtime.pass(next);
          else if (next === "ack") ack();
          else if (next === "ack all") while (one.peer.received.length > 0) ack();
          else if (next === "not owner") reject("SHARDCAST_NOT_OWNER");
          else if (next === "unavailable") reject("SHARDCAST_LOG_UNAVAILABLE");
          else if (next === "open" && !one.peer.isOpen) one.peer.open();
          else if (next === "lose" && one.peer.isOpen) one.peer.lose();
          else if (next === "lose for a frame" && one.peer.isOpen) one.peer.lose(MALFORMED);
          else if (next === "move") {
            for (const publish of one.uplink.takeMoved((topic) => topic === "topic-0")) {
              moved.add(seqOf(publish));
            }
          }
          if (next === "turn") await one.endTurn();
          await settled();
        }
        if (!one.peer.isOpen) one.peer.open();
        for (let round = 0; round < 100 && one.uplink.pendingCount > 0; round += 1) {
          await one.endTurn();
          while (one.peer.received.length > 0) ack();
          await one.runtime.pass(REFUSED_MS);
        }
        await one.endTurn();
        expect(one.uplink.pendingCount).to.equal(0);
        for (let each = 1; each <= seq; each += 1) {
          expect(one.answers.has(each), `publish ${each}`).to.equal(!moved.has(each));
        }
        for (const seqs of sent.values()) {
          const acked = seqs.map((each) => Number(one.answers.get(each))).filter((at) => at > 0);
          expect(acked).to.deep.equal([...new Set(acked)].sort((a, b) => a - b));
        }
      }),
      { numRuns: 300 },
    );
  });
});

function seqOf({ frame }: MovedPublish): number {
  const decoded = decodeFrame(frame, 0, frame.length);
  return decoded?.type === "publish" ? decoded.seq : -1;
}
