// The publishes of one connection. It sends them in order, at most the link's window at a time, sends them again
// after a lost link, and postpones them when a node rejects one as retryable.
//
//   put ─▶ waiting ─▶ in flight ─▶ answered
//             ▲   │        │ retryable reject
//             │   └────▶ held: a topic waits as a whole, so that its messages keep their order
//             └────────────┘
//
// When a link is lost, all publishes wait again, in publish order, under the same ids.
import {
  ShardcastError,
  backoffMs,
  type AckFrame,
  type BackoffOptions,
  type RejectFrame,
  type WelcomeFrame,
} from "@shardcast/protocol";
import type { Publication } from "./publication.ts";
import { Queue } from "./queue.ts";
import { nodeRefusalOf } from "./node-refusal.ts";
import type { Runtime } from "./runtime.ts";

export interface SenderOptions {
  readonly backoff: BackoffOptions;
  readonly runtime: Pick<Runtime, "now" | "after" | "random">;
  /** A node answered that it does not own the topic. */
  readonly onMisrouted: () => void;
}

/** Takes frames to send: the part of a link that publishes, subscriptions and presence requests use. */
export interface FrameOutput {
  send(frame: Uint8Array): void;
}

/** A postponed topic. */
interface HeldTopic {
  readonly publications: Publication[];
  cancelRelease: () => void;
}

export class Sender {
  readonly #options: SenderOptions;
  #waiting = new Queue<Publication>();
  /** By seq. Undefined if the publish moved elsewhere: the node still counts it in its window. */
  readonly #inFlight = new Map<number, Publication | undefined>();
  readonly #held = new Map<string, HeldTopic>();
  #link: FrameOutput | undefined;
  #windowMessages = 0;
  #maxPayloadBytes = 0;
  #nextSeq = 0;
  /** Why the last link ended. */
  #fault: ShardcastError | undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Bytes of the frames that were sent and have no answer. */
  get inFlightBytes(): number {
    let bytes = 0;
    for (const publication of this.#inFlight.values()) bytes += publication?.frame.length ?? 0;
    return bytes;
  }

  put(publication: Publication): void {
    if (this.#link === undefined) publication.fault = this.#fault;
    this.#waiting.push(publication);
    this.#pump();
  }

  /** Removes and returns the publishes of some topics, in order. Later answers for them are ignored. */
  take(isWanted: (topic: string) => boolean): Publication[] {
    const taken: Publication[] = [];
    const kept: Publication[] = [];
    for (const [seq, publication] of this.#inFlight) {
      if (publication === undefined || !isWanted(publication.topic)) continue;
      taken.push(publication);
      this.#inFlight.set(seq, undefined);
    }
    for (const [topic, held] of this.#held) {
      if (!isWanted(topic)) continue;
      held.cancelRelease();
      this.#held.delete(topic);
      taken.push(...held.publications);
    }
    for (const publication of this.#waiting) {
      (isWanted(publication.topic) ? taken : kept).push(publication);
    }
    this.#waiting = new Queue(kept);
    return inOrder(taken);
  }

  opened(link: FrameOutput, welcome: WelcomeFrame): void {
    this.#link = link;
    this.#windowMessages = welcome.windowMessages;
    this.#maxPayloadBytes = welcome.maxPayloadBytes;
    this.#pump();
  }

  lost(error: ShardcastError): void {
    this.#link = undefined;
    this.#fault = error;
    const all = this.take(() => true);
    this.#inFlight.clear();
    for (const publication of all) publication.fault = error;
    this.#waiting = new Queue(all);
  }

  acked(frame: AckFrame): void {
    this.#answered(frame.seq)?.ack(frame.position, frame.duplicate);
    this.#pump();
  }

  rejected(frame: RejectFrame): void {
    const publication = this.#answered(frame.seq);
    if (publication !== undefined) {
      const { error, isFinal } = nodeRefusalOf(frame);
      // A publish that was cancelled meanwhile also holds its topic, because the node may have refused others behind it.
      if (isFinal) publication.fail(error);
      else this.#hold(publication, error);
      if (error.code === "SHARDCAST_NOT_OWNER") this.#options.onMisrouted();
    }
    this.#pump();
  }

  close(): void {
    this.#link = undefined;
    this.take(() => true);
  }

  #answered(seq: number): Publication | undefined {
    const publication = this.#inFlight.get(seq);
    this.#inFlight.delete(seq);
    return publication;
  }

  #pump(): void {
    if (this.#link === undefined) return;
    const now = this.#options.runtime.now();
    while (this.#inFlight.size < this.#windowMessages) {
      const publication = this.#waiting.shift();
      if (publication === undefined) return;
      if (publication.isSettled) continue;
      const held = this.#held.get(publication.topic);
      if (held === undefined) this.#send(this.#link, publication, now);
      else held.publications.push(publication);
    }
  }

  #send(link: FrameOutput, publication: Publication, now: number): void {
    if (publication.payloadBytes > this.#maxPayloadBytes) {
      const detail = `the payload has ${publication.payloadBytes} bytes; the limit is ${this.#maxPayloadBytes}`;
      publication.fail(new ShardcastError("SHARDCAST_PAYLOAD_TOO_LARGE", detail));
      return;
    }
    const seq = this.#nextSeq;
    // The upper half of the range is for presence requests.
    this.#nextSeq = (seq + 1) & 0x7fff_ffff;
    this.#inFlight.set(seq, publication);
    link.send(publication.frameFor(seq, now));
  }

  #hold(publication: Publication, error: ShardcastError): void {
    const { backoff, runtime } = this.#options;
    const { topic, rejectCount } = publication;
    publication.fault = error;
    publication.rejectCount += 1;
    const held = this.#held.get(topic);
    if (held !== undefined) {
      // An older publish in flight may be refused after newer waiting ones were added.
      held.publications.push(publication);
      return;
    }
    const waitMs = backoffMs(backoff, rejectCount, runtime.random());
    const cancelRelease = runtime.after(waitMs, () => this.#release(topic));
    this.#held.set(topic, { publications: [publication], cancelRelease });
  }

  #release(topic: string): void {
    const { backoff, runtime } = this.#options;
    const held = this.#held.get(topic);
    if (held === undefined) return;
    if (this.#isInFlight(topic)) {
      held.cancelRelease = runtime.after(backoff.minMs, () => this.#release(topic));
      return;
    }
    this.#held.delete(topic);
    this.#waiting.pushFront(inOrder(held.publications));
    this.#pump();
  }

  /** Whether answers for a topic are outstanding: one of them may be a reject of an earlier message. */
  #isInFlight(topic: string): boolean {
    for (const publication of this.#inFlight.values()) {
      if (publication?.topic === topic && !publication.isSettled) return true;
    }
    return false;
  }
}

function inOrder(publications: Publication[]): Publication[] {
  return publications.sort((a, b) => a.ordinal - b.ordinal);
}
