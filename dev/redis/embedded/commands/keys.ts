import { type Bytes, OK, type Reply, StatusReply } from "../../protocol.ts";
import { at, CommandError, OptionReader, parseCount, SYNTAX_ERROR } from "../arguments.ts";
import { matchesGlob } from "../glob.ts";
import type { Store } from "../store.ts";
import type { Handlers } from "./handlers.ts";

const DEFAULT_SCAN_COUNT = 10;

/** Commands on keys of any type. https://redis.io/docs/latest/commands/?group=generic */
export const keyCommands: Handlers = {
  del: deleteKeys,
  unlink: deleteKeys,
  exists: countKeys,
  touch: countKeys,
  type: (store, args) => new StatusReply(store.entry(at(args, 0))?.type ?? "none"),
  expire: (store, args) => expire(store, args, "expire", store.nowMs, 1000),
  pexpire: (store, args) => expire(store, args, "pexpire", store.nowMs, 1),
  expireat: (store, args) => expire(store, args, "expireat", 0, 1000),
  pexpireat: (store, args) => expire(store, args, "pexpireat", 0, 1),
  ttl: (store, args) => remaining(store, at(args, 0), (atMs) => Math.floor((atMs - store.nowMs + 500) / 1000)),
  pttl: (store, args) => remaining(store, at(args, 0), (atMs) => atMs - store.nowMs),
  expiretime: (store, args) => remaining(store, at(args, 0), (atMs) => Math.floor((atMs + 500) / 1000)),
  pexpiretime: (store, args) => remaining(store, at(args, 0), (atMs) => atMs),
  persist: (store, args) => {
    const entry = store.entry(at(args, 0));
    if (entry?.expireAtMs === undefined) return 0;
    entry.expireAtMs = undefined;
    return 1;
  },
  rename: (store, args) => {
    requireKey(store, at(args, 0));
    if (at(args, 0) !== at(args, 1)) store.rename(at(args, 0), at(args, 1));
    return OK;
  },
  renamenx: (store, args) => {
    requireKey(store, at(args, 0));
    if (store.entry(at(args, 1)) !== undefined) return 0;
    store.rename(at(args, 0), at(args, 1));
    return 1;
  },
  keys: (store, args) =>
    Array.from(store.keys())
      .map(([key]) => key)
      .filter((key) => matchesGlob(at(args, 0), key)),
  scan,
};

function deleteKeys(store: Store, keys: readonly Bytes[]): Reply {
  return keys.filter((key) => store.delete(key)).length;
}

function countKeys(store: Store, keys: readonly Bytes[]): Reply {
  return keys.filter((key) => store.entry(key) !== undefined).length;
}

function requireKey(store: Store, key: Bytes): void {
  if (store.entry(key) === undefined) throw new CommandError("ERR no such key");
}

function remaining(store: Store, key: Bytes, measure: (expireAtMs: number) => number): Reply {
  const entry = store.entry(key);
  if (entry === undefined) return -2;
  return entry.expireAtMs === undefined ? -1 : measure(entry.expireAtMs);
}

function expire(store: Store, args: readonly Bytes[], name: string, baseMs: number, unitMs: number): Reply {
  const flags = readExpireFlags(args);
  const expireAtMs = baseMs + parseCount(at(args, 1)) * unitMs;
  if (Math.abs(expireAtMs) > Number.MAX_SAFE_INTEGER) {
    throw new CommandError(`ERR invalid expire time in '${name}' command`);
  }
  const key = at(args, 0);
  const entry = store.entry(key);
  if (entry === undefined) return 0;
  const currentMs = entry.expireAtMs;
  if (flags.has("NX") && currentMs !== undefined) return 0;
  if (flags.has("XX") && currentMs === undefined) return 0;
  // A key that never expires counts as one that expires after all others.
  if (flags.has("GT") && expireAtMs <= (currentMs ?? Number.POSITIVE_INFINITY)) return 0;
  if (flags.has("LT") && expireAtMs >= (currentMs ?? Number.POSITIVE_INFINITY)) return 0;
  if (expireAtMs <= store.nowMs) store.delete(key);
  else entry.expireAtMs = expireAtMs;
  return 1;
}

function readExpireFlags(args: readonly Bytes[]): ReadonlySet<string> {
  const flags = new Set<string>();
  for (const argument of args.slice(2)) {
    const flag = argument.toUpperCase();
    if (!["NX", "XX", "GT", "LT"].includes(flag))
      throw new CommandError(`ERR Unsupported option ${argument.split("\0", 1)[0] ?? ""}`);
    flags.add(flag);
  }
  if (flags.has("NX") && flags.size > 1) {
    throw new CommandError("ERR NX and XX, GT or LT options at the same time are not compatible");
  }
  if (flags.has("GT") && flags.has("LT")) {
    throw new CommandError("ERR GT and LT options at the same time are not compatible");
  }
  return flags;
}

/** The cursor is the number of the last key looked at, so keys that stay are always met, whatever comes and goes meanwhile. */
function scan(store: Store, args: readonly Bytes[]): Reply {
  const cursor = at(args, 0);
  if (!/^\d{1,19}$/.test(cursor)) throw new CommandError("ERR invalid cursor");
  const options = new OptionReader(args, 1);
  let pattern = "*";
  let type: string | undefined;
  let count = DEFAULT_SCAN_COUNT;
  for (let option = options.next(); option !== undefined; option = options.next()) {
    if (option === "MATCH") pattern = options.value();
    else if (option === "TYPE") type = options.value().toLowerCase();
    else if (option === "COUNT") count = parseCount(options.value());
    else throw new CommandError(SYNTAX_ERROR);
  }
  if (count < 1) throw new CommandError(SYNTAX_ERROR);
  const found: Bytes[] = [];
  let lastNumber = Number(cursor);
  let seen = 0;
  for (const [key, entry] of store.keys()) {
    if (entry.number <= Number(cursor)) continue;
    if (seen === count) return [String(lastNumber), found];
    seen += 1;
    lastNumber = entry.number;
    if ((type === undefined || type === entry.type) && matchesGlob(pattern, key)) found.push(key);
  }
  return ["0", found];
}
