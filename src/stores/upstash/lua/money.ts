import { clock, script } from "./prelude.ts";

/**
 * Opens the money of a tenant: writes what was spent, then the generation sentinel whose absence closes money.
 *
 * KEYS: generation, quarantine, due, then one money key for each entry. ARGV: for each entry the
 * period's name, nano-dollars, and when the key may go ("" for never).
 *
 * Gives `opened`, `open` (it was already: nothing is changed), `quarantined` (requests from before may still be running) or `undrained`
 * (events that ended before the quarantine did are not all in the ledger yet, so its sums would be too small).
 */
export const openMoneySource: string = script(
  clock,
  `
local generation, quarantine, due = KEYS[1], KEYS[2], KEYS[3]
if redis.call("EXISTS", generation) == 1 then return "open" end
local over_at = tonumber(redis.call("GET", quarantine) or "")
if over_at and now < over_at then return "quarantined" end
if over_at and redis.call("ZCOUNT", due, "-inf", whole(over_at)) > 0 then return "undrained" end
local argument = 1
for key = 4, #KEYS do
  redis.call("HSET", KEYS[key], "s:" .. ARGV[argument], ARGV[argument + 1])
  if ARGV[argument + 2] == "" then
    redis.call("PERSIST", KEYS[key])
  else
    redis.call("PEXPIREAT", KEYS[key], ARGV[argument + 2])
  end
  argument = argument + 3
end
redis.call("SET", generation, whole(now))
redis.call("DEL", quarantine)
return "opened"
`,
);
