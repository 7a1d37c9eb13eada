// Publishes whose answers a caller awaits: those of one HTTP request, or one of the node itself.
import {
  ACK_BYTES,
  ShardcastError,
  decodeFrame,
  epochFromBytes,
  formatPosition,
  ERRORS,
  type AckFields,
} from "@shardcast/protocol";
import type { LinkAccess } from "../access/link-access.ts";
import type { PublishOrigin, Refusal } from "./publish-target.ts";
import { RefusedTopics } from "./refused-topics.ts";

/** The answer to a publish that was stored. */
export interface PublishAnswer {
  /** `<epoch>_<offset>` */
  readonly position: string;
  readonly duplicate: boolean;
}

/** Accepts publish frames, as `PublishHandler.publish` does. */
export type TakePublish = (
  origin: PublishOrigin,
  bytes: Uint8Array,
  start: number,
  end: number,
  windowMessages: number,
) => void;

interface PendingAnswer {
  readonly resolve: (answer: PublishAnswer) => void;
  readonly reject: (error: ShardcastError) => void;
}

export class AwaitingPublisher implements PublishOrigin {
  inFlightCount = 0;
  readonly isNode = false;
  readonly access: LinkAccess | undefined;
  readonly refusedTopics = new RefusedTopics();
  readonly source = undefined;
  /** Always true, since the request waits for the answer. */
  readonly isOpen = true;
  readonly #take: TakePublish;
  readonly #waiting = new Map<number, PendingAnswer>();

  constructor(access: LinkAccess | undefined, take: TakePublish) {
    this.access = access;
    this.#take = take;
  }

  /**
   * Publishes a frame. Its `seq` must be unique within this request.
   * @throws the code with which the publish is refused
   */
  publish(seq: number, frame: Uint8Array): Promise<PublishAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(seq, { resolve, reject });
      this.#take(this, frame, 0, frame.length, Infinity);
    });
  }

  ack({ seq, isDuplicate, epoch, offset }: AckFields): void {
    const position = formatPosition({ epoch: epochFromBytes(epoch, 0), offset });
    this.#answer(seq)?.resolve({ position, duplicate: isDuplicate });
  }

  passAck(seq: number, bytes: Uint8Array, start: number): void {
    const frame = decodeFrame(bytes, start, start + ACK_BYTES);
    if (frame?.type !== "ack") return;
    const { position, duplicate } = frame;
    this.#answer(seq)?.resolve({ position: formatPosition(position), duplicate });
  }

  refuse({ seq, topic, code, reason }: Refusal): boolean {
    this.#answer(seq)?.reject(new ShardcastError(code, reason));
    if (!ERRORS[code].retryable || this.refusedTopics.codeOf(topic) !== undefined) return false;
    // Until the end of the request, so that no later publish of the topic overtakes this one.
    this.refusedTopics.add(topic, code, 1);
    return true;
  }

  #answer(seq: number): PendingAnswer | undefined {
    this.inFlightCount -= 1;
    const waiting = this.#waiting.get(seq);
    this.#waiting.delete(seq);
    return waiting;
  }
}
