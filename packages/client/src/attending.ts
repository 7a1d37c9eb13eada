// The presence requests of one connection. When a link is lost, its unanswered requests are dropped; their callers
// repeat them over the next link.
import type {
  EnterFrame,
  EnteredFrame,
  LeaveFrame,
  PresenceFrame,
  PresentFrame,
  RejectFrame,
} from "@shardcast/protocol";
import { encodeFrame } from "@shardcast/protocol";
import { Queue } from "./queue.ts";
import type { FrameOutput } from "./sender.ts";

/** Above the seqs of publishes, because a reject identifies its request only by the seq. */
const FIRST_SEQ = 0x8000_0000;

export type PresenceResponse = EnteredFrame | PresentFrame | RejectFrame;
export type PresenceRequest = EnterFrame | PresenceFrame;

/** Maximum number of unanswered presence requests of a link. docs/protocol.md#members */
const WINDOW = 16;

/** Enters a topic, or watches its members. */
export interface Attendant {
  /** The topic whose owner keeps the member list. */
  readonly presenceTopic: string;
  readonly isEnded: boolean;
  /** Carries its requests; undefined while it has no connection. */
  attending: Attending | undefined;
  /** A link was opened, for the first time or again. */
  opened(): void;
  /** The link was lost: unanswered requests get no response. */
  lost(): void;
  /** Returns the frame that removes its member from the list; undefined if it has no member there. */
  farewell(isLost: boolean): LeaveFrame | undefined;
}

interface QueuedRequest {
  readonly requestOf: (seq: number) => PresenceRequest;
  readonly onResponse: (response: PresenceResponse) => void;
}

export class Attending {
  readonly #attendants = new Set<Attendant>();
  readonly #unanswered = new Map<number, (response: PresenceResponse) => void>();
  #waiting = new Queue<QueuedRequest>();
  #link: FrameOutput | undefined;
  #nextSeq = FIRST_SEQ;

  get attendants(): Attendant[] {
    return [...this.#attendants];
  }

  add(attendant: Attendant): void {
    attendant.attending = this;
    this.#attendants.add(attendant);
    if (this.#link !== undefined) attendant.opened();
  }

  /** @param isLost whether the member will return over another connection */
  remove(attendant: Attendant, isLost: boolean): void {
    if (!this.#attendants.delete(attendant)) return;
    attendant.attending = undefined;
    this.tell(attendant.farewell(isLost));
    attendant.lost();
  }

  /** Sends a request. If the link is lost, there is no response. */
  ask(
    requestOf: (seq: number) => PresenceRequest,
    onResponse: (response: PresenceResponse) => void,
  ): void {
    if (this.#link === undefined) return;
    this.#waiting.push({ requestOf, onResponse });
    this.#pump(this.#link);
  }

  tell(frame: LeaveFrame | undefined): void {
    if (frame !== undefined) this.#link?.send(encodeFrame(frame));
  }

  opened(link: FrameOutput): void {
    this.#link = link;
    for (const attendant of this.#attendants) attendant.opened();
  }

  lost(): void {
    this.#link = undefined;
    this.#unanswered.clear();
    this.#waiting = new Queue();
    for (const attendant of this.#attendants) attendant.lost();
  }

  /** @returns whether the frame answers a presence request */
  answered(frame: PresenceResponse): boolean {
    const onResponse = this.#unanswered.get(frame.seq);
    this.#unanswered.delete(frame.seq);
    onResponse?.(frame);
    if (this.#link !== undefined) this.#pump(this.#link);
    return frame.seq >= FIRST_SEQ;
  }

  #pump(link: FrameOutput): void {
    while (this.#unanswered.size < WINDOW) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      const seq = this.#nextSeq;
      this.#nextSeq = seq === 0xffff_ffff ? FIRST_SEQ : seq + 1;
      this.#unanswered.set(seq, next.onResponse);
      link.send(encodeFrame(next.requestOf(seq)));
    }
  }
}
