// The requests of one kind over one connection: at most a window of them is unanswered, the others wait. When a link is
// lost, all are dropped, and their callers are notified.
import {
  encodeFrame,
  type ClockFrame,
  type EnterFrame,
  type EnteredFrame,
  type PageFrame,
  type PresenceFrame,
  type PresentFrame,
  type ReadFrame,
  type RejectFrame,
} from "@shardcast/protocol";
import { Queue } from "./queue.ts";
import type { FrameOutput } from "./sender.ts";

export type Request = EnterFrame | PresenceFrame | ReadFrame | ClockFrame;
export type Response = EnteredFrame | PresentFrame | CodedPage | RejectFrame | ClockFrame;

/** A page, and why messages before it are unavailable, if they are not merely too old. */
export interface CodedPage extends PageFrame {
  readonly code?: string;
}

/**
 * The seqs and the window of a kind of requests. A reject identifies its request only by the seq, so each kind has seqs
 * of its own; those of publishes are below all of these.
 */
export interface RequestKind {
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Maximum number of unanswered requests of a link. */
  readonly window: number;
}

/** docs/protocol.md#members */
export const PRESENCE_REQUESTS: RequestKind = {
  firstSeq: 0x8000_0000,
  lastSeq: 0xbfff_ffff,
  window: 16,
};
/** docs/protocol.md#pages */
export const READ_REQUESTS: RequestKind = {
  firstSeq: 0xc000_0000,
  lastSeq: 0xdfff_ffff,
  window: 4,
};
/** A congested node may leave them unanswered. */
export const CLOCK_REQUESTS: RequestKind = {
  firstSeq: 0xe000_0000,
  lastSeq: 0xffff_ffff,
  window: Infinity,
};

export interface RequestHandlers {
  readonly onResponse: (response: Response) => void;
  /** The link was lost, or there was none: there will be no response. */
  readonly onLost: () => void;
}

interface QueuedRequest extends RequestHandlers {
  readonly requestOf: (seq: number) => Request;
}

export class Requests {
  readonly #kind: RequestKind;
  readonly #unanswered = new Map<number, RequestHandlers>();
  #waiting = new Queue<QueuedRequest>();
  #link: FrameOutput | undefined;
  #nextSeq: number;

  constructor(kind: RequestKind) {
    this.#kind = kind;
    this.#nextSeq = kind.firstSeq;
  }

  opened(link: FrameOutput): void {
    this.#link = link;
  }

  lost(): void {
    this.#link = undefined;
    const dropped = [...this.#unanswered.values(), ...this.#waiting];
    this.#unanswered.clear();
    this.#waiting = new Queue();
    for (const { onLost } of dropped) onLost();
  }

  ask(requestOf: (seq: number) => Request, handlers: RequestHandlers): void {
    if (this.#link === undefined) {
      handlers.onLost();
      return;
    }
    this.#waiting.push({ requestOf, ...handlers });
    this.#pump(this.#link);
  }

  /** @returns whether the frame answers a request of this kind */
  answered(frame: Response): boolean {
    if (!this.isOwn(frame.seq)) return false;
    const handlers = this.#unanswered.get(frame.seq);
    this.#unanswered.delete(frame.seq);
    handlers?.onResponse(frame);
    if (this.#link !== undefined) this.#pump(this.#link);
    return true;
  }

  isOwn(seq: number): boolean {
    return seq >= this.#kind.firstSeq && seq <= this.#kind.lastSeq;
  }

  #pump(link: FrameOutput): void {
    const { firstSeq, lastSeq, window } = this.#kind;
    while (this.#unanswered.size < window) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      const seq = this.#nextSeq;
      this.#nextSeq = seq === lastSeq ? firstSeq : seq + 1;
      this.#unanswered.set(seq, next);
      link.send(encodeFrame(next.requestOf(seq)));
    }
  }
}
