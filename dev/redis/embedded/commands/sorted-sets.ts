import type { Bytes, Reply } from "../../protocol.ts";
import { at, CommandError, OptionReader, parseCount, parseScoreBound, SYNTAX_ERROR, sliceOf } from "../arguments.ts";
import { formatNumber } from "../numbers.ts";
import { type ScoredMember, SortedSet } from "../sorted-set.ts";
import type { Store } from "../store.ts";
import type { Handlers } from "./handlers.ts";
import { addMembers } from "./zadd.ts";

const EMPTY = new SortedSet();

/** Commands on sorted sets. https://redis.io/docs/latest/commands/?group=sorted-set */
export const sortedSetCommands: Handlers = {
  zadd: addMembers,
  zincrby: (store, args) => addMembers(store, [at(args, 0), "INCR", at(args, 1), at(args, 2)]),
  zrem: (store, args) => {
    const set = store.read(at(args, 0), "zset");
    if (set === undefined) return 0;
    const removed = args.slice(1).filter((member) => set.delete(member)).length;
    store.dropIfEmpty(at(args, 0), set.size);
    return removed;
  },
  zcard: (store, args) => read(store, args).size,
  zscore: (store, args) => formatScore(read(store, args).score(at(args, 1))),
  zmscore: (store, args) => {
    const set = read(store, args);
    return args.slice(1).map((member) => formatScore(set.score(member)));
  },
  zrank: (store, args) => read(store, args).rank(at(args, 1)) ?? null,
  zrevrank: (store, args) => {
    const set = read(store, args);
    const rank = set.rank(at(args, 1));
    return rank === undefined ? null : set.size - 1 - rank;
  },
  zcount: (store, args) => {
    const [min, max] = [parseScoreBound(at(args, 1)), parseScoreBound(at(args, 2))];
    const { from, to } = read(store, args).indexesBetween(min, max);
    return to - from;
  },
  zrange: (store, args) => range(store, args, { by: "rank", reversed: false, named: "zrange" }),
  zrevrange: (store, args) => range(store, args, { by: "rank", reversed: true, named: "old" }),
  zrangebyscore: (store, args) => range(store, args, { by: "score", reversed: false, named: "old" }),
  zrevrangebyscore: (store, args) => range(store, args, { by: "score", reversed: true, named: "old" }),
  zremrangebyscore: (store, args) => {
    const [min, max] = [parseScoreBound(at(args, 1)), parseScoreBound(at(args, 2))];
    return removeSlice(store, at(args, 0), (set) => set.indexesBetween(min, max));
  },
  zremrangebyrank: (store, args) => {
    const [start, stop] = [parseCount(at(args, 1)), parseCount(at(args, 2))];
    return removeSlice(store, at(args, 0), (set) => sliceOf(start, stop, set.size));
  },
  zpopmin: (store, args) => pop(store, args, "first"),
  zpopmax: (store, args) => pop(store, args, "last"),
};

function read(store: Store, args: readonly Bytes[]): SortedSet {
  return store.read(at(args, 0), "zset") ?? EMPTY;
}

function formatScore(score: number | undefined): Bytes | null {
  return score === undefined ? null : formatNumber(score, 17);
}

function withScores(members: readonly ScoredMember[]): Bytes[] {
  return members.flatMap(({ member, score }) => [member, formatNumber(score, 17)]);
}

interface Limit {
  readonly offset: number;
  readonly count: number;
}

interface RangeKind {
  by: "rank" | "score";
  reversed: boolean;
  /** ZRANGE takes BYSCORE and REV as options; the older names imply them and take fewer. */
  readonly named: "zrange" | "old";
}

function range(store: Store, args: readonly Bytes[], kind: RangeKind): Reply {
  const options = new OptionReader(args, 3);
  let scored = false;
  let limit: Limit | undefined;
  for (let option = options.next(); option !== undefined; option = options.next()) {
    if (option === "WITHSCORES") scored = true;
    else if (option === "LIMIT") limit = readLimit(options);
    else if (option === "REV" && kind.named === "zrange") kind.reversed = true;
    else if (option === "BYSCORE" && kind.named === "zrange") kind.by = "score";
    else throw new CommandError(SYNTAX_ERROR);
  }
  if (limit !== undefined && limit.count !== -1 && kind.by === "rank") {
    throw new CommandError("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
  }
  const members = kind.by === "rank" ? byRank(store, args, kind.reversed) : byScore(store, args, kind.reversed);
  const limited = limit === undefined || kind.by === "rank" ? members : applyLimit(members, limit);
  return scored ? withScores(limited) : limited.map(({ member }) => member);
}

function readLimit(options: OptionReader): Limit {
  const [offset, count] = [options.value(), options.value()];
  return { offset: parseCount(offset), count: parseCount(count) };
}

function byRank(store: Store, args: readonly Bytes[], reversed: boolean): readonly ScoredMember[] {
  const [start, stop] = [parseCount(at(args, 1)), parseCount(at(args, 2))];
  const set = read(store, args);
  const slice = sliceOf(start, stop, set.size);
  if (slice === undefined) return [];
  return reversed
    ? set.slice(set.size - slice.to, set.size - slice.from).toReversed()
    : set.slice(slice.from, slice.to);
}

function byScore(store: Store, args: readonly Bytes[], reversed: boolean): readonly ScoredMember[] {
  const first = parseScoreBound(at(args, 1));
  const last = parseScoreBound(at(args, 2));
  const set = read(store, args);
  const { from, to } = reversed ? set.indexesBetween(last, first) : set.indexesBetween(first, last);
  const members = set.slice(from, to);
  return reversed ? members.toReversed() : members;
}

function applyLimit(members: readonly ScoredMember[], { offset, count }: Limit): readonly ScoredMember[] {
  if (offset < 0) return [];
  return members.slice(offset, count < 0 ? undefined : offset + count);
}

function removeSlice(
  store: Store,
  key: Bytes,
  find: (set: SortedSet) => { from: number; to: number } | undefined,
): Reply {
  const set = store.read(key, "zset");
  const slice = set === undefined ? undefined : find(set);
  if (set === undefined || slice === undefined) return 0;
  const removed = set.removeSlice(slice.from, slice.to);
  store.dropIfEmpty(key, set.size);
  return removed;
}

function pop(store: Store, args: readonly Bytes[], end: "first" | "last"): Reply {
  if (args.length > 2) throw new CommandError(SYNTAX_ERROR);
  const complaint = "ERR value is out of range, must be positive";
  const count = args.length === 1 ? 1 : parseCount(at(args, 1), complaint);
  if (count < 0) throw new CommandError(complaint);
  const set = store.read(at(args, 0), "zset");
  if (set === undefined) return [];
  const taken = Math.min(count, set.size);
  const from = end === "first" ? 0 : set.size - taken;
  const members = set.slice(from, from + taken);
  set.removeSlice(from, from + taken);
  store.dropIfEmpty(at(args, 0), set.size);
  return withScores(end === "first" ? members : members.toReversed());
}
