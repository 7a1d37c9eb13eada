// Lua scripts of the key-value store. Each touches the keys of one part only.
import { Script } from "./redis-connection.ts";

/** Writes entries of one part. KEYS values, keys · ARGV alternating keys and values */
export const STATE_SET = new Script(`
for index = 1, #ARGV, 2 do
  if redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1]) == 1 then
    redis.call('ZADD', KEYS[2], 0, ARGV[index])
  end
end
return 0
`);

/** Deletes entries of one part. KEYS values, keys · ARGV keys to delete */
export const STATE_DELETE = new Script(`
for _, key in ipairs(ARGV) do
  redis.call('HDEL', KEYS[1], key)
  redis.call('ZREM', KEYS[2], key)
end
return 0
`);

/**
 * Lists entries of one part. KEYS values, keys · ARGV lower and upper bound of the keys, limit ·
 * returns alternating keys and values
 */
export const STATE_LIST = new Script(`
local entries = {}
for _, key in ipairs(redis.call('ZRANGE', KEYS[2], ARGV[1], ARGV[2], 'BYLEX', 'LIMIT', 0, ARGV[3])) do
  entries[#entries + 1] = key
  entries[#entries + 1] = redis.call('HGET', KEYS[1], key) or ''
end
return entries
`);
