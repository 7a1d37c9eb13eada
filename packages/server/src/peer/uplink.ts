// The link that sends a node's publishes to one owner. Publishes without an ack are kept and, if
// they have an id, sent again after a loss. The bytes that wait are limited, and so is the time.
//
//   publish ─▶ waiting ─▶ in flight ─▶ answered
//                 ▲           │ lost, or refused by a node that is not the owner (yet, or any more)
//                 └───────────┘
//
// After a refusal, nothing is sent until everything in flight has its answer. The refused publishes
// are then sent before later ones, so that a topic keeps its order while the rings of two nodes
// differ. The owner also refuses what is in flight behind a refusal: see refused-topics.ts.
//
// A link may end because of a publish, if the owner has another limit or another version. The
// publishes that were in flight are then sent one by one, so that at most one of them ends a second
// link, and is refused.
import {
  FRAME_TYPES,
  PUBLISH_SEQ_AT,
  type PublishHead,
  readAckSeq,
  readPublishTopic,
  decodeFrame,
  isErrorCode,
  readUint32,
  writeUint32,
  type ErrorCode,
  type RingMember,
  type WelcomeFrame,
} from "@shardcast/protocol";
import type { Runtime, Timer } from "@shardcast/process";
import { InFlight } from "./in-flight.ts";
import { PayloadLimit } from "./payload-limit.ts";
import type { PeerHandler, PeerLink } from "./peer.ts";
import { MOVED_REASON, NOBODY, type MovedPublish } from "../publish/moved-publish.ts";
import { deadlineOf, hasOwnTime } from "../publish/publish-wait.ts";
import { PausedSources } from "../publish/paused-sources.ts";
import type { PublishOrigin, PublishTarget } from "../publish/publish-target.ts";
import { RefusedBehind } from "../publish/refused-behind.ts";
import type { Turn, TurnWork } from "../turn/turn.ts";
import { blameOf, frameOf, inOrder, refusalOf, type UplinkEntry } from "./uplink-entry.ts";

/**
 * Turns share a buffer until it is full, so that a turn with one message does not hold a buffer of
 * its own.
 */
const SLAB_BYTES = 64 * 1024;
const DEADLINE_TICK_MS = 100;
/** How long the rings may take to agree before refused publishes are sent again. */
const REFUSED_MS = 50;
const NO_BYTES = Buffer.alloc(0);

export interface UplinkOptions {
  readonly member: RingMember;
  /** Creates the link to the owner, not started yet. */
  readonly createPeer: (handler: PeerHandler) => PeerLink;
  readonly runtime: Runtime;
  readonly turn: Turn;
  /** The most publishes in flight to the owner. */
  readonly windowMessages: number;
  /**
   * The most bytes in flight to the owner, and the most bytes that may wait while it is
   * unavailable.
   */
  readonly windowBytes: number;
  /** How long a publish without a timeout of its own may take, in ms. */
  readonly publishTimeoutMs: number;
}

export class Uplink implements PublishTarget, PeerHandler, TurnWork {
  readonly #options: UplinkOptions;
  readonly #peer: PeerLink;
  /** Sent and not answered, by the seq of this link. */
  #inFlight: InFlight<UplinkEntry>;
  /** To be sent, in order. */
  #waiting: UplinkEntry[] = [];
  /** Refused by a node that is not the owner; sent again later. In the order of the refusals. */
  #refused: UplinkEntry[] = [];
  #refusedTimer: Timer | undefined;
  /** Whether the entry sent last is a suspect, which must be in flight alone. */
  #isLone = false;
  readonly #payloadLimit: PayloadLimit;
  /** Refuse the publishes that wait behind these before sending more. */
  readonly #refusedBehind = new RefusedBehind();
  readonly #paused = new PausedSources();
  #heldBytes = 0;
  #out = NO_BYTES;
  /** Everything before this index was sent. */
  #outStart = 0;
  #outEnd = 0;
  #isDeferred = false;
  #nextOrdinal = 0;
  #earliestDeadline = Infinity;
  readonly #deadlineTimer: Timer;

  constructor(options: UplinkOptions) {
    this.#options = options;
    this.#peer = options.createPeer(this);
    this.#payloadLimit = new PayloadLimit(options.member);
    this.#inFlight = new InFlight(options.windowMessages);
    const { runtime } = options;
    const expire = (): void => this.#expire(runtime.steady());
    this.#deadlineTimer = runtime.setInterval(expire, DEADLINE_TICK_MS);
    this.#deadlineTimer.unref();
  }

  get member(): RingMember {
    return this.#options.member;
  }

  get isOpen(): boolean {
    return this.#peer.isOpen;
  }

  get fault(): string | undefined {
    return this.#peer.fault;
  }

  /** The number of publishes without an answer, sent or not. */
  get pendingCount(): number {
    return this.#inFlight.count + this.#refused.length + this.#waiting.length;
  }

  start(): void {
    this.#peer.start();
  }

  /** Closes the link, and rejects the publishes without an answer. */
  close(): void {
    const { runtime } = this.#options;
    runtime.clear(this.#deadlineTimer);
    runtime.clear(this.#refusedTimer);
    this.#peer.close();
    this.#returnRefused();
    for (const entry of [...this.#inFlight.takeAll(), ...this.#waiting.splice(0)]) {
      this.#reject(entry, "SHARDCAST_NODE_DRAINING", "");
    }
    this.#paused.resumeAll();
  }

  /**
   * Removes and returns, in order, the publishes without an answer whose topics have another owner
   * now. Those in flight leave an empty place, which ignores later answers; without an id they are
   * rejected, because the node may have stored them.
   */
  takeMoved(isOwned: (topic: string) => boolean): MovedPublish[] {
    const isMoved = ({ bytes, start }: UplinkEntry): boolean =>
      !isOwned(readPublishTopic(bytes, start));
    const moved: UplinkEntry[] = [];
    for (const entry of this.#inFlight.entries()) {
      if (entry.origin === NOBODY || !isMoved(entry)) continue;
      if (entry.hasId) moved.push({ ...entry });
      else entry.origin.refuse(refusalOf(entry, "SHARDCAST_OWNER_UNAVAILABLE", MOVED_REASON));
      entry.origin = NOBODY;
    }
    const stay = (entry: UplinkEntry): boolean => {
      if (!isMoved(entry)) return true;
      this.#heldBytes -= entry.end - entry.start;
      moved.push(entry);
      return false;
    };
    this.#refused = this.#refused.filter(stay);
    this.#waiting = this.#waiting.filter(stay);
    if (this.#waiting.length === 0) this.#paused.resumeAll();
    const now = this.#options.runtime.steady();
    return inOrder(moved).map((entry) => ({ origin: entry.origin, frame: frameOf(entry, now) }));
  }

  publish(
    origin: PublishOrigin,
    head: PublishHead,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const { publishTimeoutMs, runtime } = this.#options;
    if (end - head.payloadStart > this.#payloadLimit.maxBytes) {
      const { seq, topic } = head;
      const { reason } = this.#payloadLimit;
      origin.refuse({ seq, topic, code: "SHARDCAST_PAYLOAD_TOO_LARGE", reason });
      return;
    }
    const deadline = deadlineOf(head.timeoutMs, publishTimeoutMs, runtime.steady());
    const entry: UplinkEntry = {
      origin,
      seq: head.seq,
      ordinal: this.#nextOrdinal,
      deadline,
      hasOwnTime: hasOwnTime(head.timeoutMs),
      hasId: head.hasId,
      isSuspect: false,
      bytes: NO_BYTES,
      start: 0,
      end: 0,
    };
    this.#nextOrdinal += 1;
    this.#earliestDeadline = Math.min(this.#earliestDeadline, deadline);
    if (this.#canSend()) this.#put(entry, bytes, start, end);
    else this.#wait(entry, bytes.subarray(start, end));
  }

  opened(welcome: WelcomeFrame): void {
    this.#inFlight = new InFlight(Math.min(this.#options.windowMessages, welcome.windowMessages));
    this.#payloadLimit.maxBytes = welcome.maxPayloadBytes;
    this.#waiting = this.#waiting.filter((entry) => !this.#isTooLarge(entry));
    this.#pump();
  }

  received(type: number, bytes: Uint8Array, start: number, end: number): void {
    if (type === FRAME_TYPES.ack) {
      const entry = this.#inFlight.take(readAckSeq(bytes, start));
      if (entry !== undefined) {
        this.#heldBytes -= entry.end - entry.start;
        entry.origin.passAck(entry.seq, bytes, start);
      }
    } else if (type === FRAME_TYPES.reject) {
      this.#rejected(bytes, start, end);
    }
    if (this.#refused.length > 0) this.#settleRefused();
    if (this.#waiting.length > 0) this.#defer();
  }

  lost(closeCode: number): void {
    // Send these again first, in order. Without an id, a publish might be stored twice, so it is
    // rejected.
    const sent = this.#inFlight.takeAll();
    const blame = blameOf(closeCode);
    const again: UplinkEntry[] = [];
    this.#isLone = false;
    for (const entry of sent) {
      if (blame !== undefined && sent.length === 1) {
        this.#reject(entry, blame, `${this.member.id} ended the link for it`);
        continue;
      }
      entry.isSuspect = blame !== undefined;
      if (entry.hasId) again.push(entry);
      else this.#reject(entry, "SHARDCAST_OWNER_UNAVAILABLE", "the link was lost before the ack");
    }
    this.#refused.push(...again);
    this.#returnRefused();
    this.#refuseBehind();
    this.#outStart = this.#outEnd;
    this.#paused.resumeAll();
  }

  /** Sends the frames of this turn as one WebSocket message. */
  endTurn(): void {
    this.#isDeferred = false;
    this.#pump();
    this.#flush();
  }

  #canSend(): boolean {
    return (
      this.#peer.isOpen &&
      this.#waiting.length === 0 &&
      this.#refused.length === 0 &&
      !this.#mustWait(false) &&
      !this.#inFlight.isFull &&
      this.#heldBytes < this.#options.windowBytes
    );
  }

  /** Writes a frame into this turn's message, with a seq of this link. */
  #put(entry: UplinkEntry, bytes: Uint8Array, start: number, end: number): void {
    const count = end - start;
    if (this.#outEnd + count > this.#out.length) this.#makeRoom(count);
    const at = this.#outEnd;
    this.#out.set(bytes.subarray(start, end), at);
    this.#outEnd = at + count;
    entry.bytes = this.#out;
    entry.start = at;
    entry.end = at + count;
    this.#heldBytes += count;
    this.#isLone = entry.isSuspect;
    writeUint32(this.#out, at + PUBLISH_SEQ_AT, this.#inFlight.add(entry));
    this.#defer();
  }

  /**
   * Sends the message so far and starts a new buffer. The old one is never moved, because entries
   * point into it.
   */
  #makeRoom(count: number): void {
    this.#flush();
    this.#out = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, count));
    this.#outStart = 0;
    this.#outEnd = 0;
  }

  #flush(): void {
    if (this.#outStart === this.#outEnd) return;
    this.#peer.send(this.#out.subarray(this.#outStart, this.#outEnd));
    this.#outStart = this.#outEnd;
  }

  #wait(entry: UplinkEntry, frame: Uint8Array): void {
    const { windowBytes } = this.#options;
    const count = frame.length;
    if (!this.#peer.isOpen && this.#heldBytes + count > windowBytes) {
      this.#heldBytes += count;
      this.#reject(
        { ...entry, bytes: Buffer.from(frame), end: count },
        "SHARDCAST_OWNER_UNAVAILABLE",
        "too much waits for it already",
      );
      return;
    }
    entry.bytes = Buffer.from(frame);
    entry.end = count;
    this.#heldBytes += count;
    this.#waiting.push(entry);
    // The owner is available but slow: pause the source, so that TCP holds its publishes back.
    if (this.#peer.isOpen) this.#paused.pause(entry.origin.source);
  }

  #pump(): void {
    this.#refuseBehind();
    if (!this.#peer.isOpen || this.#waiting.length === 0) return;
    if (this.#refused.length > 0) return;
    let sent = 0;
    for (const entry of this.#waiting) {
      if (this.#inFlight.isFull || this.#mustWait(entry.isSuspect)) break;
      sent += 1;
      const { bytes, start, end } = entry;
      this.#heldBytes -= end - start;
      // A client that disconnected sends it again; sending it here too could store it after later
      // publishes.
      if (!entry.origin.isOpen && entry.hasId) continue;
      this.#put(entry, bytes, start, end);
    }
    this.#waiting.splice(0, sent);
    if (this.#waiting.length === 0) this.#paused.resumeAll();
  }

  /** Refuses publishes that arrived before the owner's limit was known. */
  #isTooLarge(entry: UplinkEntry): boolean {
    if (!this.#payloadLimit.isExceededBy(entry.bytes, entry.start, entry.end)) return false;
    this.#reject(entry, "SHARDCAST_PAYLOAD_TOO_LARGE", this.#payloadLimit.reason);
    return true;
  }

  /** A suspect must be in flight alone. */
  #mustWait(isSuspect: boolean): boolean {
    return (this.#isLone || isSuspect) && this.#inFlight.count > 0;
  }

  #rejected(bytes: Uint8Array, start: number, end: number): void {
    const frame = decodeFrame(bytes, start, end);
    if (frame?.type !== "reject") return;
    const entry = this.#inFlight.take(readUint32(bytes, start + PUBLISH_SEQ_AT));
    // Frames already written were sent without knowing of the refusal, so they must precede the
    // answer to the heartbeat that follows.
    this.#flush();
    if (entry === undefined) return;
    if (frame.code === "SHARDCAST_NOT_OWNER" && entry.origin !== NOBODY) {
      this.#refused.push(entry);
      return;
    }
    const code = isErrorCode(frame.code) ? frame.code : "SHARDCAST_OWNER_UNAVAILABLE";
    this.#reject(entry, code, frame.reason);
  }

  /** Refuses waiting publishes that would overtake one that its origin sends again. */
  #refuseBehind(): void {
    if (this.#refusedBehind.isEmpty) return;
    const stays = (entry: UplinkEntry): boolean => {
      if (!this.#refusedBehind.includes(entry)) return true;
      this.#heldBytes -= entry.end - entry.start;
      return false;
    };
    this.#refused = this.#refused.filter(stays);
    this.#waiting = this.#waiting.filter(stays);
    // The owner refuses what is in flight behind them too, unless the link is lost first.
    const [oldest] = this.#inFlight.entries();
    this.#refusedBehind.forget(oldest?.ordinal ?? Infinity);
  }

  /** Wait for the answers to everything in flight: they may be refusals of earlier publishes. */
  #settleRefused(): void {
    if (this.#inFlight.count > 0) return;
    this.#refusedTimer ??= this.#options.runtime.setTimeout(() => {
      this.#returnRefused();
      this.#defer();
    }, REFUSED_MS);
  }

  #returnRefused(): void {
    this.#options.runtime.clear(this.#refusedTimer);
    this.#refusedTimer = undefined;
    this.#waiting = inOrder([...this.#refused, ...this.#waiting]);
    this.#refused = [];
  }

  #expire(now: number): void {
    if (now < this.#earliestDeadline) return;
    const isLate = (entry: UplinkEntry): boolean => entry.deadline <= now;
    const reason = this.#fault().slice(0, 200);
    const [refused, waiting] = [this.#refused, this.#waiting];
    this.#refused = refused.filter((entry) => !isLate(entry));
    this.#waiting = waiting.filter((entry) => !isLate(entry));
    const late = [...this.#inFlight.takeWhere(isLate), ...[...refused, ...waiting].filter(isLate)];
    for (const entry of inOrder(late)) {
      if (entry.hasOwnTime) this.#giveUp(entry, reason);
      else this.#reject(entry, "SHARDCAST_OWNER_UNAVAILABLE", reason);
    }
    this.#refuseBehind();
    this.#earliestDeadline = Infinity;
    for (const entry of [...this.#inFlight.entries(), ...this.#refused, ...this.#waiting]) {
      this.#earliestDeadline = Math.min(this.#earliestDeadline, entry.deadline);
    }
    if (this.#waiting.length === 0) this.#paused.resumeAll();
    else this.#defer();
  }

  #fault(): string {
    if (!this.#peer.isOpen) return this.#peer.fault ?? "";
    const { id } = this.member;
    return this.#refused.length > 0
      ? `${id} says that it is not the owner: its list of consumers is another one`
      : "the owner has not answered in time";
  }

  /** Refuses a publish that its sender does not send again. */
  #giveUp(entry: UplinkEntry, reason: string): void {
    this.#heldBytes -= entry.end - entry.start;
    entry.origin.refuse(refusalOf(entry, "SHARDCAST_OWNER_UNAVAILABLE", reason));
  }

  #reject(entry: UplinkEntry, code: ErrorCode, reason: string): void {
    this.#heldBytes -= entry.end - entry.start;
    this.#refusedBehind.refuse(
      entry.origin,
      refusalOf(entry, code, reason),
      entry.ordinal,
      this.#nextOrdinal,
    );
    if (!this.#refusedBehind.isEmpty) this.#defer();
  }

  #defer(): void {
    if (this.#isDeferred) return;
    this.#isDeferred = true;
    this.#options.turn.defer(this);
  }
}
