// Assigns shards to consumers by rendezvous hashing: each shard belongs to the consumer with the highest score
// for it, so a consumer that joins or leaves moves only its own share of the shards.
// Thaler & Ravishankar, "Using name-based mappings to increase hit rates", 1998. docs/protocol.md#ring
import murmurhash from "murmurhash";
import { ShardcastError } from "./errors.ts";
import { SHARD_COUNT, shardOf } from "./shard.ts";

/** A consumer of the ring. */
export interface RingMember {
  readonly id: string;
  /** The address for other nodes: `ws://host:port` or `wss://host:port`, without an endpoint's path. */
  readonly url: string;
}

/** Whether two members have the same id and the same address. */
export function isSameMember(a: RingMember, b: RingMember): boolean {
  return a.id === b.id && a.url === b.url;
}

/** Immutable: a change of members creates a new ring. The order of the members does not matter. */
export class Ring {
  readonly members: readonly RingMember[];
  readonly #owners: readonly RingMember[];
  /** Cached, because several parts of a node request the same topic in a row, and its shard takes 2 µs to compute. */
  #lastTopic = "";
  #lastShard = shardOf("");

  /** @throws SHARDCAST_OPTION_INVALID if there is no member or if two have the same id */
  constructor(members: readonly RingMember[]) {
    const sorted = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
    const [first] = sorted;
    if (first === undefined) {
      throw new ShardcastError("SHARDCAST_OPTION_INVALID", "a ring needs at least one consumer");
    }
    for (const [index, member] of sorted.entries()) {
      if (index > 0 && sorted[index - 1]?.id === member.id) {
        throw new ShardcastError(
          "SHARDCAST_OPTION_INVALID",
          `two consumers have the id ${member.id}`,
        );
      }
    }
    this.members = sorted;
    this.#owners = Array.from({ length: SHARD_COUNT }, (_, shard) =>
      ownerOfShard(shard, sorted, first),
    );
  }

  /** Returns the consumer that owns a topic. */
  ownerOf(topic: string): RingMember {
    if (topic !== this.#lastTopic) {
      this.#lastTopic = topic;
      this.#lastShard = shardOf(topic);
    }
    return this.ownerOfShard(this.#lastShard);
  }

  ownerOfShard(shard: number): RingMember {
    const owner = this.#owners[shard];
    if (owner === undefined)
      throw new RangeError(`shard ${shard} does not exist: there are ${SHARD_COUNT} shards`);
    return owner;
  }
}

/** Equal scores (one pair of names in four billion) go to the name that sorts first. */
function ownerOfShard(shard: number, sorted: readonly RingMember[], first: RingMember): RingMember {
  let owner = first;
  let best = -1;
  for (const member of sorted) {
    const score = murmurhash.v3(`${member.id}/${shard}`, 0);
    if (score > best) {
      best = score;
      owner = member;
    }
  }
  return owner;
}
