// Which consumers there are, now and from now on: the ring that all parts of a node go by.
import { Ring, type RingMember } from "@shardcast/protocol";

/** Told of a ring that has just taken the place of another. */
export type RingListener = (ring: Ring | undefined) => void;

export class Membership {
  readonly #isSelf: (member: RingMember) => boolean;
  readonly #listeners = new Set<RingListener>();
  #ring: Ring | undefined;

  /** @param isSelf tells whether a member is this node itself */
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

  /** The member that is this node itself; undefined for a node that is none. */
  get self(): RingMember | undefined {
    return this.members.find(this.#isSelf);
  }

  /** The others. */
  get peers(): RingMember[] {
    return this.members.filter((member) => !this.#isSelf(member));
  }

  isSelf(member: RingMember): boolean {
    return this.#isSelf(member);
  }

  ownerOf(topic: string): RingMember | undefined {
    return this.#ring?.ownerOf(topic);
  }

  /** Tells whether this node owns a topic. */
  owns(topic: string): boolean {
    const owner = this.ownerOf(topic);
    return owner !== undefined && this.#isSelf(owner);
  }

  /**
   * Goes by these members from now on. @returns whether they are others than before
   * @throws SHARDCAST_OPTION_INVALID where two have the same id
   */
  update(members: readonly RingMember[]): boolean {
    const ring = ringOf(members);
    if (textOf(ring) === textOf(this.#ring)) return false;
    this.#ring = ring;
    for (const listener of this.#listeners) listener(ring);
    return true;
  }

  /** Adds a listener, told in the order of adding; the function that it gives takes it away. */
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
