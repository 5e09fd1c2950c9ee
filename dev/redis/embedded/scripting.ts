import { sha1Hex } from "../bytes.ts";
import { arityFits, keysOf, specOf, unknownScriptSubcommand } from "../commands.ts";
import { type Bytes, type Command, ErrorReply, OK, type Reply } from "../protocol.ts";
import { parseScript, UNDECLARED_KEY, WHOLE_DATABASE } from "../scripts.ts";
import { CommandError, parseInt64 } from "./arguments.ts";
import { LuaRuntime } from "./lua/runtime.ts";

const NO_SCRIPT = new ErrorReply("NOSCRIPT No matching script. Please use EVAL.");

interface Script {
  readonly sha: string;
  readonly locksKeys: boolean;
  readonly readOnly: boolean;
  /** Runs the compiled text. */
  readonly call: (keys: readonly Bytes[], args: readonly Bytes[]) => Reply;
}

/** What a running script may do. */
interface Permissions {
  readonly declaredKeys: ReadonlySet<Bytes> | undefined;
  readonly readOnly: boolean;
}

/** EVAL, EVALSHA, their _RO forms, and SCRIPT. */
export class ScriptRunner {
  readonly #scripts = new Map<string, Script>();
  readonly #runData: (command: Command) => Reply;
  readonly #lua: LuaRuntime;
  #permissions: Permissions = { declaredKeys: undefined, readOnly: false };

  constructor(runData: (command: Command) => Reply) {
    this.#runData = runData;
    this.#lua = new LuaRuntime((command) => this.#callFromScript(command));
  }

  /** Runs one of the script commands by its lower-case name. */
  run(name: string, args: readonly Bytes[]): Reply {
    try {
      const [first = "", ...rest] = args;
      if (name === "script") {
        return unknownScriptSubcommand([name, first]) ?? this.#manage(first.toLowerCase(), rest);
      }
      const { keys, argv } = splitArguments(rest);
      const script = name.startsWith("evalsha") ? this.#scripts.get(first.toLowerCase()) : this.#load(first);
      if (script === undefined) return NO_SCRIPT;
      if (script instanceof ErrorReply) return script;
      return this.#call(script, keys, argv, script.readOnly || name.endsWith("_ro"));
    } catch (error) {
      if (error instanceof CommandError) return new ErrorReply(error.message);
      throw error;
    }
  }

  #call(script: Script, keys: readonly Bytes[], args: readonly Bytes[], readOnly: boolean): Reply {
    this.#permissions = { declaredKeys: script.locksKeys ? new Set(keys) : undefined, readOnly };
    return script.call(keys, args);
  }

  /** SCRIPT LOAD, EXISTS and FLUSH. */
  #manage(subcommand: string, args: readonly Bytes[]): Reply {
    const wrongCount = () => new ErrorReply(`ERR wrong number of arguments for 'script|${subcommand}' command`);
    switch (subcommand) {
      case "load": {
        if (args.length !== 1) return wrongCount();
        const script = this.#load(args[0] ?? "");
        return script instanceof ErrorReply ? script : script.sha;
      }
      case "exists":
        return args.length === 0 ? wrongCount() : args.map((sha) => (this.#scripts.has(sha.toLowerCase()) ? 1 : 0));
      default: {
        const mode = args[0]?.toUpperCase();
        if (args.length > 1 || (mode !== undefined && mode !== "SYNC" && mode !== "ASYNC")) {
          throw new CommandError("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
        }
        this.#scripts.clear();
        this.#lua.forgetAll();
        return OK;
      }
    }
  }

  #load(text: Bytes): Script | ErrorReply {
    const sha = sha1Hex(text);
    const known = this.#scripts.get(sha);
    if (known !== undefined) return known;
    const source = parseScript(text);
    if (source instanceof ErrorReply) return source;
    const call = this.#lua.compile(source.body, sha);
    if (call instanceof ErrorReply) return call;
    const script = { sha, locksKeys: source.locksKeys, readOnly: source.flags.includes("no-writes"), call };
    this.#scripts.set(sha, script);
    return script;
  }

  /** What `redis.call` does once its arguments are bytes. The errors are those of Redis inside a script. */
  #callFromScript(command: Command): Reply {
    const spec = specOf(command);
    const { declaredKeys, readOnly } = this.#permissions;
    if (spec === undefined) return new ErrorReply("ERR Unknown Redis command called from script");
    if (declaredKeys !== undefined) {
      if (spec.keys === "database") return new ErrorReply(WHOLE_DATABASE);
      if (!keysOf(spec, command).every((key) => declaredKeys.has(key))) return new ErrorReply(UNDECLARED_KEY);
    }
    if (!arityFits(spec, command)) return new ErrorReply("ERR Wrong number of args calling Redis command from script");
    if (spec.keys === "script") return new ErrorReply("ERR This Redis command is not allowed from script");
    if (readOnly && spec.writes) return new ErrorReply("ERR Write commands are not allowed from read-only scripts.");
    return this.#runData(command);
  }
}

function splitArguments(args: readonly Bytes[]): { keys: readonly Bytes[]; argv: readonly Bytes[] } {
  const [counted = "", ...values] = args;
  const count = parseInt64(counted);
  if (count > values.length) throw new CommandError("ERR Number of keys can't be greater than number of args");
  if (count < 0) throw new CommandError("ERR Number of keys can't be negative");
  return { keys: values.slice(0, Number(count)), argv: values.slice(Number(count)) };
}
