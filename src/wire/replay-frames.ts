import type { ChatAnswer, Frame } from "../core/answer.ts";
import type { Wire, WriterContext } from "../core/wire.ts";
import { replay } from "./collect.ts";

/**
 * A whole answer as the frames of the stream that it would have been, one an event, and the format's own last. Their events are the answer's own, so
 * that collecting them gives it back whatever the format has no words for; an event that the format does not tell has no bytes.
 */
export function replayFrames(answer: ChatAnswer, wire: Wire, context: WriterContext): readonly Frame[] {
  const writer = wire.encodeStream({ ...context, includeUsage: true });
  const encoder = new TextEncoder();
  const frames = replay(answer).map(
    (event): Frame => ({
      raw: encoder.encode(writer.write(event)),
      count: 1,
      notable: true,
      terminal: false,
      events: () => [event],
    }),
  );
  return [...frames, { raw: encoder.encode(writer.end()), count: 1, notable: true, terminal: true, events: () => [] }];
}
