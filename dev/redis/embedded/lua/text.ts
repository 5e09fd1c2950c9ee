import type { Bytes } from "../../protocol.ts";

/** A string of Lua. */
export type LuaString = Uint8Array;

/** Reads a number as Lua 5.1 does: spaces around it, decimal, hex, and strtod's words for infinity. */
export function parseLuaNumber(text: Bytes): number | undefined {
  const trimmed = text.replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, "");
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(trimmed)) return Number(trimmed);
  const hex = /^([+-]?)(0x[0-9a-f]+)$/i.exec(trimmed);
  if (hex !== null) return Number(hex[2]) * (hex[1] === "-" ? -1 : 1);
  const word = /^([+-]?)(inf(?:inity)?|nan)$/i.exec(trimmed);
  if (word === null) return undefined;
  if (word[2]?.toLowerCase() === "nan") return Number.NaN;
  return word[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** Bytes as a string of Lua. */
export function toLua(bytes: Bytes): LuaString {
  const text = new Uint8Array(bytes.length);
  for (let index = 0; index < bytes.length; index += 1) text[index] = bytes.charCodeAt(index);
  return text;
}

/** Below this length building the string by hand is quicker than a Buffer view. */
const SHORT = 32;

/** A string of Lua as bytes. */
export function fromLua(text: LuaString): Bytes {
  if (text.length > SHORT) return Buffer.from(text.buffer, text.byteOffset, text.length).toString("latin1");
  let bytes = "";
  for (const byte of text) bytes += String.fromCharCode(byte);
  return bytes;
}
