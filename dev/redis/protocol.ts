/**
 * The words that both forms of the local Redis share: a command goes in, a reply comes out. Nothing here knows HTTP,
 * sockets or Lua.
 */

/**
 * A byte string: one UTF-16 unit (0–255) for each byte. Redis values are bytes, not text; in this form they can be map
 * keys, compare in the order of memcmp, count their length in bytes, and go to a socket as latin1 without a copy.
 */
export type Bytes = string;

/** A command's name and its arguments, e.g. `["SET", "key", "value"]`. */
export type Command = readonly Bytes[];

/** A RESP simple string such as `OK` or `PONG`, told apart from a bulk string of the same letters. */
export class StatusReply {
  readonly text: Bytes;

  constructor(text: Bytes) {
    this.text = text;
  }
}

/** A Redis error as the server words it, code first: `WRONGTYPE Operation against a key …`. */
export class ErrorReply {
  readonly message: Bytes;

  constructor(message: Bytes) {
    this.message = message;
  }
}

/** A reply in RESP2's types. Integers beyond 2^53 are bigints, so that their digits survive. */
export type Reply = Bytes | number | bigint | null | StatusReply | ErrorReply | readonly Reply[];

export const OK = new StatusReply("OK");

/** Which Redis answers: a real server, or the small store of this folder. */
export type RedisForm = "redis-server" | "embedded";

/** What a form of Redis has to do. A call rejects only when the server cannot be reached; Redis' own errors are replies. */
export interface RedisBackend {
  readonly form: RedisForm;
  /** Runs the commands in order in one round trip; each has its own reply, and one failing stops none of the others. */
  execute(commands: readonly Command[]): Promise<readonly Reply[]> | readonly Reply[];
  /** MULTI … EXEC: all or none are run, nothing in between. An `ErrorReply` means that none was (EXECABORT). */
  transaction(commands: readonly Command[]): Promise<readonly Reply[] | ErrorReply> | readonly Reply[] | ErrorReply;
  /** Writes what is not yet on disk, then stops. */
  close(): Promise<void>;
}

/** A start that cannot succeed, with one line that says what to do. Not a bug: the command line prints it without a stack. */
export class StartError extends Error {
  override readonly name = "StartError";
}
