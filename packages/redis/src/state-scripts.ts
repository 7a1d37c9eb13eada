// The programs that Redis runs for what is kept beside the topics. Each touches one part of it.
import { Script } from "./redis-connection.ts";

/** Writes entries of one part of the state. KEYS values, keys · ARGV key and value in turn */
export const STATE_SET = new Script(`
for index = 1, #ARGV, 2 do
  if redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1]) == 1 then
    redis.call('ZADD', KEYS[2], 0, ARGV[index])
  end
end
return 0
`);

/** KEYS values, keys · ARGV keys to be taken away */
export const STATE_DELETE = new Script(`
for _, key in ipairs(ARGV) do
  redis.call('HDEL', KEYS[1], key)
  redis.call('ZREM', KEYS[2], key)
end
return 0
`);

/** KEYS values, keys · ARGV bounds of a range by name, how many · returns keys and values in turn */
export const STATE_LIST = new Script(`
local entries = {}
for _, key in ipairs(redis.call('ZRANGE', KEYS[2], ARGV[1], ARGV[2], 'BYLEX', 'LIMIT', 0, ARGV[3])) do
  entries[#entries + 1] = key
  entries[#entries + 1] = redis.call('HGET', KEYS[1], key) or ''
end
return entries
`);
