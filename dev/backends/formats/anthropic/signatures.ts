import type { JsonObject } from "../../json.ts";
import { isSealed, macOf } from "../../seals.ts";

/** The signature of a thinking block; it depends on the thinking alone. */
export function signatureOf(thinking: string): string {
  return Buffer.from(`simulated signature ${macOf(`thinking ${thinking}`)}`).toString("base64");
}

/** Whether a thinking or redacted_thinking block came back exactly as this simulator issued it. */
export function isGenuine(block: JsonObject): boolean {
  if (block.type === "redacted_thinking") return isSealed(block.data);
  const { thinking, signature } = block;
  if (typeof thinking !== "string" || typeof signature !== "string") return false;
  // Thinking that was not shown has a signature which carries the text.
  return signature === signatureOf(thinking) || (thinking === "" && isSealed(signature));
}
