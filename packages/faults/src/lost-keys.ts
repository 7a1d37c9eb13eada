// Makes Redis lose keys of a topic or part of its messages, as by an eviction, an expiry, or an
// operator's command. For the keys see docs/architecture.md#the-log-in-redis.
import { shardOf } from "@shardcast/protocol";
import type { Random } from "./random.ts";
import type { RedisServer } from "./redis-server.ts";

/** Topics whose own keys are lost in a run. */
export const LOSSY_TOPICS: ReadonlySet<string> = new Set(["lossy 1", "lossy 2"]);

const MAX_LEFT = 50;

/**
 * A command that deletes, expires or trims keys. It never deletes only the ids: without them, a
 * repeat is stored twice, as documented. Keys that belong to a whole shard may be lost for any
 * topic.
 */
export function keyLoss(topic: string, random: Random): readonly string[] {
  const shard = `shardcast:{${shardOf(topic)}}`;
  const hash = `${shard}:t:${topic}`;
  const messages = `${shard}:m:${topic}`;
  const ids = `${shard}:i:${topic}`;
  const left = random.between(0, MAX_LEFT);
  const ofShard = [
    ["del", shard],
    ["del", `${shard}:topics`],
  ];
  const ofTopic = [
    ["del", hash],
    ["del", messages],
    ["del", hash, messages],
    ["del", hash, ids],
    ["del", hash, messages, ids, shard],
    ["pexpire", messages, String(left)],
    ["pexpire", hash, String(left)],
    ["xtrim", messages, "MAXLEN", String(left)],
  ];
  const kinds = LOSSY_TOPICS.has(topic) ? [...ofShard, ...ofTopic] : ofShard;
  return random.pick(kinds);
}

/** Sends the command to all servers. Replicas, and masters without the keys, reject it. */
export async function loseKeys(
  servers: readonly RedisServer[],
  command: readonly string[],
): Promise<void> {
  await Promise.all(servers.map((server) => server.command(...command)));
}
