import { type Bytes, OK, type Reply } from "../../protocol.ts";
import { at, CommandError, parseCount, SYNTAX_ERROR, sliceOf } from "../arguments.ts";
import type { Store } from "../store.ts";
import type { Handlers } from "./handlers.ts";

type Side = "LEFT" | "RIGHT";

/** Commands on lists. https://redis.io/docs/latest/commands/?group=list */
export const listCommands: Handlers = {
  lpush: (store, args) => push(store, at(args, 0), args.slice(1), "LEFT"),
  rpush: (store, args) => push(store, at(args, 0), args.slice(1), "RIGHT"),
  lpushx: (store, args) => (read(store, args) === undefined ? 0 : push(store, at(args, 0), args.slice(1), "LEFT")),
  rpushx: (store, args) => (read(store, args) === undefined ? 0 : push(store, at(args, 0), args.slice(1), "RIGHT")),
  lpop: (store, args) => pop(store, args, "LEFT", "lpop"),
  rpop: (store, args) => pop(store, args, "RIGHT", "rpop"),
  llen: (store, args) => read(store, args)?.length ?? 0,
  lrange: (store, args) => {
    const [start, stop] = [parseCount(at(args, 1)), parseCount(at(args, 2))];
    const list = read(store, args) ?? [];
    const slice = sliceOf(start, stop, list.length);
    return slice === undefined ? [] : list.slice(slice.from, slice.to);
  },
  lindex: (store, args) => {
    const list = read(store, args);
    return list?.at(parseCount(at(args, 1))) ?? null;
  },
  lset: (store, args) => {
    const list = read(store, args);
    if (list === undefined) throw new CommandError("ERR no such key");
    const index = parseCount(at(args, 1));
    const place = index < 0 ? list.length + index : index;
    if (place < 0 || place >= list.length) throw new CommandError("ERR index out of range");
    list[place] = at(args, 2);
    return OK;
  },
  lrem: (store, args) => {
    const count = parseCount(at(args, 1));
    const list = read(store, args);
    return list === undefined ? 0 : removeElements(store, at(args, 0), list, count, at(args, 2));
  },
  ltrim: (store, args) => {
    const [start, stop] = [parseCount(at(args, 1)), parseCount(at(args, 2))];
    const list = read(store, args);
    if (list === undefined) return OK;
    const slice = sliceOf(start, stop, list.length);
    replace(store, at(args, 0), list, slice === undefined ? [] : list.slice(slice.from, slice.to));
    return OK;
  },
  lmove: (store, args) => move(store, at(args, 0), at(args, 1), side(at(args, 2)), side(at(args, 3))),
  rpoplpush: (store, args) => move(store, at(args, 0), at(args, 1), "RIGHT", "LEFT"),
};

function read(store: Store, args: readonly Bytes[]): Bytes[] | undefined {
  return store.read(at(args, 0), "list");
}

function push(store: Store, key: Bytes, elements: readonly Bytes[], end: Side): number {
  const list = store.open(key, "list", () => []);
  for (const element of elements) {
    if (end === "LEFT") list.unshift(element);
    else list.push(element);
  }
  return list.length;
}

function takeOne(store: Store, key: Bytes, list: Bytes[], end: Side): Bytes | null {
  const element = end === "LEFT" ? list.shift() : list.pop();
  store.dropIfEmpty(key, list.length);
  return element ?? null;
}

function pop(store: Store, args: readonly Bytes[], end: Side, name: string): Reply {
  const key = at(args, 0);
  if (args.length > 2) throw new CommandError(`ERR wrong number of arguments for '${name}' command`);
  if (args.length === 1) {
    const list = read(store, args);
    return list === undefined ? null : takeOne(store, key, list, end);
  }
  const complaint = "ERR value is out of range, must be positive";
  const count = parseCount(at(args, 1), complaint);
  if (count < 0) throw new CommandError(complaint);
  const list = read(store, args);
  if (list === undefined) return null;
  const taken = end === "LEFT" ? list.splice(0, count) : list.splice(Math.max(list.length - count, 0)).reverse();
  store.dropIfEmpty(key, list.length);
  return taken;
}

function move(store: Store, from: Bytes, to: Bytes, fromSide: Side, toSide: Side): Reply {
  const list = store.read(from, "list");
  if (list === undefined) return null;
  store.read(to, "list");
  const element = takeOne(store, from, list, fromSide);
  if (element !== null) push(store, to, [element], toSide);
  return element;
}

function side(argument: Bytes): Side {
  const name = argument.toUpperCase();
  if (name !== "LEFT" && name !== "RIGHT") throw new CommandError(SYNTAX_ERROR);
  return name;
}

/** Removes up to `count` equal elements from the front, or from the back when negative; all of them when 0. */
function removeElements(store: Store, key: Bytes, list: Bytes[], count: number, element: Bytes): number {
  const ordered = count < 0 ? list.toReversed() : list;
  let left = count === 0 ? list.length : Math.abs(count);
  const kept = ordered.filter((each) => {
    if (each !== element || left === 0) return true;
    left -= 1;
    return false;
  });
  const removed = list.length - kept.length;
  replace(store, key, list, count < 0 ? kept.reverse() : kept);
  return removed;
}

function replace(store: Store, key: Bytes, list: Bytes[], elements: readonly Bytes[]): void {
  list.length = 0;
  for (const element of elements) list.push(element);
  store.dropIfEmpty(key, list.length);
}
