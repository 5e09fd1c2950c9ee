import { toBytes } from "../../bytes.ts";
import type { Bytes } from "../../protocol.ts";
import { formatNumber } from "../numbers.ts";
import { type LuaFunction, type LuaState, lauxlib, lua } from "./fengari.ts";
import { fromLua, toLua } from "./text.ts";

/*
 * cjson as Redis sets it up: numbers with 14 digits, `/` escaped, an empty table is an object, null is a value of its own.
 * https://github.com/openresty/lua-cjson is the manual; the limits are its defaults.
 */

/** What `cjson.null` points at. */
export const JSON_NULL: object = Object.freeze({});

const DEEPEST = 1000;
/** An array may have holes up to this length, and longer ones while at least every second place is taken. */
const SPARSE_SAFE_LENGTH = 10;
const SPARSE_RATIO = 2;
const NUMBER_DIGITS = 14;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "/": "\\/",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/** `cjson.encode(value)` */
export const encodeJson: LuaFunction = (state) => {
  if (lua.lua_gettop(state) !== 1) return lauxlib.luaL_error(state, toLua("expected 1 argument"));
  lua.lua_pushstring(state, toLua(encodeTop(state, 1)));
  return 1;
};

/** `cjson.decode(text)` */
export const decodeJson: LuaFunction = (state) => {
  const text = lua.lua_gettop(state) === 1 ? lua.lua_tolstring(state, 1) : null;
  if (text === null) return lauxlib.luaL_error(state, toLua("expected 1 argument"));
  let value: unknown;
  try {
    value = JSON.parse(withoutWideEscapes(fromLua(text)));
  } catch (error) {
    return lauxlib.luaL_error(state, toLua(`Expected value but found invalid token (${toBytes(String(error))})`));
  }
  pushJson(state, value, 1);
  return 1;
};

/** A pair of surrogates, any other `\u`, or an escape that must not be taken for the beginning of one. */
const ESCAPE = /\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u[\da-fA-F]{4}|\\[^u]/g;

/** Escapes beyond ASCII as the bytes they stand for: the parser then meets bytes only, and passes them on, valid UTF-8 or not. */
function withoutWideEscapes(text: Bytes): Bytes {
  return text.replace(ESCAPE, (sequence) => {
    const isWide = sequence.startsWith("\\u") && Number.parseInt(sequence.slice(2, 6), 16) >= 128;
    return isWide ? toBytes(JSON.parse(`"${sequence}"`) as string) : sequence;
  });
}

/** The JSON of the value on top of the stack, which stays there. */
function encodeTop(state: LuaState, depth: number): Bytes {
  const type = lua.lua_type(state, -1);
  switch (type) {
    case lua.LUA_TSTRING:
      return encodeText(fromLua(lua.lua_tolstring(state, -1) ?? new Uint8Array()));
    case lua.LUA_TNUMBER: {
      const value = lua.lua_tonumber(state, -1);
      if (!Number.isFinite(value)) refuse(state, "number", "must not be NaN or Inf");
      return formatNumber(value, NUMBER_DIGITS);
    }
    case lua.LUA_TBOOLEAN:
      return lua.lua_toboolean(state, -1) ? "true" : "false";
    case lua.LUA_TNIL:
      return "null";
    case lua.LUA_TTABLE:
      return encodeTable(state, depth);
    case lua.LUA_TLIGHTUSERDATA:
      if (lua.lua_touserdata(state, -1) === JSON_NULL) return "null";
      break;
  }
  return refuse(state, fromLua(lua.lua_typename(state, type)), "type not supported");
}

function encodeTable(state: LuaState, depth: number): Bytes {
  if (depth > DEEPEST) lauxlib.luaL_error(state, toLua(`Cannot serialise, excessive depth (${depth})`));
  lauxlib.luaL_checkstack(state, 4, null);
  const length = arrayLength(state);
  if (length > 0) {
    const items: Bytes[] = [];
    for (let index = 1; index <= length; index += 1) {
      lua.lua_rawgeti(state, -1, index);
      items.push(encodeTop(state, depth + 1));
      lua.lua_settop(state, -2);
    }
    return `[${items.join(",")}]`;
  }
  const fields: Bytes[] = [];
  lua.lua_pushnil(state);
  while (lua.lua_next(state, -2) !== 0) {
    fields.push(`${encodeKey(state)}:${encodeTop(state, depth + 1)}`);
    lua.lua_settop(state, -2);
  }
  return `{${fields.join(",")}}`;
}

/** The largest index when all keys are positive whole numbers, else 0. */
function arrayLength(state: LuaState): number {
  let largest = 0;
  let count = 0;
  lua.lua_pushnil(state);
  while (lua.lua_next(state, -2) !== 0) {
    lua.lua_settop(state, -2);
    const key = lua.lua_type(state, -1) === lua.LUA_TNUMBER ? lua.lua_tonumber(state, -1) : 0;
    if (!Number.isInteger(key) || key < 1) {
      lua.lua_settop(state, -2);
      return 0;
    }
    largest = Math.max(largest, key);
    count += 1;
  }
  if (largest > SPARSE_SAFE_LENGTH && largest > count * SPARSE_RATIO) {
    refuse(state, "table", "excessively sparse array");
  }
  return largest;
}

/** The key under the value on top. It is not converted in place, which would confuse the walk over the table. */
function encodeKey(state: LuaState): Bytes {
  const type = lua.lua_type(state, -2);
  if (type === lua.LUA_TSTRING) return encodeText(fromLua(lua.lua_tolstring(state, -2) ?? new Uint8Array()));
  if (type === lua.LUA_TNUMBER) return `"${formatNumber(lua.lua_tonumber(state, -2), NUMBER_DIGITS)}"`;
  return refuse(state, fromLua(lua.lua_typename(state, type)), "table key must be a number or string");
}

function encodeText(bytes: Bytes): Bytes {
  let encoded = "";
  for (const byte of bytes) {
    const code = byte.charCodeAt(0);
    encoded += ESCAPES[byte] ?? (code < 32 || code === 127 ? `\\u${code.toString(16).padStart(4, "0")}` : byte);
  }
  return `"${encoded}"`;
}

function pushJson(state: LuaState, value: unknown, depth: number): void {
  if (depth > DEEPEST) lauxlib.luaL_error(state, toLua("Found too many nested data structures (1001)"));
  lauxlib.luaL_checkstack(state, 4, null);
  if (typeof value === "string") lua.lua_pushstring(state, toLua(value));
  else if (typeof value === "number") lua.lua_pushnumber(state, value);
  else if (typeof value === "boolean") lua.lua_pushboolean(state, value);
  else if (value === null || typeof value !== "object") lua.lua_pushlightuserdata(state, JSON_NULL);
  else if (Array.isArray(value)) {
    lua.lua_createtable(state, value.length, 0);
    for (const [index, item] of value.entries()) {
      pushJson(state, item, depth + 1);
      lua.lua_rawseti(state, -2, index + 1);
    }
  } else {
    lua.lua_createtable(state, 0, 0);
    for (const [name, item] of Object.entries(value)) {
      pushJson(state, item, depth + 1);
      lua.lua_setfield(state, -2, toLua(name));
    }
  }
}

function refuse(state: LuaState, what: string, why: string): never {
  return lauxlib.luaL_error(state, toLua(`Cannot serialise ${what}: ${why}`));
}
