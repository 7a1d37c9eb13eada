// One topic as an application reads it: by iterating, or by a listener for "message".
import { formatPosition } from "@shardcast/protocol";
import type { Follower } from "./follower.ts";
import { DONE, type SubscriptionEvents } from "./inbox.ts";
import type { Message } from "./message.ts";

/**
 * Gives every message after its start once and in order, across reconnects; what can never be had is
 * announced by the event "gap", or ends it (option `gaps`).
 */
export class Subscription implements AsyncIterable<Message, undefined> {
  readonly topic: string;
  /**
   * Resolves when the subscription stands for the first time: what is stored from then on will come.
   * Rejects where it ends before.
   */
  readonly ready: Promise<void>;
  readonly #follower: Follower;

  /** For the client, which gives them out. */
  constructor(follower: Follower) {
    this.topic = follower.topic;
    this.ready = follower.ready;
    this.#follower = follower;
  }

  /**
   * Where the reader is: all before has been given to it. A later subscription goes on there with
   * `from`. Undefined before the first "subscribed", unless it started from a position.
   */
  get position(): string | undefined {
    const { inbox, position } = this.#follower;
    // What waits has not been given yet.
    const next = inbox.first;
    if (next !== undefined) return formatPosition({ epoch: next.epoch, offset: next.offset - 1 });
    return position === undefined ? undefined : formatPosition(position);
  }

  /**
   * Adds a listener; the function that it gives takes it away. As long as there is one for "message"
   * and nobody iterates, messages go to it at once and none is kept.
   */
  on<Name extends keyof SubscriptionEvents>(
    name: Name,
    listener: (value: SubscriptionEvents[Name]) => void,
  ): () => void {
    return this.#follower.inbox.on(name, listener);
  }

  /**
   * Leaving the loop closes the subscription. Where the subscription ends by an error, the loop throws
   * it after the last message. Loops over the same subscription share its messages out.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message, undefined> {
    const { inbox } = this.#follower;
    inbox.iterate();
    const iterator: AsyncIterableIterator<Message, undefined> = {
      next: () => inbox.next(),
      return: () => {
        this.close();
        return Promise.resolve(DONE);
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** Stops following the topic. Loops over it end; what they have not read is dropped. */
  close(): void {
    this.#follower.end(undefined);
  }
}
