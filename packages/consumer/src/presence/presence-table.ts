// Who is on one topic, as its presence owner knows it, and what has changed since its watchers were told.
import type { PresenceMember } from "@shardcast/protocol";

/** Of users and infos in one page: no answer is much larger than a page of messages. */
const PAGE_CHARS = 64 * 1024;

/** Through whom a member is there: a link of another consumer, or this node's own clients. */
export type Reporter = object;

/** What watchers are told, as the text of a message. docs/protocol.md#members */
export interface PresenceChange {
  readonly joined: readonly PresenceMember[];
  readonly left: readonly PresenceMember[];
  readonly count: number;
  readonly users: number;
}

export interface PresencePage {
  readonly count: number;
  readonly users: number;
  readonly members: readonly PresenceMember[];
  /** Where the next page goes on; 0 where this is the last. */
  readonly next: number;
}

interface Entry {
  readonly member: PresenceMember;
  readonly reporter: Reporter;
  /** 1, 2, 3, … in the order of coming: where a page goes on. */
  readonly number: number;
  /** When it is gone, unless it comes back; Infinity while it is there. */
  readonly leavesAt: number;
}

export class PresenceTable {
  readonly #entries = new Map<string, Entry>();
  /** How many members each user has; those that are nobody's do not count. */
  readonly #users = new Map<string, number>();
  /** Members that have changed since the watchers were told, as they were then. */
  readonly #changed = new Map<string, PresenceMember | undefined>();
  #lost = 0;
  #nextNumber = 1;

  get count(): number {
    return this.#entries.size;
  }

  /** Some of its members are lost, and have to be looked after. */
  get hasLost(): boolean {
    return this.#lost > 0;
  }

  get isChanged(): boolean {
    return this.#changed.size > 0;
  }

  has(member: PresenceMember): boolean {
    return this.#entries.has(keyOf(member));
  }

  /** Adds a member, or takes it over from another reporter: a client that came back over another node. */
  enter(reporter: Reporter, member: PresenceMember): void {
    const key = keyOf(member);
    const known = this.#entries.get(key);
    if (known?.member.info !== member.info) this.#change(key);
    if (known !== undefined && known.leavesAt < Infinity) this.#lost -= 1;
    if (known === undefined) this.#count(member.user, 1);
    const number = known?.number ?? this.#takeNumber();
    this.#entries.set(key, { member, reporter, number, leavesAt: Infinity });
  }

  /** A reporter's member is gone, or will be at `leavesAt`. What another has taken over stays. */
  leave(reporter: Reporter, member: Omit<PresenceMember, "info">, leavesAt: number): void {
    const key = keyOf(member);
    const entry = this.#entries.get(key);
    if (entry?.reporter === reporter) this.#leave(key, entry, leavesAt);
  }

  /** All of a reporter's members will be gone at `leavesAt`. */
  leaveAll(reporter: Reporter, leavesAt: number): void {
    for (const [key, entry] of this.#entries) {
      if (entry.reporter === reporter) this.#leave(key, entry, leavesAt);
    }
  }

  /** Lets go of those whose time is over. */
  expire(now: number): void {
    if (this.#lost === 0) return;
    for (const [key, entry] of this.#entries) if (entry.leavesAt <= now) this.#remove(key, entry);
  }

  /** What has changed since the last call. Whoever came and went in between did not change. */
  takeChange(): PresenceChange {
    const joined: PresenceMember[] = [];
    const left: PresenceMember[] = [];
    for (const [key, before] of this.#changed) {
      const now = this.#entries.get(key)?.member;
      if (now !== undefined && now.info !== before?.info) joined.push(now);
      if (now === undefined && before !== undefined) left.push(before);
    }
    this.#changed.clear();
    return { joined, left, count: this.count, users: this.#users.size };
  }

  /** Members that came after the one with a number, up to `limit`, and not much over PAGE_CHARS. */
  page(after: number, limit: number): PresencePage {
    const numbers = { count: this.count, users: this.#users.size };
    const members: PresenceMember[] = [];
    if (limit === 0) return { ...numbers, members, next: 0 };
    let chars = 0;
    let last = after;
    for (const { number, member } of this.#entries.values()) {
      if (number <= after) continue;
      if (members.length >= limit || chars > PAGE_CHARS) return { ...numbers, members, next: last };
      members.push(member);
      chars += member.user.length + member.info.length;
      last = number;
    }
    return { ...numbers, members, next: 0 };
  }

  #leave(key: string, entry: Entry, leavesAt: number): void {
    if (leavesAt === 0) {
      this.#remove(key, entry);
      return;
    }
    if (entry.leavesAt < Infinity) return;
    this.#lost += 1;
    this.#entries.set(key, { ...entry, leavesAt });
  }

  #remove(key: string, { member, leavesAt }: Entry): void {
    this.#change(key);
    this.#entries.delete(key);
    this.#count(member.user, -1);
    if (leavesAt < Infinity) this.#lost -= 1;
  }

  #change(key: string): void {
    if (!this.#changed.has(key)) this.#changed.set(key, this.#entries.get(key)?.member);
  }

  #count(user: string, by: number): void {
    if (user === "") return;
    const count = (this.#users.get(user) ?? 0) + by;
    if (count === 0) this.#users.delete(user);
    else this.#users.set(user, count);
  }

  #takeNumber(): number {
    const number = this.#nextNumber;
    this.#nextNumber += 1;
    return number;
  }
}

/** Two users may choose the same id: neither is taken for the other. */
function keyOf({ memberId, user }: Omit<PresenceMember, "info">): string {
  return `${user}\n${memberId}`;
}
