import type { Bytes, Reply } from "../../protocol.ts";
import { at, CommandError, OptionReader, parseCount, SYNTAX_ERROR } from "../arguments.ts";
import type { Store } from "../store.ts";
import {
  compareIds,
  formatId,
  parseId,
  parseRangeEnd,
  parseWantedId,
  Stream,
  type StreamEntry,
  type StreamId,
} from "../stream.ts";
import type { Handlers } from "./handlers.ts";

/** Commands on streams, without groups. https://redis.io/docs/latest/commands/?group=stream */
export const streamCommands: Handlers = {
  xadd: add,
  xlen: (store, args) => store.read(at(args, 0), "stream")?.entries.length ?? 0,
  xrange: (store, args) => range(store, args, at(args, 1), at(args, 2), false),
  xrevrange: (store, args) => range(store, args, at(args, 2), at(args, 1), true),
  xdel: (store, args) => {
    const stream = store.read(at(args, 0), "stream");
    if (stream === undefined) return 0;
    const ids = args.slice(1).map((id) => parseId(id, 0));
    return stream.retain((entry) => !ids.some((id) => compareIds(id, entry.id) === 0));
  },
  xtrim: (store, args) => {
    const options = new OptionReader(args, 1);
    const trim = readTrim(options);
    if (trim === undefined || options.rest().length > 0) throw new CommandError(SYNTAX_ERROR);
    const stream = store.read(at(args, 0), "stream");
    return stream === undefined ? 0 : applyTrim(stream, trim);
  },
};

type Trim = { readonly longest: number } | { readonly oldest: StreamId };

function add(store: Store, args: readonly Bytes[]): Reply {
  const key = at(args, 0);
  const options = new OptionReader(args, 1);
  const creates = options.next() !== "NOMKSTREAM";
  if (creates) options.unread();
  const trim = readTrim(options);
  const wanted = options.next();
  const id = wanted === undefined ? undefined : parseWantedId(wanted);
  const fields = options.rest();
  if (id === undefined || fields.length === 0 || fields.length % 2 !== 0) {
    throw new CommandError("ERR wrong number of arguments for 'xadd' command");
  }
  if (id !== "*" && id.ms === 0 && id.sequence === 0) {
    throw new CommandError("ERR The ID specified in XADD must be greater than 0-0");
  }
  const present = store.read(key, "stream");
  if (present === undefined && !creates) return null;
  const stream = present ?? new Stream();
  const added = stream.add(id, fields, store.nowMs);
  if (present === undefined) store.put(key, "stream", stream, undefined);
  if (trim !== undefined) applyTrim(stream, trim);
  return formatId(added);
}

/** Reads MAXLEN or MINID. With `~` Redis may keep some more than asked for; here both trim exactly. */
function readTrim(options: OptionReader): Trim | undefined {
  const kind = options.next();
  if (kind !== "MAXLEN" && kind !== "MINID") {
    options.unread();
    return undefined;
  }
  const sign = options.rest().length >= 2 ? options.next() : undefined;
  if (sign !== undefined && sign !== "~" && sign !== "=") options.unread();
  const value = options.value();
  const trim = kind === "MAXLEN" ? { longest: parseCount(value) } : { oldest: parseId(value, 0) };
  if ("longest" in trim && trim.longest < 0) {
    throw new CommandError("ERR The MAXLEN argument must be >= 0.");
  }
  if (options.next() !== "LIMIT") {
    options.unread();
    return trim;
  }
  if (sign !== "~") throw new CommandError("ERR syntax error, LIMIT cannot be used without the special ~ option");
  parseCount(options.value());
  return trim;
}

function applyTrim(stream: Stream, trim: Trim): number {
  if ("oldest" in trim) return stream.retain((entry) => compareIds(entry.id, trim.oldest) >= 0);
  const surplus = stream.entries.length - trim.longest;
  return stream.retain((_, index) => index >= surplus);
}

function range(store: Store, args: readonly Bytes[], first: Bytes, last: Bytes, reversed: boolean): Reply {
  const [from, to] = [parseRangeEnd(first, "first"), parseRangeEnd(last, "last")];
  const options = new OptionReader(args, 3);
  let count: number | undefined;
  for (let option = options.next(); option !== undefined; option = options.next()) {
    if (option !== "COUNT") throw new CommandError(SYNTAX_ERROR);
    count = Math.max(parseCount(options.value()), 0);
  }
  const stream = store.read(at(args, 0), "stream");
  if (stream !== undefined && count === 0) return null;
  const entries = stream?.range(from, to) ?? [];
  const ordered = reversed ? entries.toReversed() : entries;
  return (count === undefined ? ordered : ordered.slice(0, count)).map(toReply);
}

function toReply(entry: StreamEntry): Reply {
  return [formatId(entry.id), entry.fields];
}
