import { isJsonObject } from "../../core/json.ts";
import type { LevelCharge } from "../../core/ports.ts";

/** Readers of Redis' replies: what has another shape than expected is missing, never a reason to throw. */

export function textOf(result: unknown): string | undefined {
  return typeof result === "string" ? result : undefined;
}

export function textsOf(result: unknown): readonly string[] {
  return Array.isArray(result) ? result.filter((item) => typeof item === "string") : [];
}

/** A hash as pairs: Redis sends fields and values alternately. */
export function pairsOf(result: unknown): readonly (readonly [string, string])[] {
  const texts: readonly unknown[] = Array.isArray(result) ? result : [];
  return texts.flatMap((field, index) => (index % 2 === 0 ? [[String(field), String(texts[index + 1])] as const] : []));
}

/** The levels that admission kept with the record. */
export function readLevels(text: unknown): readonly LevelCharge[] {
  const value = jsonOf(text);
  return Array.isArray(value) ? value.filter(isLevelCharge) : [];
}

export function jsonOf(text: unknown): unknown {
  if (typeof text !== "string") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return isJsonObject(value);
}

function isLevelCharge(value: unknown): value is LevelCharge {
  return (
    isRecord(value) && typeof value.level === "string" && typeof value.subject === "string" && isRecord(value.limits)
  );
}
