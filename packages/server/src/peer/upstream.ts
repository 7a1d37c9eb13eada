// The link from a consumer to the owner of topics that it relays. It has one subscription per
// topic, for any number of local subscriptions. It also reads the topics' history, and reports and
// reads their presence.
import {
  FRAME_TYPES,
  ShardcastError,
  decodeFrame,
  isErrorCode,
  readMessageTopicId,
  encodeFrame,
  type CauseFrame,
  type EnteredFrame,
  type Frame,
  type From,
  type HandshakeKeys,
  type MemberIdentity,
  type PageFrame,
  type PresenceMember,
  type PresentFrame,
  type RingMember,
} from "@shardcast/protocol";
import type { Logger } from "pino";
import { Peer, type Dial, type PeerHandler } from "./peer.ts";
import type { PeerTls } from "../options/tls.ts";
import type { Follower, TopicSource } from "./topic-source.ts";

const ANSWER_TIMEOUT_MS = 5000;
const RETRY_MS = 500;

/** The frames that answer a request. */
type UpstreamAnswer = PageFrame | EnteredFrame | PresentFrame;

interface UpstreamRequest {
  readonly resolve: (answer: UpstreamAnswer) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export interface UpstreamOptions {
  readonly member: RingMember;
  readonly keys: HandshakeKeys;
  readonly tls: PeerTls;
  readonly dial: Dial | undefined;
  readonly logger: Logger;
  /** Called each time that the link opens. */
  readonly onOpen: () => void;
}

export class Upstream implements PeerHandler, TopicSource {
  readonly #options: UpstreamOptions;
  readonly #peer: Peer;
  readonly #followers = new Map<number, Follower>();
  /** The owner's topic ids, by our subscription numbers. */
  readonly #topicIds = new Map<number, number>();
  readonly #byTopicId = new Map<number, Follower>();
  readonly #questions = new Map<number, UpstreamRequest>();
  /** Requests made before the link was open for the first time. */
  readonly #early = new Map<number, Frame>();
  /** The cause of the next gap. */
  #cause: CauseFrame | undefined;
  #wasOpen = false;
  #nextNumber = 1;
  #isStarted = false;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#peer = new Peer({ ...options, endpoint: "relay" }, this);
  }

  get isOpen(): boolean {
    return this.#peer.isOpen;
  }

  /**
   * Subscribes to a topic until the returned function is called, and again after each loss of the
   * link.
   */
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
  async read(topic: string, from: From, limitBytes: number): Promise<PageFrame> {
    const answer = await this.#ask((seq) => ({ type: "read", seq, topic, from, limitBytes }));
    if (answer.type !== "page") throw unexpected(answer);
    return answer;
  }

  /**
   * Reports a member to the owner of a presence topic. If the link is lost, the member counts as
   * lost.
   * @throws SHARDCAST_OWNER_UNAVAILABLE, SHARDCAST_NOT_OWNER, SHARDCAST_PRESENCE_FULL
   */
  async enter(topic: string, member: PresenceMember): Promise<void> {
    await this.#ask((seq) => ({ type: "enter", seq, topic, ...member }));
  }

  /**
   * Reports to the owner that a member has left or, with `lost`, that the member's link is lost.
   */
  leave(topic: string, { memberId, user }: MemberIdentity, lost: boolean): void {
    for (const [seq, frame] of this.#early) {
      if (frame.type !== "enter" || frame.topic !== topic || frame.user !== user) continue;
      if (frame.memberId === memberId) this.#settle(seq)?.reject(this.#unavailable());
    }
    this.#send({ type: "leave", topic, memberId, user, lost });
  }

  /**
   * Reads one page of a topic's members from the owner.
   * @throws SHARDCAST_OWNER_UNAVAILABLE, SHARDCAST_NOT_OWNER
   */
  async presence(topic: string, after: number, limit: number): Promise<PresentFrame> {
    const answer = await this.#ask((seq) => ({ type: "presence", seq, topic, after, limit }));
    if (answer.type !== "present") throw unexpected(answer);
    return answer;
  }

  close(): void {
    this.#followers.clear();
    this.#peer.close();
    this.lost();
  }

  opened(): void {
    for (const [sub, follower] of this.#followers) this.#subscribe(sub, follower);
    this.#wasOpen = true;
    for (const frame of this.#early.values()) this.#send(frame);
    this.#early.clear();
    this.#options.onOpen();
  }

  lost(): void {
    this.#byTopicId.clear();
    this.#topicIds.clear();
    for (const seq of [...this.#questions.keys()]) this.#settle(seq)?.reject(this.#unavailable());
  }

  received(type: number, bytes: Uint8Array, start: number, end: number): void {
    if (type === FRAME_TYPES.message) {
      // Passed on frame by frame: the follower gathers the frames of one turn.
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
      case "cause":
        this.#cause = frame;
        return;
      case "gap": {
        const code = this.#cause?.sub === frame.sub ? this.#cause.code : undefined;
        this.#cause = undefined;
        this.#followers.get(frame.sub)?.missed(frame, code);
        return;
      }
      case "unsubscribed":
        this.#retryLater(frame.sub, frame.code);
        return;
      case "page":
        this.#settle(frame.seq)?.resolve({ ...frame, frames: frame.frames.slice() });
        return;
      case "entered":
      case "present":
        this.#settle(frame.seq)?.resolve(frame);
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

  /**
   * The owner refused the subscription: it is stopping, or has another ring. Both are temporary.
   */
  #retryLater(sub: number, code: string): void {
    const follower = this.#followers.get(sub);
    if (follower === undefined) return;
    this.#forgetTopicId(sub);
    const { logger, member } = this.#options;
    // While the ring changes, nodes refuse many topics for this reason.
    const level = code === "SHARDCAST_NOT_OWNER" ? "debug" : "warn";
    logger[level]({ peer: member.id, topic: follower.topic, code }, "the owner refuses a relay");
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

  #ask(frameOf: (seq: number) => Frame): Promise<UpstreamAnswer> {
    this.#start();
    const seq = this.#nextNumber;
    this.#nextNumber += 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#settle(seq)?.reject(this.#unavailable());
      }, ANSWER_TIMEOUT_MS);
      this.#questions.set(seq, { resolve, reject, timer });
      const frame = frameOf(seq);
      if (this.#peer.isOpen) this.#send(frame);
      else if (this.#wasOpen) this.#settle(seq)?.reject(this.#unavailable());
      else this.#early.set(seq, frame);
    });
  }

  #settle(seq: number): UpstreamRequest | undefined {
    const question = this.#questions.get(seq);
    this.#questions.delete(seq);
    this.#early.delete(seq);
    clearTimeout(question?.timer);
    return question;
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

function unexpected({ type }: Frame): ShardcastError {
  return new ShardcastError("SHARDCAST_FRAME_UNEXPECTED", `the owner answered with ${type}`);
}
