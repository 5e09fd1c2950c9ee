import { isJsonObject } from "../../core/json.ts";

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
