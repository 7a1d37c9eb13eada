// The link that takes a node's publishes to one owner. What is sent and not acked is kept, and sent
// again after a loss where it has an id; what waits is bounded, and so is the time that it waits.
//
//   publish ─▶ waiting ─▶ in flight ─▶ answered
//                 ▲           │ lost, or refused by a node that does not own the topic (yet, or any more)
//                 └───────────┘
//
// A refusal stops the sending until everything in flight has its answer: what was refused then goes again
// before anything that came later, so that a topic keeps its order while the rings of two nodes differ. What is
// in flight behind a refusal is refused as well: refused-topics.ts.
//
// A link may end for what was sent: the owner may have another limit, or another version. What was in flight then
// goes again one by one, so that one publish at the most ends a link a second time, and is refused.
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
  type HandshakeKeys,
  type RingMember,
  type WelcomeFrame,
} from "@shardcast/protocol";
import type { Logger } from "pino";
import { InFlight } from "./in-flight.ts";
import { PayloadLimit } from "./payload-limit.ts";
import { Peer, type PeerHandler } from "./peer.ts";
import { MOVED_REASON, NOBODY, type MovedPublish } from "../publish/moved-publish.ts";
import { deadlineOf, hasOwnTime } from "../publish/publish-wait.ts";
import { PausedSources } from "../publish/paused-sources.ts";
import type { PublishOrigin, PublishTarget } from "../publish/publish-target.ts";
import { RefusedBehind } from "../publish/refused-behind.ts";
import type { PeerTls } from "../options/tls.ts";
import type { Turn, TurnWork } from "../turn/turn.ts";
import { blameOf, frameOf, inOrder, refusalOf, type UplinkEntry } from "./uplink-entry.ts";

/** Turns share a buffer until it is full: one message a turn must not hold a buffer of its own. */
const SLAB_BYTES = 64 * 1024;
const DEADLINE_TICK_MS = 100;
/** How long the rings are given to agree before what was refused goes again. */
const REFUSED_MS = 50;
const NO_BYTES = Buffer.alloc(0);

export interface UplinkOptions {
  readonly member: RingMember;
  readonly keys: HandshakeKeys;
  readonly tls: PeerTls;
  readonly logger: Logger;
  readonly turn: Turn;
  /** Publishes on their way to the owner at once. */
  readonly windowMessages: number;
  /** Bytes on their way to the owner at once, and bytes that may wait while it is out of reach. */
  readonly windowBytes: number;
  /** How long a publish that names no time of its own may take. */
  readonly publishTimeoutMs: number;
}

export class Uplink implements PublishTarget, PeerHandler, TurnWork {
  readonly #options: UplinkOptions;
  readonly #peer: Peer;
  /** Sent and not answered, by the seq of this link. */
  #inFlight: InFlight<UplinkEntry>;
  /** To be sent, in order. */
  #waiting: UplinkEntry[] = [];
  /** Refused by a node that says that it is not the owner: to go again, in the order of the refusals. */
  #refused: UplinkEntry[] = [];
  #refusedTimer: NodeJS.Timeout | undefined;
  /** What was sent last is a suspect: it is in flight alone. */
  #isLone = false;
  readonly #payloadLimit: PayloadLimit;
  /** What waits behind these is to be refused before anything more is sent. */
  readonly #refusedBehind = new RefusedBehind();
  readonly #paused = new PausedSources();
  #heldBytes = 0;
  #out = NO_BYTES;
  /** What is before this was sent. */
  #outStart = 0;
  #outEnd = 0;
  #isDeferred = false;
  #nextOrdinal = 0;
  #earliestDeadline = Infinity;
  readonly #deadlineTimer: NodeJS.Timeout;

  constructor(options: UplinkOptions) {
    this.#options = options;
    this.#peer = new Peer({ ...options, endpoint: "producer" }, this);
    this.#payloadLimit = new PayloadLimit(options.member);
    this.#inFlight = new InFlight(options.windowMessages);
    this.#deadlineTimer = setInterval(() => this.#expire(performance.now()), DEADLINE_TICK_MS);
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

  /** Publishes that have no answer yet, sent or not. */
  get pendingCount(): number {
    return this.#inFlight.count + this.#refused.length + this.#waiting.length;
  }

  start(): void {
    this.#peer.start();
  }

  /** Ends the link; what has no answer yet is rejected. */
  close(): void {
    clearInterval(this.#deadlineTimer);
    clearTimeout(this.#refusedTimer);
    this.#peer.close();
    this.#returnRefused();
    for (const entry of [...this.#inFlight.takeAll(), ...this.#waiting.splice(0)]) {
      this.#reject(entry, "SHARDCAST_NODE_DRAINING", "");
    }
    this.#paused.resumeAll();
  }

  /**
   * Gives away what has no answer yet and another owner now, in order. What is in flight leaves its place
   * behind, so that an answer that still comes finds nobody; without an id it is rejected, since the node
   * may have stored it.
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
    const now = performance.now();
    return inOrder(moved).map((entry) => ({ origin: entry.origin, frame: frameOf(entry, now) }));
  }

  publish(
    origin: PublishOrigin,
    head: PublishHead,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const { publishTimeoutMs } = this.#options;
    if (end - head.payloadStart > this.#payloadLimit.maxBytes) {
      const { seq, topic } = head;
      const { reason } = this.#payloadLimit;
      origin.refuse({ seq, topic, code: "SHARDCAST_PAYLOAD_TOO_LARGE", reason });
      return;
    }
    const deadline = deadlineOf(head.timeoutMs, publishTimeoutMs);
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
    // What was sent comes first again, and in its order. Without an id it might be stored twice.
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

  /** Sends what this turn brought as one WebSocket message. */
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

  /** Writes a frame into this turn's message, under a seq of this link. */
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

  /** The message so far goes out as it is: entries point into its buffer, so it never moves. */
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
    // The owner is there and slow: whoever publishes to it waits in its own kernel.
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
      // Whoever is gone sends it again, and nothing of it may come behind that.
      if (!entry.origin.isOpen && entry.hasId) continue;
      this.#put(entry, bytes, start, end);
    }
    this.#waiting.splice(0, sent);
    if (this.#waiting.length === 0) this.#paused.resumeAll();
  }

  /** Refuses what came before it was known what the owner takes. */
  #isTooLarge(entry: UplinkEntry): boolean {
    if (!this.#payloadLimit.isExceededBy(entry.bytes, entry.start, entry.end)) return false;
    this.#reject(entry, "SHARDCAST_PAYLOAD_TOO_LARGE", this.#payloadLimit.reason);
    return true;
  }

  /** A suspect goes alone. */
  #mustWait(isSuspect: boolean): boolean {
    return (this.#isLone || isSuspect) && this.#inFlight.count > 0;
  }

  #rejected(bytes: Uint8Array, start: number, end: number): void {
    const frame = decodeFrame(bytes, start, end);
    if (frame?.type !== "reject") return;
    const entry = this.#inFlight.take(readUint32(bytes, start + PUBLISH_SEQ_AT));
    // What is put already was sent without knowing: it goes before the answer to the heartbeat that follows.
    this.#flush();
    if (entry === undefined) return;
    if (frame.code === "SHARDCAST_NOT_OWNER" && entry.origin !== NOBODY) {
      this.#refused.push(entry);
      return;
    }
    const code = isErrorCode(frame.code) ? frame.code : "SHARDCAST_OWNER_UNAVAILABLE";
    this.#reject(entry, code, frame.reason);
  }

  /** Nothing that waits overtakes what its origin sends again. */
  #refuseBehind(): void {
    if (this.#refusedBehind.isEmpty) return;
    const stays = (entry: UplinkEntry): boolean => {
      if (!this.#refusedBehind.includes(entry)) return true;
      this.#heldBytes -= entry.end - entry.start;
      return false;
    };
    this.#refused = this.#refused.filter(stays);
    this.#waiting = this.#waiting.filter(stays);
    // What is on its way the owner refuses as well, unless the link is lost before.
    const [oldest] = this.#inFlight.entries();
    this.#refusedBehind.forget(oldest?.ordinal ?? Infinity);
  }

  /** Answers of what is in flight may be refusals too, of earlier publishes. */
  #settleRefused(): void {
    if (this.#inFlight.count > 0) return;
    this.#refusedTimer ??= setTimeout(() => {
      this.#returnRefused();
      this.#defer();
    }, REFUSED_MS);
  }

  #returnRefused(): void {
    clearTimeout(this.#refusedTimer);
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

  /** Its sender does not send it again. */
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
