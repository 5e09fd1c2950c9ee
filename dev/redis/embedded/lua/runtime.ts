import { type Bytes, type Command, ErrorReply, type Reply } from "../../protocol.ts";
import { type LuaState, lauxlib, lua } from "./fengari.ts";
import { openSandbox } from "./sandbox.ts";
import { fromLua, toLua } from "./text.ts";
import { popReply, pushStrings, readField } from "./values.ts";

const CHUNK_NAME_BYTES = "@user_script";
const CHUNK_NAME = toLua(CHUNK_NAME_BYTES);
const TEXT_ONLY = toLua("t");
const ERR_FIELD = toLua("err");
const KEYS = toLua("KEYS");
const ARGV = toLua("ARGV");
const WHERE = toLua("Sl");
const ERROR_LEVELS = 4;

/** Runs one compiled script. */
export type CompiledScript = (keys: readonly Bytes[], args: readonly Bytes[]) => Reply;

/** A Lua state with the globals that scripts have in Redis. Scripts run to their end, one at a time. */
export class LuaRuntime {
  readonly #state: LuaState = lauxlib.luaL_newstate();
  /** The registry's number for the table in which KEYS and ARGV are set. */
  readonly #globals: number;
  #compiled: number[] = [];
  /** Where the last error was raised, as the handler saw it before the stack was unwound. */
  #errorPlace: Bytes | undefined;

  constructor(callRedis: (command: Command) => Reply) {
    this.#globals = openSandbox(this.#state, callRedis);
  }

  /** Compiles a script; errors are worded as Redis words them, with the SHA by which the caller knows the script. */
  compile(body: Bytes, sha: string): CompiledScript | ErrorReply {
    const state = this.#state;
    const text = toLua(body);
    if (lauxlib.luaL_loadbufferx(state, text, text.length, CHUNK_NAME, TEXT_ONLY) !== 0) {
      const message = fromLua(lua.lua_tolstring(state, -1) ?? toLua("no message"));
      lua.lua_settop(state, 0);
      return new ErrorReply(`ERR Error compiling script (new function): ${message}`);
    }
    const reference = lauxlib.luaL_ref(state, lua.LUA_REGISTRYINDEX);
    this.#compiled.push(reference);
    return (keys, args) => this.#run(reference, sha, keys, args);
  }

  /** Frees all compiled scripts; none of them may be run any more. */
  forgetAll(): void {
    for (const reference of this.#compiled) lauxlib.luaL_unref(this.#state, lua.LUA_REGISTRYINDEX, reference);
    this.#compiled = [];
  }

  #run(reference: number, sha: string, keys: readonly Bytes[], args: readonly Bytes[]): Reply {
    const state = this.#state;
    lua.lua_rawgeti(state, lua.LUA_REGISTRYINDEX, this.#globals);
    pushStrings(state, keys);
    lua.lua_setfield(state, -2, KEYS);
    pushStrings(state, args);
    lua.lua_setfield(state, -2, ARGV);
    lua.lua_settop(state, 0);
    lua.lua_pushcfunction(state, this.#rememberPlace);
    lua.lua_rawgeti(state, lua.LUA_REGISTRYINDEX, reference);
    this.#errorPlace = undefined;
    const failed = lua.lua_pcall(state, 0, 1, 1) !== 0;
    const reply = failed ? this.#describeError(sha) : popReply(state);
    lua.lua_settop(state, 0);
    return reply;
  }

  /** The handler of an error: the innermost function of the script says where it happened. */
  readonly #rememberPlace = (state: LuaState): number => {
    const debug = new lua.lua_Debug();
    for (let level = 1; level <= ERROR_LEVELS && lua.lua_getstack(state, level, debug) !== 0; level += 1) {
      lua.lua_getinfo(state, WHERE, debug);
      if (debug.source === undefined || fromLua(debug.source) !== CHUNK_NAME_BYTES) continue;
      this.#errorPlace = `${CHUNK_NAME_BYTES}:${debug.currentline ?? 0}`;
      break;
    }
    return 1;
  };

  #describeError(sha: string): ErrorReply {
    const state = this.#state;
    const isTable = lua.lua_type(state, -1) === lua.LUA_TTABLE;
    const thrown = isTable ? readField(state, ERR_FIELD) : `ERR ${fromLua(lauxlib.luaL_tolstring(state, -1))}`;
    const place = this.#errorPlace === undefined ? "" : ` script: ${sha}, on ${this.#errorPlace}.`;
    return new ErrorReply(`${thrown ?? "ERR unknown error"}${place}`);
  }
}
