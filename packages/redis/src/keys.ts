// What everything is called in Redis. All that belongs to one shard has the same hash tag, so a cluster
// keeps it in one slot, and one script can change it at once.
//
//   <prefix>{<shard>}             hash: fence, node, events       and the channel of its notifications
//   <prefix>{<shard>}:t:<topic>   hash: epoch, head, time, …      docs/architecture.md#the-log-in-redis
//   <prefix>{<shard>}:m:<topic>   stream of message batches; an entry's id is its last offset
//   <prefix>{<shard>}:i:<topic>   stream of message ids; an entry's id is its time
//   <prefix>{nodes}               sorted set of the members by the end of their time, and :url, a hash
import { shardOf } from "@shardcast/protocol";

export interface TopicKeys {
  readonly shard: string;
  readonly topic: string;
  readonly messages: string;
  readonly ids: string;
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

  shard(shard: number): string {
    return `${this.#prefix}{${shard}}`;
  }

  topic(topic: string): TopicKeys {
    const shard = this.shard(shardOf(topic));
    return {
      shard,
      topic: `${shard}:t:${topic}`,
      messages: `${shard}:m:${topic}`,
      ids: `${shard}:i:${topic}`,
    };
  }
}
