import fc from "fast-check";
import type { Command } from "../../../dev/redis/protocol.ts";

/*
 * Random commands for the differential test. Keys, fields and members are few, so that commands meet each other's effects and
 * each other's types; numbers are such that both forms print them alike.
 */

const key = fc.constantFrom("a", "a", "b", "c");
const field = fc.constantFrom("f", "g", "h", "");
const value = fc.oneof(
  fc.constantFrom(
    "",
    "x",
    "y",
    "10",
    "-3",
    "9223372036854775807",
    "1.5",
    "abc\r\n",
    "\u00ff\u0000",
    " 5",
    "05",
    "x".repeat(100),
  ),
  fc.integer({ min: -100, max: 100 }).map(String),
);
/** Few enough that lists hold some twice. */
const element = fc.constantFrom("x", "y", "10");
const wholeNumber = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -6, max: 6 }).map(String) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("9223372036854775807", "-9223372036854775808", "x", "1.0", "", "9223372036854775808"),
  },
);
const score = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -8, max: 8 }).map((eighths) => String(eighths / 4)) },
  { weight: 1, arbitrary: fc.constantFrom("inf", "-inf", "+inf", "1e3", "nan", "x", "") },
);
const bound = fc.oneof(
  score,
  score.map((text) => `(${text}`),
);
/** Long enough to outlive a run, or over at once. */
const seconds = fc.constantFrom("1000", "2000", "3000", "0", "-1", "x");
const milliseconds = fc.constantFrom("1000000", "2000000", "0", "-5", "1.5");
const futureSeconds = fc.constantFrom("4000000000", "4000000001", "1", "-1");
const futureMs = fc.constantFrom("4000000000000", "4000000000001", "1");
const expireFlags = fc.subarray(["NX", "XX", "GT", "LT"], { maxLength: 2 });
const streamId = fc.oneof(
  fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 3 })).map(([ms, sequence]) => `${ms}-${sequence}`),
  fc.constantFrom("3", "5-*", "x", "1-"),
);
const rangeEnd = fc.oneof(streamId, fc.constantFrom("-", "+", "(1-1", "(2"));

type Part = fc.Arbitrary<string | readonly string[]>;
const word = (text: string): Part => fc.constant(text);
const some = (arbitrary: fc.Arbitrary<string>, minLength = 1): Part => fc.array(arbitrary, { minLength, maxLength: 3 });
const pairsOf = (first: fc.Arbitrary<string>, second: fc.Arbitrary<string>): Part =>
  fc.array(fc.tuple(first, second), { minLength: 1, maxLength: 3 }).map((pairs) => pairs.flat());
const maybe = (...parts: readonly Part[]): Part =>
  fc.oneof(
    fc.constant([]),
    fc.tuple(...parts).map((values) => values.flat() as string[]),
  );
const oneOf = (...words: readonly string[]): Part => fc.constantFrom(...words);

const setOptions: Part = fc
  .tuple(
    maybe(oneOf("NX", "XX", "nx")),
    maybe(oneOf("GET")),
    fc.oneof(
      maybe(word("KEEPTTL")),
      maybe(word("EX"), seconds),
      maybe(word("PX"), milliseconds),
      maybe(word("EXAT"), futureSeconds),
      maybe(word("PXAT"), futureMs),
    ),
  )
  .chain((groups) => fc.shuffledSubarray(groups, { minLength: 3, maxLength: 3 }))
  .map((groups) => groups.flat() as string[]);
const limit = maybe(word("LIMIT"), wholeNumber, wholeNumber);
const scored = maybe(word("WITHSCORES"));
const trim = maybe(oneOf("MAXLEN", "MINID"), oneOf("=", "="), fc.constantFrom("0", "1", "2", "-1", "x"));

type Shape = readonly [string, ...Part[]];

/** The arguments of each command, by the type that it works on; a name may come more than once. */
const FAMILIES: Readonly<Record<string, readonly Shape[]>> = {
  strings: [
    ["GET", key],
    ["SET", key, value, setOptions],
    ["SET", key, value, word("KEEPTTL")],
    ["SET", key, value, word("EX"), fc.constant("5000")],
    ["SETNX", key, value],
    ["SETEX", key, seconds, value],
    ["PSETEX", key, milliseconds, value],
    ["GETSET", key, value],
    ["GETDEL", key],
    ["GETEX", key],
    ["GETEX", key, fc.oneof(maybe(word("PERSIST")), maybe(word("EX"), seconds), maybe(word("PXAT"), futureMs))],
    ["APPEND", key, value],
    ["STRLEN", key],
    ["MGET", some(key)],
    ["MSET", pairsOf(key, value)],
    ["MSETNX", pairsOf(key, value)],
    ["INCR", key],
    ["DECR", key],
    ["INCRBY", key, wholeNumber],
    ["DECRBY", key, wholeNumber],
    ["PING"],
    ["PING", value],
    ["ECHO", value],
  ],
  keys: [
    ["DEL", some(key)],
    ["UNLINK", some(key)],
    ["EXISTS", some(key)],
    ["TOUCH", some(key)],
    ["TYPE", key],
    ["SET", key, value],
    ["EXPIRE", key, seconds, expireFlags],
    ["PEXPIRE", key, milliseconds, expireFlags],
    ["EXPIREAT", key, futureSeconds, expireFlags],
    ["PEXPIREAT", key, futureMs, expireFlags],
    ["TTL", key],
    ["PTTL", key],
    ["EXPIRETIME", key],
    ["PEXPIRETIME", key],
    ["PERSIST", key],
    ["RENAME", key, key],
    ["RENAMENX", key, key],
    ["KEYS", oneOf("*", "[a-b]", "[^a]", "?", "\\a", "a*", "", "[b-a]", "x?")],
  ],
  hashes: [
    ["HSET", key, pairsOf(field, value)],
    ["HMSET", key, pairsOf(field, value)],
    ["HSET", key, field, value, field],
    ["HSETNX", key, field, value],
    ["HGET", key, field],
    ["HMGET", key, some(field)],
    ["HGETALL", key],
    ["HDEL", key, some(field)],
    ["HINCRBY", key, field, wholeNumber],
    ["HEXISTS", key, field],
    ["HLEN", key],
    ["HKEYS", key],
    ["HVALS", key],
    ["HSTRLEN", key, field],
  ],
  sortedSets: [
    ["ZADD", key, fc.subarray(["NX", "XX", "GT", "LT", "CH", "INCR"], { maxLength: 3 }), pairsOf(score, field)],
    ["ZADD", key, pairsOf(score, field)],
    ["ZADD", key, oneOf("GT", "LT", "NX", "XX"), maybe(oneOf("CH", "INCR")), pairsOf(score, field)],
    ["ZADD", key, score],
    ["ZREM", key, some(field)],
    ["ZSCORE", key, field],
    ["ZMSCORE", key, some(field)],
    ["ZCARD", key],
    ["ZCOUNT", key, bound, bound],
    ["ZINCRBY", key, score, field],
    ["ZRANK", key, field],
    ["ZREVRANK", key, field],
    ["ZRANGE", key, wholeNumber, wholeNumber, maybe(word("REV")), scored],
    ["ZRANGE", key, wholeNumber, wholeNumber, limit],
    ["ZRANGE", key, bound, bound, word("BYSCORE"), maybe(word("REV")), limit, scored],
    ["ZRANGEBYSCORE", key, bound, bound, scored, limit],
    ["ZREVRANGE", key, wholeNumber, wholeNumber, scored],
    ["ZREVRANGEBYSCORE", key, bound, bound, limit],
    ["ZREMRANGEBYSCORE", key, bound, bound],
    ["ZREMRANGEBYRANK", key, wholeNumber, wholeNumber],
    ["ZPOPMIN", key, maybe(wholeNumber)],
    ["ZPOPMAX", key, maybe(wholeNumber)],
  ],
  lists: [
    ["LPUSH", key, some(value)],
    ["RPUSH", key, some(value)],
    ["RPUSH", key, some(element)],
    ["LPUSHX", key, some(element)],
    ["RPUSHX", key, some(value)],
    ["LPOP", key, maybe(wholeNumber)],
    ["RPOP", key, maybe(wholeNumber)],
    ["LRANGE", key, wholeNumber, wholeNumber],
    ["LLEN", key],
    ["LREM", key, wholeNumber, element],
    ["LTRIM", key, wholeNumber, wholeNumber],
    ["LINDEX", key, wholeNumber],
    ["LSET", key, wholeNumber, element],
    ["LMOVE", key, key, oneOf("LEFT", "right"), oneOf("RIGHT", "left", "up")],
    ["RPOPLPUSH", key, key],
  ],
  sets: [
    ["SADD", key, some(value)],
    ["SREM", key, some(value)],
    ["SMEMBERS", key],
    ["SISMEMBER", key, value],
    ["SMISMEMBER", key, some(value)],
    ["SCARD", key],
  ],
  streams: [
    ["XADD", key, maybe(word("NOMKSTREAM")), trim, streamId, pairsOf(field, value)],
    ["XADD", key, streamId, field, value],
    ["XLEN", key],
    ["XRANGE", key, rangeEnd, rangeEnd, maybe(word("COUNT"), wholeNumber)],
    ["XREVRANGE", key, rangeEnd, rangeEnd],
    ["XDEL", key, some(streamId)],
    ["XTRIM", key, trim],
  ],
};

/** The lower-case names that the sequences can hold. */
export const COVERED_COMMANDS: readonly string[] = [
  ...new Set(Object.values(FAMILIES).flatMap((shapes) => shapes.map(([name]) => name.toLowerCase()))),
];

function commandOf(shapes: readonly Shape[]): fc.Arbitrary<Command> {
  return fc.oneof(
    ...shapes.map(([name, ...parts]) =>
      fc.tuple(...parts).map((values): Command => [name, ...(values.flat() as string[])]),
    ),
  );
}

const anyCommand = commandOf(Object.values(FAMILIES).flat());

/** A command of another type or one with an argument too few or too many: what a sequence meets now and then. */
const stray: fc.Arbitrary<Command> = fc.oneof(
  anyCommand,
  anyCommand.map((parts) => (parts.length > 1 ? parts.slice(0, -1) : parts)),
  fc.tuple(anyCommand, value).map(([parts, extra]) => [...parts, extra]),
);

/** Sequences that stay with one type for most of the time, so that they go deep and still meet wrong types. */
export const commandSequence: fc.Arbitrary<readonly Command[]> = fc.oneof(
  ...Object.values(FAMILIES).map((shapes) =>
    fc.array(fc.oneof({ weight: 12, arbitrary: commandOf(shapes) }, { weight: 1, arbitrary: stray }), {
      minLength: 1,
      maxLength: 60,
      size: "max",
    }),
  ),
);

/** Numbers as they come in ARGV. */
export const luaNumber: fc.Arbitrary<string> = fc.oneof(
  fc.integer().map(String),
  fc.integer({ min: -(2 ** 53), max: 2 ** 53 }).map(String),
  fc.double({ noNaN: true, min: -1e15, max: 1e15 }).map(String),
  fc.integer({ min: -8000, max: 8000 }).map((eighths) => String(eighths / 8)),
  fc.constantFrom(
    "0",
    "1",
    "-1",
    "1700000000123",
    "1700000000123450",
    "0x1F",
    "2147483647",
    "4294967296",
    "1e15",
    "0.1",
  ),
);

/** An expression over `a`, `b` and `c`. Constants are few, since Lua 5.1 folds them in its own way. */
export const luaExpression: fc.Arbitrary<string> = fc.letrec<{ node: string; leaf: string }>((tie) => ({
  leaf: fc.constantFrom("a", "b", "c", "1000", "3", "0.5"),
  node: fc.oneof(
    { depthSize: "small" },
    tie("leaf"),
    fc
      .tuple(tie("node"), fc.constantFrom("+", "-", "*", "/", "%"), tie("node"))
      .map(([left, sign, right]) => `(${left} ${sign} ${right})`),
    tie("node").map((node) => `math.floor(${node})`),
    tie("node").map((node) => `math.ceil(${node})`),
    tie("node").map((node) => `(-${node})`),
    fc.tuple(tie("node"), tie("node")).map(([left, right]) => `math.max(${left}, ${right})`),
    fc.tuple(tie("node"), tie("node")).map(([left, right]) => `(${left} < ${right} and ${left} or ${right})`),
    tie("node").map((node) => `tonumber(tostring(${node}))`),
    tie("node").map((node) => `#('' .. ${node})`),
  ),
})).node;
