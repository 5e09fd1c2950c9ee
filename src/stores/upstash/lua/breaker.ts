import { clock, script } from "./prelude.ts";

/**
 * A breaker's state as text, ten whole numbers: consecutive failures; open until (ms, 0: closed); length of the last opening (ms); probes that
 * succeeded since; when it last opened or closed (ms); then the window: the number of the running half, its successes and failures, and
 * those of the half before. Behind them, while a probe is out, the id of the request that makes it.
 */
const breaker = `
local FIELDS = { "failures", "open_until", "open_ms", "proven", "changed_at", "half", "ok", "bad", "ok_before", "bad_before" }
local FORGET_MS = 600000
local function read_breaker()
  local pattern = "^" .. string.rep("(%d+) ", #FIELDS - 1) .. "(%d+) ?(%S*)$"
  local held = { string.match(redis.call("GET", KEYS[1]) or "", pattern) }
  local state = {}
  for index, name in ipairs(FIELDS) do state[name] = tonumber(held[index]) or 0 end
  if held[#FIELDS + 1] ~= "" then state.holder = held[#FIELDS + 1] end
  return state
end
-- Without a time of its own it keeps the one it has: only what is heard of a backend makes its state younger.
local function write_breaker(state, ttl_ms)
  local texts = {}
  for index, name in ipairs(FIELDS) do texts[index] = whole(state[name]) end
  texts[#texts + 1] = state.holder
  local text = table.concat(texts, " ")
  if ttl_ms then
    redis.call("SET", KEYS[1], text, "PX", whole(FORGET_MS + math.max(0, state.open_until - now) + ttl_ms))
  else
    redis.call("SET", KEYS[1], text, "KEEPTTL")
  end
  return text
end
`;

/**
 * Hears how an attempt ended. Enough failures in a row, or too large a share of failures in the window, open the breaker. What began
 * before the opening was over says nothing; what began then is a probe, also one that took so long that the next was let out: a failure
 * opens it again, and enough successes in a row close it. Each opening that follows soon is twice as long as the one before, so that a
 * backend that oscillates stays away longer each time; twice the longest opening after it closed that is forgotten. Closed, it hears nothing
 * of attempts that began before it closed.
 *
 * A share needs successes, which nobody writes while all is well: each report brings those that its isolate has counted and not told.
 *
 * KEYS: breaker; the counters, where the attempt failed. ARGV: request id, "1" for healthy, the attempt's age in ms, failures that open it,
 * share of failures that opens it, window ms, attempts that a share needs, probes that close it, first opening ms, longest opening ms,
 * untold successes of this half of the window, of the one before, counter of openings without its last label. Gives the state, or a word where
 * nothing changed.
 */
export const reportSource: string = script(
  clock,
  breaker,
  `
local healthy, age_ms, threshold = ARGV[2] == "1", tonumber(ARGV[3]), tonumber(ARGV[4])
local share, window_ms, minimum, probes = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local first_ms, longest_ms = tonumber(ARGV[9]), tonumber(ARGV[10])
local state = read_breaker()
local closed = state.open_until == 0
if now - age_ms < state.changed_at + (closed and 0 or state.open_ms) then return "unheard" end

local function clean() state.ok, state.bad, state.ok_before, state.bad_before = 0, 0, 0, 0 end
local half = math.floor(2 * now / window_ms)
if state.half ~= half then
  local ok, bad = 0, 0
  if state.half == half - 1 then ok, bad = state.ok, state.bad end
  clean()
  state.half, state.ok_before, state.bad_before = half, ok, bad
end

local cause
if not healthy then state.failures = state.failures + 1 end
if not closed then
  if not healthy then
    cause = "probe"
  elseif state.proven + 1 < probes then
    state.proven = state.proven + 1
    if state.holder == ARGV[1] then state.holder, state.open_until = nil, now end
  else
    state.failures, state.proven, state.holder, state.open_until, state.changed_at = 0, 0, nil, 0, now
  end
else
  if healthy and state.failures + state.bad + state.bad_before == 0 then return "well" end
  state.ok, state.ok_before = state.ok + tonumber(ARGV[11]), state.ok_before + tonumber(ARGV[12])
  if healthy then
    state.failures = 0
  else
    state.bad = state.bad + 1
    local bad = state.bad + state.bad_before
    local all = bad + state.ok + state.ok_before
    if state.failures >= threshold then
      cause = "failures"
    elseif all >= minimum and bad >= share * all then
      cause = "error_rate"
    end
  end
end
if cause then
  local remembered = not closed or now < state.changed_at + 2 * longest_ms
  state.open_ms = state.open_ms > 0 and remembered and math.min(state.open_ms * 2, longest_ms) or first_ms
  state.open_until, state.changed_at, state.proven, state.holder = now + state.open_ms, now, 0, nil
  clean()
end
local text = write_breaker(state, 2 * longest_ms + window_ms)
if cause then redis.call("HINCRBY", KEYS[2], ARGV[13] .. cause, "1") end
return text
`,
);

/**
 * Reads a breaker, and where its opening is over hands the one probe to this request: to all others it then stays open until the
 * probe has reported, was given back or is overdue. Runs behind the admission script of the request or later, and hands nothing to one that was
 * not admitted: such a one has no record, and no settlement that would give the probe back.
 *
 * KEYS: breaker, the request's record. ARGV: request id, ms until the probe is overdue. Gives the state, 1 where the probe is this request's, and now.
 */
export const claimSource: string = script(
  clock,
  breaker,
  `
local state = read_breaker()
if state.open_until == 0 or now < state.open_until or redis.call("EXISTS", KEYS[2]) == 0 then
  return { redis.call("GET", KEYS[1]) or "", 0, now }
end
state.holder, state.open_until = ARGV[1], now + tonumber(ARGV[2])
return { write_breaker(state), 1, now }
`,
);

/**
 * Gives back a probe that said nothing about its backend: the next request may have it at once. A probe that was overdue, and is
 * another's by now, stays with that one.
 *
 * KEYS: breaker. ARGV: request id. Gives 1 where the probe was given back.
 */
export const returnProbeSource: string = script(
  clock,
  breaker,
  `
local state = read_breaker()
if state.holder ~= ARGV[1] then return 0 end
state.holder, state.open_until = nil, now
write_breaker(state)
return 1
`,
);
