// Who asks about presence over one connection, and the answers that are still to come. What a link loses is
// asked again over the next one, by whoever asked.
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
import type { FrameSink } from "./sender.ts";

/** Above those of publishes: a reject says by its seq what it answers. */
const FIRST_SEQ = 0x8000_0000;

export type Answer = EnteredFrame | PresentFrame | RejectFrame;
export type Question = EnterFrame | PresenceFrame;

/** As many questions of a link may be without an answer. docs/protocol.md#members */
const WINDOW = 16;

/** Somebody who enters a topic, or wants to know who is there. */
export interface Attendant {
  /** The topic whose owner keeps the list. */
  readonly presenceTopic: string;
  /** The connection that it asks over. */
  attending: Attending | undefined;
  /** A link is open: for the first time, or again. */
  opened(): void;
  /** What was asked has no answer. */
  lost(): void;
  /** What takes it off the list; undefined where it is on none. */
  farewell(isLost: boolean): LeaveFrame | undefined;
}

interface Waiting {
  readonly questionOf: (seq: number) => Question;
  readonly answered: (answer: Answer) => void;
}

export class Attending {
  readonly #attendants = new Set<Attendant>();
  readonly #asked = new Map<number, (answer: Answer) => void>();
  #waiting = new Queue<Waiting>();
  #link: FrameSink | undefined;
  #nextSeq = FIRST_SEQ;

  get attendants(): Attendant[] {
    return [...this.#attendants];
  }

  add(attendant: Attendant): void {
    attendant.attending = this;
    this.#attendants.add(attendant);
    if (this.#link !== undefined) attendant.opened();
  }

  /** @param isLost it is about to come back over another connection */
  remove(attendant: Attendant, isLost: boolean): void {
    if (!this.#attendants.delete(attendant)) return;
    attendant.attending = undefined;
    this.tell(attendant.farewell(isLost));
    attendant.lost();
  }

  /** Asks over the link; there is no answer where it is lost. */
  ask(questionOf: (seq: number) => Question, answered: (answer: Answer) => void): void {
    if (this.#link === undefined) return;
    this.#waiting.push({ questionOf, answered });
    this.#pump(this.#link);
  }

  tell(frame: LeaveFrame | undefined): void {
    if (frame !== undefined) this.#link?.send(encodeFrame(frame));
  }

  opened(link: FrameSink): void {
    this.#link = link;
    for (const attendant of this.#attendants) attendant.opened();
  }

  lost(): void {
    this.#link = undefined;
    this.#asked.clear();
    this.#waiting = new Queue();
    for (const attendant of this.#attendants) attendant.lost();
  }

  /** @returns whether somebody here had asked */
  answered(frame: Answer): boolean {
    const answered = this.#asked.get(frame.seq);
    this.#asked.delete(frame.seq);
    answered?.(frame);
    if (this.#link !== undefined) this.#pump(this.#link);
    return frame.seq >= FIRST_SEQ;
  }

  #pump(link: FrameSink): void {
    while (this.#asked.size < WINDOW) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      const seq = this.#nextSeq;
      this.#nextSeq = seq === 0xffff_ffff ? FIRST_SEQ : seq + 1;
      this.#asked.set(seq, next.answered);
      link.send(encodeFrame(next.questionOf(seq)));
    }
  }
}
