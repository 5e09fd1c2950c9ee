import type { JsonObject } from "../../json.ts";
import type { WireError } from "../errors.ts";

/** A message after consecutive ones of its role were merged, as Anthropic does. */
export interface StrictTurn {
  /** Place of its first message in the request. */
  readonly index: number;
  readonly role: unknown;
  readonly blocks: JsonObject[];
}

/** A refusal in Anthropic's words. */
export function invalidRequest(message: string): WireError {
  return { status: 400, message };
}
