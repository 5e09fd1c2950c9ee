import { sha1Hex } from "../../bytes.ts";
import { type Bytes, type Command, ErrorReply, type Reply, StatusReply } from "../../protocol.ts";
import { bitFunctions } from "./bit.ts";
import { decodeJson, encodeJson, JSON_NULL } from "./cjson.ts";
import { type LuaFunction, type LuaState, lauxlib, lua, lualib } from "./fengari.ts";
import { formatString } from "./string-format.ts";
import { fromLua, parseLuaNumber, toLua } from "./text.ts";
import { pushReply, readArgument } from "./values.ts";

/** Where Lua keeps its table of globals in the registry. */
const GLOBALS_SLOT = 2;

/**
 * Makes the globals those of a script in Redis: what reaches the machine is gone, what 5.1 had and 5.3 has not is back, and
 * nothing can be changed. As in Redis, `pcall` gives the text of an error that `redis.call` raised. It returns the globals and the
 * table behind them, into which KEYS and ARGV are put.
 */
const SETUP = `
  local all, own = ...
  local rawset, setmetatable, error, tostring = all.rawset, all.setmetatable, all.error, all.tostring
  local base = {}
  local function refuse() error("Attempt to modify a readonly table", 2) end
  local function readonly(table) return setmetatable({}, { __index = table, __newindex = refuse, __metatable = false }) end
  for _, name in all.ipairs({ "assert", "collectgarbage", "error", "getmetatable", "ipairs", "next", "pairs",
    "rawequal", "rawget", "rawset", "select", "setmetatable", "tostring", "type", "xpcall" }) do
    base[name] = all[name]
  end
  function base.load(part, name)
    if all.type(part) ~= "function" then error("bad argument #1 to 'load' (function expected)", 2) end
    return all.load(part, name)
  end
  local function flatten(ok, thrown, ...)
    if not ok and all.type(thrown) == "table" and all.type(thrown.err) == "string" then thrown = thrown.err end
    return ok, thrown, ...
  end
  function base.pcall(...) return flatten(all.pcall(...)) end
  base._VERSION, base.tonumber, base.unpack, base.loadstring = "Lua 5.1", own.tonumber, all.table.unpack, all.load
  for name, f in all.pairs(own.math) do all.math[name] = f end
  for _, name in all.ipairs({ "type", "tointeger", "ult", "maxinteger", "mininteger" }) do all.math[name] = nil end
  all.string.format = own.format
  for _, name in all.ipairs({ "pack", "packsize", "unpack" }) do all.string[name] = nil end
  for _, name in all.ipairs({ "pack", "unpack", "move" }) do all.table[name] = nil end
  function all.table.getn(table) return #table end
  function all.table.maxn(table)
    local largest = 0
    for key in all.pairs(table) do if all.type(key) == "number" and key > largest then largest = key end end
    return largest
  end
  all.getmetatable("").__metatable = false
  for _, name in all.ipairs({ "string", "table", "math", "coroutine" }) do base[name] = readonly(all[name]) end
  for _, name in all.ipairs({ "redis", "cjson", "bit" }) do base[name] = readonly(own[name]) end
  setmetatable(base, { __index = function(_, name)
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
  end })
  local globals = readonly(base)
  rawset(base, "_G", globals)
  return globals, base
`;

/** Opens the sandbox; returns the registry's number of the table behind the globals. */
export function openSandbox(state: LuaState, callRedis: (command: Command) => Reply): number {
  for (const [name, open] of Object.entries({
    _G: lualib.luaopen_base,
    coroutine: lualib.luaopen_coroutine,
    math: lualib.luaopen_math,
    string: lualib.luaopen_string,
    table: lualib.luaopen_table,
  })) {
    lauxlib.luaL_requiref(state, toLua(name), open, true);
    lua.lua_settop(state, 0);
  }
  const text = toLua(SETUP);
  let failure = lauxlib.luaL_loadbufferx(state, text, text.length, toLua("=setup"), toLua("t"));
  if (failure === 0) {
    lua.lua_rawgeti(state, lua.LUA_REGISTRYINDEX, GLOBALS_SLOT);
    pushOwnLibraries(state, callRedis);
    failure = lua.lua_pcall(state, 2, 2, 0);
  }
  if (failure !== 0) {
    throw new Error(`the Lua sandbox cannot be opened: ${fromLua(lauxlib.luaL_tolstring(state, -1))}`);
  }
  const behind = lauxlib.luaL_ref(state, lua.LUA_REGISTRYINDEX);
  lua.lua_rawseti(state, lua.LUA_REGISTRYINDEX, GLOBALS_SLOT);
  return behind;
}

function pushOwnLibraries(state: LuaState, callRedis: (command: Command) => Reply): void {
  lua.lua_createtable(state, 0, 6);
  setFunctions(state, "redis", redisFunctions(callRedis));
  setFunctions(state, "bit", bitFunctions);
  setFunctions(state, "cjson", { encode: encodeJson, decode: decodeJson });
  lua.lua_getfield(state, -1, toLua("cjson"));
  lua.lua_pushlightuserdata(state, JSON_NULL);
  lua.lua_setfield(state, -2, toLua("null"));
  lua.lua_settop(state, -2);
  setFunctions(state, "math", mathFunctions);
  setFunction(state, "tonumber", toNumber);
  setFunction(state, "format", formatString);
}

function setFunctions(state: LuaState, name: string, functions: Readonly<Record<string, LuaFunction>>): void {
  lua.lua_createtable(state, 0, Object.keys(functions).length);
  for (const [field, value] of Object.entries(functions)) setFunction(state, field, value);
  lua.lua_setfield(state, -2, toLua(name));
}

function setFunction(state: LuaState, name: string, value: LuaFunction): void {
  lua.lua_pushcfunction(state, value);
  lua.lua_setfield(state, -2, toLua(name));
}

function redisFunctions(callRedis: (command: Command) => Reply): Readonly<Record<string, LuaFunction>> {
  const call = (state: LuaState): Reply => {
    const count = lua.lua_gettop(state);
    if (count === 0) return new ErrorReply("ERR Please specify at least one argument for this redis lib call");
    const command: Bytes[] = [];
    for (let index = 1; index <= count; index += 1) {
      const argument = readArgument(state, index);
      if (argument === undefined) {
        return new ErrorReply("ERR Lua redis lib command arguments must be strings or integers");
      }
      command.push(argument);
    }
    return callRedis(command);
  };
  return {
    call: (state) => {
      const reply = call(state);
      pushReply(state, reply);
      return reply instanceof ErrorReply ? lua.lua_error(state) : 1;
    },
    pcall: (state) => {
      pushReply(state, call(state));
      return 1;
    },
    error_reply: (state) => {
      pushReply(state, new ErrorReply(withCode(onlyString(state))));
      return 1;
    },
    status_reply: (state) => {
      pushReply(state, new StatusReply(onlyString(state)));
      return 1;
    },
    sha1hex: (state) => {
      if (lua.lua_gettop(state) !== 1) return lauxlib.luaL_error(state, toLua("wrong number of arguments"));
      pushReply(state, sha1Hex(fromLua(lauxlib.luaL_tolstring(state, 1))));
      return 1;
    },
    log: () => 0,
    replicate_commands: (state) => {
      lua.lua_pushboolean(state, true);
      return 1;
    },
  };
}

function onlyString(state: LuaState): Bytes {
  const text = lua.lua_gettop(state) === 1 ? lua.lua_tolstring(state, 1) : null;
  return text === null ? lauxlib.luaL_error(state, toLua("wrong number or type of arguments")) : fromLua(text);
}

/** An error of one word gets the code ERR; otherwise its first word is the code, with or without the dash before it. */
function withCode(message: Bytes): Bytes {
  const text = (message.startsWith("-") ? message.slice(1) : message).replace(/[\r\n]+$/, "");
  return text.includes(" ") ? text : `ERR ${text}`;
}

/** `tonumber` of 5.1; in other bases fengari would wrap at 32 bits. */
const toNumber: LuaFunction = (state) => {
  const base = lua.lua_type(state, 2) > lua.LUA_TNIL ? lauxlib.luaL_checknumber(state, 2) : 10;
  if (lua.lua_gettop(state) === 0)
    return lauxlib.luaL_error(state, toLua("bad argument #1 to 'tonumber' (value expected)"));
  if (lua.lua_type(state, 1) === lua.LUA_TNUMBER && base === 10) {
    lua.lua_pushvalue(state, 1);
    return 1;
  }
  const isText = lua.lua_type(state, 1) === lua.LUA_TSTRING || lua.lua_type(state, 1) === lua.LUA_TNUMBER;
  const text = isText ? fromLua(lauxlib.luaL_tolstring(state, 1)) : "";
  const number = base === 10 ? parseLuaNumber(text) : parseDigits(text, base);
  if (number === undefined || !isText) lua.lua_pushnil(state);
  else lua.lua_pushnumber(state, number);
  return 1;
};

function parseDigits(text: Bytes, base: number): number | undefined {
  const match = /^\s*([+-]?)(?:0x(?=[0-9a-f]+\s*$))?([0-9a-z]+)\s*$/i.exec(
    base === 16 ? text : text.replace(/^(\s*[+-]?)0x/i, "$1!"),
  );
  if (match?.[2] === undefined) return undefined;
  let value = 0;
  for (const digit of match[2].toLowerCase()) {
    const worth = Number.parseInt(digit, 36);
    if (worth >= base) return undefined;
    value = value * base + worth;
  }
  return match[1] === "-" ? -value : value;
}

function numeric(compute: (first: number, second: number) => number, count: 1 | 2): LuaFunction {
  return (state) => {
    const first = lauxlib.luaL_checknumber(state, 1);
    lua.lua_pushnumber(state, compute(first, count === 2 ? lauxlib.luaL_checknumber(state, 2) : 0));
    return 1;
  };
}

/** The functions of 5.1's math that 5.3 dropped, and those that make integers there. */
const mathFunctions: Readonly<Record<string, LuaFunction>> = {
  floor: numeric(Math.floor, 1),
  ceil: numeric(Math.ceil, 1),
  fmod: numeric((first, second) => first % second, 2),
  mod: numeric((first, second) => first % second, 2),
  pow: numeric((first, second) => first ** second, 2),
  log10: numeric(Math.log10, 1),
  sinh: numeric(Math.sinh, 1),
  cosh: numeric(Math.cosh, 1),
  tanh: numeric(Math.tanh, 1),
  atan2: numeric(Math.atan2, 2),
};
