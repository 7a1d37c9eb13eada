// Who is on the topics whose presence this node owns. Nothing of it is stored: consumers tell it of their own
// clients, and tell the next owner the same when the ring is another one. docs/architecture.md#presence
//
//   enter, leave ─▶ table ─▶ every 100 ms, what has changed ─▶ a message on $presence/<topic>
//
// A new owner hears of members one after the other, and of those that are between two links as late as their
// timeout says. Watchers may know all of them already. So its list of a topic settles first:
//
//   settling ─▶ settled     settling: changes are told, and pages are marked as incomplete: nobody leaves for
//                           being unknown. Then the watchers are told to ask anew, once.
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
import { PresenceTable, type PresenceChange, type Reporter } from "./presence-table.ts";

/** How long changes are gathered: what watchers get grows with the square of who comes and goes. */
const TELL_MS = 100;
/** How long a question waits for what the other nodes tell a new owner at once. */
const GATHER_MS = 2000;
const NOWHERE: Position = { epoch: NO_EPOCH, offset: 0 };
/** Members in one message to the watchers. */
const MEMBERS_PER_MESSAGE = 500;

export interface PresenceOwnerOptions {
  readonly runtime: Runtime;
  /** Whether this node owns a topic. */
  readonly owns: (topic: string) => boolean;
  /** How long one whose link is lost counts as there, in ms. */
  readonly timeoutMs: number;
  /** Of one topic. */
  readonly maxMembers: number;
  /** Stores a text in a topic that this node owns. */
  readonly publish: (topic: string, text: string) => Promise<unknown>;
  /** Where a topic stands; undefined where nobody has used it here. */
  readonly positionOf: (topic: string) => Position | undefined;
}

/** What is stored after its position is not in the page, or is there twice. */
export type PresenceAnswer = Omit<PresentFrame, "type" | "seq">;

interface Watched {
  readonly table: PresenceTable;
  /** Its watchers have to ask anew: they may have missed something. */
  isReset: boolean;
  /** Until then, members may be there that are not known here; undefined once it has settled. */
  settlesAt: number | undefined;
  /** Whether it has settled, or will, since this node owns it: whoever watches knows nothing older. */
  hasSettled: boolean;
  /** Whether this node owns it, since the ring has changed the last time. */
  isOwned: boolean;
  /** Messages on their way to the watchers. */
  telling: number;
}

export class PresenceOwner {
  readonly #options: PresenceOwnerOptions;
  readonly #topics = new Map<string, Watched>();
  /** Those that have something to be told, to expire, or to be dropped: most have not, most of the time. */
  readonly #active = new Map<string, Watched>();
  readonly #settleMs: number;
  /** Of topics that are heard of for the first time, after a start or a change of the ring. */
  #settlesAt: number;
  #timer: Timer | undefined;

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

  /** Its client has left, or its link was lost: then it may come back for a while. */
  leave(reporter: Reporter, topic: string, member: MemberIdentity, isLost: boolean): void {
    const watched = this.#topics.get(topic);
    if (watched === undefined) return;
    if (isLost) watched.table.lose(reporter, member, this.#now + this.#options.timeoutMs);
    else watched.table.leave(reporter, member);
    this.#activate(topic, watched);
  }

  /** A consumer cannot be heard any more. */
  lost(reporter: Reporter): void {
    const leavesAt = this.#now + this.#options.timeoutMs;
    for (const [topic, watched] of this.#topics) {
      watched.table.loseAll(reporter, leavesAt);
      if (watched.table.hasLost) this.#activate(topic, watched);
    }
  }

  /**
   * Another node has watchers, and could not be reached for a while, or this one could not: they may know members
   * that nobody will take back.
   * @throws SHARDCAST_NOT_OWNER
   */
  watchedElsewhere(topic: string): void {
    const watched = this.#watched(topic);
    if (watched.hasSettled) return;
    watched.hasSettled = true;
    watched.settlesAt = this.#now + this.#settleMs;
  }

  /**
   * Members after a place of the list, as many as there are up to `limit`.
   * @throws SHARDCAST_NOT_OWNER, SHARDCAST_LOG_UNAVAILABLE
   */
  async page(topic: string, after: number, limit: number): Promise<PresenceAnswer> {
    // Nobody is made by being asked for, except where a new owner must tell the watchers to ask anew.
    const { runtime } = this.#options;
    const isKnown = this.#topics.has(topic) || this.#settlesAt > this.#now;
    let watched = isKnown ? this.#watched(topic) : this.#nobody(topic);
    const { settlesAt = 0 } = watched;
    const waitMs = settlesAt - this.#settleMs + GATHER_MS - this.#now;
    if (waitMs > 0) {
      await new Promise<void>((resolve) => runtime.setTimeout(resolve, Math.ceil(waitMs)));
      // Meanwhile it may have got another owner, or been dropped and made anew.
      this.#checkOwned(topic);
      watched = this.#topics.get(topic) ?? watched;
    }
    settle(watched, this.#now);
    // Before the page is made, so that whatever it has is told to watchers as well.
    this.#tell(topic, watched);
    const page = watched.table.page(after, limit);
    if (watched.settlesAt !== undefined) return { ...page, position: PRESENCE_INCOMPLETE };
    return { ...page, position: this.#options.positionOf(presenceTopic(topic)) ?? NOWHERE };
  }

  /**
   * Goes by the ring as it is now. What others own now they are told by the consumers themselves; here it is
   * kept until all have taken it back: who has not seen this ring will not tell anew, should it pass at once.
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
      // Its watchers have another owner, and hear from that.
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

  /** Tells a topic's watchers what has changed. They hear it in the order of telling. */
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

/** Ends the settling where its time is over: the watchers have to ask anew. */
function settle(watched: Watched, now: number): void {
  if (watched.settlesAt === undefined || watched.settlesAt > now) return;
  watched.settlesAt = undefined;
  watched.isReset = true;
}

function messagesOf({ joined, left, count, users }: PresenceChange): PresenceChange[] {
  const messages: PresenceChange[] = [];
  for (let at = 0; at < Math.max(joined.length, left.length); at += MEMBERS_PER_MESSAGE) {
    const end = at + MEMBERS_PER_MESSAGE;
    messages.push({ joined: joined.slice(at, end), left: left.slice(at, end), count, users });
  }
  return messages;
}
