// One topic that this node follows in Redis. Passes its messages to the follower, each exactly once
// and in order.
//
//   reading ─▶ live     reading: reads pages of the stream up to the head; a notification repeats the read.
//      ▲        │       live: delivers notifications that continue its position; any other starts a read.
//      └────────┘
import {
  FRAME_TYPES,
  ShardcastError,
  forEachFrame,
  readMessageOffset,
  type GapFrame,
  type Position,
  type SubscribedFrame,
} from "@shardcast/protocol";
import { Damage } from "@shardcast/log";
import type { Notification } from "./notification.ts";
import type { TopicPage } from "./read-topic.ts";

const PAGE_BYTES = 256 * 1024;
const RETRY_MS = 250;

/** Receives the messages of one topic. */
export interface StreamFollower {
  readonly topic: string;
  /** The last position received; undefined to follow from the present head. */
  readonly position: Position | undefined;
  followed(frame: SubscribedFrame): void;
  /** Delivers a message frame. The bytes are valid only during the call. */
  delivered(bytes: Uint8Array, start: number, end: number): void;
  /** @param code the reason if messages are damaged; undefined if they were trimmed */
  missed(frame: GapFrame, code?: string): void;
}

/**
 * Reads the messages after an offset, about `limitBytes` of them. Creates the topic if it does not
 * exist.
 */
export type ReadAfter = (after: number, limitBytes: number, epoch: string) => Promise<TopicPage>;

export class FollowedTopic {
  readonly #follower: StreamFollower;
  readonly #read: ReadAfter;
  #isReading = false;
  /** Whether something has arrived that the current read may not include. */
  #isStale = false;
  #isClosed = false;

  constructor(follower: StreamFollower, read: ReadAfter) {
    this.#follower = follower;
    this.#read = read;
  }

  /** Whether the topic has had no messages so far. */
  get isUnborn(): boolean {
    return this.#follower.position?.offset === 0;
  }

  notified({ epoch, frames }: Notification): void {
    const { position } = this.#follower;
    if (this.#isReading) {
      this.#isStale = true;
      return;
    }
    const isNext =
      frames.length > 0 &&
      position?.epoch === epoch &&
      readMessageOffset(frames, 0) <= position.offset + 1;
    if (isNext) this.#deliver(frames);
    else this.sync();
  }

  /** Reads up to the head. */
  sync(): void {
    this.#isStale = true;
    if (this.#isReading || this.#isClosed) return;
    this.#isReading = true;
    this.#syncAll().then(
      () => {
        this.#isReading = false;
      },
      () => {
        setTimeout(() => {
          this.#isReading = false;
          this.sync();
        }, RETRY_MS).unref();
      },
    );
  }

  /** Checks a page that was read for another purpose: follows the new epoch if the log has one. */
  noticed(page: TopicPage): void {
    const { position } = this.#follower;
    if (position !== undefined && position.epoch !== page.epoch) this.#take(page);
  }

  close(): void {
    this.#isClosed = true;
  }

  async #syncAll(): Promise<void> {
    while (this.#isStale && !this.#isClosed) {
      this.#isStale = false;
      const { position } = this.#follower;
      const after = position?.offset ?? Number.MAX_SAFE_INTEGER - 1;
      const page = await this.#read(after, PAGE_BYTES, position?.epoch ?? "");
      this.#take(page);
      this.#isStale ||= this.#isBehind(page, position);
    }
  }

  /**
   * Whether the follower has not reached the page's head.
   * @throws SHARDCAST_LOG_UNAVAILABLE if the page brought no progress, so that the next read waits
   * instead of looping
   */
  #isBehind({ epoch, head }: TopicPage, before: Position | undefined): boolean {
    const { position } = this.#follower;
    if (position?.epoch !== epoch || position.offset >= head) return false;
    if (before?.epoch === epoch && before.offset === position.offset) {
      throw new ShardcastError("SHARDCAST_LOG_UNAVAILABLE", "a page does not follow");
    }
    return true;
  }

  #take(page: TopicPage): void {
    if (this.#isClosed) return;
    const { epoch, head, oldest } = page;
    const before = this.#follower.position;
    if (before?.epoch !== epoch) {
      const position = { epoch, offset: head };
      const recovered = before === undefined;
      const numbers = { sub: 0, topicId: 0 };
      this.#follower.followed({
        type: "subscribed",
        ...numbers,
        recovered,
        position,
        head,
        oldest,
      });
      return;
    }
    if (before.offset + 1 < oldest) {
      const gap = { epoch, first: before.offset + 1, last: oldest - 1 };
      this.#follower.missed({ type: "gap", sub: 0, ...gap });
    }
    this.#deliverPage(page);
  }

  #deliverPage(page: TopicPage): void {
    const after = this.#follower.position?.offset ?? page.head;
    const read = page.after(after, PAGE_BYTES, 0);
    if (read instanceof Damage) {
      const { first, last } = read;
      const gap = { type: "gap", sub: 0, epoch: page.epoch, first, last } as const;
      this.#follower.missed(gap, "SHARDCAST_MESSAGES_DAMAGED");
      return;
    }
    if (read !== undefined) this.#deliver(read.shared.frames);
  }

  /** Delivers the frames that follow the position, and skips those already delivered. */
  #deliver(frames: Buffer): void {
    let next = (this.#follower.position?.offset ?? 0) + 1;
    forEachFrame(frames, (type, start, end) => {
      if (type !== FRAME_TYPES.message || readMessageOffset(frames, start) !== next) return;
      this.#follower.delivered(frames, start, end);
      next += 1;
    });
  }
}
