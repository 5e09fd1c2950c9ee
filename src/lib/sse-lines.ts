import { isPlainDataLine } from "./sse.ts";

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;

/** The fields that an event stream knows. */
const FIELDS = ["data", "event", "id", "retry"].map((name) => new TextEncoder().encode(name));
const [DATA] = FIELDS;

/**
 * What of a whole frame may be handed on: its lines that are fields. A comment is its sender's own, and whatever else stands there (the page of a tunnel that
 * broke) is no field and nobody's to read. Undefined where no data is left: no client would hear of such a frame. Nearly every frame has nothing but one
 * data line, and is given back as it is.
 */
export function fieldsOnly(frame: Uint8Array): Uint8Array | undefined {
  if (isPlainDataLine(frame)) return hasValue(frame, 5, frame.length) ? frame : undefined;
  const kept: Uint8Array[] = [];
  let keptBytes = 0;
  let hasData = false;
  for (let start = 0; start < frame.length; ) {
    const end = lineEnd(frame, start);
    const next = end + (frame[end] === CR && frame[end + 1] === LF ? 2 : 1);
    const field = end === start ? undefined : FIELDS.find((name) => isNamed(frame, start, end, name));
    if (field === DATA && field) hasData ||= hasValue(frame, start + field.length + 1, end);
    if (end === start || field) {
      kept.push(frame.subarray(start, next));
      keptBytes += Math.min(next, frame.length) - start;
    }
    start = next;
  }
  if (!hasData) return undefined;
  return keptBytes === frame.length ? frame : joined(kept, keptBytes);
}

function lineEnd(frame: Uint8Array, from: number): number {
  let end = from;
  while (end < frame.length && frame[end] !== LF && frame[end] !== CR) end++;
  return end;
}

/** Whether the line `[start, end)` is the field `name`, with a value or without. */
function isNamed(frame: Uint8Array, start: number, end: number, name: Uint8Array): boolean {
  const behind = start + name.length;
  if (behind > end || (behind < end && frame[behind] !== COLON)) return false;
  return name.every((byte, index) => frame[start + index] === byte);
}

function hasValue(frame: Uint8Array, from: number, end: number): boolean {
  for (let i = from; i < end; i++) if ((frame[i] ?? 0) > SPACE) return true;
  return false;
}

function joined(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
