import { createHash } from "node:crypto";
import type { Bytes } from "./protocol.ts";

/** Text as its UTF-8 bytes. Text that is all ASCII, the usual case, is returned as it is. */
export function toBytes(text: string): Bytes {
  return isAscii(text) ? text : Buffer.from(text, "utf8").toString("latin1");
}

/** Bytes read as UTF-8; what is not valid UTF-8 becomes U+FFFD. */
export function toText(bytes: Bytes): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, "latin1").toString("utf8");
}

/** The SHA-1 of bytes in hex: how Redis names a script. */
export function sha1Hex(bytes: Bytes): string {
  return createHash("sha1").update(bytes, "latin1").digest("hex");
}

/** Counts bytes instead of walking units: native, and right because only ASCII takes one byte a unit. */
function isAscii(text: string): boolean {
  return Buffer.byteLength(text, "utf8") === text.length;
}
