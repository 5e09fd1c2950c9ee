import { createHmac } from "node:crypto";
import { isJsonObject, parseJson } from "./json.ts";

/** No secret: whoever reads this can sign. It only has to make a changed or invented seal visible. */
const KEY = "simulated signing key";

/** A code that depends on all of the text. */
export function macOf(text: string): string {
  return createHmac("sha256", KEY).update(text).digest("base64");
}

/** Opaque data that holds a text and shows whether it was changed: redacted thinking, encrypted reasoning. */
export function seal(text: string): string {
  return Buffer.from(JSON.stringify({ sealed: text, mac: macOf(`sealed ${text}`) })).toString("base64");
}

/** Whether data came back exactly as `seal` made it. */
export function isSealed(data: unknown): boolean {
  if (typeof data !== "string") return false;
  const content = parseJson(Buffer.from(data, "base64").toString("utf8"))?.value;
  return isJsonObject(content) && typeof content.sealed === "string" && data === seal(content.sealed);
}
