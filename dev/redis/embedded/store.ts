import type { Bytes } from "../protocol.ts";
import { CommandError } from "./arguments.ts";
import type { SortedSet } from "./sorted-set.ts";
import type { Stream } from "./stream.ts";

/** The types of Redis and what holds each here. The names are those of TYPE. */
export interface Values {
  string: Bytes;
  hash: Map<Bytes, Bytes>;
  list: Bytes[];
  set: Set<Bytes>;
  zset: SortedSet;
  stream: Stream;
}

/** A key's value, until when it lives, and its number: keys are numbered in the order they came, for SCAN's cursor. */
export type Entry = {
  [Type in keyof Values]: { type: Type; value: Values[Type]; expireAtMs: number | undefined; number: number };
}[keyof Values];

export const WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";

/** The keys of the embedded Redis. Expired keys are removed when they are met. */
export class Store {
  /** The time at which the running command happens; it stands still during a script or a transaction. */
  nowMs = 0;
  readonly #entries = new Map<Bytes, Entry>();
  #lastNumber = 0;

  /** The live entry of a key, whatever its type. */
  entry(key: Bytes): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || !this.#isOver(entry)) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  /** The value of a key that must be of this type if it is there. */
  read<Type extends keyof Values>(key: Bytes, type: Type): Values[Type] | undefined {
    const entry = this.entry(key);
    if (entry === undefined) return undefined;
    if (entry.type !== type) throw new CommandError(WRONG_TYPE);
    return entry.value as Values[Type];
  }

  /** The same, made empty and put there when it is not. */
  open<Type extends keyof Values>(key: Bytes, type: Type, create: () => Values[Type]): Values[Type] {
    const present = this.read(key, type);
    if (present !== undefined) return present;
    const value = create();
    this.put(key, type, value, undefined);
    return value;
  }

  /** Puts a value at a key in the place of whatever was there. */
  put<Type extends keyof Values>(key: Bytes, type: Type, value: Values[Type], expireAtMs: number | undefined): void {
    const number = this.#entries.get(key)?.number ?? this.#nextNumber();
    this.#entries.set(key, { type, value, expireAtMs, number } as Entry);
  }

  delete(key: Bytes): boolean {
    const live = this.entry(key) !== undefined;
    this.#entries.delete(key);
    return live;
  }

  /** Removes a key whose last element has gone: Redis keeps no empty collections. */
  dropIfEmpty(key: Bytes, size: number): void {
    if (size === 0) this.#entries.delete(key);
  }

  /** Moves a key; one that was at the new name is gone. */
  rename(from: Bytes, to: Bytes): void {
    const entry = this.entry(from);
    if (entry === undefined) return;
    this.#entries.delete(from);
    this.#entries.delete(to);
    this.#entries.set(to, { ...entry, number: this.#nextNumber() });
  }

  clear(): void {
    this.#entries.clear();
  }

  /** The number of keys that are alive. */
  get size(): number {
    this.removeExpired();
    return this.#entries.size;
  }

  /** Every live key in the order of the numbers. */
  *keys(): Generator<readonly [Bytes, Entry]> {
    for (const pair of this.#entries) if (!this.#isOver(pair[1])) yield pair;
  }

  /** Frees the memory of keys that nobody asks for any more. */
  removeExpired(): void {
    for (const [key, entry] of this.#entries) if (this.#isOver(entry)) this.#entries.delete(key);
  }

  #isOver(entry: Entry): boolean {
    return entry.expireAtMs !== undefined && entry.expireAtMs <= this.nowMs;
  }

  #nextNumber(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }
}
