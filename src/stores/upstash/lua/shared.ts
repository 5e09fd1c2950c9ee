import { clock, script } from "./prelude.ts";

/**
 * A breaker's state as text: failures, open until (ms), length of the last opening (ms), 1 while a probe is out, and then the id of
 * the request that may make it.
 */
const breaker = `
local function read_breaker()
  local failures, open_until, open_ms, probing, holder = string.match(redis.call("GET", KEYS[1]) or "", "^(%d+) (%d+) (%d+) (%d) ?(%S*)$")
  return tonumber(failures) or 0, tonumber(open_until) or 0, tonumber(open_ms) or 0, probing == "1", holder
end
local function write_breaker(failures, open_until, open_ms, holder, ttl_ms)
  local text = table.concat({ whole(failures), whole(open_until), whole(open_ms), holder and "1 " .. holder or "0" }, " ")
  redis.call("SET", KEYS[1], text, "PX", whole(ttl_ms))
end
local FORGET_MS = 600000
`;

/**
 * Hears how an attempt ended. Consecutive failures open the breaker; a failed probe opens it again for twice as long; a success of a
 * probe, or while closed, resets the count. The length is remembered a while after closing, so that a backend that oscillates
 * stays away longer each time. What ends while the breaker is open and is no probe began before it: it changes nothing.
 *
 * KEYS: breaker. ARGV: "1" for healthy, failures that open it, first opening ms, longest opening ms. Gives 1 where the state changed.
 */
export const reportSource: string = script(
  clock,
  breaker,
  `
local healthy, threshold, first_ms, longest_ms = ARGV[1] == "1", tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local failures, open_until, open_ms, probing = read_breaker()
if now < open_until and not probing then return 0 end
if healthy then
  if failures == 0 then return 0 end
  write_breaker(0, 0, open_ms, nil, 2 * longest_ms)
  return 1
end
failures = failures + 1
if open_until > 0 or failures >= threshold then
  open_ms = open_ms == 0 and first_ms or math.min(open_ms * 2, longest_ms)
  open_until = now + open_ms
end
write_breaker(failures, open_until, open_ms, nil, FORGET_MS + open_ms)
return 1
`,
);

/**
 * Reads a breaker, and where its opening is over hands the one probe to this request: to all others it then stays open until the
 * probe has reported, was given back or is overdue. Runs behind the admission script, and hands nothing to a request that it did
 * not admit: such a one has no record, and no settlement that would give the probe back.
 *
 * KEYS: breaker, the request's record. ARGV: request id. Gives failures, open until, opening's length, 1 where the probe is this request's.
 */
export const claimSource: string = script(
  clock,
  breaker,
  `
local failures, open_until, open_ms = read_breaker()
if open_until == 0 or now < open_until or redis.call("EXISTS", KEYS[2]) == 0 then
  return { failures, open_until, open_ms, 0 }
end
local probe_ms = math.max(1000, math.min(open_ms, 30000))
write_breaker(failures, now + probe_ms, open_ms, ARGV[1], FORGET_MS + probe_ms)
return { failures, open_until, open_ms, 1 }
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
local failures, _, open_ms, probing, holder = read_breaker()
if not probing or holder ~= ARGV[1] then return 0 end
write_breaker(failures, now, open_ms, nil, FORGET_MS + open_ms)
return 1
`,
);

/**
 * Writes a key's version, never a lower one than stands there, so that a slow reader cannot bring back a revoked key. With a
 * snapshot it is kept for other isolates; without one the old snapshot is dropped.
 *
 * KEYS: version, snapshot. ARGV: version, version's TTL in ms, snapshot as JSON or "", snapshot's TTL in ms. Gives 1, or 0 where a newer version stands.
 */
export const publishKeySource: string = script(`
local current = tonumber(redis.call("GET", KEYS[1]) or "")
local version = tonumber(ARGV[1])
if current and current > version then return 0 end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
if ARGV[3] ~= "" then
  redis.call("SET", KEYS[2], ARGV[3], "PX", ARGV[4])
elseif current ~= version then
  redis.call("DEL", KEYS[2])
end
return 1
`);

/** Writes the overlay and its version unless a newer one stands. KEYS: version, overlay. ARGV: version, overlay as JSON. Gives 1 or 0. */
export const publishOverlaySource: string = script(`
local current = tonumber(redis.call("GET", KEYS[1]) or "")
if current and current > tonumber(ARGV[1]) then return 0 end
redis.call("SET", KEYS[2], ARGV[2])
redis.call("SET", KEYS[1], ARGV[1])
return 1
`);
