import { type Bytes, OK, type Reply } from "../../protocol.ts";
import {
  addInt64,
  at,
  CommandError,
  NOT_AN_INTEGER,
  OptionReader,
  parseCount,
  parseInt64,
  SYNTAX_ERROR,
} from "../arguments.ts";
import type { Store } from "../store.ts";
import type { Handlers } from "./handlers.ts";

const LARGEST_TIME_MS = Number.MAX_SAFE_INTEGER;

/** Commands on strings. https://redis.io/docs/latest/commands/?group=string */
export const stringCommands: Handlers = {
  get: (store, args) => store.read(at(args, 0), "string") ?? null,
  set,
  setnx: (store, args) => {
    if (store.entry(at(args, 0)) !== undefined) return 0;
    store.put(at(args, 0), "string", at(args, 1), undefined);
    return 1;
  },
  setex: (store, args) => setWithTtl(store, args, "setex", 1000),
  psetex: (store, args) => setWithTtl(store, args, "psetex", 1),
  getset: (store, args) => {
    const old = store.read(at(args, 0), "string") ?? null;
    store.put(at(args, 0), "string", at(args, 1), undefined);
    return old;
  },
  getdel: (store, args) => {
    const old = store.read(at(args, 0), "string") ?? null;
    store.delete(at(args, 0));
    return old;
  },
  getex,
  append: (store, args) => {
    const key = at(args, 0);
    const joined = (store.read(key, "string") ?? "") + at(args, 1);
    store.put(key, "string", joined, store.entry(key)?.expireAtMs);
    return joined.length;
  },
  strlen: (store, args) => (store.read(at(args, 0), "string") ?? "").length,
  mget: (store, args) =>
    args.map((key) => {
      const entry = store.entry(key);
      return entry?.type === "string" ? entry.value : null;
    }),
  mset: (store, args) => {
    putPairs(store, args, "mset");
    return OK;
  },
  msetnx: (store, args) => {
    requirePairs(args, "msetnx");
    const taken = args.some((key, index) => index % 2 === 0 && store.entry(key) !== undefined);
    if (!taken) putPairs(store, args, "msetnx");
    return taken ? 0 : 1;
  },
  incr: (store, args) => increment(store, at(args, 0), 1),
  decr: (store, args) => increment(store, at(args, 0), -1),
  incrby: (store, args) => increment(store, at(args, 0), parseInt64(at(args, 1))),
  decrby: (store, args) => {
    const step = parseInt64(at(args, 1));
    if (BigInt(step) === -(2n ** 63n)) throw new CommandError("ERR decrement would overflow");
    return increment(store, at(args, 0), typeof step === "number" ? -step : -step);
  },
};

function set(store: Store, args: readonly Bytes[]): Reply {
  const key = at(args, 0);
  const options = new OptionReader(args, 2);
  let condition: "NX" | "XX" | undefined;
  let returnsOld = false;
  let expiry: { unit: string; value: Bytes } | "keep" | undefined;
  for (let option = options.next(); option !== undefined; option = options.next()) {
    if ((option === "NX" || option === "XX") && (condition ?? option) === option) condition = option;
    else if (option === "GET") returnsOld = true;
    else if (option === "KEEPTTL" && (expiry === undefined || expiry === "keep")) expiry = "keep";
    else if (isExpiryUnit(option) && expiry === undefined) expiry = { unit: option, value: options.value() };
    else throw new CommandError(SYNTAX_ERROR);
  }
  const newExpiry = typeof expiry === "object" ? expireAt(store, expiry.unit, expiry.value, "set") : undefined;
  const old = returnsOld ? (store.read(key, "string") ?? null) : undefined;
  const present = store.entry(key);
  if (condition !== undefined && (condition === "XX") === (present === undefined)) return old ?? null;
  store.put(key, "string", at(args, 1), expiry === "keep" ? present?.expireAtMs : newExpiry);
  return old === undefined ? OK : old;
}

function getex(store: Store, args: readonly Bytes[]): Reply {
  const key = at(args, 0);
  const options = new OptionReader(args, 1);
  let expiry: { unit: string; value: Bytes } | "persist" | undefined;
  for (let option = options.next(); option !== undefined; option = options.next()) {
    if (expiry !== undefined) throw new CommandError(SYNTAX_ERROR);
    if (option === "PERSIST") expiry = "persist";
    else if (isExpiryUnit(option)) expiry = { unit: option, value: options.value() };
    else throw new CommandError(SYNTAX_ERROR);
  }
  const value = store.read(key, "string");
  if (value === undefined) return null;
  const entry = store.entry(key);
  if (entry !== undefined && expiry === "persist") entry.expireAtMs = undefined;
  if (entry !== undefined && typeof expiry === "object") {
    entry.expireAtMs = expireAt(store, expiry.unit, expiry.value, "getex");
  }
  return value;
}

function setWithTtl(store: Store, args: readonly Bytes[], name: string, unitMs: 1 | 1000): Reply {
  const expireAtMs = expireAt(store, unitMs === 1 ? "PX" : "EX", at(args, 1), name);
  store.put(at(args, 0), "string", at(args, 2), expireAtMs);
  return OK;
}

function isExpiryUnit(option: string): boolean {
  return option === "EX" || option === "PX" || option === "EXAT" || option === "PXAT";
}

function expireAt(store: Store, unit: string, value: Bytes, name: string): number {
  const amount = parseCount(value);
  const ms = unit.startsWith("EX") ? amount * 1000 : amount;
  const expireAtMs = unit.endsWith("AT") ? ms : store.nowMs + ms;
  if (amount <= 0 || expireAtMs > LARGEST_TIME_MS) {
    throw new CommandError(`ERR invalid expire time in '${name}' command`);
  }
  return expireAtMs;
}

function increment(store: Store, key: Bytes, step: number | bigint): Reply {
  const current = store.read(key, "string");
  const sum = addInt64(current === undefined ? 0 : parseInt64(current, NOT_AN_INTEGER), step);
  store.put(key, "string", sum.toString(), store.entry(key)?.expireAtMs);
  return sum;
}

function requirePairs(args: readonly Bytes[], name: string): void {
  if (args.length % 2 !== 0) throw new CommandError(`ERR wrong number of arguments for '${name}' command`);
}

function putPairs(store: Store, args: readonly Bytes[], name: string): void {
  requirePairs(args, name);
  for (let index = 0; index < args.length; index += 2) {
    store.put(at(args, index), "string", at(args, index + 1), undefined);
  }
}
