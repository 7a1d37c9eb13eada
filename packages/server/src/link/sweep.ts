// One timer for all links of a node. It ends handshakes that take too long, sends heartbeats, and
// ends links that are silent for too long. Links are spread over slots, so each tick visits only a
// part of them.
import { encodeFrame, type CloseReason, type Endpoint } from "@shardcast/protocol";
import type { LinkAccess } from "../access/link-access.ts";
import { SharedFrames } from "@shardcast/protocol/websocket";

const TICKS_PER_HEARTBEAT = 100;
const MIN_TICK_MS = 20;
const MAX_TICK_MS = 250;
/** How many heartbeats a peer may leave unanswered. */
const SILENT_BEATS = 2;
/**
 * The same for a congested link. The node does not read from it, so it does not see pongs, and
 * Linux reports that its send buffer is writable only when a third of it is free. On a slow line
 * that takes a while.
 */
const CONGESTED_SILENT_BEATS = 10;

/** A handshake in progress. */
export interface Pending {
  /** The time by which it must be done, by the sweep's clock. */
  readonly deadline: number;
  expire(): void;
}

/** A link as the sweep uses it, for any protocol. */
export interface SweptLink {
  readonly id: string;
  readonly endpoint: Endpoint;
  /** The client's address, as seen behind the proxies. */
  readonly address: string;
  /** Undefined if the client has proved that it knows the pre-shared key. */
  readonly access: LinkAccess | undefined;
  /**
   * Written by the sweep: the link's slot, its progress at the last beat, and the number of beats
   * without progress.
   */
  sweepSlot: number;
  sweptProgress: number;
  silentBeats: number;
  /** Changes with every sign of life from the peer: see tcp-progress. */
  readonly progress: number;
  readonly isCongested: boolean;
  /** Sends the peer a heartbeat, which it answers. */
  beat(heartbeat: SharedFrames): void;
  /** Moves the peer to another node within `withinMs`, or asks it to move. */
  drain(withinMs: number): void;
  /** Notifies the peer that the set of consumers has changed. */
  regroup(withinMs: number): void;
  close(reason: CloseReason): void;
  terminate(): void;
}

export interface SweepOptions {
  /** The interval between heartbeats, in ms. A link that is silent for two intervals is ended. */
  readonly heartbeatMs: number;
  /** A monotonic clock, in ms. @default performance.now */
  readonly now?: () => number;
}

export class Sweep {
  readonly #heartbeat = SharedFrames.of(encodeFrame({ type: "heartbeat" }));
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  readonly #slots: Set<SweptLink>[];
  /** In the order of their deadlines, since all handshakes have the same time limit. */
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

  /** Whether the node is draining and accepts no more links. */
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

  /** Asks all links to reconnect elsewhere within `withinMs`. */
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
    // The peer of a congested link has data to receive: its next byte shows that the node is alive.
    if (!link.isCongested) link.beat(this.#heartbeat);
  }
}
