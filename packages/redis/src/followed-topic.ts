// One topic that this node follows in Redis: hands its messages to the follower, each once and in order.
//
//   reading ─▶ live     reading: pages of the stream, until it is at head; notifications only say "again".
//      ▲        │       live: notifications that go on where it is; any other makes it read.
//      └────────┘
import { FRAME_TYPES, forEachFrame, readMessageOffset } from "@shardcast/protocol";
import type { Follower } from "@shardcast/server";
import type { Notification } from "./notification.ts";
import type { TopicPage } from "./read-topic.ts";

const PAGE_BYTES = 256 * 1024;
const RETRY_MS = 250;

/** Reads what follows an offset; undefined where the topic is not there. */
export type ReadAfter = (after: number, limitBytes: number, epoch: string) => Promise<TopicPage>;

export class FollowedTopic {
  readonly #follower: Follower;
  readonly #read: ReadAfter;
  #isReading = false;
  /** Something came that a read under way may not have seen. */
  #isStale = false;
  #isClosed = false;

  constructor(follower: Follower, read: ReadAfter) {
    this.#follower = follower;
    this.#read = read;
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

  /** Reads until it is at head. */
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
    }
  }

  #take({ epoch, head, oldest, frames }: TopicPage): void {
    if (this.#isClosed) return;
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
    this.#deliver(frames);
    if ((this.#follower.position?.offset ?? head) < head) this.#isStale = true;
  }

  /** What the follower has already is skipped. */
  #deliver(frames: Buffer): void {
    let next = (this.#follower.position?.offset ?? 0) + 1;
    forEachFrame(frames, (type, start, end) => {
      if (type !== FRAME_TYPES.message || readMessageOffset(frames, start) !== next) return;
      this.#follower.delivered(frames, start, end);
      next += 1;
    });
  }
}
