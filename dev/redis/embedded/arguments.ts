import type { Bytes } from "../protocol.ts";

/**
 * A command's refusal. It is thrown by whatever finds it and caught in one place, where it becomes the error reply: a command
 * reads its arguments and its key first and changes nothing before, as Redis does, so there is nothing to undo.
 */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

export const SYNTAX_ERROR = "ERR syntax error";
export const NOT_AN_INTEGER = "ERR value is not an integer or out of range";
const NOT_A_FLOAT = "ERR value is not a valid float";
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** Digits up to this length are within 2^53 whatever they are. */
const SAFE_LENGTH = 15;

/** A whole number as Redis writes one: no plus, no leading zeros, within 64 bits. Throws `complaint` for anything else. */
export function parseInt64(bytes: Bytes, complaint: string = NOT_AN_INTEGER): number | bigint {
  if (!/^(?:0|-?[1-9]\d{0,18})$/.test(bytes)) throw new CommandError(complaint);
  if (bytes.length <= SAFE_LENGTH) return Number(bytes);
  const value = BigInt(bytes);
  if (value > INT64_MAX || value < INT64_MIN) throw new CommandError(complaint);
  return narrow(value);
}

/** The same where the loss of digits beyond 2^53 does not matter: indexes, counts, times. */
export function parseCount(bytes: Bytes, complaint: string = NOT_AN_INTEGER): number {
  return Number(parseInt64(bytes, complaint));
}

/** The sum within 64 bits. */
export function addInt64(left: number | bigint, right: number | bigint): number | bigint {
  if (typeof left === "number" && typeof right === "number") {
    const sum = left + right;
    if (Number.isSafeInteger(sum)) return sum;
  }
  const sum = BigInt(left) + BigInt(right);
  if (sum > INT64_MAX || sum < INT64_MIN) throw new CommandError("ERR increment or decrement would overflow");
  return narrow(sum);
}

function narrow(value: bigint): number | bigint {
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

/** A score: what strtod reads, without NaN. */
export function parseFloat64(bytes: Bytes, complaint: string = NOT_A_FLOAT): number {
  const infinity = /^([+-]?)inf(?:inity)?$/i.exec(bytes);
  if (infinity !== null) return infinity[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(bytes)) throw new CommandError(complaint);
  return Number(bytes);
}

/** One end of a range of scores. */
export interface ScoreBound {
  readonly score: number;
  readonly exclusive: boolean;
}

/** `5`, `(5`, `-inf`. */
export function parseScoreBound(bytes: Bytes): ScoreBound {
  const exclusive = bytes.startsWith("(");
  const digits = exclusive ? bytes.slice(1) : bytes;
  // Here, and not for scores, Redis lets strtod read nothing as 0.
  return { score: digits === "" ? 0 : parseFloat64(digits, "ERR min or max is not a float"), exclusive };
}

/** Reads options one after another. */
export class OptionReader {
  readonly #args: readonly Bytes[];
  #position: number;

  constructor(args: readonly Bytes[], start: number) {
    this.#args = args;
    this.#position = start;
  }

  /** The next option in upper case, or undefined at the end. */
  next(): string | undefined {
    const option = this.#args[this.#position]?.toUpperCase();
    this.#position += 1;
    return option;
  }

  /** The value that an option wants; a syntax error when it is not there. */
  value(): Bytes {
    const value = this.#args[this.#position];
    if (value === undefined) throw new CommandError(SYNTAX_ERROR);
    this.#position += 1;
    return value;
  }

  /** Takes one step back: what was read is not an option. */
  unread(): void {
    this.#position -= 1;
  }

  /** What has not been read. */
  rest(): readonly Bytes[] {
    return this.#args.slice(this.#position);
  }
}

/** An argument whose presence the arity has already proved. */
export function at(args: readonly Bytes[], index: number): Bytes {
  return args[index] ?? "";
}

/** Indexes from a start and a stop as Redis counts: negative ones from the end, both included; undefined when empty. */
export function sliceOf(start: number, stop: number, length: number): { from: number; to: number } | undefined {
  const from = Math.max(start < 0 ? length + start : start, 0);
  const to = Math.min(stop < 0 ? length + stop : stop, length - 1);
  return from > to ? undefined : { from, to: to + 1 };
}
