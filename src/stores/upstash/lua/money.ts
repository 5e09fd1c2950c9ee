import { clock, script } from "./prelude.ts";

/**
 * Opens the money of a tenant that is new: nothing is in flight, so there is nothing to wait for.
 *
 * KEYS: generation, quarantine. Gives `opened`, `open` (it was already) or `quarantined` (requests from before a flush may still be running).
 */
export const openMoneySource: string = script(
  clock,
  `
if redis.call("EXISTS", KEYS[1]) == 1 then return "open" end
if redis.call("EXISTS", KEYS[2]) == 1 then return "quarantined" end
redis.call("SET", KEYS[1], whole(now))
return "opened"
`,
);

/**
 * Writes what subjects had spent in a period according to the ledger, where Redis does not know it.
 *
 * KEYS: generation, then one money key for each entry. ARGV: the generation that admission named, then for each entry the budget's kind,
 * its period, nano-dollars, and when the key may go ("" for never).
 *
 * Gives `seeded`, or `stale`: Redis lost its data since, and the sums may lack what was running then. An entry that is known by now is left
 * alone. Where Redis holds a larger sum of the period than the ledger (it counted before, under this kind), the larger one stands.
 */
export const seedMoneySource: string = script(
  clock,
  `
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return "stale" end
for entry = 2, #KEYS do
  local key, first = KEYS[entry], 4 * entry - 6
  local kind, period, spent, ends_at = ARGV[first], ARGV[first + 1], tonumber(ARGV[first + 2]), ARGV[first + 3]
  if redis.call("HEXISTS", key, "p:" .. kind) == 0 then
    local held = tonumber(redis.call("HGET", key, "s:" .. period) or "") or 0
    redis.call("HSET", key, "s:" .. period, whole(math.max(held, spent)), "p:" .. kind, period)
    if ends_at == "" then redis.call("PERSIST", key) else redis.call("PEXPIREAT", key, ends_at) end
  end
end
return "seeded"
`,
);
