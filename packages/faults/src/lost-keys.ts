// Has Redis lose keys of a topic, or a part of its messages: as by an eviction, an expiry, or an operator's hand.
// docs/architecture.md#the-log-in-redis says what the keys are.
import { shardOf } from "@shardcast/protocol";
import type { Random } from "./random.ts";
import type { RedisServer } from "./redis-server.ts";

/** Topics that lose keys of their own in a run. */
export const LOSSY_TOPICS: ReadonlySet<string> = new Set(["lossy 1", "lossy 2"]);

const MAX_LEFT = 50;

/**
 * One command. The ids are never lost alone: without them, a repeat is stored twice, as documented.
 * What belongs to a shard and to no topic alone may be lost of any.
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

/** On all servers: those that do not have the keys, or are replicas, refuse. */
export async function loseKeys(
  servers: readonly RedisServer[],
  command: readonly string[],
): Promise<void> {
  await Promise.all(servers.map((server) => server.command(...command)));
}
