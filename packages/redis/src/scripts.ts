// Lua scripts that Redis runs. Each touches the keys of one shard only, and is atomic.
//
// A batch is a stream entry with the id `<last offset>-<time>`. Its field m has the message frames
// as they are sent, and its field c their checksum (a checksum frame), which entries of earlier
// versions lack.
//
// A topic's hash records in `floor` (an offset) and `floorsum` (bytes) what was dropped: entries up
// to the floor may still be in the stream, and are not read. Redis may have lost more: a key can
// expire, be evicted, trimmed or deleted independently of the others. Only the stream itself shows
// what is still there.
import { Script } from "./redis-connection.ts";

/** Lua would format a large number as 1e+15. */
const NUMBER = `
local function text(number) return string.format('%.0f', number) end
local function parse(id)
  local last, time = string.match(id, '(%d+)-(%d+)')
  return tonumber(last), tonumber(time)
end
`;

/**
 * The first offset after the floor that the stream still has, or head + 1; and the resulting floor.
 * The bytes of lost messages are estimated from their number. The offset is in the entry's first
 * frame (message-layout.ts); in a damaged entry it may have any value.
 */
const FIRST = `
local function first(messages, floor, head)
  local entry = redis.call('XRANGE', messages, text(floor + 1), '+', 'COUNT', 1)[1]
  if not entry then return head + 1 end
  local last, offset = parse(entry[1]), 0
  for _, byte in ipairs({string.byte(entry[2][2], 9, 14)}) do offset = offset * 256 + byte end
  if offset <= floor or offset > last then return floor + 1 end
  return offset
end
local function found(messages, floor, floorsum, head, sum)
  local lost = first(messages, floor, head) - 1 - floor
  if lost <= 0 then return floor, floorsum end
  return floor + lost, floorsum + math.floor((sum - floorsum) * lost / (head - floor))
end
`;

/** The message format is in notification.ts. */
const NOTIFY = `
local function notify(shard, topic, epoch, frames)
  local event = redis.call('HINCRBY', shard, 'events', 1)
  redis.call('SPUBLISH', shard, string.char(#topic) .. topic .. epoch .. string.format('%016.0f', event) .. frames)
end
`;

/**
 * Makes a node the owner of a shard; the previous owner can no longer append. No fence is used
 * twice, even if Redis has lost the last one, since a new sequence starts at the time in ms.
 * KEYS shard · ARGV node · returns the fence
 */
export const TAKE = new Script(`${NUMBER}
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
if fence == 1 then
  local clock = redis.call('TIME')
  fence = clock[1] * 1000 + math.floor(clock[2] / 1000)
  redis.call('HSET', KEYS[1], 'fence', text(fence))
end
redis.call('HSET', KEYS[1], 'node', ARGV[1])
return text(fence)
`);

/**
 * Returns the state of a topic, and creates the topic if it does not exist. Its name is added to
 * the shard's list even if the topic exists, since the topic may be older than the list. Each time
 * a topic is created, some random names are checked, and those of topics that Redis has forgotten
 * are removed, so that the list stays bounded.
 * KEYS topic, messages, ids, list
 * ARGV epoch for a new topic, now, ms to keep a topic without messages, topic name
 * Returns epoch, head, time of the newest message, bytes ever appended, floor, bytes up to the
 * floor
 */
export const OPEN = new Script(`${NUMBER}${FIRST}
local known = redis.call('HMGET', KEYS[1], 'epoch', 'head', 'time', 'sum', 'floor', 'floorsum')
if not known[1] then
  redis.call('DEL', KEYS[2], KEYS[3])
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'head', 0, 'time', ARGV[2], 'sum', 0, 'floor', 0, 'floorsum', 0)
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  redis.call('ZADD', KEYS[4], 0, ARGV[4])
  local stem = string.sub(KEYS[1], 1, #KEYS[1] - #ARGV[4])
  for _, name in ipairs(redis.call('ZRANDMEMBER', KEYS[4], 4)) do
    if redis.pcall('EXISTS', stem .. name) == 0 then redis.call('ZREM', KEYS[4], name) end
  end
  return {ARGV[1], '0', ARGV[2], '0', '0', '0'}
end
-- A server without memory for it still gives what it has.
redis.pcall('ZADD', KEYS[4], 0, ARGV[4])
local head, sum = tonumber(known[2]), tonumber(known[4])
local floor, floorsum = found(KEYS[2], tonumber(known[5]), tonumber(known[6]), head, sum)
known[5], known[6] = text(floor), text(floorsum)
return known
`);

/**
 * Gives an epoch to a topic that is only followed or read. Redis keeps it for a limited time, and
 * does not list the topic. If the topic left another key, or is on the list, it had messages and
 * its hash is lost: it then gets a random epoch.
 * KEYS topic, messages, ids, list · ARGV epoch of a new topic, now, ms to keep a topic without
 * messages, epoch if the hash was lost, topic name
 */
export const FOLLOW = new Script(`
local head = redis.call('HGET', KEYS[1], 'head')
if not head then
  local left = redis.call('DEL', KEYS[2], KEYS[3])
  local isKnown = left > 0 or redis.call('ZSCORE', KEYS[4], ARGV[5])
  local epoch = isKnown and ARGV[4] or ARGV[1]
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'head', 0, 'time', ARGV[2], 'sum', 0, 'floor', 0, 'floorsum', 0)
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
elseif head == '0' then
  redis.call('PEXPIRE', KEYS[1], ARGV[3], 'GT')
end
return 0
`);

/**
 * The names of a shard's topics, in order. Removes names of topics that Redis has forgotten.
 * KEYS list · ARGV the name before the first, limit, prefix of the topics' keys
 */
export const TOPICS = new Script(`
local names, limit, start = {}, tonumber(ARGV[2]), '(' .. ARGV[1]
while #names < limit do
  local found = redis.call('ZRANGE', KEYS[1], start, '+', 'BYLEX', 'LIMIT', 0, limit - #names)
  if #found == 0 then break end
  for _, name in ipairs(found) do
    if redis.call('EXISTS', ARGV[3] .. name) == 1 then
      names[#names + 1] = name
    else
      redis.call('ZREM', KEYS[1], name)
    end
  end
  start = '(' .. found[#found]
end
return names
`);

/**
 * Gives a topic a new epoch, so that positions of the old one are no longer valid.
 * KEYS shard, topic · ARGV fence, present epoch, new epoch
 */
export const RENEW = new Script(`
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
  return redis.error_reply('SHARDCAST_NOT_OWNER another node has taken the shard')
end
if redis.call('HGET', KEYS[2], 'epoch') == ARGV[2] then redis.call('HSET', KEYS[2], 'epoch', ARGV[3]) end
return redis.call('HGET', KEYS[2], 'epoch')
`);

/**
 * Appends the owner's batches, notifies followers, and drops what the retention no longer keeps.
 * KEYS shard, topic, messages, ids
 * ARGV fence, topic name, epoch, head before, record of ids or empty, ms to keep ids,
 *      ms to keep messages, ms to keep the topic, messages to keep, bytes to keep,
 *      time up to which to drop messages, 1 to trim, 1 to notify at once,
 *      then for each batch: last offset, time, frames, checksum
 * Returns floor, bytes up to the floor
 */
export const APPEND = new Script(`${NUMBER}${FIRST}${NOTIFY}
local shard, topic, messages, ids = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
if redis.call('HGET', shard, 'fence') ~= ARGV[1] then
  return redis.error_reply('SHARDCAST_NOT_OWNER another node has taken the shard')
end
local known = redis.call('HMGET', topic, 'epoch', 'head', 'sum', 'floor', 'floorsum')
if known[1] ~= ARGV[3] or known[2] ~= ARGV[4] then
  return redis.error_reply('SHARDCAST_LOG_UNAVAILABLE the topic is not as its owner knew it')
end
local head, sum = tonumber(known[2]), tonumber(known[3])
local floor, floorsum = tonumber(known[4]), tonumber(known[5])
local time
for index = 14, #ARGV, 4 do
  local last, frames, checksum = ARGV[index], ARGV[index + 2], ARGV[index + 3]
  time = ARGV[index + 1]
  redis.call('XADD', messages, last .. '-' .. time, 'm', frames, 'c', checksum)
  head, sum = tonumber(last), sum + #frames
  if ARGV[13] == '1' then notify(shard, ARGV[2], ARGV[3], frames .. checksum) end
end
if time then
  if ARGV[13] == '1' then redis.call('HSET', topic, 'shown', text(head)) end
  redis.call('HSET', topic, 'head', text(head), 'time', time, 'sum', text(sum))
  redis.call('PEXPIRE', messages, ARGV[7])
  redis.call('PEXPIRE', topic, ARGV[8])
  if ARGV[5] ~= '' then
    -- The owner's clock may have been set back, and the ids of a stream do not go back.
    if redis.pcall('XADD', ids, time .. '-' .. text(head), 'i', ARGV[5]).err then
      local newest = parse(redis.call('XREVRANGE', ids, '+', '-', 'COUNT', 1)[1][1])
      redis.call('XADD', ids, text(newest) .. '-' .. text(head), 'i', ARGV[5])
    end
    redis.call('XTRIM', ids, 'MINID', '~', text(tonumber(time) - tonumber(ARGV[6])))
    redis.call('PEXPIRE', ids, ARGV[6])
  end
end
if ARGV[12] == '1' then
  local count, bytes, oldest = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
  local before, budget = floor, 64
  floor, floorsum = found(messages, floor, floorsum, head, sum)
  while budget > 0 do
    local entries = redis.call('XRANGE', messages, text(floor + 1), '+', 'COUNT', 8)
    if #entries == 0 then budget = 0 end
    for _, entry in ipairs(entries) do
      local last, at = parse(entry[1])
      if last > head - count and at > oldest and (sum - floorsum <= bytes or last == head) then budget = 0 end
      if budget <= 0 then break end
      floor, floorsum, budget = last, floorsum + #entry[2][2], budget - 1
    end
  end
  if floor == head then floorsum = sum end
  if floor > before then
    redis.call('HSET', topic, 'floor', text(floor), 'floorsum', text(floorsum))
    redis.call('XTRIM', messages, 'MINID', '~', text(floor + 1))
  end
end
return {text(floor), text(floorsum)}
`);

/**
 * Makes appended messages visible and notifies followers, after the replicas have them.
 * KEYS shard, topic · ARGV topic name, epoch, offset
 */
export const SHOW = new Script(`${NUMBER}${NOTIFY}
local known = redis.call('HMGET', KEYS[2], 'epoch', 'shown')
if known[1] ~= ARGV[2] or tonumber(known[2] or 0) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[2], 'shown', ARGV[3])
notify(KEYS[1], ARGV[1], ARGV[2], '')
return 1
`);

/**
 * Returns a page of a topic's visible messages, and the topic's state.
 * KEYS topic, messages · ARGV first offset, limit in bytes, required epoch or empty for any
 * Returns epoch, head, the first available offset, and for each batch: last offset, frames,
 * checksum or empty; nothing if the topic does not exist
 */
export const READ = new Script(`${NUMBER}${FIRST}
local known = redis.call('HMGET', KEYS[1], 'epoch', 'shown', 'floor')
if not known[1] then return {} end
local head, limit = tonumber(known[2] or 0), tonumber(ARGV[2])
local oldest = math.min(head + 1, first(KEYS[2], tonumber(known[3]), head))
local page, size = {known[1], text(head), text(oldest)}, 0
local from = math.max(tonumber(ARGV[1]), oldest)
if ARGV[3] ~= '' and ARGV[3] ~= known[1] then from = head + 1 end
while from <= head do
  local entries = redis.call('XRANGE', KEYS[2], text(from), '+', 'COUNT', 4)
  if #entries == 0 then break end
  for _, entry in ipairs(entries) do
    local frames = entry[2][2]
    if size > 0 and size + #frames > limit then
      from = head
      break
    end
    local last = parse(entry[1])
    if last > head then
      from = head
      break
    end
    page[#page + 1] = text(last)
    page[#page + 1] = frames
    page[#page + 1] = entry[2][4] or ''
    size = size + #frames
    from = last
  end
  from = from + 1
end
return page
`);

/**
 * The last offset of the batches stored before a time, by binary search.
 * KEYS topic, messages · ARGV time · returns the offset
 */
export const BEFORE = new Script(`${NUMBER}
local known = redis.call('HMGET', KEYS[1], 'head', 'floor')
local low, high = tonumber(known[2] or 0) + 1, tonumber(known[1] or 0) + 1
while low < high do
  local middle = math.floor((low + high) / 2)
  local entry = redis.call('XRANGE', KEYS[2], text(middle), '+', 'COUNT', 1)[1]
  local last, time
  if entry then last, time = parse(entry[1]) end
  if entry and time < tonumber(ARGV[1]) then low = last + 1 else high = middle end
end
return text(low - 1)
`);

/**
 * Announces a consumer for a limited time, and removes consumers whose time is over.
 * KEYS nodes, urls · ARGV id or empty, url, ms · returns alternating ids and urls
 */
export const BEAT = new Script(`
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local isChanged = false
if ARGV[1] ~= '' then
  redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3]), ARGV[1])
  if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then
    redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
    isChanged = true
  end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
  isChanged = true
end
if isChanged then redis.call('SPUBLISH', KEYS[1], '') end
return redis.call('HGETALL', KEYS[2])
`);

/** Removes a consumer. KEYS nodes, urls · ARGV id */
export const LEAVE = new Script(`
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('SPUBLISH', KEYS[1], '')
return 0
`);
