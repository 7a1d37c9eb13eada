// The presences of one connection. When a link is lost, they repeat their unanswered requests over the next link.
import {
  encodeFrame,
  type EnterFrame,
  type LeaveFrame,
  type PresenceFrame,
} from "@shardcast/protocol";
import { PRESENCE_REQUESTS, Requests, type Response } from "./requests.ts";
import type { FrameOutput } from "./sender.ts";

export type PresenceRequest = EnterFrame | PresenceFrame;

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

export class Attending {
  readonly requests = new Requests(PRESENCE_REQUESTS);
  readonly #attendants = new Set<Attendant>();
  #link: FrameOutput | undefined;

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
  ask(requestOf: (seq: number) => PresenceRequest, onResponse: (response: Response) => void): void {
    this.requests.ask(requestOf, { onResponse, onLost: () => undefined });
  }

  tell(frame: LeaveFrame | undefined): void {
    if (frame !== undefined) this.#link?.send(encodeFrame(frame));
  }

  opened(link: FrameOutput): void {
    this.#link = link;
    this.requests.opened(link);
    for (const attendant of this.#attendants) attendant.opened();
  }

  lost(): void {
    this.#link = undefined;
    this.requests.lost();
    for (const attendant of this.#attendants) attendant.lost();
  }
}
