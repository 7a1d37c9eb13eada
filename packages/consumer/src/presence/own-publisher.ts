// Publishes of the node's own, to topics that it owns.
import {
  PublishHead,
  ShardcastError,
  encodeFrame,
  encodeText,
  type AckFields,
} from "@shardcast/protocol";
import type { PublishOrigin, PublishTarget, Refusal } from "@shardcast/server";

interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: ShardcastError) => void;
}

export class OwnPublisher implements PublishOrigin {
  inFlightCount = 0;
  readonly access = undefined;
  readonly refusedTopics = undefined;
  readonly isOpen = true;
  readonly isNode = false;
  readonly #target: PublishTarget;
  readonly #head = new PublishHead();
  readonly #pending = new Map<number, Pending>();
  #nextSeq = 0;

  constructor(target: PublishTarget) {
    this.#target = target;
  }

  /** Resolves when the text is stored. @throws the code that it was refused with */
  publish(topic: string, text: string): Promise<void> {
    const seq = this.#nextSeq;
    this.#nextSeq = (seq + 1) >>> 0;
    const payload = encodeText(text);
    const frame = encodeFrame({ type: "publish", seq, timeoutMs: 0, topic, payload });
    this.#head.read(frame, 0, frame.length);
    return new Promise((resolve, reject) => {
      this.#pending.set(seq, { resolve, reject });
      this.inFlightCount += 1;
      try {
        this.#target.publish(this, this.#head, frame, 0, frame.length);
      } catch (error) {
        this.#settle(seq);
        throw error;
      }
    });
  }

  ack({ seq }: AckFields): void {
    this.#settle(seq)?.resolve();
  }

  passAck(seq: number): void {
    this.#settle(seq)?.resolve();
  }

  refuseInFlight({ seq, code, reason }: Refusal): boolean {
    this.#settle(seq)?.reject(new ShardcastError(code, reason));
    return false;
  }

  refuse(refusal: Refusal): void {
    this.refuseInFlight(refusal);
  }

  pauseReading(): void {
    // There is nothing to be read: what is published here is bounded by what changes.
  }

  resumeReading(): void {
    // As above.
  }

  #settle(seq: number): Pending | undefined {
    const pending = this.#pending.get(seq);
    if (pending !== undefined) this.inFlightCount -= 1;
    this.#pending.delete(seq);
    return pending;
  }
}
