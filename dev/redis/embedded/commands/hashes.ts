import { type Bytes, OK, type Reply } from "../../protocol.ts";
import { addInt64, at, CommandError, parseInt64 } from "../arguments.ts";
import type { Store } from "../store.ts";
import type { Handlers } from "./handlers.ts";

type Hash = Map<Bytes, Bytes>;
const EMPTY: ReadonlyMap<Bytes, Bytes> = new Map();

/** Commands on hashes. https://redis.io/docs/latest/commands/?group=hash */
export const hashCommands: Handlers = {
  hset: (store, args) => putFields(store, args, "hset"),
  hmset: (store, args) => {
    putFields(store, args, "hmset");
    return OK;
  },
  hsetnx: (store, args) => {
    const hash = open(store, at(args, 0));
    if (hash.has(at(args, 1))) return 0;
    hash.set(at(args, 1), at(args, 2));
    return 1;
  },
  hget: (store, args) => read(store, args).get(at(args, 1)) ?? null,
  hmget: (store, args) => {
    const hash = read(store, args);
    return args.slice(1).map((field) => hash.get(field) ?? null);
  },
  hgetall: (store, args) => [...read(store, args)].flat(),
  hkeys: (store, args) => [...read(store, args).keys()],
  hvals: (store, args) => [...read(store, args).values()],
  hlen: (store, args) => read(store, args).size,
  hexists: (store, args) => (read(store, args).has(at(args, 1)) ? 1 : 0),
  hstrlen: (store, args) => (read(store, args).get(at(args, 1)) ?? "").length,
  hdel: (store, args) => {
    const hash = store.read(at(args, 0), "hash");
    if (hash === undefined) return 0;
    const removed = args.slice(1).filter((field) => hash.delete(field)).length;
    store.dropIfEmpty(at(args, 0), hash.size);
    return removed;
  },
  hincrby: (store, args) => {
    const step = parseInt64(at(args, 2));
    const current = read(store, args).get(at(args, 1));
    const sum = addInt64(current === undefined ? 0 : parseInt64(current, "ERR hash value is not an integer"), step);
    open(store, at(args, 0)).set(at(args, 1), sum.toString());
    return sum;
  },
};

function read(store: Store, args: readonly Bytes[]): ReadonlyMap<Bytes, Bytes> {
  return store.read(at(args, 0), "hash") ?? EMPTY;
}

function open(store: Store, key: Bytes): Hash {
  return store.open(key, "hash", () => new Map());
}

function putFields(store: Store, args: readonly Bytes[], name: string): Reply {
  if (args.length % 2 === 0) throw new CommandError(`ERR wrong number of arguments for '${name}' command`);
  const hash = open(store, at(args, 0));
  const before = hash.size;
  for (let index = 1; index < args.length; index += 2) hash.set(at(args, index), at(args, index + 1));
  return hash.size - before;
}
