import type { Answer } from "../core/answer.ts";
import type { LiveAnswer, WholeAnswer } from "../core/exchange.ts";
import { isJsonObject } from "../core/json.ts";
import type { Wire, WireName } from "../core/wire.ts";

interface Entry {
  readonly v: 1;
  readonly answer: Answer;
  readonly wire: WireName;
  readonly backend: string;
  readonly model: string;
  /** The backend's own JSON text, where it answered whole. */
  readonly text?: string;
  readonly storedAt: number;
}

/** What the exact cache keeps: the answer in no format's words, and the original text beside it. */
export function cacheEntry(answer: Answer, live: LiveAnswer, now: number): string {
  const entry: Entry = {
    v: 1,
    answer,
    wire: live.wire.name,
    backend: live.origin.backend,
    model: live.origin.model,
    ...(live.kind === "whole" && live.text !== undefined && { text: live.text }),
    storedAt: now,
  };
  return JSON.stringify(entry);
}

/** Undefined for anything that is not an entry of this version: a miss, never an error. */
export function fromCacheEntry(value: string, wires: Readonly<Record<WireName, Wire>>): WholeAnswer | undefined {
  try {
    const entry: unknown = JSON.parse(value);
    if (!isJsonObject(entry) || entry.v !== 1) return undefined;
    // Written by `cacheEntry` alone, under a key that nobody else can name.
    const known = entry as unknown as Entry;
    const wire = wires[known.wire];
    if (!wire) return undefined;
    return {
      kind: "whole",
      wire,
      answer: known.answer,
      ...(known.text !== undefined && { text: known.text }),
      origin: {
        backend: known.backend,
        model: known.model,
        chosenTarget: true,
        cached: true,
        storedAt: known.storedAt,
      },
    };
  } catch {
    return undefined;
  }
}
