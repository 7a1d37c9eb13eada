// What everything is called in Redis. All that belongs to one shard has the same hash tag, so a cluster
// keeps it in one slot, and one script can change it at once.
//
//   <prefix>{<shard>}             hash: fence, node, events       and the channel of its notifications
//   <prefix>{<shard>}:t:<topic>   hash: epoch, head, time, …      docs/architecture.md#the-log-in-redis
//   <prefix>{<shard>}:m:<topic>   stream of message batches; an entry's id is its last offset
//   <prefix>{<shard>}:i:<topic>   stream of message ids; an entry's id is its time
//   <prefix>{<shard>}:topics      sorted set of the names of its topics, and of some that are gone since
//   <prefix>{<part>}:state        hash: what is kept beside the topics, by its key, in 64 parts; and
//                                 :state:keys, a sorted set of the keys
//   <prefix>{nodes}               sorted set of the members by the end of their time, and :url, a hash
//   <prefix>{nodes}:births        string: the secret of the epochs of topics without messages
import { shardOf } from "@shardcast/protocol";

export interface TopicKeys {
  readonly shard: string;
  readonly topic: string;
  readonly messages: string;
  readonly ids: string;
  /** The names of all topics of the shard. */
  readonly list: string;
}

export interface StateKeys {
  readonly values: string;
  readonly keys: string;
}

export class Keys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get nodes(): string {
    return `${this.#prefix}{nodes}`;
  }

  get nodeUrls(): string {
    return `${this.#prefix}{nodes}:url`;
  }

  /** What the epochs of topics without messages follow from. */
  get births(): string {
    return `${this.#prefix}{nodes}:births`;
  }

  shard(shard: number): string {
    return `${this.#prefix}{${shard}}`;
  }

  /** The names of a shard's topics. */
  topics(shard: number): string {
    return `${this.shard(shard)}:topics`;
  }

  /** What the names of a shard's topics are behind, in the keys of their hashes. */
  topicStem(shard: number): string {
    return `${this.shard(shard)}:t:`;
  }

  state(part: number): StateKeys {
    const values = `${this.shard(part)}:state`;
    return { values, keys: `${values}:keys` };
  }

  topic(topic: string): TopicKeys {
    const number = shardOf(topic);
    const shard = this.shard(number);
    return {
      shard,
      list: this.topics(number),
      topic: `${this.topicStem(number)}${topic}`,
      messages: `${shard}:m:${topic}`,
      ids: `${shard}:i:${topic}`,
    };
  }
}
