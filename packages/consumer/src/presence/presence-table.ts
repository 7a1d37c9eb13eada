// Who is on one topic, as its presence owner knows it, and what has changed since its watchers were told.
import {
  memberKey,
  type MemberIdentity,
  type PresenceMember,
  type PresentFrame,
} from "@shardcast/protocol";

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

export type PresencePage = Omit<PresentFrame, "type" | "seq" | "position">;

/** Somebody who says that a member is there. */
interface Report {
  readonly reporter: Reporter;
  /** When it does not count any more, unless it is renewed; Infinity while the member's link is open. */
  leavesAt: number;
}

interface Entry {
  readonly member: PresenceMember;
  /** 1, 2, 3, … in the order of coming: where a page goes on. */
  readonly number: number;
  /** Mostly one; more while an old link of a client that has moved is not known to be dead yet. */
  readonly reports: Report[];
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
    return this.#entries.has(memberKey(member));
  }

  /** Adds a member, or gives it another info. Whoever else has it there goes on having it there. */
  enter(reporter: Reporter, member: PresenceMember): void {
    const key = memberKey(member);
    const known = this.#entries.get(key);
    if (known?.member.info !== member.info) this.#change(key);
    if (known === undefined) this.#count(member.user, 1);
    const number = known?.number ?? this.#takeNumber();
    const reports = known?.reports ?? [];
    const report = reports.find((one) => one.reporter === reporter);
    if (report === undefined) reports.push({ reporter, leavesAt: Infinity });
    else {
      if (report.leavesAt < Infinity) this.#lost -= 1;
      report.leavesAt = Infinity;
    }
    this.#entries.set(key, { member, number, reports });
  }

  /** One of a reporter's members has left. */
  leave(reporter: Reporter, member: MemberIdentity): void {
    const key = memberKey(member);
    const entry = this.#entries.get(key);
    if (entry?.reports.some((one) => one.reporter === reporter) === true) this.#remove(key, entry);
  }

  /** One of a reporter's members is lost: at `leavesAt` it is gone, unless somebody has it there by then. */
  lose(reporter: Reporter, member: MemberIdentity, leavesAt: number): void {
    const entry = this.#entries.get(memberKey(member));
    if (entry !== undefined) this.#lose(reporter, entry, leavesAt);
  }

  /** All of a reporter's members are lost. */
  loseAll(reporter: Reporter, leavesAt: number): void {
    for (const entry of this.#entries.values()) this.#lose(reporter, entry, leavesAt);
  }

  /** Lets go of those whose time is over. */
  expire(now: number): void {
    if (this.#lost === 0) return;
    for (const [key, entry] of this.#entries) {
      const { reports } = entry;
      for (let index = reports.length - 1; index >= 0; index -= 1) {
        if ((reports[index]?.leavesAt ?? 0) > now) continue;
        reports.splice(index, 1);
        this.#lost -= 1;
      }
      if (reports.length === 0) this.#remove(key, entry);
    }
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

  #lose(reporter: Reporter, { reports }: Entry, leavesAt: number): void {
    const report = reports.find((one) => one.reporter === reporter);
    if (report === undefined || report.leavesAt < Infinity) return;
    report.leavesAt = leavesAt;
    this.#lost += 1;
  }

  #remove(key: string, { member, reports }: Entry): void {
    this.#change(key);
    this.#entries.delete(key);
    this.#count(member.user, -1);
    for (const { leavesAt } of reports) if (leavesAt < Infinity) this.#lost -= 1;
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
