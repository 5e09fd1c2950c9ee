import type { JsonObject } from "../../core/json.ts";
import { sseFrame } from "../../lib/sse.ts";

/** Says the events of one response as frames, and counts them. */
export interface Voice {
  event(type: string, fields: JsonObject): string;
  /** Frames of pieces of text, which nearly all frames are: all but the text and the number of the event is written once. */
  deltas(type: string, fields: JsonObject): (text: string) => string;
}

export function aloud(): Voice {
  let sequence = 0;
  return {
    event: (type, fields) => sseFrame(JSON.stringify({ type, ...fields, sequence_number: sequence++ }), type),
    deltas(type, fields) {
      const head = `event: ${type}\ndata: ${JSON.stringify({ type, ...fields }).slice(0, -1)},"delta":`;
      return (text) => `${head}${JSON.stringify(text)},"sequence_number":${sequence++}}\n\n`;
    },
  };
}

/** For who wants the response alone: nothing is put into frames. */
export const SILENT: Voice = { event: () => "", deltas: () => () => "" };
