// Holds a subscription's messages until they are read, and its event listeners. It is bounded: at the limit it
// becomes full, stays full until half of it is read, and the follower unsubscribes meanwhile.
import type { ShardcastError } from "@shardcast/protocol";
import { Emitter } from "./emitter.ts";
import type { Message } from "./message.ts";
import { Queue } from "./queue.ts";

/** Approximate memory of a message in addition to its payload, in bytes. */
const MESSAGE_OVERHEAD_BYTES = 256;

/** The messages `first` to `last` of `epoch` are unavailable. If last = first − 1, none of this epoch is missing. */
export interface Gap {
  readonly epoch: string;
  readonly first: number;
  readonly last: number;
  /** The topic's log started over: undelivered messages of the old log are lost too, and offsets count from 1 again. */
  readonly isNewEpoch: boolean;
  /** Why the messages are unavailable: SHARDCAST_MESSAGES_DAMAGED, or undefined if they are no longer retained. */
  readonly code?: string;
}

/** A node confirmed the subscription. The first message comes after `position`. */
export interface Subscribed {
  readonly position: string;
  /** The last stored offset; 0 if nothing was stored. */
  readonly head: number;
  /** The first retained offset. */
  readonly oldest: number;
  /** False if a gap follows. */
  readonly recovered: boolean;
}

export interface SubscriptionEvents {
  readonly message: Message;
  /** Also emitted after each reconnect, and when a slow reader has made room again. */
  readonly subscribed: Subscribed;
  /** Emitted immediately; earlier messages may still be waiting for an iterator. */
  readonly gap: Gap;
  /** The subscription ended because of an error. "closed" follows. */
  readonly error: ShardcastError;
  readonly closed: undefined;
}

interface Reader {
  readonly resolve: (result: IteratorResult<Message, undefined>) => void;
  readonly reject: (error: ShardcastError) => void;
}

export class Inbox {
  readonly events = new Emitter<SubscriptionEvents>();
  readonly #limitBytes: number;
  readonly #onLevelChange: () => void;
  readonly #messages = new Queue<Message>();
  readonly #readers = new Queue<Reader>();
  #bytes = 0;
  #isFull = false;
  #isIterated = false;
  #end: { readonly error: ShardcastError | undefined } | undefined;

  /** @param onLevelChange called when the inbox becomes full, and when it has room again */
  constructor(limitBytes: number, onLevelChange: () => void) {
    this.#limitBytes = limitBytes;
    this.#onLevelChange = onLevelChange;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** The next message to read. */
  get first(): Message | undefined {
    return this.#messages.first;
  }

  on<Name extends keyof SubscriptionEvents>(
    name: Name,
    listener: (value: SubscriptionEvents[Name]) => void,
  ): () => void {
    const off = this.events.on(name, listener);
    if (name === "message" && !this.#isIterated) {
      for (let next = this.#take(); next !== undefined; next = this.#take()) {
        this.events.emit("message", next);
      }
    }
    return off;
  }

  give(message: Message): void {
    if (this.events.has("message")) {
      this.events.emit("message", message);
      if (!this.#isIterated) return;
    }
    // A listener may have closed the subscription.
    if (this.#end !== undefined) return;
    const reader = this.#readers.shift();
    if (reader === undefined) this.#keep(message);
    else reader.resolve({ done: false, value: message });
  }

  /** From now on, messages also go to the iterator if there is a listener for "message". */
  iterate(): void {
    this.#isIterated = true;
  }

  /** Returns the waiting messages, then the end or the error. */
  next(): Promise<IteratorResult<Message, undefined>> {
    const message = this.#take();
    if (message !== undefined) return Promise.resolve({ done: false, value: message });
    if (this.#end === undefined) {
      return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
    }
    const { error } = this.#end;
    return error === undefined ? Promise.resolve(DONE) : Promise.reject(error);
  }

  /** Ends the inbox. Without an error the reader has closed the subscription, and waiting messages are dropped. */
  end(error: ShardcastError | undefined): void {
    this.#end = { error };
    if (error === undefined) this.#messages.clear();
    for (const reader of this.#readers) {
      if (error === undefined) reader.resolve(DONE);
      else reader.reject(error);
    }
    this.#readers.clear();
    if (error !== undefined) this.events.emit("error", error);
    this.events.emit("closed", undefined);
  }

  #keep(message: Message): void {
    this.#messages.push(message);
    this.#bytes += sizeOf(message);
    if (this.#isFull || this.#bytes < this.#limitBytes) return;
    this.#isFull = true;
    this.#onLevelChange();
  }

  #take(): Message | undefined {
    const message = this.#messages.shift();
    if (message === undefined) return undefined;
    this.#bytes -= sizeOf(message);
    if (this.#isFull && this.#bytes <= this.#limitBytes / 2) {
      this.#isFull = false;
      this.#onLevelChange();
    }
    return message;
  }
}

export const DONE = { done: true, value: undefined } as const;

function sizeOf(message: Message): number {
  return message.bytes.length + MESSAGE_OVERHEAD_BYTES;
}
