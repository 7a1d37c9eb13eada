// The link over which a consumer follows topics that another one owns, and reads their history: one
// upstream subscription a topic, however many local ones.
import {
  FRAME_TYPES,
  ShardcastError,
  decodeFrame,
  isErrorCode,
  readMessageTopicId,
  encodeFrame,
  type Frame,
  type From,
  type Keys,
  type PageFrame,
  type RingMember,
} from "@shardcast/protocol";
import type { Logger } from "pino";
import { Peer, type PeerHandler } from "./peer.ts";
import type { Follower, TopicSource } from "./topic-source.ts";

const READ_TIMEOUT_MS = 5000;
const RETRY_MS = 500;

interface Read {
  readonly resolve: (page: PageFrame) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export interface UpstreamOptions {
  readonly member: RingMember;
  readonly keys: Keys;
  readonly logger: Logger;
}

export class Upstream implements PeerHandler, TopicSource {
  readonly #options: UpstreamOptions;
  readonly #peer: Peer;
  readonly #followers = new Map<number, Follower>();
  /** The owner's numbers of topics, by ours for the subscription. */
  readonly #topicIds = new Map<number, number>();
  readonly #byTopicId = new Map<number, Follower>();
  readonly #reads = new Map<number, Read>();
  #nextNumber = 1;
  #isStarted = false;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#peer = new Peer({ ...options, endpoint: "relay" }, this);
  }

  get isOpen(): boolean {
    return this.#peer.isOpen;
  }

  /** Follows a topic, through every loss of the link, until the returned function is called. */
  follow(follower: Follower): () => void {
    this.#start();
    const sub = this.#nextNumber;
    this.#nextNumber += 1;
    this.#followers.set(sub, follower);
    this.#subscribe(sub, follower);
    return () => {
      this.#followers.delete(sub);
      this.#forgetTopicId(sub);
      this.#send({ type: "unsubscribe", sub });
    };
  }

  /**
   * Reads messages of a topic from its owner.
   * @throws SHARDCAST_OWNER_UNAVAILABLE, SHARDCAST_NOT_OWNER
   */
  read(topic: string, from: From, limitBytes: number): Promise<PageFrame> {
    this.#start();
    const seq = this.#nextNumber;
    this.#nextNumber += 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#settle(seq)?.reject(this.#unavailable());
      }, READ_TIMEOUT_MS);
      this.#reads.set(seq, { resolve, reject, timer });
      if (this.#peer.isOpen) this.#send({ type: "read", seq, topic, from, limitBytes });
      else this.#settle(seq)?.reject(this.#unavailable());
    });
  }

  close(): void {
    this.#followers.clear();
    this.#peer.close();
    this.lost();
  }

  opened(): void {
    for (const [sub, follower] of this.#followers) this.#subscribe(sub, follower);
  }

  lost(): void {
    this.#byTopicId.clear();
    this.#topicIds.clear();
    for (const seq of [...this.#reads.keys()]) this.#settle(seq)?.reject(this.#unavailable());
  }

  received(type: number, bytes: Uint8Array, start: number, end: number): void {
    if (type === FRAME_TYPES.message) {
      // Frame by frame would do; the follower gathers what comes in one turn.
      this.#byTopicId.get(readMessageTopicId(bytes, start))?.delivered(bytes, start, end);
      return;
    }
    const frame = decodeFrame(bytes, start, end);
    if (frame !== undefined) this.#receivedFrame(frame);
  }

  #receivedFrame(frame: Frame): void {
    switch (frame.type) {
      case "subscribed": {
        const follower = this.#followers.get(frame.sub);
        if (follower === undefined) return;
        this.#byTopicId.set(frame.topicId, follower);
        this.#topicIds.set(frame.sub, frame.topicId);
        follower.followed(frame);
        return;
      }
      case "gap":
        this.#followers.get(frame.sub)?.missed(frame);
        return;
      case "unsubscribed":
        this.#retryLater(frame.sub, frame.code);
        return;
      case "page":
        this.#settle(frame.seq)?.resolve({ ...frame, frames: frame.frames.slice() });
        return;
      case "reject":
        this.#settle(frame.seq)?.reject(
          new ShardcastError(
            isErrorCode(frame.code) ? frame.code : "SHARDCAST_OWNER_UNAVAILABLE",
            frame.reason,
          ),
        );
        return;
      default:
        return;
    }
  }

  /** The owner refuses: it is about to stop, or its ring is another one. Both pass. */
  #retryLater(sub: number, code: string): void {
    const follower = this.#followers.get(sub);
    if (follower === undefined) return;
    this.#forgetTopicId(sub);
    const { logger, member } = this.#options;
    logger.warn({ peer: member.id, topic: follower.topic, code }, "the owner refuses a relay");
    setTimeout(() => {
      const current = this.#followers.get(sub);
      if (current !== undefined) this.#subscribe(sub, current);
    }, RETRY_MS).unref();
  }

  #subscribe(sub: number, follower: Follower): void {
    const { topic, position } = follower;
    const from: From = position === undefined ? { type: "live" } : { type: "position", position };
    this.#send({ type: "subscribe", sub, topic, from });
  }

  #send(frame: Frame): void {
    this.#peer.send(encodeFrame(frame));
  }

  #forgetTopicId(sub: number): void {
    const topicId = this.#topicIds.get(sub);
    if (topicId !== undefined) this.#byTopicId.delete(topicId);
    this.#topicIds.delete(sub);
  }

  #settle(seq: number): Read | undefined {
    const read = this.#reads.get(seq);
    this.#reads.delete(seq);
    clearTimeout(read?.timer);
    return read;
  }

  #unavailable(): ShardcastError {
    return new ShardcastError("SHARDCAST_OWNER_UNAVAILABLE", this.#peer.fault);
  }

  #start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#peer.start();
  }
}
