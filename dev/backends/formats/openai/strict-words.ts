import type { WireError } from "../errors.ts";

/** An error as OpenAI's own service words it: its type is always the same, its code a word or null. */
export function openAiError(message: string, param: string | undefined, code: string | null): WireError {
  return { status: 400, message, type: "invalid_request_error", ...(param === undefined ? {} : { param }), code };
}

/** `'a', 'b', and 'c'`. */
export function quotedList(names: readonly string[]): string {
  const quoted = names.map((name) => `'${name}'`);
  return quoted.length < 2 ? quoted.join("") : `${quoted.slice(0, -1).join(", ")}, and ${quoted.at(-1)}`;
}
