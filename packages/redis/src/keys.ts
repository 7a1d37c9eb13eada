// The names of all keys in Redis. Keys of one shard have the same hash tag, so a cluster keeps them
// in one slot and one script can change them atomically.
//
//   <prefix>{<shard>}             hash: fence, node, events       and the channel of its notifications
//   <prefix>{<shard>}:t:<topic>   hash: epoch, head, time, …      docs/architecture.md#the-log-in-redis
//   <prefix>{<shard>}:m:<topic>   stream of message batches; an entry's id is its last offset
//   <prefix>{<shard>}:i:<topic>   stream of message ids; an entry's id is its time
//   <prefix>{<shard>}:topics      sorted set of topic names, including some of topics that no longer exist
//   <prefix>{<part>}:state        hash: one of 64 parts of the key-value store; and :state:keys, a sorted set
//                                 of its keys
//   <prefix>{nodes}               sorted set of the members by expiry time, and :url, a hash
//   <prefix>{nodes}:births        string: the secret of the epochs of topics without messages
import { shardOf } from "@shardcast/protocol";

export interface TopicKeys {
  readonly shard: string;
  readonly topic: string;
  readonly messages: string;
  readonly ids: string;
  /** The names of the shard's topics. */
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

  /** The secret from which the epochs of topics without messages are derived. */
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

  /** The prefix of the keys of a shard's topics; the rest of a key is the topic name. */
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
