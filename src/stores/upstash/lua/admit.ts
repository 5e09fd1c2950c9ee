import { buckets, clock, levels, money, periods, script } from "./prelude.ts";

/**
 * Reserves requests, tokens, concurrency and money at every level, or at none: everything is checked, then everything is written.
 *
 * KEYS: record, due, key version; with money also generation, quarantine; then the levels' keys.
 * ARGV: request id, key version, lease ms, quarantine ms, tokens, nano-dollars, "1" with money, event as JSON,
 * record's TTL in ms, number of levels, the levels.
 *
 * Gives one of
 *   admitted, now, limit, remaining, reset ms (requests), limit, remaining, reset ms (tokens)    -1 where a unit has no limit
 *   refused, now, …the same six…, number of the level, unit, retry after ms                      -1 where waiting cannot help
 *   stale-key
 *   money-unknown, ms until it is worth coming back: Redis lost its data, and requests from before may not be in the ledger yet
 *   money-unseeded, now, generation, numbers of the levels of whose period Redis has no sum: `seed` writes the ledger's
 *
 * Money that was lost opens here, in the first admission after the quarantine that finds nothing due from within it: the ledger acknowledges
 * a row only once it is committed, so whoever reads its sums from then on misses none of them.
 */
export const admitSource: string = script(
  clock,
  levels,
  buckets,
  periods,
  money,
  `
local record, due, version = KEYS[1], KEYS[2], KEYS[3]
local request_id, lease_ms = ARGV[1], tonumber(ARGV[3])
local tokens, cost, with_money = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7] == "1"
local first_key = with_money and 6 or 4
local list = read_levels(first_key, 11, tonumber(ARGV[10]))

-- The ledger's queue takes a second or two, its sweep a minute.
local UNDRAINED_RETRY_MS = 5000
local generation

-- A second call with the same id finds the record and is told the same without reserving again.
local repeated = redis.call("HEXISTS", record, "state") == 1

if not repeated then
  if redis.call("GET", version) ~= ARGV[2] then return { "stale-key" } end
  generation = with_money and redis.call("GET", KEYS[4])
  if with_money and not generation then
    local over_at = tonumber(redis.call("GET", KEYS[5]) or "")
    if not over_at then
      over_at = now + tonumber(ARGV[4])
      redis.call("SET", KEYS[5], whole(over_at), "PX", whole(tonumber(ARGV[4]) + DAY_MS))
    end
    if now < over_at then return { "money-unknown", over_at - now } end
    if redis.call("ZCOUNT", due, "-inf", whole(over_at)) > 0 then return { "money-unknown", UNDRAINED_RETRY_MS } end
    generation = whole(now)
    redis.call("SET", KEYS[4], generation)
    redis.call("DEL", KEYS[5])
  end
end

local unseeded = { "money-unseeded", now, generation }
local NEVER = math.huge
local wait, refused_level, refused_unit = -1, 0, ""
local function refuse(index, unit, wait_ms)
  if wait_ms > wait then wait, refused_level, refused_unit = wait_ms, index, unit end
end
local function check_bucket(index, unit, debt, limit, needed, period)
  local capacity, need = limit * period, needed * period
  if need > capacity then
    refuse(index, unit, NEVER)
  elseif debt + need > capacity then
    refuse(index, unit, math.ceil((debt + need - capacity) / limit))
  end
end

for index, level in ipairs(list) do
  if level.bucket then
    read_bucket(level)
    if level.requests then check_bucket(index, "requests", level.request_debt, level.requests, 1, level.period) end
    if level.tokens then check_bucket(index, "tokens", level.token_debt, level.tokens, tokens, level.period) end
  end
  if level.leases and redis.call("ZCOUNT", level.leases, "(" .. whole(now), "+inf") >= level.concurrency then
    refuse(index, "concurrency", level.concurrency > 0 and 1000 or NEVER)
  end
  if level.money then
    level.current, level.ends_at = period_of(level.kind)
    local held = redis.call("HMGET", level.money, "s:" .. level.current, "r:" .. level.current, "p:" .. level.kind)
    level.newest = held[3]
    if not level.newest then unseeded[#unseeded + 1] = index end
    if (tonumber(held[1]) or 0) + (tonumber(held[2]) or 0) + cost > level.budget then
      local helps = cost <= level.budget and level.ends_at
      refuse(index, "money", helps and level.ends_at - now or NEVER)
    end
  end
end

local refused = not repeated and wait >= 0
if not refused and not repeated and #unseeded > 3 then return unseeded end
if not refused and not repeated then
  local periods_held = {}
  -- These two first: if one is of another type, nothing has been written yet.
  redis.call("ZADD", due, whole(now + lease_ms), request_id)
  redis.call("PEXPIRE", due, ARGV[9])
  for index, level in ipairs(list) do
    periods_held[index] = level.current or "-"
    if level.bucket then
      if level.requests then level.request_debt = level.request_debt + level.period end
      if level.tokens then level.token_debt = level.token_debt + tokens * level.period end
      write_bucket(level)
    end
    if level.leases then
      redis.call("ZREMRANGEBYSCORE", level.leases, "-inf", whole(now))
      redis.call("ZADD", level.leases, whole(now + lease_ms), request_id)
      redis.call("PEXPIRE", level.leases, whole(lease_ms + DAY_MS))
    end
    if level.money then
      redis.call("HINCRBY", level.money, "r:" .. level.current, whole(cost))
      keep_money(level, level.current, level.ends_at)
    end
  end
  redis.call("HSET", record, "state", "leased", "expires", whole(now + lease_ms), "tokens", whole(tokens), "cost", whole(cost),
    "periods", table.concat(periods_held, ","), "keys", table.concat(KEYS, "\\n", first_key), "levels", table.concat(ARGV, "\\n", 11),
    "event", ARGV[8])
  redis.call("PEXPIRE", record, ARGV[9])
end

local answer = { refused and "refused" or "admitted", now, -1, -1, -1, -1, -1, -1 }
local function tightest(place, debt, limit, period)
  local remaining = math.max(0, math.floor((limit * period - debt) / period))
  if answer[place] >= 0 and answer[place + 1] <= remaining then return end
  answer[place], answer[place + 1], answer[place + 2] = limit, remaining, until_full(debt, limit)
end
for _, level in ipairs(list) do
  if level.requests then tightest(3, level.request_debt, level.requests, level.period) end
  if level.tokens then tightest(6, level.token_debt, level.tokens, level.period) end
end
if refused then
  answer[9], answer[10], answer[11] = refused_level, refused_unit, wait == NEVER and -1 or wait
end
return answer
`,
);
