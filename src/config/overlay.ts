import type { Overlay } from "../core/config.ts";
import { isJsonObject } from "../core/json.ts";

/** An overlay as Redis holds it: a version is all that makes one. `resolve` judges each entry where it is used. */
export function readOverlay(value: unknown): Overlay | undefined {
  if (!isJsonObject(value) || !Number.isSafeInteger(value.version)) return undefined;
  return value as unknown as Overlay;
}
