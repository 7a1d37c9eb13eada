// The members present through this node's own links. It reports them to the presence owners of
// their topics, and again when the ring changes or an owner's link was lost.
import {
  ShardcastError,
  isSameMember,
  memberKey,
  presenceTopic,
  topicOfPresence,
  type EnterFrame,
  type LeaveFrame,
  type MemberIdentity,
  type PresenceMember,
  type RingMember,
} from "@shardcast/protocol";
import type { FrameSink, Membership, Upstream } from "@shardcast/server";
import { WATCHED_ELSEWHERE, type PresenceDesk } from "./presence-desk.ts";
import type { PresenceAnswer, PresenceOwner } from "./presence-owner.ts";
import { PresenceShares, presenceHoldersOf } from "./presence-shares.ts";

/** The wait before reporting again to a node that does not know yet that it is the owner, in ms. */
const RETRY_MS = 250;
/** The same for an owner that refuses for another reason, for example because it is full. */
const REFUSED_MS = 2000;
const WAKE_TRIES = 40;

interface Attendee {
  readonly sink: FrameSink;
  readonly topic: string;
  readonly member: PresenceMember;
  /** The presence owner that has the report. */
  readonly owner: RingMember;
  /** The holders whose shares the member uses. */
  readonly holders: readonly string[];
  /** Whether a repeated report is in progress. */
  isTelling: boolean;
}

export interface AttendanceOptions {
  readonly membership: Membership;
  readonly owner: PresenceOwner;
  readonly upstreamTo: (owner: RingMember) => Upstream;
  /** The most members of one link. */
  readonly maxMembers: number;
  /** The most members of one topic per user, and per address. */
  readonly maxEach: number;
  /** The presence topics that have subscribers at this node. */
  readonly watched: () => Iterable<string>;
}

export class Attendance implements PresenceDesk {
  readonly #options: AttendanceOptions;
  /** Each with the link that reported it last. */
  readonly #attendees = new Map<string, Attendee>();
  readonly #keys = new Map<FrameSink, Set<string>>();
  readonly #shares: PresenceShares;

  constructor(options: AttendanceOptions) {
    this.#options = options;
    this.#shares = new PresenceShares(options.maxEach);
  }

  /**
   * @throws SHARDCAST_OWNER_UNAVAILABLE, SHARDCAST_NOT_OWNER, SHARDCAST_PRESENCE_FULL,
   * SHARDCAST_TOPICS_LIMIT
   */
  async enter(sink: FrameSink, { topic, memberId, user, info }: EnterFrame): Promise<void> {
    const member = { memberId, user, info };
    const holders = presenceHoldersOf(topic, sink.access);
    const attendee = {
      sink,
      topic,
      member,
      owner: this.#ownerOf(topic),
      holders,
      isTelling: false,
    };
    const key = keyOf(topic, member);
    const keys = this.#keys.get(sink) ?? new Set();
    if (keys.size >= this.#options.maxMembers && !keys.has(key)) {
      throw new ShardcastError("SHARDCAST_TOPICS_LIMIT");
    }
    const before = this.#attendees.get(key);
    const isCounted = before !== undefined && before.holders.join() === holders.join();
    if (!isCounted && !this.#shares.hasRoom(holders)) {
      throw new ShardcastError("SHARDCAST_PRESENCE_FULL", "of this user, or this address");
    }
    this.#keys.set(sink, keys.add(key));
    this.#put(key, attendee);
    try {
      await this.#tell(attendee);
    } catch (error) {
      const isCurrent = this.#attendees.get(key) === attendee;
      // The client asks again, and this node reports the member as soon as the owner is available.
      if (isUnavailable(error)) throw error;
      // A member that was present with another info stays present.
      if (isCurrent && before?.sink === sink) this.#put(key, before);
      else if (isCurrent) this.#leave(key, attendee, false);
      throw error;
    }
  }

  leave(sink: FrameSink, { topic, memberId, user, lost }: LeaveFrame): void {
    const key = keyOf(topic, { memberId, user });
    const attendee = this.#attendees.get(key);
    if (attendee?.sink === sink) this.#leave(key, attendee, lost);
  }

  /** Removes a link's members from topics on which it may no longer be present. */
  retain(sink: FrameSink, isAllowed: (topic: string) => boolean): void {
    for (const key of [...(this.#keys.get(sink) ?? [])]) {
      const attendee = this.#attendees.get(key);
      if (attendee?.sink !== sink || isAllowed(attendee.topic)) continue;
      this.#leave(key, attendee, false);
    }
  }

  closed(sink: FrameSink): void {
    for (const key of this.#keys.get(sink) ?? []) {
      const attendee = this.#attendees.get(key);
      // The client may already be back on another link.
      if (attendee?.sink === sink) this.#leave(key, attendee, true);
    }
    this.#keys.delete(sink);
  }

  /** @throws SHARDCAST_OWNER_UNAVAILABLE, SHARDCAST_NOT_OWNER, SHARDCAST_LOG_UNAVAILABLE */
  async page(topic: string, after: number, limit: number): Promise<PresenceAnswer> {
    const { membership, owner, upstreamTo } = this.#options;
    const member = this.#ownerOf(topic);
    if (membership.isSelf(member)) return owner.page(topic, after, limit);
    // With `limit` 0, `after` may be WATCHED_ELSEWHERE, which only nodes may send.
    return upstreamTo(member).presence(topic, limit === 0 ? 0 : after, limit);
  }

  /** Applies the current ring. */
  regroup(): void {
    for (const [key, attendee] of this.#attendees) {
      const owner = this.#options.membership.ownerOf(presenceTopic(attendee.topic));
      if (owner === undefined || isSameMember(owner, attendee.owner)) continue;
      const moved = { ...attendee, owner, isTelling: false };
      this.#attendees.set(key, moved);
      // Report it as lost, not as left: the old owner may still act as the owner, and would notify
      // watchers.
      this.#take(attendee, true);
      this.#tellUntilKnown(key, moved);
    }
    for (const [topic, owner] of this.#watched()) this.#wake(topic, owner, 0);
  }

  /** Called when an owner is available, perhaps again. It may have lost all reports. */
  reached(owner: RingMember): void {
    for (const [key, attendee] of this.#attendees) {
      if (isSameMember(attendee.owner, owner)) this.#tellUntilKnown(key, attendee);
    }
    for (const [topic, member] of this.#watched()) {
      if (isSameMember(member, owner)) this.#wake(topic, owner, WATCHED_ELSEWHERE);
    }
  }

  /** Yields the topics that are watched here, with their presence owners. */
  *#watched(): Generator<readonly [topic: string, owner: RingMember]> {
    for (const name of this.#options.watched()) {
      const topic = topicOfPresence(name);
      const owner = this.#options.membership.ownerOf(name);
      if (topic !== undefined && owner !== undefined) yield [topic, owner];
    }
  }

  /**
   * Asks an owner to look after a topic that is watched here; a new owner asks the watchers to read
   * the members again. If the owner's ring is out of date, this node tries again. If the owner is
   * unavailable, `reached` does so later.
   */
  #wake(topic: string, owner: RingMember, after: number, tries = WAKE_TRIES): void {
    const { membership, upstreamTo } = this.#options;
    const current = membership.ownerOf(presenceTopic(topic));
    if (tries === 0 || current === undefined || !isSameMember(current, owner)) return;
    const isSelf = membership.isSelf(owner);
    const page = isSelf ? this.page(topic, 0, 0) : upstreamTo(owner).presence(topic, after, 0);
    page.catch((error: unknown) => {
      if (!(error instanceof ShardcastError) || error.code !== "SHARDCAST_NOT_OWNER") return;
      setTimeout(() => this.#wake(topic, owner, after, tries - 1), RETRY_MS).unref();
    });
  }

  async #tell({ topic, member, owner }: Attendee): Promise<void> {
    const { membership, upstreamTo } = this.#options;
    if (membership.isSelf(owner)) this.#options.owner.enter(this, topic, member);
    else await upstreamTo(owner).enter(topic, member);
  }

  /**
   * Reports a member until the owner accepts it. If the owner is unavailable, `reached` reports it
   * later.
   */
  #tellUntilKnown(key: string, attendee: Attendee): void {
    if (this.#attendees.get(key) !== attendee || attendee.isTelling) return;
    attendee.isTelling = true;
    this.#tell(attendee).then(
      () => (attendee.isTelling = false),
      (error: unknown) => {
        const isBehind = error instanceof ShardcastError && error.code === "SHARDCAST_NOT_OWNER";
        const waitMs = isBehind ? RETRY_MS : REFUSED_MS;
        if (isUnavailable(error)) attendee.isTelling = false;
        else {
          setTimeout(() => {
            attendee.isTelling = false;
            this.#tellUntilKnown(key, attendee);
          }, waitMs).unref();
        }
      },
    );
  }

  /** Replaces the attendee that reported the member before. */
  #put(key: string, attendee: Attendee | undefined): void {
    this.#shares.give(this.#attendees.get(key)?.holders ?? []);
    this.#shares.take(attendee?.holders ?? []);
    if (attendee === undefined) this.#attendees.delete(key);
    else this.#attendees.set(key, attendee);
  }

  #leave(key: string, attendee: Attendee, isLost: boolean): void {
    this.#put(key, undefined);
    this.#keys.get(attendee.sink)?.delete(key);
    this.#take(attendee, isLost);
  }

  /** Withdraws the report from the owner. */
  #take({ topic, member, owner }: Attendee, isLost: boolean): void {
    const { membership, upstreamTo } = this.#options;
    if (membership.isSelf(owner)) this.#options.owner.leave(this, topic, member, isLost);
    else upstreamTo(owner).leave(topic, member, isLost);
  }

  #ownerOf(topic: string): RingMember {
    const owner = this.#options.membership.ownerOf(presenceTopic(topic));
    if (owner === undefined) throw new ShardcastError("SHARDCAST_OWNER_UNAVAILABLE");
    return owner;
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof ShardcastError && error.code === "SHARDCAST_OWNER_UNAVAILABLE";
}

function keyOf(topic: string, member: MemberIdentity): string {
  return `${topic}\n${memberKey(member)}`;
}
