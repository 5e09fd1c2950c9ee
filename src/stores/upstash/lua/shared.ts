import { script } from "./prelude.ts";

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
