// One publish from the call to its answer. Its frame is encoded once; the sequence number and the remaining time are
// written into it each time it is sent.
import {
  PUBLISH_SEQ_AT,
  PUBLISH_TIMEOUT_AT,
  ShardcastError,
  writeUint32,
  type Position,
} from "@shardcast/protocol";

/** The position of a stored message. `duplicate`: the id was stored before, at this position. */
export interface Published extends Position {
  readonly duplicate: boolean;
}

/** Settles the promise of a publish. */
export interface PublishResolvers {
  readonly resolve: (published: Published) => void;
  readonly reject: (error: unknown) => void;
}

export interface PublicationFields {
  /** The number of the publish in its client. A topic's messages are sent in this order. */
  readonly ordinal: number;
  readonly topic: string;
  /** A complete publish frame. */
  readonly frame: Uint8Array;
  readonly payloadBytes: number;
  /** How long the publish may take, in ms, and the end of that time, by `runtime.now`. */
  readonly timeoutMs: number;
  readonly deadline: number;
}

/** Is notified when a publish is settled. */
export interface PublicationOwner {
  settled(publication: Publication): void;
}

export class Publication {
  readonly topic: string;
  readonly ordinal: number;
  readonly frame: Uint8Array;
  readonly payloadBytes: number;
  readonly timeoutMs: number;
  readonly deadline: number;
  /** How often a node has postponed it with a retryable reject. */
  rejectCount = 0;
  /** The last error, for the message when the deadline passes. */
  fault: ShardcastError | undefined = undefined;
  /** Whether it was answered or given up. Queues that still contain it skip it. */
  isSettled = false;
  /** Called each time it is handed to a link. */
  onSent: (() => void) | undefined = undefined;
  /** Called when it is settled, to release resources. */
  onSettled: (() => void) | undefined = undefined;
  readonly #resolvers: PublishResolvers;
  readonly #owner: PublicationOwner;

  constructor(fields: PublicationFields, resolvers: PublishResolvers, owner: PublicationOwner) {
    this.topic = fields.topic;
    this.ordinal = fields.ordinal;
    this.frame = fields.frame;
    this.payloadBytes = fields.payloadBytes;
    this.timeoutMs = fields.timeoutMs;
    this.deadline = fields.deadline;
    this.#resolvers = resolvers;
    this.#owner = owner;
  }

  /** Returns the frame, updated for one transmission. */
  frameFor(seq: number, now: number): Uint8Array {
    this.onSent?.();
    writeUint32(this.frame, PUBLISH_SEQ_AT, seq);
    // 0 would mean the node's default.
    writeUint32(this.frame, PUBLISH_TIMEOUT_AT, Math.max(1, Math.ceil(this.deadline - now)));
    return this.frame;
  }

  ack({ epoch, offset }: Position, duplicate: boolean): void {
    if (this.#settle()) this.#resolvers.resolve({ epoch, offset, duplicate });
  }

  fail(error: unknown): void {
    if (this.#settle()) this.#resolvers.reject(error);
  }

  /** The deadline passed. The message may be stored nevertheless, if only the ack was lost. */
  expire(): void {
    const because = this.fault === undefined ? "" : `: ${this.fault.message}`;
    const detail = `no ack within ${this.timeoutMs} ms${because}`;
    this.fail(new ShardcastError("SHARDCAST_TIMEOUT", detail, { cause: this.fault }));
  }

  #settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    this.onSettled?.();
    this.#owner.settled(this);
    return true;
  }
}
