// A publish from its arrival to its answer: the only object that is created per message.
import {
  readPublishTopic,
  type AckFields,
  type ErrorCode,
  type PublishHead,
} from "@shardcast/protocol";
import { NOBODY, type MovedPublish, type PublishOrigin, type Refusal } from "@shardcast/server";

const NO_EPOCH = new Uint8Array(0);

export class Publish implements AckFields {
  /** NOBODY after the publish was moved. */
  origin: PublishOrigin;
  readonly seq: number;
  /** How long the sender waits, in ms; 0 for the node's default. */
  readonly timeoutMs: number;
  /**
   * The frame begins at `frameStart`; its content is between `start` and `end`, and its id between
   * `idStart` and `idEnd`.
   */
  readonly bytes: Uint8Array;
  readonly frameStart: number;
  readonly start: number;
  readonly end: number;
  readonly idStart: number;
  readonly idEnd: number;
  /** The hash of the id. This and the following fields are set when the publish is appended. */
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

  /** The bytes of the content. */
  get length(): number {
    return this.end - this.start;
  }

  get hasId(): boolean {
    return this.idEnd > 0;
  }

  /** Answers the origin that the publish is not stored. */
  refuse(code: ErrorCode, reason: string): void {
    this.origin.refuse(this.refusal(code, reason));
  }

  refusal(code: ErrorCode, reason: string): Refusal {
    return { seq: this.seq, topic: readPublishTopic(this.bytes, this.frameStart), code, reason };
  }

  /** Moves the publish to another owner. A later answer from this node is ignored. */
  move(): MovedPublish {
    const { origin, bytes, frameStart, end } = this;
    this.origin = NOBODY;
    return { origin, frame: Buffer.from(bytes.subarray(frameStart, end)) };
  }
}
