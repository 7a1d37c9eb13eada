// The application's interface to one topic: iterate, or listen for "message".
import { formatPosition } from "@shardcast/protocol";
import type { TopicReader } from "./topic-reader.ts";
import { DONE, type SubscriptionEvents } from "./inbox.ts";
import type { Message } from "./message.ts";

/** `AsyncIterableIterator<Message, undefined>`, which TypeScript before 5.6 does not have. */
export interface MessageIterator {
  next(): Promise<IteratorResult<Message, undefined>>;
  return(): Promise<IteratorResult<Message, undefined>>;
  [Symbol.asyncIterator](): MessageIterator;
}

/**
 * Delivers every message after its start once and in order, across reconnects. If messages are unavailable, it emits
 * the event "gap" or ends (option `gaps`).
 */
export class Subscription implements AsyncIterable<Message> {
  readonly topic: string;
  /**
   * Resolves when a node has confirmed the subscription for the first time: every message stored from then on will be
   * delivered. Rejects if the subscription ends before.
   */
  readonly ready: Promise<void>;
  readonly #reader: TopicReader;

  /** Called by the client only. */
  constructor(reader: TopicReader) {
    this.topic = reader.topic;
    this.ready = reader.ready;
    this.#reader = reader;
  }

  /**
   * The reader's position: all messages up to it were delivered. A later subscription resumes there with `from`.
   * Undefined before the first "subscribed", unless the subscription started from a position.
   */
  get position(): string | undefined {
    const { inbox, position } = this.#reader;
    // Waiting messages are not delivered yet.
    const next = inbox.first;
    if (next !== undefined) return formatPosition({ epoch: next.epoch, offset: next.offset - 1 });
    return position === undefined ? undefined : formatPosition(position);
  }

  /**
   * Adds a listener. Returns a function that removes it. While there is a listener for "message" and no iterator,
   * messages go directly to the listener and are not buffered.
   */
  on<Name extends keyof SubscriptionEvents>(
    name: Name,
    listener: (value: SubscriptionEvents[Name]) => void,
  ): () => void {
    return this.#reader.inbox.on(name, listener);
  }

  /**
   * Leaving the loop closes the subscription. If the subscription ends with an error, the loop throws it after the last
   * message. Several loops over one subscription share its messages: each message goes to one of them.
   */
  [Symbol.asyncIterator](): MessageIterator {
    const { inbox } = this.#reader;
    inbox.iterate();
    const iterator: MessageIterator = {
      next: () => inbox.next(),
      return: () => {
        this.close();
        return Promise.resolve(DONE);
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** Ends the subscription. Loops over it end, and unread messages are dropped. */
  close(): void {
    this.#reader.end(undefined);
  }
}
