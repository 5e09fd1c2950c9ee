import { type Bytes, ErrorReply, OK, type Reply, StatusReply } from "../../protocol.ts";
import { formatNumber } from "../numbers.ts";
import { type LuaState, lauxlib, lua } from "./fengari.ts";
import { fromLua, toLua } from "./text.ts";

/*
 * How replies become Lua values and Lua values become replies, as Redis converts them:
 * https://redis.io/docs/latest/develop/programmability/lua-api/#data-type-conversion
 */

const OK_FIELD = toLua("ok");
const ERR_FIELD = toLua("err");
const DEEPEST_REPLY = 1000;
const INT64_MIN = -(2n ** 63n);

/** Pushes a reply: a missing value is false, a status `{ok = …}`, an error `{err = …}`. */
export function pushReply(state: LuaState, reply: Reply): void {
  if (typeof reply === "string") lua.lua_pushstring(state, toLua(reply));
  else if (typeof reply === "number" || typeof reply === "bigint") lua.lua_pushnumber(state, Number(reply));
  else if (reply === null) lua.lua_pushboolean(state, false);
  else if (reply instanceof StatusReply) pushRecord(state, OK_FIELD, reply.text);
  else if (reply instanceof ErrorReply) pushRecord(state, ERR_FIELD, reply.message);
  else pushArray(state, reply);
}

/** Pushes a table of byte strings, such as KEYS. */
export function pushStrings(state: LuaState, strings: readonly Bytes[]): void {
  pushArray(state, strings);
}

function pushArray(state: LuaState, items: readonly Reply[]): void {
  lauxlib.luaL_checkstack(state, 4, null);
  lua.lua_createtable(state, items.length, 0);
  for (const [index, item] of items.entries()) {
    pushReply(state, item);
    lua.lua_rawseti(state, -2, index + 1);
  }
}

function pushRecord(state: LuaState, field: Uint8Array, value: Bytes): void {
  lua.lua_createtable(state, 0, 1);
  lua.lua_pushstring(state, toLua(value));
  lua.lua_setfield(state, -2, field);
}

/** Turns the value on top of the stack into a reply and takes it off. Numbers lose their fraction, arrays end at the first nil. */
export function popReply(state: LuaState, depth = 0): Reply {
  const reply = readReply(state, depth);
  lua.lua_settop(state, -2);
  return reply;
}

function readReply(state: LuaState, depth: number): Reply {
  switch (lua.lua_type(state, -1)) {
    case lua.LUA_TSTRING:
      return topBytes(state);
    case lua.LUA_TNUMBER:
      return truncate(lua.lua_tonumber(state, -1));
    case lua.LUA_TBOOLEAN:
      return lua.lua_toboolean(state, -1) ? 1 : null;
    case lua.LUA_TTABLE:
      return depth > DEEPEST_REPLY ? new ErrorReply("ERR reached lua stack limit") : readTable(state, depth);
    default:
      return null;
  }
}

function readTable(state: LuaState, depth: number): Reply {
  lauxlib.luaL_checkstack(state, 4, null);
  const error = readField(state, ERR_FIELD);
  if (error !== undefined) return new ErrorReply(oneLine(error));
  const status = readField(state, OK_FIELD);
  if (status !== undefined) return status === "OK" ? OK : new StatusReply(oneLine(status));
  const items: Reply[] = [];
  for (let index = 1; ; index += 1) {
    if (lua.lua_rawgeti(state, -1, index) === lua.LUA_TNIL) break;
    items.push(popReply(state, depth + 1));
  }
  lua.lua_settop(state, -2);
  return items;
}

/** A field of the table on top, if it is a string. */
export function readField(state: LuaState, field: Uint8Array): Bytes | undefined {
  lua.lua_pushstring(state, field);
  const value = lua.lua_rawget(state, -2) === lua.LUA_TSTRING ? topBytes(state) : undefined;
  lua.lua_settop(state, -2);
  return value;
}

function topBytes(state: LuaState): Bytes {
  return fromLua(lua.lua_tolstring(state, -1) ?? new Uint8Array());
}

/** What C's cast to a 64-bit integer gives, including its answer to what does not fit. */
function truncate(value: number): number | bigint {
  const whole = Math.trunc(value);
  if (Number.isSafeInteger(whole)) return whole + 0; // no negative zero
  if (Number.isNaN(whole) || Math.abs(whole) >= 2 ** 63) return INT64_MIN;
  return BigInt(whole);
}

function oneLine(text: Bytes): Bytes {
  return text.replace(/[\r\n]/g, " ");
}

/** An argument of `redis.call`: strings as they are, numbers as `%.17g`, anything else is none. */
export function readArgument(state: LuaState, index: number): Bytes | undefined {
  switch (lua.lua_type(state, index)) {
    case lua.LUA_TSTRING:
      return fromLua(lua.lua_tolstring(state, index) ?? new Uint8Array());
    case lua.LUA_TNUMBER:
      return formatNumber(lua.lua_tonumber(state, index), 17);
    default:
      return undefined;
  }
}
