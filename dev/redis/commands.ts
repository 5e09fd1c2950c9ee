import { type Command, ErrorReply } from "./protocol.ts";

/**
 * Where a command's keys stand among its arguments: none; the first; the first two; every argument; every second one;
 * counted by a number after a script; or "database" for commands that need all of it and so no single key.
 */
export type KeyPlaces = "none" | "first" | "two" | "all" | "pairs" | "script" | "database";

export interface CommandSpec {
  readonly name: string;
  /** As Redis counts: the name included; negative means "at least". */
  readonly arity: number;
  readonly keys: KeyPlaces;
  readonly writes: boolean;
}

/**
 * The closed list, the same for both forms: a command that is not here is unknown, so that what works on a developer's
 * redis-server works on the embedded form too. Arities are those of Redis 7.0 (`COMMAND INFO`). A leading `*` marks a write.
 */
const CLOSED_LIST = `
  first: get 2, *set -3, *setnx 3, *setex 4, *psetex 4, *getset 3, *getdel 2, *getex -2, *append 3, strlen 2,
    *incr 2, *decr 2, *incrby 3, *decrby 3,
    *expire -3, *pexpire -3, *expireat -3, *pexpireat -3, ttl 2, pttl 2, expiretime 2, pexpiretime 2, *persist 2, type 2,
    *hset -4, *hmset -4, *hsetnx 4, hget 3, hmget -3, hgetall 2, *hdel -3, *hincrby 4, hexists 3, hlen 2, hkeys 2, hvals 2,
    hstrlen 3,
    *zadd -4, *zrem -3, zscore 3, zmscore -3, zcard 2, zcount 4, *zincrby 4, zrank 3, zrevrank 3, zrange -4,
    zrangebyscore -4, zrevrange -4, zrevrangebyscore -4, *zremrangebyscore 4, *zremrangebyrank 4, *zpopmin -2, *zpopmax -2,
    *lpush -3, *rpush -3, *lpushx -3, *rpushx -3, *lpop -2, *rpop -2, lrange 4, llen 2, *lrem 4, *ltrim 4, lindex 3, *lset 4,
    *sadd -3, *srem -3, smembers 2, sismember 3, smismember -3, scard 2,
    *xadd -5, xlen 2, xrange -4, xrevrange -4, *xdel -3, *xtrim -4
  two: *rename 3, *renamenx 3, *lmove 5, *rpoplpush 3
  all: mget -2, *del -2, *unlink -2, exists -2, touch -2
  pairs: *mset -3, *msetnx -3
  none: ping -1, echo 2, time 1
  database: keys 2, scan -2, dbsize 1, *flushdb -1, *flushall -1
  script: *eval -3, *evalsha -3, eval_ro -3, evalsha_ro -3, script -2
`;

const KEY_PLACES: readonly KeyPlaces[] = ["none", "first", "two", "all", "pairs", "script", "database"];

/** Every command of the closed list by its lower-case name. */
export const COMMANDS: ReadonlyMap<string, CommandSpec> = new Map(parseList());

/** The command's entry of the closed list, whatever the letter case of its name. */
export function specOf(command: Command): CommandSpec | undefined {
  const name = command[0] ?? "";
  return COMMANDS.get(name) ?? COMMANDS.get(name.toLowerCase());
}

/** Whether the number of arguments fits. */
export function arityFits(spec: CommandSpec, command: Command): boolean {
  return spec.arity >= 0 ? command.length === spec.arity : command.length >= -spec.arity;
}

/** Redis' words for a command that it does not know; the arguments are quoted up to 128 bytes in all, as there. */
export function unknownCommand(command: Command): ErrorReply {
  let quoted = "";
  for (const argument of command.slice(1)) {
    if (quoted.length >= 128) break;
    quoted += `'${argument.slice(0, 128 - quoted.length)}' `;
  }
  const name = (command[0] ?? "").slice(0, 128);
  return new ErrorReply(asErrorLine(`ERR unknown command '${name}', with args beginning with: ${quoted}`));
}

/** SCRIPT's own closed list: KILL and DEBUG would change the server for all, or the one connection. */
export function unknownScriptSubcommand(command: Command): ErrorReply | undefined {
  const subcommand = command[1];
  if (subcommand === undefined || ["load", "exists", "flush"].includes(subcommand.toLowerCase())) return undefined;
  return new ErrorReply(asErrorLine(`ERR unknown subcommand '${subcommand.slice(0, 128)}'. Try SCRIPT HELP.`));
}

/** An error as one line: Redis cuts line ends off and turns those within into spaces. */
export function asErrorLine(message: string): string {
  return message.replace(/[\r\n]+$/, "").replace(/[\r\n]/g, " ");
}

/** Redis' words for a wrong number of arguments. */
export function wrongArity(name: string): ErrorReply {
  return new ErrorReply(`ERR wrong number of arguments for '${name.toLowerCase()}' command`);
}

/** What Redis says when a transaction holds a command that it cannot queue. */
export const EXEC_ABORT = new ErrorReply("EXECABORT Transaction discarded because of previous errors.");

/** The names of the closed list whose keys stand at these places. */
export function namesWithKeys(places: KeyPlaces): readonly string[] {
  return [...COMMANDS.values()].filter((spec) => spec.keys === places).map((spec) => spec.name);
}

/** The keys that a command names, for the check of declared keys. Commands of "script" and "database" have none to check. */
export function keysOf(spec: CommandSpec, command: Command): readonly string[] {
  switch (spec.keys) {
    case "first":
      return command.slice(1, 2);
    case "two":
      return command.slice(1, 3);
    case "all":
      return command.slice(1);
    case "pairs":
      return command.filter((_, index) => index % 2 === 1);
    case "none":
    case "script":
    case "database":
      return [];
  }
}

function* parseList(): Generator<[string, CommandSpec]> {
  const sections = CLOSED_LIST.matchAll(/(\w+):([^:]*?)(?=\n {2}\w+:|\s*$)/g);
  for (const [, places, entries] of sections) {
    const keys = KEY_PLACES.find((known) => known === places);
    if (keys === undefined || entries === undefined) throw new Error(`closed list: unknown section ${places}`);
    for (const entry of entries.split(",")) {
      const [marked = "", arity] = entry.trim().split(" ");
      const name = marked.replace("*", "");
      yield [name, { name, arity: Number(arity), keys, writes: marked.startsWith("*") }];
    }
  }
}
