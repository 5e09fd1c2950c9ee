import { type Bytes, ErrorReply } from "./protocol.ts";

/** The flag by which Upstash locks only the declared keys of a script, and rejects all others. Redis itself does not know it. */
export const KEY_LOCKING_FLAG = "allow-key-locking";

/** The flags that Redis 7 knows in a script's first line. */
const REDIS_FLAGS = new Set(["no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"]);

/** A script's first line, taken apart; the body keeps its line numbers, because the line is blanked and not removed. */
export interface ScriptSource {
  readonly flags: readonly string[];
  /** True when keys that are not in KEYS must be rejected. */
  readonly locksKeys: boolean;
  /** The text after the first line, beginning with its line break; the whole text when there is no such line. */
  readonly body: Bytes;
}

/** Reads `#!lua flags=a,b`. Mistakes are worded as Redis 7 words them. */
export function parseScript(text: Bytes): ScriptSource | ErrorReply {
  if (!text.startsWith("#!")) return { flags: [], locksKeys: false, body: text };
  const lineEnd = text.indexOf("\n");
  if (lineEnd < 0) return new ErrorReply("ERR Invalid script shebang");
  const [engine = "", ...options] = text.slice(0, lineEnd).trim().split(/\s+/);
  if (engine !== "#!lua") return new ErrorReply(`ERR Unexpected engine in script shebang: ${engine}`);
  const flags: string[] = [];
  for (const option of options) {
    if (!option.startsWith("flags=")) return new ErrorReply(`ERR Unknown lua shebang option: ${option}`);
    flags.push(...option.slice("flags=".length).split(",").filter(Boolean));
  }
  const unknown = flags.find((flag) => flag !== KEY_LOCKING_FLAG && !REDIS_FLAGS.has(flag));
  if (unknown !== undefined) return new ErrorReply(`ERR Unexpected flag in script shebang: ${unknown}`);
  return { flags, locksKeys: flags.includes(KEY_LOCKING_FLAG), body: text.slice(lineEnd) };
}

/** Upstash's words for a key that the script did not declare. */
export const UNDECLARED_KEY = "ERR Dynamic keys are not allowed in Lua scripts when 'allow-key-locking' flag is set";

/** What a key-locking script is told that calls a command on the whole database (SCAN, FLUSHDB, …). */
export const WHOLE_DATABASE =
  "ERR Commands on the whole database are not allowed in Lua scripts when 'allow-key-locking' flag is set";
