import { createRequire } from "node:module";
import { formatNumber } from "../numbers.ts";
import { fromLua, type LuaString, parseLuaNumber, toLua } from "./text.ts";

/*
 * The one place that touches fengari, a Lua 5.3 written in JavaScript. Redis runs Lua 5.1, whose only number is the double.
 * Fengari's integers have 32 bits and wrap: a sum of nano-dollars or milliseconds would come out wrong, and 4/2 would print
 * as "2.0". So the integer subtype is switched off where fengari decides about it, before its modules have read these places.
 * wasmoon (Lua 5.4 in WebAssembly) was weighed against it: there `..` on a float cannot be reached from outside.
 */

/** A Lua state; only passed around. */
export interface LuaState {
  readonly luaState: unique symbol;
}

/** A function of Lua written here: takes its arguments from the stack, returns how many results it has pushed. */
export type LuaFunction = (state: LuaState) => number;

/** What `lua_getinfo` fills in. */
export interface LuaDebug {
  what?: LuaString;
  source?: LuaString;
  currentline?: number;
}

interface Lua {
  readonly LUA_REGISTRYINDEX: number;
  readonly LUA_TNIL: number;
  readonly LUA_TBOOLEAN: number;
  readonly LUA_TLIGHTUSERDATA: number;
  readonly LUA_TNUMBER: number;
  readonly LUA_TSTRING: number;
  readonly LUA_TTABLE: number;
  readonly lua_Debug: new () => LuaDebug;
  lua_createtable(state: LuaState, arrayLength: number, recordLength: number): void;
  lua_error(state: LuaState): never;
  lua_getfield(state: LuaState, index: number, name: LuaString): number;
  lua_getinfo(state: LuaState, what: LuaString, debug: LuaDebug): number;
  lua_getstack(state: LuaState, level: number, debug: LuaDebug): number;
  lua_gettop(state: LuaState): number;
  lua_next(state: LuaState, index: number): number;
  lua_pcall(state: LuaState, argumentCount: number, resultCount: number, handlerIndex: number): number;
  lua_pushboolean(state: LuaState, value: boolean): void;
  lua_pushcfunction(state: LuaState, value: LuaFunction): void;
  lua_pushlightuserdata(state: LuaState, value: object): void;
  lua_pushnil(state: LuaState): void;
  lua_pushnumber(state: LuaState, value: number): void;
  lua_pushstring(state: LuaState, value: LuaString): void;
  lua_pushvalue(state: LuaState, index: number): void;
  lua_rawget(state: LuaState, index: number): number;
  lua_rawgeti(state: LuaState, index: number, key: number): number;
  lua_rawseti(state: LuaState, index: number, key: number): void;
  lua_setfield(state: LuaState, index: number, name: LuaString): void;
  lua_settop(state: LuaState, top: number): void;
  lua_toboolean(state: LuaState, index: number): boolean;
  lua_tonumber(state: LuaState, index: number): number;
  lua_tonumberx(state: LuaState, index: number): number | false;
  lua_tolstring(state: LuaState, index: number): LuaString | null;
  lua_touserdata(state: LuaState, index: number): unknown;
  lua_type(state: LuaState, index: number): number;
  lua_typename(state: LuaState, type: number): LuaString;
}

interface LuaAuxiliary {
  luaL_checknumber(state: LuaState, index: number): number;
  luaL_checkstack(state: LuaState, space: number, message: LuaString | null): void;
  luaL_error(state: LuaState, format: LuaString, ...values: readonly LuaString[]): never;
  luaL_loadbufferx(state: LuaState, text: LuaString, size: number, name: LuaString, mode: LuaString): number;
  luaL_newstate(): LuaState;
  luaL_ref(state: LuaState, table: number): number;
  luaL_requiref(state: LuaState, name: LuaString, open: LuaFunction, global: boolean): void;
  luaL_tolstring(state: LuaState, index: number): LuaString;
  luaL_unref(state: LuaState, table: number, reference: number): void;
}

interface LuaLibraries {
  readonly luaopen_base: LuaFunction;
  readonly luaopen_coroutine: LuaFunction;
  readonly luaopen_math: LuaFunction;
  readonly luaopen_string: LuaFunction;
  readonly luaopen_table: LuaFunction;
}

/** A value inside the interpreter. */
interface TaggedValue {
  ttisinteger(): boolean;
  ttisfloat(): boolean;
  ttisnumber(): boolean;
  setivalue(value: number): void;
  setfltvalue(value: number): void;
}

interface Lexer {
  readonly t: { readonly token: number };
}

const require = createRequire(import.meta.url);
const EXPECTED_VERSION = "Fengari 0.1";

// These are read once, when fengari's modules load; the others are looked up at every use.
patchStrings();
patchArithmetic();
const fengari = require("fengari") as {
  FENGARI_VERSION: string;
  lua: Lua;
  lauxlib: LuaAuxiliary;
  lualib: LuaLibraries;
};
if (fengari.FENGARI_VERSION !== EXPECTED_VERSION) {
  throw new Error(`the embedded Redis knows ${EXPECTED_VERSION} and found ${fengari.FENGARI_VERSION}`);
}

patchNumbers();
patchSyntax();

export const { lua, lauxlib, lualib } = fengari;

/**
 * Fengari finds a string in a table, and compares two, by its bytes in hex without leading zeros: there "\x01\x23" and
 * "\x12\x03" are one. The bytes themselves neither clash nor lose their order.
 */
function patchStrings(): void {
  // First of all, as when fengari is loaded by its front door: this module and the configuration need each other.
  require("fengari/src/defs.js");
  interface TableString {
    hash: string | null;
    getstr(): LuaString;
  }
  const strings = require("fengari/src/lstring.js") as {
    luaS_hash(text: LuaString): string;
    luaS_hashlongstr(text: TableString): string;
  };
  const hash = (text: LuaString): string => `|${fromLua(text)}`;
  strings.luaS_hash = hash;
  strings.luaS_hashlongstr = (text) => {
    text.hash ??= hash(text.getstr());
    return text.hash;
  };
}

/** A number is written as `%.14g` writes it, without ".0" behind a whole one; a remainder has the rounding of 5.1's formula. */
function patchArithmetic(): void {
  const configuration = require("fengari/src/luaconf.js") as {
    LUA_COMPAT_FLOATSTRING: boolean;
    lua_number2str(value: number): string;
  };
  configuration.LUA_COMPAT_FLOATSTRING = true;
  configuration.lua_number2str = (value) => formatNumber(value, 14);
  const limits = require("fengari/src/llimits.js") as {
    luai_nummod(state: LuaState, dividend: number, divisor: number): number;
  };
  limits.luai_nummod = (_state, dividend, divisor) => dividend - Math.floor(dividend / divisor) * divisor;
}

/** Every number is a double, and is read as strtod reads it. */
function patchNumbers(): void {
  const objects = require("fengari/src/lobject.js") as {
    TValue: { prototype: TaggedValue };
    luaO_str2num(text: LuaString, target: TaggedValue): number;
  };
  const value = objects.TValue.prototype;
  value.ttisinteger = () => false;
  value.ttisfloat = value.ttisnumber;
  value.setivalue = value.setfltvalue;
  objects.luaO_str2num = (text, target) => {
    const number = parseLuaNumber(fromLua(text.at(-1) === 0 ? text.subarray(0, -1) : text));
    if (number === undefined) return 0;
    target.setfltvalue(number);
    return text.length + 1;
  };
  const machine = require("fengari/src/lvm.js") as { tointeger(value: TaggedValue): number | false; tonumber: unknown };
  const toNumber = machine.tonumber as (value: TaggedValue) => number | false;
  // Where a library function wants an integer, Lua 5.1 cuts the fraction off.
  machine.tointeger = (operand) => {
    const number = toNumber(operand);
    return number === false ? false : Math.trunc(number);
  };
}

/** Operators that came after 5.1 are refused: a script that uses them would fail on a real Redis. */
function patchSyntax(): void {
  const lexer = require("fengari/src/llex.js") as {
    RESERVED: Readonly<Record<string, number>>;
    luaX_next(state: Lexer): void;
    luaX_syntaxerror(state: Lexer, message: LuaString): never;
  };
  const later = new Set(["&", "|", "~"].map((operator) => operator.charCodeAt(0)));
  for (const name of ["TK_GOTO", "TK_IDIV", "TK_SHL", "TK_SHR", "TK_DBCOLON"]) later.add(lexer.RESERVED[name] ?? -1);
  const next = lexer.luaX_next;
  lexer.luaX_next = (state) => {
    next(state);
    if (later.has(state.t.token)) lexer.luaX_syntaxerror(state, toLua("unexpected symbol"));
  };
}
