// Reads one topic for one subscription: keeps the position, delivers every message once and in order, and reports
// messages that are unavailable. Its messages come from the topic's follower or, while it is behind that, from reads.
import {
  ShardcastError,
  formatPosition,
  type From,
  type Position,
  type SubscribedFrame,
} from "@shardcast/protocol";
import { Inbox, type Gap } from "./inbox.ts";
import { Message } from "./message.ts";
import type { Settings } from "./options.ts";
import type { ReadOptions, TopicPage } from "./reading.ts";
import type { FollowingReader, TopicFollower } from "./topic-follower.ts";

/** About how many bytes one read brings, at most: less than a reader's buffer has room for. */
const READ_BYTES = 128 * 1024;

export interface TopicReaderHost {
  readonly settings: Pick<Settings, "subscriptionBufferBytes">;
  readonly read: (options: ReadOptions) => Promise<TopicPage>;
}

export interface TopicReaderOptions {
  readonly from: From;
  readonly gaps: "event" | "error";
}

/** What a node reports when it confirms a subscription or answers a read. */
type Confirmation = Pick<SubscribedFrame, "position" | "head" | "oldest">;

export class TopicReader implements FollowingReader {
  readonly topic: string;
  readonly inbox: Inbox;
  /** Resolves when a node has confirmed the subscription for the first time. Rejects if it ends before. */
  readonly ready: Promise<void>;
  readonly #host: TopicReaderHost;
  readonly #options: TopicReaderOptions;
  readonly #follower: TopicFollower;
  /** The epoch of the current position; undefined until a node has reported it. */
  #epoch: string | undefined;
  #offset = 0;
  #isAttached = false;
  #isReading = false;
  /** Whether a page of this catching up has arrived. */
  #isConfirmed = false;
  #isEnded = false;
  #resolveReady: () => void = () => undefined;
  #rejectReady: (error: ShardcastError) => void = () => undefined;

  constructor(follower: TopicFollower, options: TopicReaderOptions, host: TopicReaderHost) {
    this.topic = follower.topic;
    this.#follower = follower;
    this.#options = options;
    this.#host = host;
    this.inbox = new Inbox(host.settings.subscriptionBufferBytes, () => this.#update());
    if (options.from.type === "position") this.#moveTo(options.from.position);
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    // An application that does not await `ready` need not handle its rejection.
    this.ready.catch(() => undefined);
    follower.add(this);
    this.#update();
  }

  /** The position of the last received message. */
  get position(): Position | undefined {
    return this.#epoch === undefined ? undefined : { epoch: this.#epoch, offset: this.#offset };
  }

  /** Where it continues. */
  get from(): From {
    const { position } = this;
    return position === undefined ? this.#options.from : { type: "position", position };
  }

  subscribed(confirmation: Confirmation, recovered: boolean): void {
    const { position, head, oldest } = confirmation;
    this.#confirmed(confirmation, recovered);
    const event = { position: formatPosition(position), head, oldest, recovered };
    this.inbox.events.emit("subscribed", event);
  }

  received(message: Message): void {
    if (this.#isEnded) return;
    // A reader that was ahead of the follower when it attached has some messages already.
    if (message.epoch !== this.#epoch || message.offset <= this.#offset) return;
    this.#offset = message.offset;
    this.inbox.give(message);
  }

  missed(gap: Omit<Gap, "isNewEpoch">, code?: string): void {
    if (gap.epoch === this.#epoch && gap.last <= this.#offset) return;
    const { epoch, first, last } = gap;
    this.#miss({ epoch, first, last, ...(code === undefined ? {} : { code }) });
  }

  /** Ends the reader: by its application (no error), or because of an error. */
  end(error: ShardcastError | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#follower.remove(this);
    this.#rejectReady(
      error ?? new ShardcastError("SHARDCAST_CLOSED", "the subscription is closed"),
    );
    this.inbox.end(error);
  }

  /** Attaches to the follower while there is room for messages, after catching up by reads if necessary. */
  #update(): void {
    if (this.#isEnded) return;
    if (this.inbox.isFull) {
      this.#isAttached = false;
      this.#follower.detach(this);
      return;
    }
    if (this.#isAttached || this.#isReading) return;
    this.#isAttached = this.#follower.attach(this);
    const { subscribedFrame } = this.#follower;
    if (!this.#isAttached) {
      void this.#catchUp();
      return;
    }
    const wasConfirmed = this.#isConfirmed;
    this.#isConfirmed = false;
    if (subscribedFrame !== undefined && !wasConfirmed) {
      // The follower's subscription is confirmed and live: this reader starts at the same place, or has all messages
      // up to there.
      const { oldest } = subscribedFrame;
      const position = this.position ?? this.#follower.position ?? subscribedFrame.position;
      const head = Math.max(subscribedFrame.head, position.offset);
      this.#confirmed({ position, head, oldest }, true);
      const event = { position: formatPosition(position), head, oldest, recovered: true };
      // The application adds its listeners in this turn.
      queueMicrotask(() => {
        if (!this.#isEnded) this.inbox.events.emit("subscribed", event);
      });
    }
  }

  #confirmed({ position }: Confirmation, recovered: boolean): void {
    // A topic without messages gets its epoch with its first message.
    const isBorn = recovered && this.#offset === 0 && position.offset === 0;
    if (this.#epoch === undefined || isBorn) this.#moveTo(position);
    this.#resolveReady();
  }

  async #catchUp(): Promise<void> {
    const { topic } = this;
    this.#isReading = true;
    try {
      this.#paged(await this.#host.read({ topic, from: this.from, limitBytes: READ_BYTES }));
    } catch (error) {
      // A node that does not answer in time may answer the next read.
      if (!(error instanceof ShardcastError) || !isTemporary(error)) this.#fail(error);
    } finally {
      this.#isReading = false;
    }
    this.#update();
  }

  #paged(page: TopicPage): void {
    if (this.#isEnded) return;
    const { position, messages, code } = page;
    const { from } = this;
    const isExpected =
      from.type !== "position" ||
      (from.position.epoch === position.epoch && from.position.offset === position.offset) ||
      (from.position.offset === 0 && position.offset === 0);
    if (!this.#isConfirmed || !isExpected) this.subscribed(page, isExpected);
    this.#isConfirmed = true;
    if (!isExpected) {
      const { epoch, offset: last } = position;
      const first = epoch === this.#epoch ? this.#offset + 1 : 1;
      this.missed({ epoch, first, last }, code);
    }
    // A listener, or the option `gaps`, may end the reader meanwhile; its inbox then takes no more.
    for (const frame of messages) this.received(new Message(this.topic, position.epoch, frame));
  }

  #fail(error: unknown): void {
    this.end(error instanceof ShardcastError ? error : new ShardcastError("SHARDCAST_INTERNAL"));
    // Not an answer of a node: a fault of the SDK itself.
    if (!(error instanceof ShardcastError)) throw error;
  }

  #moveTo({ epoch, offset }: Position): void {
    this.#epoch = epoch;
    this.#offset = offset;
  }

  #miss(gap: Omit<Gap, "isNewEpoch">): void {
    const { epoch, first, last, code } = gap;
    const isNewEpoch = epoch !== this.#epoch;
    this.#moveTo({ epoch, offset: last });
    this.inbox.events.emit("gap", { ...gap, isNewEpoch });
    if (this.#options.gaps === "event") return;
    const state = code === "SHARDCAST_MESSAGES_DAMAGED" ? "damaged" : "gone";
    const what = isNewEpoch ? "its log started over" : `messages ${first} to ${last} are ${state}`;
    this.end(new ShardcastError("SHARDCAST_GAP", `${this.topic}: ${what}`));
  }
}

function isTemporary({ code, retryable }: ShardcastError): boolean {
  return retryable || code === "SHARDCAST_TIMEOUT";
}
