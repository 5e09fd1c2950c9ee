import type { Bytes } from "../protocol.ts";

/** Whether bytes match a pattern of SCAN and KEYS: `*`, `?`, `[a-z]`, `[^a]`, and `\` before a character meant as itself. */
export function matchesGlob(pattern: Bytes, bytes: Bytes): boolean {
  let patternAt = 0;
  let bytesAt = 0;
  let starAt = -1;
  let starBytesAt = 0;
  while (bytesAt < bytes.length) {
    if (pattern[patternAt] === "*") {
      starAt = patternAt;
      starBytesAt = bytesAt;
      patternAt += 1;
      continue;
    }
    const next = patternAt < pattern.length ? matchOne(pattern, patternAt, bytes.charCodeAt(bytesAt)) : undefined;
    if (next !== undefined) {
      patternAt = next;
      bytesAt += 1;
    } else if (starAt >= 0) {
      // The last star takes one byte more. Earlier ones need no second try, so this is quadratic at worst.
      starBytesAt += 1;
      bytesAt = starBytesAt;
      patternAt = starAt + 1;
    } else {
      return false;
    }
  }
  while (pattern[patternAt] === "*") patternAt += 1;
  return patternAt >= pattern.length;
}

/** The position after the element that matched this byte, or undefined. */
function matchOne(pattern: Bytes, position: number, byte: number): number | undefined {
  switch (pattern[position]) {
    case "?":
      return position + 1;
    case "[":
      return matchClass(pattern, position, byte);
    case "\\":
      if (position + 1 < pattern.length) {
        return pattern.charCodeAt(position + 1) === byte ? position + 2 : undefined;
      }
      break;
  }
  return pattern.charCodeAt(position) === byte ? position + 1 : undefined;
}

function matchClass(pattern: Bytes, start: number, byte: number): number | undefined {
  const negated = pattern[start + 1] === "^";
  let position = start + (negated ? 2 : 1);
  let found = false;
  while (position < pattern.length && pattern[position] !== "]") {
    if (pattern[position] === "\\" && position + 1 < pattern.length) {
      position += 1;
      found ||= pattern.charCodeAt(position) === byte;
    } else if (pattern[position + 1] === "-" && position + 2 < pattern.length) {
      const ends = [pattern.charCodeAt(position), pattern.charCodeAt(position + 2)];
      found ||= byte >= Math.min(...ends) && byte <= Math.max(...ends);
      position += 2;
    } else {
      found ||= pattern.charCodeAt(position) === byte;
    }
    position += 1;
  }
  return found === negated ? undefined : Math.min(position + 1, pattern.length);
}
