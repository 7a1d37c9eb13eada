// A publish from its coming to its answer: one object a message, and no other.
import {
  readPublishTopic,
  type AckFields,
  type ErrorCode,
  type PublishHead,
} from "@shardcast/protocol";
import { NOBODY, type MovedPublish, type PublishOrigin, type Refusal } from "@shardcast/server";

const NO_EPOCH = new Uint8Array(0);

export class Publish implements AckFields {
  /** NOBODY, once it was moved. */
  origin: PublishOrigin;
  readonly seq: number;
  /** How long its sender waits, in ms; 0 leaves it to the node. */
  readonly timeoutMs: number;
  /** Its frame begins at `frameStart`, its content lies between `start` and `end`, its id between the other two. */
  readonly bytes: Uint8Array;
  readonly frameStart: number;
  readonly start: number;
  readonly end: number;
  readonly idStart: number;
  readonly idEnd: number;
  /** What follows is given when it is appended; the hash is of its id. */
  idHash = 0;
  epoch: Uint8Array = NO_EPOCH;
  offset = 0;
  isDuplicate = false;

  constructor(
    origin: PublishOrigin,
    head: PublishHead,
    bytes: Uint8Array,
    frameStart: number,
    end: number,
  ) {
    this.origin = origin;
    this.seq = head.seq;
    this.timeoutMs = head.timeoutMs;
    this.bytes = bytes;
    this.frameStart = frameStart;
    this.start = head.contentStart;
    this.end = end;
    this.idStart = head.idStart;
    this.idEnd = head.idEnd;
  }

  /** Bytes of its content. */
  get length(): number {
    return this.end - this.start;
  }

  get hasId(): boolean {
    return this.idEnd > 0;
  }

  /** Tells its origin that it is not stored. */
  refuse(code: ErrorCode, reason: string): void {
    this.origin.refuse(this.refusal(code, reason));
  }

  refusal(code: ErrorCode, reason: string): Refusal {
    return { seq: this.seq, topic: readPublishTopic(this.bytes, this.frameStart), code, reason };
  }

  /** Gives it away, to another owner: an answer that still comes here finds nobody. */
  move(): MovedPublish {
    const { origin, bytes, frameStart, end } = this;
    this.origin = NOBODY;
    return { origin, frame: Buffer.from(bytes.subarray(frameStart, end)) };
  }
}
