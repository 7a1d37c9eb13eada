// One publish from the call to its answer. Its frame is encoded once; sequence number and time left are
// written into it each time it is sent.
import {
  PUBLISH_SEQ_AT,
  PUBLISH_TIMEOUT_AT,
  ShardcastError,
  writeUint32,
  type Position,
} from "@shardcast/protocol";

/** Where a message was stored. `duplicate`: the id was stored before, and this is the first one's place. */
export interface Published extends Position {
  readonly duplicate: boolean;
}

/** How a publish's promise is settled. */
export interface Answer {
  readonly resolve: (published: Published) => void;
  readonly reject: (error: unknown) => void;
}

export interface PublicationFields {
  /** Counts the publishes of the client: a topic's messages are sent in this order. */
  readonly ordinal: number;
  readonly topic: string;
  /** A publish frame, whole. */
  readonly frame: Uint8Array;
  readonly payloadBytes: number;
  /** How long it may take, in ms, and when that is over. */
  readonly timeoutMs: number;
  readonly deadline: number;
}

/** Who is told that a publish has its answer. */
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
  /** How often a node has put it off. */
  rejectCount = 0;
  /** The last thing that stood in its way, for the error of its deadline. */
  fault: ShardcastError | undefined = undefined;
  /** It has its answer. Whoever still holds it lets go of it when it comes by. */
  isSettled = false;
  /** Called when it has its answer, for what was set up on its behalf. */
  letGo: (() => void) | undefined = undefined;
  readonly #answer: Answer;
  readonly #owner: PublicationOwner;

  constructor(fields: PublicationFields, answer: Answer, owner: PublicationOwner) {
    this.topic = fields.topic;
    this.ordinal = fields.ordinal;
    this.frame = fields.frame;
    this.payloadBytes = fields.payloadBytes;
    this.timeoutMs = fields.timeoutMs;
    this.deadline = fields.deadline;
    this.#answer = answer;
    this.#owner = owner;
  }

  /** The frame, for one sending. */
  frameFor(seq: number, now: number): Uint8Array {
    writeUint32(this.frame, PUBLISH_SEQ_AT, seq);
    // 0 would leave it to the node.
    writeUint32(this.frame, PUBLISH_TIMEOUT_AT, Math.max(1, Math.ceil(this.deadline - now)));
    return this.frame;
  }

  ack({ epoch, offset }: Position, duplicate: boolean): void {
    if (this.#settle()) this.#answer.resolve({ epoch, offset, duplicate });
  }

  fail(error: unknown): void {
    if (this.#settle()) this.#answer.reject(error);
  }

  /** The deadline is over. It may have been stored all the same, where only the ack was lost. */
  expire(): void {
    const because = this.fault === undefined ? "" : `: ${this.fault.message}`;
    const detail = `no ack within ${this.timeoutMs} ms${because}`;
    this.fail(new ShardcastError("SHARDCAST_TIMEOUT", detail, { cause: this.fault }));
  }

  #settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    this.letGo?.();
    this.#owner.settled(this);
    return true;
  }
}
