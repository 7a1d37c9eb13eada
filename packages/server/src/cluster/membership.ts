// The current consumers of the cluster, and their changes: the ring that all parts of a node use.
import { Ring, type RingMember } from "@shardcast/protocol";

/** Called with the new ring after it has replaced the previous one. */
export type RingListener = (ring: Ring | undefined) => void;

export class Membership {
  readonly #isSelf: (member: RingMember) => boolean;
  readonly #listeners = new Set<RingListener>();
  #ring: Ring | undefined;

  /** @param isSelf returns whether a member is this node itself */
  constructor(members: readonly RingMember[], isSelf: (member: RingMember) => boolean) {
    this.#isSelf = isSelf;
    this.#ring = ringOf(members);
  }

  /** Undefined while no consumer is known. */
  get ring(): Ring | undefined {
    return this.#ring;
  }

  get members(): readonly RingMember[] {
    return this.#ring?.members ?? [];
  }

  /** The member that is this node itself; undefined if this node is not a consumer. */
  get self(): RingMember | undefined {
    return this.members.find(this.#isSelf);
  }

  /** All members except this node. */
  get peers(): RingMember[] {
    return this.members.filter((member) => !this.#isSelf(member));
  }

  isSelf(member: RingMember): boolean {
    return this.#isSelf(member);
  }

  ownerOf(topic: string): RingMember | undefined {
    return this.#ring?.ownerOf(topic);
  }

  /** Whether this node owns a topic. */
  owns(topic: string): boolean {
    const owner = this.ownerOf(topic);
    return owner !== undefined && this.#isSelf(owner);
  }

  /**
   * Replaces the members. @returns whether they differ from the previous ones
   * @throws SHARDCAST_OPTION_INVALID if two members have the same id
   */
  update(members: readonly RingMember[]): boolean {
    const ring = ringOf(members);
    if (textOf(ring) === textOf(this.#ring)) return false;
    this.#ring = ring;
    for (const listener of this.#listeners) listener(ring);
    return true;
  }

  /**
   * Adds a listener; listeners are called in the order in which they were added. The returned
   * function removes it.
   */
  onChange(listener: RingListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function ringOf(members: readonly RingMember[]): Ring | undefined {
  return members.length === 0 ? undefined : new Ring(members);
}

function textOf(ring: Ring | undefined): string {
  return (ring?.members ?? []).map(({ id, url }) => `${id}=${url}`).join(",");
}
