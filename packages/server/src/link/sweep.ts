// One timer for all links of a node: ends handshakes that take too long, sends heartbeats, and ends
// links that have gone silent. Links are spread over slots, so that a tick touches only its share.
import { encodeFrame, type CloseReason, type Endpoint } from "@shardcast/protocol";
import type { LinkAccess } from "../access/link-access.ts";
import { SharedFrames } from "@shardcast/protocol/websocket";

const TICKS_PER_HEARTBEAT = 100;
const MIN_TICK_MS = 20;
const MAX_TICK_MS = 250;
/** How many heartbeats a peer may be silent for. */
const SILENT_BEATS = 2;
/**
 * The same for one that has much on its way: it is not read from, so its pongs are not seen, and the kernel of Linux
 * tells that it can take more only when a third of its buffer is free. On a slow line that takes a while.
 */
const CONGESTED_SILENT_BEATS = 10;

/** A handshake under way. */
export interface Pending {
  /** When its time is over, by the sweep's clock. */
  readonly deadline: number;
  expire(): void;
}

/** A link as the sweep sees it, whatever protocol it speaks. */
export interface SweptLink {
  readonly id: string;
  readonly endpoint: Endpoint;
  /** The client's, behind the proxies. */
  readonly address: string;
  /** Undefined where the client has proved that it knows the key. */
  readonly access: LinkAccess | undefined;
  /** The sweep's notes: which slot the link is in, its progress at the last beat, and the beats without any since. */
  sweepSlot: number;
  sweptProgress: number;
  silentBeats: number;
  /** Changes with every sign of life that the peer gives: see tcp-progress. */
  readonly progress: number;
  readonly isCongested: boolean;
  /** Sends the peer something that it answers. */
  beat(heartbeat: SharedFrames): void;
  /** Moves the peer away within a time, or asks it to move. */
  drain(withinMs: number): void;
  /** Tells the peer that the consumers are others now. */
  regroup(withinMs: number): void;
  close(reason: CloseReason): void;
  terminate(): void;
}

export interface SweepOptions {
  /** How often each link gets a heartbeat; one that is silent for two of them is ended. */
  readonly heartbeatMs: number;
  /** A clock that nobody sets. @default performance.now */
  readonly now?: () => number;
}

export class Sweep {
  readonly #heartbeat = SharedFrames.of(encodeFrame({ type: "heartbeat" }));
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  readonly #slots: Set<SweptLink>[];
  /** In the order of their deadlines, since all have the same time. */
  readonly #pending = new Set<Pending>();
  #next = 0;
  #joined = 0;
  #linkCount = 0;
  #isDraining = false;

  constructor(options: SweepOptions) {
    const tickMs = Math.min(
      MAX_TICK_MS,
      Math.max(MIN_TICK_MS, options.heartbeatMs / TICKS_PER_HEARTBEAT),
    );
    const slotCount = Math.max(1, Math.round(options.heartbeatMs / tickMs));
    this.#now = options.now ?? (() => performance.now());
    this.#slots = Array.from({ length: slotCount }, () => new Set<SweptLink>());
    this.#timer = setInterval(() => this.tick(), tickMs);
    this.#timer.unref();
  }

  get linkCount(): number {
    return this.#linkCount;
  }

  /** No link is to join any more. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  *links(): Generator<SweptLink> {
    for (const slot of this.#slots) yield* slot;
  }

  now(): number {
    return this.#now();
  }

  addPending(pending: Pending): void {
    this.#pending.add(pending);
  }

  deletePending(pending: Pending): void {
    this.#pending.delete(pending);
  }

  addLink(link: SweptLink): void {
    link.sweepSlot = this.#joined % this.#slots.length;
    this.#joined += 1;
    this.#linkCount += 1;
    this.#slots[link.sweepSlot]?.add(link);
  }

  deleteLink(link: SweptLink): void {
    if (this.#slots[link.sweepSlot]?.delete(link) === true) this.#linkCount -= 1;
  }

  /** Moves all links away within a time. */
  drain(withinMs: number): void {
    this.#isDraining = true;
    for (const link of this.links()) link.drain(withinMs);
  }

  /** Called by the timer. */
  tick(): void {
    this.#expirePending();
    const slot = this.#slots[this.#next % this.#slots.length];
    this.#next += 1;
    for (const link of slot ?? []) this.#beat(link);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #expirePending(): void {
    const now = this.#now();
    for (const pending of this.#pending) {
      if (pending.deadline > now) return;
      this.#pending.delete(pending);
      pending.expire();
    }
  }

  #beat(link: SweptLink): void {
    const { progress } = link;
    if (progress === link.sweptProgress) {
      link.silentBeats += 1;
      if (link.silentBeats >= (link.isCongested ? CONGESTED_SILENT_BEATS : SILENT_BEATS)) {
        link.close("SHARDCAST_HEARTBEAT_MISSED");
        link.terminate();
        return;
      }
    } else {
      link.sweptProgress = progress;
      link.silentBeats = 0;
    }
    // A congested link has enough to read: its next byte will tell that the node is alive.
    if (!link.isCongested) link.beat(this.#heartbeat);
  }
}
