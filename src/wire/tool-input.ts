import { isJsonObject, type JsonObject } from "../core/json.ts";

/** Where arguments that are no JSON object are kept as the model wrote them, in formats that want an object. */
const RAW = "_raw";

/** The arguments of a tool call as an object. Models do not always write one: any other text arrives whole under `_raw`. */
export function inputOf(json: string): { readonly input: JsonObject; readonly isRaw: boolean } {
  if (json.trim() === "") return { input: {}, isRaw: false };
  try {
    const input: unknown = JSON.parse(json);
    if (isJsonObject(input)) return { input, isRaw: false };
  } catch {
    // Said below.
  }
  return { input: { [RAW]: json }, isRaw: true };
}

/** The other way: the text of an input, and the model's own words where they had been wrapped. */
export function textOfInput(input: JsonObject): string {
  const raw = Object.hasOwn(input, RAW) ? input[RAW] : undefined;
  if (typeof raw === "string" && Object.keys(input).length === 1) return raw;
  return JSON.stringify(input);
}
