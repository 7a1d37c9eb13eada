// The topics of one link of which a publish was refused that may come again. What the client had sent behind it,
// before it could know, is refused as well: nothing overtakes it. docs/protocol.md#publishing
//
// A heartbeat goes out behind the refusals of a turn, and the client answers each: once the answer is there,
// whatever follows was sent by somebody who knew.
import type { ErrorCode } from "@shardcast/protocol";

/** Beyond it, everything on the link is refused for as long. */
const MAX_TOPICS = 4096;

interface RefusedTopic {
  readonly code: ErrorCode;
  /** The heartbeat whose answer has to come first. */
  readonly beat: number;
}

export class RefusedTopics {
  /** In the order of their heartbeats. */
  readonly #topics = new Map<string, RefusedTopic>();
  #all: RefusedTopic | undefined;

  get isEmpty(): boolean {
    return this.#topics.size === 0 && this.#all === undefined;
  }

  /** What a publish of the topic is refused with; undefined where it is not. */
  codeOf(topic: string): ErrorCode | undefined {
    return (this.#all ?? this.#topics.get(topic))?.code;
  }

  /** @param beat the number of the heartbeat that goes out behind the refusal: none before had a higher one */
  add(topic: string, code: ErrorCode, beat: number): void {
    this.#topics.delete(topic);
    if (this.#topics.size < MAX_TOPICS) this.#topics.set(topic, { code, beat });
    else this.#all = { code, beat };
  }

  /** The answers to all heartbeats up to this one have come. */
  answered(beat: number): void {
    for (const [topic, refused] of this.#topics) {
      if (refused.beat > beat) break;
      this.#topics.delete(topic);
    }
    if (this.#all !== undefined && this.#all.beat <= beat) this.#all = undefined;
  }
}
