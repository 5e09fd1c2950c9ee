import type { Bytes } from "../protocol.ts";
import { CommandError } from "./arguments.ts";

/** A stream's entry id, `milliseconds-sequence`. */
export interface StreamId {
  readonly ms: number;
  readonly sequence: number;
}

export interface StreamEntry {
  readonly id: StreamId;
  readonly fields: readonly Bytes[];
}

const INVALID_ID = "ERR Invalid stream ID specified as stream command argument";

/** Entries in the order of their ids. The last id is kept when entries go, so that ids never come twice. */
export class Stream {
  entries: StreamEntry[] = [];
  lastId: StreamId = { ms: 0, sequence: 0 };

  /** Adds an entry; returns the id it got. */
  add(wanted: WantedId, fields: readonly Bytes[], nowMs: number): StreamId {
    const id = this.#nextId(wanted, nowMs);
    this.entries.push({ id, fields });
    this.lastId = id;
    return id;
  }

  range(from: StreamId, to: StreamId): readonly StreamEntry[] {
    return this.entries.filter(({ id }) => compareIds(id, from) >= 0 && compareIds(id, to) <= 0);
  }

  /** Removes the entries that do not pass; returns how many went. */
  retain(test: (entry: StreamEntry, index: number) => boolean): number {
    const before = this.entries.length;
    this.entries = this.entries.filter(test);
    return before - this.entries.length;
  }

  #nextId(wanted: WantedId, nowMs: number): StreamId {
    const { lastId } = this;
    if (wanted === "*") {
      return nowMs > lastId.ms ? { ms: nowMs, sequence: 0 } : { ms: lastId.ms, sequence: lastId.sequence + 1 };
    }
    const id = { ms: wanted.ms, sequence: wanted.sequence ?? this.#nextSequence(wanted.ms) };
    if (compareIds(id, lastId) <= 0) {
      throw new CommandError("ERR The ID specified in XADD is equal or smaller than the target stream top item");
    }
    return id;
  }

  #nextSequence(ms: number): number {
    return ms === this.lastId.ms ? this.lastId.sequence + 1 : 0;
  }
}

/** An id as XADD takes it: `*` for the present, no sequence for the next one of its millisecond. */
export type WantedId = "*" | { readonly ms: number; readonly sequence: number | undefined };

/** Reads `*`, `ms-*`, `ms` or `ms-sequence`. */
export function parseWantedId(bytes: Bytes): WantedId {
  if (bytes === "*") return "*";
  if (!bytes.endsWith("-*")) return parseId(bytes, 0);
  return { ms: parseId(bytes.slice(0, -2), 0).ms, sequence: undefined };
}

/** Reads `ms` or `ms-sequence`; a missing sequence is the one given. */
export function parseId(bytes: Bytes, missingSequence: number): StreamId {
  const match = /^(\d{1,20})(?:-(\d{1,20}))?$/.exec(bytes);
  if (match === null) throw new CommandError(INVALID_ID);
  return { ms: Number(match[1]), sequence: match[2] === undefined ? missingSequence : Number(match[2]) };
}

/** One end of XRANGE: `-`, `+`, an id, or an id that is itself left out, `(id`. */
export function parseRangeEnd(bytes: Bytes, end: "first" | "last"): StreamId {
  if (bytes === "-") return { ms: 0, sequence: 0 };
  if (bytes === "+") return { ms: Number.POSITIVE_INFINITY, sequence: 0 };
  const exclusive = bytes.startsWith("(");
  const id = parseId(exclusive ? bytes.slice(1) : bytes, end === "first" ? 0 : Number.MAX_SAFE_INTEGER);
  if (!exclusive) return id;
  return { ms: id.ms, sequence: end === "first" ? id.sequence + 1 : id.sequence - 1 };
}

export function formatId(id: StreamId): Bytes {
  return `${id.ms}-${id.sequence}`;
}

export function compareIds(left: StreamId, right: StreamId): number {
  return left.ms - right.ms || left.sequence - right.sequence;
}
