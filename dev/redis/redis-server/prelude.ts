import { type KeyPlaces, namesWithKeys } from "../commands.ts";
import { UNDECLARED_KEY, WHOLE_DATABASE } from "../scripts.ts";

/** Names as one string with a space on either side of each: a lookup is a plain `string.find` and allocates no table. */
function words(...places: readonly KeyPlaces[]): string {
  return ` ${places.flatMap(namesWithKeys).join(" ")} `;
}

const SOURCE = `
local redis = (function(real, keys)
  local declared, find, format = {}, string.find, string.format
  for index = 1, #keys do declared[keys[index]] = true end
  local function known(key)
    if type(key) == "number" then key = format("%.17g", key) end
    return type(key) ~= "string" or declared[key]
  end
  local function refusal(...)
    local count, name = select("#", ...), (...)
    if type(name) ~= "string" then return nil end
    name = " " .. string.lower(name) .. " "
    local last, step = 0, 1
    if find("${words("first")}", name, 1, true) then last = 2
    elseif find("${words("all")}", name, 1, true) then last = count
    elseif find("${words("two")}", name, 1, true) then last = 3
    elseif find("${words("pairs")}", name, 1, true) then last, step = count, 2
    elseif find("${words("database")}", name, 1, true) then return "${WHOLE_DATABASE}"
    elseif not find("${words("none", "script")}", name, 1, true) then
      return "ERR Unknown Redis command called from script"
    end
    for index = 2, last, step do
      if index <= count and not known((select(index, ...))) then return "${UNDECLARED_KEY}" end
    end
  end
  return setmetatable({
    call = function(...)
      local refused = refusal(...)
      if refused then error({ err = refused }) end
      local reply = real.call(...)
      return reply
    end,
    pcall = function(...)
      local refused = refusal(...)
      if refused then return { err = refused } end
      return real.pcall(...)
    end,
  }, { __index = real, __newindex = function() error("Attempt to modify a readonly table", 2) end })
end)(redis, KEYS)
`;

/**
 * Lua, on one line, that shadows `redis` with a version whose `call` and `pcall` reject a key that is not in KEYS, as Upstash
 * does for `allow-key-locking`. It knows the closed list; any other command is unknown to such a script, on both forms.
 */
export const DECLARED_KEYS_PRELUDE: string = SOURCE.replace(/\s*\n\s*/g, " ").trim();
