import type { Bytes } from "../../protocol.ts";
import { at } from "../arguments.ts";
import type { Store } from "../store.ts";
import type { Handlers } from "./handlers.ts";

const EMPTY: ReadonlySet<Bytes> = new Set();

/** Commands on sets. https://redis.io/docs/latest/commands/?group=set */
export const setCommands: Handlers = {
  sadd: (store, args) => {
    const set = store.open(at(args, 0), "set", () => new Set());
    const before = set.size;
    for (const member of args.slice(1)) set.add(member);
    return set.size - before;
  },
  srem: (store, args) => {
    const set = store.read(at(args, 0), "set");
    if (set === undefined) return 0;
    const removed = args.slice(1).filter((member) => set.delete(member)).length;
    store.dropIfEmpty(at(args, 0), set.size);
    return removed;
  },
  smembers: (store, args) => [...read(store, args)],
  sismember: (store, args) => (read(store, args).has(at(args, 1)) ? 1 : 0),
  smismember: (store, args) => {
    const set = read(store, args);
    return args.slice(1).map((member) => (set.has(member) ? 1 : 0));
  },
  scard: (store, args) => read(store, args).size,
};

function read(store: Store, args: readonly Bytes[]): ReadonlySet<Bytes> {
  return store.read(at(args, 0), "set") ?? EMPTY;
}
