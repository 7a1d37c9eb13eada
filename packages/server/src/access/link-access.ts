// What one client without the pre-shared key may do: over a link, or with a request over HTTP. Clients that
// have proved that they know the key have none of these, and may do all that their endpoint offers.
import { topicOfPresence, type ErrorCode, type From } from "@shardcast/protocol";
import type { Identity } from "./identity.ts";
import { PublishAllowance } from "./publish-allowance.ts";
import type { AccessLimits } from "./access-limits.ts";
import { holdersOf } from "./holders.ts";
import type { NewTopics } from "./new-topics.ts";
import type { UserUsage } from "./user-usage.ts";

/** What a client's link is told of its access. */
export interface AccessHolder {
  /** Another token is due within this time. */
  expiring(withinMs: number): void;
  expired(): void;
}

/** What all clients of a node share. */
export interface AccessContext {
  readonly limits: AccessLimits;
  readonly now: () => number;
  /** Undefined where there is no limit. */
  readonly newTopics?: NewTopics;
}

export class LinkAccess {
  readonly address: string;
  /** The slot of the expiry clock that it is in. */
  clockSlot: number | undefined;
  /** Its holder was told that the end is near. */
  isAnnounced = false;
  holder: AccessHolder | undefined;
  readonly #context: AccessContext;
  readonly #usage: UserUsage | undefined;
  readonly #allowance: PublishAllowance;
  #identity: Identity;
  /** The last topic that was published to, and whether it may be: nearly always it is the next one as well. */
  #lastTopic: string | undefined;
  #mayPublishLast = false;

  /** @param usage of the user, where there is one */
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

  get expiresAt(): number {
    return this.#identity.expiresAt;
  }

  /** How long the access holds, in ms; Infinity where it has no end. */
  get leftMs(): number {
    return Math.max(0, this.#identity.expiresAt - this.#context.now());
  }

  /** Why a publish is refused; undefined where it is not, and then it counts. */
  publishFault(topic: string, bytes: number): ErrorCode | undefined {
    if (topic !== this.#lastTopic) {
      this.#lastTopic = topic;
      this.#mayPublishLast = this.#identity.permissions.allows("publish", topic);
    }
    if (!this.#mayPublishLast) return "SHARDCAST_FORBIDDEN";
    return this.#takes(bytes) ? undefined : "SHARDCAST_RATE_LIMITED";
  }

  /** Why nothing may be published to a topic, or, where none is named, to any at all. It counts for nothing. */
  mayPublishFault(topic: string | undefined): ErrorCode | undefined {
    const { permissions } = this.#identity;
    const isAllowed =
      topic === undefined ? permissions.allowsAny("publish") : permissions.allows("publish", topic);
    return isAllowed ? undefined : "SHARDCAST_FORBIDDEN";
  }

  /** Why no further topic may be begun; undefined where one may, and then it counts. */
  newTopicFault(): ErrorCode | undefined {
    const { newTopics, now } = this.#context;
    if (newTopics === undefined) return undefined;
    return newTopics.take(holdersOf(this), now()) ? undefined : "SHARDCAST_RATE_LIMITED";
  }

  /** Why a topic may not be followed from a place on. */
  followFault(topic: string, from: From): ErrorCode | undefined {
    const { permissions } = this.#identity;
    const watched = topicOfPresence(topic);
    if (watched !== undefined) return this.presenceFault(watched);
    if (!permissions.allows("subscribe", topic)) return "SHARDCAST_FORBIDDEN";
    if (from.type === "live" || from.type === "position") return undefined;
    return this.historyFault(topic);
  }

  /** Why what was stored before may not be read. */
  historyFault(topic: string): ErrorCode | undefined {
    return this.#identity.permissions.allows("history", topic) ? undefined : "SHARDCAST_FORBIDDEN";
  }

  /** Why somebody may not be on a topic, or know who is. */
  presenceFault(topic: string): ErrorCode | undefined {
    return this.#identity.permissions.allows("presence", topic) ? undefined : "SHARDCAST_FORBIDDEN";
  }

  /** From when on messages are given to a subscription that resumes; undefined where it may have all. */
  resumesFrom(topic: string): number | undefined {
    const mayReadAll =
      topicOfPresence(topic) !== undefined || this.historyFault(topic) === undefined;
    return mayReadAll ? undefined : this.#context.now() - this.#context.limits.resumeWindowMs;
  }

  /** Another token of the same user was accepted. */
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
