// The members of a topic, updated from complete lists and from the changes between them.
import { memberKey, type PresenceMember } from "@shardcast/protocol";

/** A change of one member. */
export type MemberChange =
  | { readonly type: "join"; readonly member: PresenceMember; readonly isFirst: boolean }
  | { readonly type: "leave"; readonly member: PresenceMember; readonly isLast: boolean }
  | { readonly type: "update"; readonly member: PresenceMember };

export class MemberList {
  readonly #members = new Map<string, PresenceMember>();
  readonly #users = new Map<string, number>();

  get all(): PresenceMember[] {
    return [...this.#members.values()];
  }

  get count(): number {
    return this.#members.size;
  }

  /** Number of distinct users. Members without a user do not count. */
  get userCount(): number {
    return this.#users.size;
  }

  /** Replaces the list with a complete one. @returns the changes */
  replace(members: readonly PresenceMember[]): MemberChange[] {
    const keys = new Set(members.map(memberKey));
    const left = this.all.filter((member) => !keys.has(memberKey(member)));
    return this.apply(members, left);
  }

  /** Applies changes. Returns only those that differ from the list. */
  apply(joined: readonly PresenceMember[], left: readonly PresenceMember[]): MemberChange[] {
    return [
      ...joined.flatMap((member) => this.#join(member) ?? []),
      ...left.flatMap((member) => this.#leave(member) ?? []),
    ];
  }

  #join(member: PresenceMember): MemberChange | undefined {
    const key = memberKey(member);
    const known = this.#members.get(key);
    if (known?.info === member.info) return undefined;
    this.#members.set(key, member);
    if (known !== undefined) return { type: "update", member };
    return { type: "join", member, isFirst: this.#count(member.user, 1) === 1 };
  }

  #leave(gone: PresenceMember): MemberChange | undefined {
    const key = memberKey(gone);
    const member = this.#members.get(key);
    if (member === undefined) return undefined;
    this.#members.delete(key);
    return { type: "leave", member, isLast: this.#count(member.user, -1) === 0 };
  }

  /** Updates and returns the number of a user's members. Each member without a user counts alone. */
  #count(user: string, by: 1 | -1): number {
    if (user === "") return by === 1 ? 1 : 0;
    const count = (this.#users.get(user) ?? 0) + by;
    if (count === 0) this.#users.delete(user);
    else this.#users.set(user, count);
    return count;
  }
}
