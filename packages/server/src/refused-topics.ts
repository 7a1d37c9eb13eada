// The topics of one link of which a publish was refused that may come again. What the client had sent behind it,
// before it could know, is refused as well: nothing overtakes it. docs/protocol.md#publishing
//
// A heartbeat goes out right behind the refusal, and the client answers each: once the answer is there, whatever
// follows was sent by somebody who knew.
import type { ErrorCode } from "@shardcast/protocol";

interface RefusedTopic {
  readonly code: ErrorCode;
  /** Heartbeats whose answers come before the client has the refusal for sure. */
  beats: number;
}

export class RefusedTopics {
  readonly #topics = new Map<string, RefusedTopic>();

  get isEmpty(): boolean {
    return this.#topics.size === 0;
  }

  /** What a publish of the topic is refused with; undefined where it is not. */
  codeOf(topic: string): ErrorCode | undefined {
    return this.#topics.get(topic)?.code;
  }

  /** @param beats heartbeats without an answer, the one behind the refusal among them */
  add(topic: string, code: ErrorCode, beats: number): void {
    this.#topics.set(topic, { code, beats });
  }

  /** The answer to a heartbeat has come. */
  answered(): void {
    for (const [topic, refused] of this.#topics) {
      refused.beats -= 1;
      if (refused.beats === 0) this.#topics.delete(topic);
    }
  }
}
