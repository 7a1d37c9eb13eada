// A publish from its coming to its answer: one object a message, and no other.
import type { AckFields, PublishHead } from "@shardcast/protocol";
import type { PublishOrigin } from "@shardcast/server";

const NO_EPOCH = new Uint8Array(0);

export class Publish implements AckFields {
  readonly origin: PublishOrigin;
  readonly seq: number;
  /** How long its sender waits, in ms; 0 leaves it to the node. */
  readonly timeoutMs: number;
  /** Its content lies between `start` and `end`, its id between `idStart` and `idEnd`. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly idStart: number;
  readonly idEnd: number;
  /** What follows is given when it is appended; the hash is of its id. */
  idHash = 0;
  epoch: Uint8Array = NO_EPOCH;
  offset = 0;
  isDuplicate = false;

  constructor(origin: PublishOrigin, head: PublishHead, bytes: Uint8Array, end: number) {
    this.origin = origin;
    this.seq = head.seq;
    this.timeoutMs = head.timeoutMs;
    this.bytes = bytes;
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
}
