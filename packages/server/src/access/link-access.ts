// The permissions of one client without the pre-shared key, on a link or in an HTTP request. A
// client that has proved that it knows the key has no such object, and may do everything that its
// endpoint offers.
import {
  USER_ATTRIBUTE,
  encodeText,
  topicOfPresence,
  type ErrorCode,
  type From,
} from "@shardcast/protocol";
import type { Identity } from "./identity.ts";
import { PublishAllowance } from "./publish-allowance.ts";
import type { AccessLimits } from "./access-limits.ts";
import { holdersOf } from "./holders.ts";
import type { NewTopics } from "./new-topics.ts";
import type { UserUsage } from "./user-usage.ts";

/** Notified when the access is about to expire, and when it expires. */
export interface AccessHolder {
  /** The client must send another token within this time. */
  expiring(withinMs: number): void;
  expired(): void;
}

/** The parts that all clients of a node share. */
export interface AccessContext {
  readonly limits: AccessLimits;
  readonly now: () => number;
  /** Undefined for no limit. */
  readonly newTopics?: NewTopics;
}

export class LinkAccess {
  readonly address: string;
  /** The slot of the expiry clock that holds this access. */
  clockSlot: number | undefined;
  /** Whether the holder was notified that the access is about to expire. */
  isAnnounced = false;
  holder: AccessHolder | undefined;
  readonly #context: AccessContext;
  readonly #usage: UserUsage | undefined;
  readonly #allowance: PublishAllowance;
  #identity: Identity;
  /**
   * The last topic that was published to, and whether that is allowed. The next publish nearly
   * always has the same topic.
   */
  #lastTopic: string | undefined;
  #mayPublishLast = false;
  /** Made for the first publish: most clients only subscribe. */
  #stamp: Uint8Array | undefined;

  /** @param usage the user's usage; undefined for a sender without limits */
  constructor(
    identity: Identity,
    address: string,
    usage: UserUsage | undefined,
    context: AccessContext,
  ) {
    this.#identity = identity;
    this.address = address;
    this.#usage = usage;
    this.#context = context;
    const { publishesPerSecond, publishBytesPerSecond } = context.limits;
    this.#allowance = new PublishAllowance(
      publishesPerSecond,
      publishBytesPerSecond,
      context.now(),
    );
  }

  get identity(): Identity {
    return this.#identity;
  }

  get user(): string {
    return this.#identity.user;
  }

  /**
   * The attribute `$user`, which the node adds to each message of a token's user; undefined if there is no token.
   * The sender of a signed request has a name of the node's own list, not a token.
   */
  get stamp(): Uint8Array | undefined {
    if (this.#stamp !== undefined) return this.#stamp;
    // A later token has the same user.
    if (this.user === "" || this.#usage === undefined) return undefined;
    const [name, user] = [encodeText(USER_ATTRIBUTE), encodeText(this.user)];
    this.#stamp = Uint8Array.of(name.length, ...name, user.length, ...user);
    return this.#stamp;
  }

  get expiresAt(): number {
    return this.#identity.expiresAt;
  }

  /** How long the access is still valid, in ms; Infinity if it does not expire. */
  get leftMs(): number {
    return Math.max(0, this.#identity.expiresAt - this.#context.now());
  }

  /** Returns why a publish is refused, or undefined if it is allowed. An allowed publish counts. */
  publishFault(topic: string, bytes: number): ErrorCode | undefined {
    if (topic !== this.#lastTopic) {
      this.#lastTopic = topic;
      this.#mayPublishLast = this.#identity.permissions.allows("publish", topic);
    }
    if (!this.#mayPublishLast) return "SHARDCAST_FORBIDDEN";
    return this.#takes(bytes) ? undefined : "SHARDCAST_RATE_LIMITED";
  }

  /**
   * Returns why the client may not publish to a topic or, if `topic` is undefined, to any topic.
   * Counts nothing.
   */
  mayPublishFault(topic: string | undefined): ErrorCode | undefined {
    const { permissions } = this.#identity;
    const isAllowed =
      topic === undefined ? permissions.allowsAny("publish") : permissions.allows("publish", topic);
    return isAllowed ? undefined : "SHARDCAST_FORBIDDEN";
  }

  /** Returns why the client may not publish now, anywhere. Counts nothing. */
  publishLimitFault(): ErrorCode | undefined {
    const now = this.#context.now();
    const hasRoom = this.#allowance.hasRoom(now) && (this.#usage?.allowance.hasRoom(now) ?? true);
    return hasRoom ? undefined : "SHARDCAST_RATE_LIMITED";
  }

  /**
   * Returns why the client may not create another topic, or undefined if it may. An allowed topic
   * counts.
   */
  newTopicFault(): ErrorCode | undefined {
    const { newTopics, now } = this.#context;
    if (newTopics === undefined) return undefined;
    return newTopics.take(holdersOf(this), now()) ? undefined : "SHARDCAST_RATE_LIMITED";
  }

  /** Returns why the client may not subscribe to a topic from a position. */
  followFault(topic: string, from: From): ErrorCode | undefined {
    const { permissions } = this.#identity;
    const watched = topicOfPresence(topic);
    if (watched !== undefined) return this.presenceFault(watched);
    if (!permissions.allows("subscribe", topic)) return "SHARDCAST_FORBIDDEN";
    if (from.type === "live" || from.type === "position") return undefined;
    return this.historyFault(topic);
  }

  /** Returns why the client may not read messages that were stored earlier. */
  historyFault(topic: string): ErrorCode | undefined {
    return this.#identity.permissions.allows("history", topic) ? undefined : "SHARDCAST_FORBIDDEN";
  }

  /** Returns why the client may not be present on a topic, or see who is. */
  presenceFault(topic: string): ErrorCode | undefined {
    return this.#identity.permissions.allows("presence", topic) ? undefined : "SHARDCAST_FORBIDDEN";
  }

  /**
   * The time (ms since 1970) from which a resuming subscription gets messages; undefined if it may
   * get all.
   */
  resumesFrom(topic: string): number | undefined {
    const mayReadAll =
      topicOfPresence(topic) !== undefined || this.historyFault(topic) === undefined;
    return mayReadAll ? undefined : this.#context.now() - this.#context.limits.resumeWindowMs;
  }

  /** Called when another token of the same user was accepted. */
  renew(identity: Identity): void {
    this.#identity = identity;
    this.#lastTopic = undefined;
    this.isAnnounced = false;
  }

  #takes(bytes: number): boolean {
    const now = this.#context.now();
    if (!this.#allowance.take(bytes, now)) return false;
    if (this.#usage === undefined || this.#usage.allowance.take(bytes, now)) return true;
    this.#allowance.giveBack(bytes);
    return false;
  }
}
