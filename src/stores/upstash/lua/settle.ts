import { buckets, clock, levels, money, periods, script } from "./prelude.ts";

/**
 * Turns a reservation into the truth, once: tokens are refunded or charged, the lease released, money moved from reserved to spent,
 * and the event kept until the ledger has it.
 *
 * KEYS: record, due; with money also generation; then the levels' keys.
 * ARGV: request id, tokens, nano-dollars, event as JSON, record's TTL in ms, "1" with money, number of levels, the levels.
 *
 * Gives `settled`, `late` (the sweeper had booked it as abandoned: only the difference is applied) or `already-settled`.
 * Without a record (refused, admitted without Redis, or flushed since) there is nothing to refund: the event is kept, and its cost
 * counts as spent unless what was spent is unknown; then it will be read from a ledger that holds this event.
 */
export const settleSource: string = script(
  clock,
  levels,
  buckets,
  periods,
  money,
  `
local record, due, request_id = KEYS[1], KEYS[2], ARGV[1]
local tokens, cost, with_money = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[6] == "1"
local list = read_levels(with_money and 4 or 3, 8, tonumber(ARGV[7]))

local held = redis.call("HMGET", record, "state", "tokens", "cost", "periods")
local state = held[1]
if state == "settled" or state == "done" then return "already-settled" end
local leased, late = state == "leased", state == "abandoned" or state == "abandoned-done"
local reserved_tokens, reserved_cost = tonumber(held[2]) or 0, tonumber(held[3]) or 0
split_periods(held[4], list)

-- Reads and what may be repeated come first, so that a value of another type stops the script before money moves.
local refund = (leased or late) and tokens ~= reserved_tokens
for _, level in ipairs(list) do
  if refund and level.tokens then read_bucket(level) end
  if leased and level.leases then redis.call("ZREM", level.leases, request_id) end
  if level.money then level.newest = redis.call("HGET", level.money, "p:" .. level.kind) end
end
redis.call("ZADD", due, whole(now), request_id)
redis.call("PEXPIRE", due, ARGV[5])

local charge_unleased = not leased and not late and with_money and cost > 0 and redis.call("EXISTS", KEYS[3]) == 1
for _, level in ipairs(list) do
  if refund and level.tokens then
    level.token_debt = math.max(0, level.token_debt + (tokens - reserved_tokens) * level.period)
    write_bucket(level)
  end
  if level.money and leased and level.admitted_in then
    move_money(level, level.admitted_in, -reserved_cost, cost)
  elseif level.money and late and level.admitted_in then
    move_money(level, level.admitted_in, 0, cost - reserved_cost)
  elseif level.money and charge_unleased and level.newest then
    local current, ends_at = period_of(level.kind)
    move_money(level, current, 0, cost)
    keep_money(level, current, ends_at)
  end
end

redis.call("HSET", record, "state", "settled", "event", ARGV[4])
redis.call("PEXPIRE", record, ARGV[5])
return late and "late" or "settled"
`,
);
