import { type LuaFunction, type LuaState, lauxlib, lua } from "./fengari.ts";

/** The bit library that Redis gives to scripts: 32-bit, signed results. https://bitop.luajit.org/api.html */
export const bitFunctions: Readonly<Record<string, LuaFunction>> = {
  tobit: of((state) => bits(state, 1)),
  bnot: of((state) => ~bits(state, 1)),
  band: of((state) => fold(state, (left, right) => left & right)),
  bor: of((state) => fold(state, (left, right) => left | right)),
  bxor: of((state) => fold(state, (left, right) => left ^ right)),
  lshift: of((state) => bits(state, 1) << bits(state, 2)),
  rshift: of((state) => (bits(state, 1) >>> bits(state, 2)) | 0),
  arshift: of((state) => bits(state, 1) >> bits(state, 2)),
};

function of(compute: (state: LuaState) => number): LuaFunction {
  return (state) => {
    lua.lua_pushnumber(state, compute(state));
    return 1;
  };
}

function bits(state: LuaState, index: number): number {
  return lauxlib.luaL_checknumber(state, index) | 0;
}

function fold(state: LuaState, combine: (left: number, right: number) => number): number {
  let result = bits(state, 1);
  for (let index = 2; index <= lua.lua_gettop(state); index += 1) result = combine(result, bits(state, index));
  return result;
}
