// The topics of one link with a refused publish that the client may send again. Publishes of such a
// topic that the client sent before it knew of the refusal are refused too, so that none overtakes
// it. docs/protocol.md#publishing
//
// A heartbeat follows the refusals of a turn, and the client answers each heartbeat. What arrives
// after the answer was sent by a client that knew of the refusal.
import type { ErrorCode } from "@shardcast/protocol";

/**
 * If there are more topics, every publish on the link is refused until the heartbeat is answered.
 */
const MAX_TOPICS = 4096;

interface RefusedTopic {
  readonly code: ErrorCode;
  /** The topic is refused until this heartbeat is answered. */
  readonly beat: number;
}

export class RefusedTopics {
  /** In the order of their heartbeats. */
  readonly #topics = new Map<string, RefusedTopic>();
  #all: RefusedTopic | undefined;

  get isEmpty(): boolean {
    return this.#topics.size === 0 && this.#all === undefined;
  }

  /** The code with which a publish of the topic is refused; undefined if it is not refused. */
  codeOf(topic: string): ErrorCode | undefined {
    return (this.#all ?? this.#topics.get(topic))?.code;
  }

  /**
   * @param beat the number of the heartbeat that follows the refusal; at least that of earlier
   * calls
   */
  add(topic: string, code: ErrorCode, beat: number): void {
    this.#topics.delete(topic);
    if (this.#topics.size < MAX_TOPICS) this.#topics.set(topic, { code, beat });
    else this.#all = { code, beat };
  }

  /** Called when all heartbeats up to this one are answered. */
  answered(beat: number): void {
    for (const [topic, refused] of this.#topics) {
      if (refused.beat > beat) break;
      this.#topics.delete(topic);
    }
    if (this.#all !== undefined && this.#all.beat <= beat) this.#all = undefined;
  }
}
