// The members of one topic, held by its presence owner, and the changes since its watchers were
// last notified.
import {
  memberKey,
  type MemberIdentity,
  type PresenceMember,
  type PresentFrame,
} from "@shardcast/protocol";

/**
 * The size of the users and infos in one page, in characters. It keeps answers about as large as a
 * page of messages.
 */
const PAGE_CHARS = 64 * 1024;

/** The reporter of a member: a link of another consumer, or this node for its own clients. */
export type Reporter = object;

/** The text of a message to watchers. docs/protocol.md#members */
export interface TableChange {
  readonly joined: readonly PresenceMember[];
  readonly left: readonly PresenceMember[];
  readonly count: number;
  readonly users: number;
}

export type PresencePage = Omit<PresentFrame, "type" | "seq" | "position">;

/** A reporter's claim that a member is present. */
interface MemberReport {
  readonly reporter: Reporter;
  /** When the report expires, unless it is renewed; Infinity while the member's link is open. */
  leavesAt: number;
}

interface Entry {
  readonly member: PresenceMember;
  /** 1, 2, 3, … in the order of arrival. A page continues after such a number. */
  readonly number: number;
  /** Usually one. More if a client has moved and its old link is not known to be dead yet. */
  readonly reports: MemberReport[];
}

export class PresenceTable {
  readonly #entries = new Map<string, Entry>();
  /** How many members each user has. Anonymous members are not counted. */
  readonly #users = new Map<string, number>();
  /** Members that have changed since the watchers were notified, with their state at that time. */
  readonly #changed = new Map<string, PresenceMember | undefined>();
  #lost = 0;
  #nextNumber = 1;

  get count(): number {
    return this.#entries.size;
  }

  /** Whether some members are lost, and must be checked for expiry. */
  get hasLost(): boolean {
    return this.#lost > 0;
  }

  get isChanged(): boolean {
    return this.#changed.size > 0;
  }

  has(member: PresenceMember): boolean {
    return this.#entries.has(memberKey(member));
  }

  /** Adds a member, or changes its info. Reports by other reporters remain. */
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

  /** Removes a member, if this reporter has reported it. */
  leave(reporter: Reporter, member: MemberIdentity): void {
    const key = memberKey(member);
    const entry = this.#entries.get(key);
    if (entry?.reports.some((one) => one.reporter === reporter) === true) this.#remove(key, entry);
  }

  /**
   * Marks a reporter's member as lost: it is removed at `leavesAt`, unless another report of it
   * remains.
   */
  lose(reporter: Reporter, member: MemberIdentity, leavesAt: number): void {
    const entry = this.#entries.get(memberKey(member));
    if (entry !== undefined) this.#lose(reporter, entry, leavesAt);
  }

  /** Marks all members of a reporter as lost. */
  loseAll(reporter: Reporter, leavesAt: number): void {
    for (const entry of this.#entries.values()) this.#lose(reporter, entry, leavesAt);
  }

  /** Removes the members whose last report has expired. */
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

  /**
   * Returns the changes since the last call. A member that entered and left in between is not
   * included.
   */
  takeChange(): TableChange {
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

  /** Returns the members after a number: at most `limit`, and about PAGE_CHARS characters. */
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
