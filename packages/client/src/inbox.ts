// Where a subscription's messages wait for their reader, and where its events are listened to. Bounded:
// at the limit it is full until half of it is read, and whoever fills it has to stop.
import type { ShardcastError } from "@shardcast/protocol";
import { Emitter } from "./emitter.ts";
import type { Message } from "./message.ts";
import { Queue } from "./queue.ts";

/** What a message takes in memory beside its payload, about. */
const MESSAGE_OVERHEAD_BYTES = 256;

/** Messages that can never be had: `first` to `last` of `epoch` (none, where last = first − 1). */
export interface Gap {
  readonly epoch: string;
  readonly first: number;
  readonly last: number;
  /** The topic's log began anew: what the old one still held is lost as well, and offsets count from 1 again. */
  readonly isNewEpoch: boolean;
  /** Why they cannot be had, where it is not that they are too old: SHARDCAST_MESSAGES_DAMAGED. */
  readonly code?: string;
}

/** The subscription stands; the first message comes after `position`. */
export interface Subscribed {
  readonly position: string;
  /** The last offset stored, 0 where nothing was. */
  readonly head: number;
  /** The first offset still retained. */
  readonly oldest: number;
  /** False where a gap follows. */
  readonly recovered: boolean;
}

export interface SubscriptionEvents {
  readonly message: Message;
  /** Also after each reconnect, and when a reader that was too slow has caught up. */
  readonly subscribed: Subscribed;
  /** At once; messages that came before it may still wait for an iterator. */
  readonly gap: Gap;
  /** The subscription ended by itself. "closed" follows. */
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
  readonly #levelChanged: () => void;
  readonly #messages = new Queue<Message>();
  readonly #readers = new Queue<Reader>();
  #bytes = 0;
  #isFull = false;
  #isIterated = false;
  #end: { readonly error: ShardcastError | undefined } | undefined;

  /** @param levelChanged told when it is full, and when it has room again */
  constructor(limitBytes: number, levelChanged: () => void) {
    this.#limitBytes = limitBytes;
    this.#levelChanged = levelChanged;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** The next to be read. */
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
    // A listener may have closed it.
    if (this.#end !== undefined) return;
    const reader = this.#readers.shift();
    if (reader === undefined) this.#keep(message);
    else reader.resolve({ done: false, value: message });
  }

  /** From now on a listener for "message" does not keep messages from the iterator. */
  iterate(): void {
    this.#isIterated = true;
  }

  /** What waits comes first, then the end: nothing more, or the error. */
  next(): Promise<IteratorResult<Message, undefined>> {
    const message = this.#take();
    if (message !== undefined) return Promise.resolve({ done: false, value: message });
    if (this.#end === undefined) {
      return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
    }
    const { error } = this.#end;
    return error === undefined ? Promise.resolve(DONE) : Promise.reject(error);
  }

  /** Nothing more comes. Without an error the reader has left, and what waits is dropped. */
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
    this.#levelChanged();
  }

  #take(): Message | undefined {
    const message = this.#messages.shift();
    if (message === undefined) return undefined;
    this.#bytes -= sizeOf(message);
    if (this.#isFull && this.#bytes <= this.#limitBytes / 2) {
      this.#isFull = false;
      this.#levelChanged();
    }
    return message;
  }
}

export const DONE = { done: true, value: undefined } as const;

function sizeOf(message: Message): number {
  return message.bytes.length + MESSAGE_OVERHEAD_BYTES;
}
