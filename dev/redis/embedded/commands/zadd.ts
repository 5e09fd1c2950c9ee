import type { Bytes, Reply } from "../../protocol.ts";
import { at, CommandError, parseFloat64, SYNTAX_ERROR } from "../arguments.ts";
import { formatNumber } from "../numbers.ts";
import { SortedSet } from "../sorted-set.ts";
import type { Store } from "../store.ts";

const FLAGS: ReadonlySet<string> = new Set(["NX", "XX", "GT", "LT", "CH", "INCR"]);

/** ZADD with all its flags. The checks come in the order of Redis, so that the same one speaks first. */
export function addMembers(store: Store, args: readonly Bytes[]): Reply {
  const key = at(args, 0);
  const flags = new Set<string>();
  let first = 1;
  for (; FLAGS.has(at(args, first).toUpperCase()); first += 1) flags.add(at(args, first).toUpperCase());
  const pairs = args.slice(first);
  checkFlags(flags, pairs);
  const scores = pairs.filter((_, index) => index % 2 === 0).map((score) => parseFloat64(score));
  if (store.read(key, "zset") === undefined && flags.has("XX")) return flags.has("INCR") ? null : 0;
  const set = store.open(key, "zset", () => new SortedSet());
  let added = 0;
  let changed = 0;
  let outcome: number | undefined;
  for (const [index, score] of scores.entries()) {
    const member = at(pairs, 2 * index + 1);
    const current = set.score(member);
    const wanted = flags.has("INCR") ? (current ?? 0) + score : score;
    if (Number.isNaN(wanted)) throw new CommandError("ERR resulting score is not a number (NaN)");
    if (!mayWrite(flags, current, wanted)) continue;
    outcome = wanted;
    if (current === undefined) added += 1;
    else if (current !== wanted) changed += 1;
    if (current !== wanted) set.set(member, wanted);
  }
  store.dropIfEmpty(key, set.size);
  if (flags.has("INCR")) return outcome === undefined ? null : formatNumber(outcome, 17);
  return flags.has("CH") ? added + changed : added;
}

function checkFlags(flags: ReadonlySet<string>, pairs: readonly Bytes[]): void {
  if (pairs.length === 0 || pairs.length % 2 !== 0) throw new CommandError(SYNTAX_ERROR);
  if (flags.has("NX") && flags.has("XX")) {
    throw new CommandError("ERR XX and NX options at the same time are not compatible");
  }
  if ([flags.has("GT"), flags.has("LT"), flags.has("NX")].filter(Boolean).length > 1) {
    throw new CommandError("ERR GT, LT, and/or NX options at the same time are not compatible");
  }
  if (flags.has("INCR") && pairs.length > 2) {
    throw new CommandError("ERR INCR option supports a single increment-element pair");
  }
}

function mayWrite(flags: ReadonlySet<string>, current: number | undefined, wanted: number): boolean {
  if (current === undefined) return !flags.has("XX");
  if (flags.has("NX")) return false;
  if (flags.has("GT")) return wanted > current;
  if (flags.has("LT")) return wanted < current;
  return true;
}
