import { clock, levels, money, script } from "./prelude.ts";

/**
 * Books a request as abandoned whose lease ran out: the reservation counts as spent, tokens stay as reserved, the event is the one
 * that admission left behind.
 *
 * KEYS: record, due, the levels' keys. ARGV: request id, record's TTL in ms, number of levels, the levels.
 * Gives `abandoned`, `running` (the lease still stands) or `not-leased`.
 */
export const sweepSource: string = script(
  clock,
  levels,
  money,
  `
local record, due, request_id = KEYS[1], KEYS[2], ARGV[1]
local list = read_levels(3, 4, tonumber(ARGV[3]))
local held = redis.call("HMGET", record, "state", "expires", "cost", "periods")
if held[1] ~= "leased" then return "not-leased" end
if tonumber(held[2]) > now then return "running" end
local cost = tonumber(held[3])
split_periods(held[4], list)
for _, level in ipairs(list) do
  if level.leases then redis.call("ZREM", level.leases, request_id) end
  if level.money then level.newest = redis.call("HGET", level.money, "p:" .. level.kind) end
end
redis.call("ZADD", due, whole(now), request_id)
for _, level in ipairs(list) do
  if level.money and level.admitted_in then move_money(level, level.admitted_in, -cost, cost) end
end
redis.call("HSET", record, "state", "abandoned")
redis.call("PEXPIRE", record, ARGV[2])
return "abandoned"
`,
);

/**
 * The ledger has an event: what was due is so no longer, and the record shrinks to what a repeated or late settlement needs: of an
 * abandoned one the levels stay, whose money the truth may still move.
 * Counters rise once per request id, with the first event that was written.
 *
 * KEYS: record, due, counters. ARGV: request id, state that the written event stands for (`settled` or `abandoned`), tombstone's TTL in
 * ms, its TTL where no record stood (refused: nothing can come late but the same message), then field and increment alternately.
 * Gives `acknowledged`, `repeated`, `unsettled` (the true event is written, but Redis never heard of it: settle it) or `superseded`
 * (it was written as abandoned and has been settled since: it stays due).
 */
export const acknowledgeSource: string = script(`
local record, due, request_id, written = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local state = redis.call("HGET", record, "state")
if state == "done" or state == written .. "-done" then
  redis.call("ZREM", due, request_id)
  return "repeated"
end
if written == "settled" and state and state ~= "settled" then return "unsettled" end
if written == "abandoned" and state and state ~= "abandoned" then return "superseded" end
redis.call("HSET", record, "state", written == "abandoned" and "abandoned-done" or "done")
redis.call("HDEL", record, "event")
if written ~= "abandoned" then redis.call("HDEL", record, "keys", "levels") end
redis.call("PEXPIRE", record, state and ARGV[3] or ARGV[4])
redis.call("ZREM", due, request_id)
if redis.call("HSETNX", record, "counted", "1") == 1 then
  for index = 5, #ARGV, 2 do redis.call("HINCRBY", KEYS[3], ARGV[index], ARGV[index + 1]) end
end
return "acknowledged"
`);

/**
 * Puts aside an event that the ledger cannot write.
 *
 * KEYS: record, due, dead. ARGV: request id, reason, TTL in ms, event as JSON or "". Gives 1, or 0 where there is no event at all.
 */
export const burySource: string = script(
  clock,
  `
local record, due, dead, request_id = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
if redis.call("HEXISTS", record, "event") == 0 then
  if ARGV[4] == "" then
    redis.call("ZREM", due, request_id)
    return 0
  end
  redis.call("HSET", record, "state", "settled", "event", ARGV[4])
end
redis.call("HSET", dead, request_id, whole(now) .. " " .. ARGV[2])
redis.call("PEXPIRE", dead, ARGV[3])
redis.call("PEXPIRE", record, ARGV[3])
redis.call("ZREM", due, request_id)
return 1
`,
);

/** Makes a dead letter due again. KEYS: record, due, dead. ARGV: request id. Gives 1, or 0 where its event is gone. */
export const replaySource: string = script(
  clock,
  `
local known = redis.call("HDEL", KEYS[3], ARGV[1])
if known == 0 or redis.call("HEXISTS", KEYS[1], "event") == 0 then return 0 end
redis.call("ZADD", KEYS[2], whole(now), ARGV[1])
return 1
`,
);
