import { createHmac } from "node:crypto";
import { isJsonObject, type JsonObject, parseJson } from "../../json.ts";

/** No secret: whoever reads this can sign. It only has to make a changed or invented signature visible. */
const KEY = "simulated signing key";

function macOf(text: string): string {
  return createHmac("sha256", KEY).update(text).digest("base64");
}

/** The signature of a thinking block; it depends on the thinking alone, as far as a client can see. */
export function signatureOf(thinking: string): string {
  return Buffer.from(`simulated signature ${macOf(`thinking ${thinking}`)}`).toString("base64");
}

/** The opaque data of a redacted thinking block: the thinking, sealed. */
export function redactedData(thinking: string): string {
  return Buffer.from(JSON.stringify({ sealed: thinking, mac: macOf(`sealed ${thinking}`) })).toString("base64");
}

/** The signature of a thinking block whose text is not shown: it carries the text itself. */
export function sealedSignature(thinking: string): string {
  return redactedData(thinking);
}

/** Whether a thinking or redacted_thinking block came back exactly as this simulator issued it. */
export function isGenuine(block: JsonObject): boolean {
  if (block.type === "redacted_thinking") return isSealed(block.data);
  const { thinking, signature } = block;
  if (typeof thinking !== "string" || typeof signature !== "string") return false;
  return signature === signatureOf(thinking) || (thinking === "" && isSealed(signature));
}

function isSealed(data: unknown): boolean {
  if (typeof data !== "string") return false;
  const content = parseJson(Buffer.from(data, "base64").toString("utf8"))?.value;
  return isJsonObject(content) && typeof content.sealed === "string" && data === redactedData(content.sealed);
}
