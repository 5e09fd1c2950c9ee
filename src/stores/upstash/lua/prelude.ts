/**
 * Pieces that several scripts share. Every script is `script(…)` of pieces and a body of its own.
 *
 * They run under Redis' Lua 5.1 and under embedded Lua 5.3, so they keep to what both do alike. Whole numbers are exact below
 * 2^53 and are written with `whole`, because Lua's own conversion keeps 14 digits only.
 */

/**
 * Joins pieces behind the line that makes Upstash lock the declared keys only, and not the database. It also makes Upstash
 * reject any key that was not declared.
 * https://upstash.com/docs/redis/features/restapi (Lua scripting flags)
 */
export function script(...pieces: readonly string[]): string {
  return `#!lua flags=allow-key-locking\n${pieces.map((piece) => piece.trim()).join("\n")}\n`;
}

/** `now`: Redis' clock in milliseconds; no caller's clock decides about a limit. */
export const clock = `
local DAY_MS = 86400000
local time = redis.call("TIME")
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function whole(number) return string.format("%.0f", number) end
`;

/** `read_levels`: what `encodeLevels` in ../levels.ts wrote: six arguments a level, and a key for each kind of state it has. */
export const levels = `
local function read_levels(key, argument, count)
  local list = {}
  for index = 1, count do
    local level = {
      requests = tonumber(ARGV[argument]),
      tokens = tonumber(ARGV[argument + 1]),
      concurrency = tonumber(ARGV[argument + 2]),
      budget = tonumber(ARGV[argument + 3]),
      kind = ARGV[argument + 4],
      period = tonumber(ARGV[argument + 5]),
    }
    argument = argument + 6
    if level.requests or level.tokens then level.bucket = KEYS[key]; key = key + 1 end
    if level.concurrency then level.leases = KEYS[key]; key = key + 1 end
    if level.budget then level.money = KEYS[key]; key = key + 1 end
    list[index] = level
  end
  return list
end
`;

/**
 * Token buckets in whole numbers. A bucket holds what is missing in it (its debt), in units of 1/period of a token, because one
 * millisecond then refills exactly `limit` units: no fraction is ever rounded, so a limit of 20 is 20 and not 19 or 21.
 * A missing key is a full bucket. Fields: `at` (when the debts were true), `p` (the period), `r` and `t` (the debts).
 */
export const buckets = `
local function read_bucket(level)
  local held = redis.call("HMGET", level.bucket, "at", "p", "r", "t")
  local elapsed = math.max(0, now - (tonumber(held[1]) or now))
  local period = tonumber(held[2]) or level.period
  local function debt(stored, limit)
    local owed = tonumber(stored) or 0
    if period ~= level.period then owed = math.ceil(owed * level.period / period) end
    return math.max(0, owed - elapsed * limit)
  end
  if level.requests then level.request_debt = debt(held[3], level.requests) end
  if level.tokens then level.token_debt = debt(held[4], level.tokens) end
end
local function until_full(debt, limit)
  if limit > 0 then return math.ceil(debt / limit) end
  return 0
end
local function write_bucket(level)
  local at, period = whole(now), whole(level.period)
  local full_after = 0
  if level.requests then full_after = until_full(level.request_debt, level.requests) end
  if level.tokens then full_after = math.max(full_after, until_full(level.token_debt, level.tokens)) end
  if level.requests and level.tokens then
    redis.call("HSET", level.bucket, "at", at, "p", period, "r", whole(level.request_debt), "t", whole(level.token_debt))
  elseif level.requests then
    redis.call("HSET", level.bucket, "at", at, "p", period, "r", whole(level.request_debt))
  else
    redis.call("HSET", level.bucket, "at", at, "p", period, "t", whole(level.token_debt))
  end
  redis.call("PEXPIRE", level.bucket, whole(full_after + 1000))
end
`;

/**
 * `period_of("day" | "month" | "total")`: the current period's name (UTC, `2026-11-21`, `2026-11`, `total`) and its end.
 * Days to a civil date: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
 */
export const periods = `
local function period_of(kind)
  if kind == "total" then return "total", nil end
  local days = math.floor(now / DAY_MS)
  local shifted = days + 719468
  local era = math.floor(shifted / 146097)
  local of_era = shifted - era * 146097
  local year = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524) - math.floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local slot = math.floor((5 * of_year + 2) / 153)
  local day = of_year - math.floor((153 * slot + 2) / 5) + 1
  local month = slot < 10 and slot + 3 or slot - 9
  year = year + era * 400 + (month <= 2 and 1 or 0)
  if kind == "day" then
    return string.format("%04.0f-%02.0f-%02.0f", year, month, day), (days + 1) * DAY_MS
  end
  local length = 30 + (month + math.floor(month / 8)) % 2
  if month == 2 then
    local leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
    length = leap and 29 or 28
  end
  return string.format("%04.0f-%02.0f", year, month), (days - day + 1 + length) * DAY_MS
end
`;

/**
 * Money of one level: a hash with `s:<period>` (spent), `r:<period>` (reserved) and `p:<kind>` (the newest period seen of that kind, day,
 * month or total). Money belongs to the period in which it was reserved. An older period's fields go when nothing is reserved in it any
 * more. The caller has read `p:<kind>` into `level.newest`; while there is none, what the subject spent in the period is not known.
 */
export const money = `
local function forget_period(level, old, newest)
  if not old or #old ~= #newest or old >= newest then return end
  local reserved = redis.call("HGET", level.money, "r:" .. old)
  if not reserved or reserved == "0" then redis.call("HDEL", level.money, "r:" .. old, "s:" .. old) end
end
local function keep_money(level, newest, ends_at)
  if ends_at then
    redis.call("PEXPIREAT", level.money, whole(ends_at + 2 * DAY_MS))
  else
    redis.call("PERSIST", level.money)
  end
  if level.newest == newest then return end
  redis.call("HSET", level.money, "p:" .. level.kind, newest)
  forget_period(level, level.newest, newest)
end
local function move_money(level, period, reserved, spent)
  if spent ~= 0 then redis.call("HINCRBY", level.money, "s:" .. period, whole(spent)) end
  if reserved ~= 0 then redis.call("HINCRBY", level.money, "r:" .. period, whole(reserved)) end
  if level.newest then forget_period(level, period, level.newest) end
end
local function split_periods(text, list)
  local index = 0
  for period in string.gmatch(text or "", "[^,]+") do
    index = index + 1
    if list[index] and period ~= "-" then list[index].admitted_in = period end
  end
end
`;
