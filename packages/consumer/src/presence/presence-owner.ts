// The members of the topics whose presence this node owns. They are not stored: each consumer
// reports its own clients, and reports them again to the next owner when the ring changes.
// docs/architecture.md#presence
//
//   enter, leave ─▶ table ─▶ every 100 ms, the changes ─▶ a message on $presence/<topic>
//
// A new owner learns of the members one by one, and of clients that are reconnecting as late as
// their timeout. Watchers may know all of them already. So its list of a topic settles first:
//
//   settling ─▶ settled     settling: changes are published, and pages are marked as incomplete. An unknown
//                           member does not count as having left. Then the watchers are asked once to read
//                           the members again.
import {
  NO_EPOCH,
  PRESENCE_INCOMPLETE,
  ShardcastError,
  presenceTopic,
  type MemberIdentity,
  type Position,
  type PresenceMember,
  type PresentFrame,
} from "@shardcast/protocol";
import type { Runtime, Timer } from "@shardcast/process";
import { PresenceTable, type TableChange, type Reporter } from "./presence-table.ts";

/**
 * How long changes are gathered. The bytes sent to watchers grow with the square of the members
 * that enter and leave.
 */
const TELL_MS = 100;
/** How long a request waits for the reports that the other nodes send to a new owner at once. */
const GATHER_MS = 2000;
const NOWHERE: Position = { epoch: NO_EPOCH, offset: 0 };
/** The most members in one message to the watchers. */
const MEMBERS_PER_MESSAGE = 500;

export interface PresenceOwnerOptions {
  readonly runtime: Runtime;
  /** Whether this node owns a topic. */
  readonly owns: (topic: string) => boolean;
  /** How long a member whose link is lost stays present, in ms. */
  readonly timeoutMs: number;
  /** The most members of one topic. */
  readonly maxMembers: number;
  /** Stores a text in a topic that this node owns. */
  readonly publish: (topic: string, text: string) => Promise<unknown>;
  /** The position of a topic; undefined if the topic is not in use at this node. */
  readonly positionOf: (topic: string) => Position | undefined;
}

/** A page of members. Changes stored after its position may or may not be in the page. */
export type PresenceAnswer = Omit<PresentFrame, "type" | "seq">;

interface Watched {
  readonly table: PresenceTable;
  /** Whether the watchers must read the members again, because they may have missed a change. */
  isReset: boolean;
  /**
   * The time until which members may be present that this node does not know; undefined once the
   * list has settled.
   */
  settlesAt: number | undefined;
  /**
   * Whether the list has settled, or is settling, since this node became the owner. If so, no
   * watcher knows older members.
   */
  hasSettled: boolean;
  /** Whether this node owns the topic in the current ring. */
  isOwned: boolean;
  /** The number of messages to watchers that are not stored yet. */
  telling: number;
}

export class PresenceOwner {
  readonly #options: PresenceOwnerOptions;
  readonly #topics = new Map<string, Watched>();
  /**
   * Topics with changes to publish, or members to expire, or that are to be dropped. At most times,
   * most topics have none.
   */
  readonly #active = new Map<string, Watched>();
  readonly #settleMs: number;
  /** When topics settle that this node first learns of after a start or a change of the ring. */
  #settlesAt: number;
  #timer: Timer | undefined;
  /** Ends the waits of pages. */
  readonly #waits = new Set<() => void>();

  constructor(options: PresenceOwnerOptions) {
    this.#options = options;
    this.#settleMs = Math.max(GATHER_MS, options.timeoutMs);
    this.#settlesAt = this.#now + this.#settleMs;
  }

  get topicCount(): number {
    return this.#topics.size;
  }

  get memberCount(): number {
    let count = 0;
    for (const { table } of this.#topics.values()) count += table.count;
    return count;
  }

  /** @throws SHARDCAST_NOT_OWNER, SHARDCAST_PRESENCE_FULL */
  enter(reporter: Reporter, topic: string, member: PresenceMember): void {
    const { table } = this.#watched(topic);
    if (table.count >= this.#options.maxMembers && !table.has(member)) {
      throw new ShardcastError("SHARDCAST_PRESENCE_FULL");
    }
    table.enter(reporter, member);
  }

  /**
   * The member has left or, with `isLost`, its link was lost. Then it may come back within the
   * timeout.
   */
  leave(reporter: Reporter, topic: string, member: MemberIdentity, isLost: boolean): void {
    const watched = this.#topics.get(topic);
    if (watched === undefined) return;
    if (isLost) watched.table.lose(reporter, member, this.#now + this.#options.timeoutMs);
    else watched.table.leave(reporter, member);
    this.#activate(topic, watched);
  }

  /** The link of a consumer is lost, and with it all members that it reported. */
  lost(reporter: Reporter): void {
    const leavesAt = this.#now + this.#options.timeoutMs;
    for (const [topic, watched] of this.#topics) {
      watched.table.loseAll(reporter, leavesAt);
      if (watched.table.hasLost) this.#activate(topic, watched);
    }
  }

  /**
   * Another node has watchers, and this node or the other was unavailable for a while. The watchers
   * may know members that no node will remove.
   * @throws SHARDCAST_NOT_OWNER
   */
  watchedElsewhere(topic: string): void {
    const watched = this.#watched(topic);
    if (watched.hasSettled) return;
    watched.hasSettled = true;
    watched.settlesAt = this.#now + this.#settleMs;
  }

  /**
   * Returns the members after a number, at most `limit`.
   * @throws SHARDCAST_NOT_OWNER, SHARDCAST_LOG_UNAVAILABLE, SHARDCAST_NODE_DRAINING
   */
  async page(topic: string, after: number, limit: number): Promise<PresenceAnswer> {
    // Requests do not create a topic, except while a new owner must ask the watchers to read the
    // members again.
    const isKnown = this.#topics.has(topic) || this.#settlesAt > this.#now;
    let watched = isKnown ? this.#watched(topic) : this.#nobody(topic);
    const { settlesAt = 0 } = watched;
    const waitMs = settlesAt - this.#settleMs + GATHER_MS - this.#now;
    if (waitMs > 0) {
      await this.#wait(waitMs);
      // The topic may have another owner now, or may have been dropped and created again.
      this.#checkOwned(topic);
      watched = this.#topics.get(topic) ?? watched;
    }
    settle(watched, this.#now);
    // Publish changes before the page is made, so that watchers get everything that the page
    // contains.
    this.#tell(topic, watched);
    const page = watched.table.page(after, limit);
    if (watched.settlesAt !== undefined) return { ...page, position: PRESENCE_INCOMPLETE };
    return { ...page, position: this.#options.positionOf(presenceTopic(topic)) ?? NOWHERE };
  }

  /**
   * Applies the current ring. The consumers report members to the new owners themselves. This node
   * keeps the members of topics that it no longer owns until the consumers have withdrawn them,
   * because a consumer that has not seen this ring would not report them again if the ring changes
   * back at once.
   */
  regroup(): void {
    this.#settlesAt = this.#now + this.#settleMs;
    for (const [topic, watched] of this.#topics) {
      const wasOwned = watched.isOwned;
      watched.isOwned = this.#options.owns(presenceTopic(topic));
      if (wasOwned === watched.isOwned) continue;
      watched.hasSettled = watched.isOwned;
      watched.settlesAt = watched.isOwned ? this.#settlesAt : undefined;
      this.#activate(topic, watched);
    }
  }

  close(): void {
    this.#options.runtime.clear(this.#timer);
    for (const end of this.#waits) end();
  }

  /** Rejects with SHARDCAST_NODE_DRAINING if the node stops first. */
  #wait(ms: number): Promise<void> {
    const { runtime } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = runtime.setTimeout(() => {
        this.#waits.delete(end);
        resolve();
      }, Math.ceil(ms));
      const end = (): void => {
        runtime.clear(timer);
        reject(new ShardcastError("SHARDCAST_NODE_DRAINING"));
      };
      this.#waits.add(end);
    });
  }

  get #now(): number {
    return this.#options.runtime.steady();
  }

  #watched(topic: string): Watched {
    const watched = this.#topics.get(topic) ?? this.#nobody(topic);
    this.#checkOwned(topic);
    this.#topics.set(topic, watched);
    this.#activate(topic, watched);
    return watched;
  }

  #nobody(topic: string): Watched {
    this.#checkOwned(topic);
    const hasSettled = this.#settlesAt > this.#now;
    const settlesAt = hasSettled ? this.#settlesAt : undefined;
    const table = new PresenceTable();
    return { table, hasSettled, settlesAt, isReset: false, isOwned: true, telling: 0 };
  }

  #checkOwned(topic: string): void {
    if (!this.#options.owns(presenceTopic(topic))) throw new ShardcastError("SHARDCAST_NOT_OWNER");
  }

  #activate(topic: string, watched: Watched): void {
    this.#active.set(topic, watched);
    if (this.#timer !== undefined) return;
    this.#timer = this.#options.runtime.setInterval(() => this.#tellAll(), TELL_MS);
    this.#timer.unref();
  }

  #drop(topic: string): void {
    this.#topics.delete(topic);
    this.#active.delete(topic);
  }

  #tellAll(): void {
    const now = this.#now;
    for (const [topic, watched] of this.#active) {
      const { table } = watched;
      table.expire(now);
      settle(watched, now);
      // If another node owns the topic, its watchers get the changes from that node.
      if (watched.isOwned) this.#tell(topic, watched);
      else table.takeChange();
      if (watched.telling > 0 || watched.settlesAt !== undefined || table.hasLost) continue;
      if (table.count > 0) this.#active.delete(topic);
      else this.#drop(topic);
    }
    if (this.#active.size > 0) return;
    this.#options.runtime.clear(this.#timer);
    this.#timer = undefined;
  }

  /** Publishes a topic's changes to its watchers, which receive them in this order. */
  #tell(topic: string, watched: Watched): void {
    const { table } = watched;
    if (!table.isChanged && !watched.isReset) return;
    const change = table.takeChange();
    const { count, users } = change;
    const messages = watched.isReset ? [{ reset: true, count, users }] : messagesOf(change);
    watched.isReset = false;
    watched.telling += messages.length;
    for (const message of messages) {
      this.#options.publish(presenceTopic(topic), JSON.stringify(message)).then(
        () => (watched.telling -= 1),
        () => {
          watched.telling -= 1;
          watched.isReset = true;
        },
      );
    }
  }
}

/** Ends the settling if its time is over. The watchers must then read the members again. */
function settle(watched: Watched, now: number): void {
  if (watched.settlesAt === undefined || watched.settlesAt > now) return;
  watched.settlesAt = undefined;
  watched.isReset = true;
}

function messagesOf({ joined, left, count, users }: TableChange): TableChange[] {
  const messages: TableChange[] = [];
  for (let at = 0; at < Math.max(joined.length, left.length); at += MEMBERS_PER_MESSAGE) {
    const end = at + MEMBERS_PER_MESSAGE;
    messages.push({ joined: joined.slice(at, end), left: left.slice(at, end), count, users });
  }
  return messages;
}
