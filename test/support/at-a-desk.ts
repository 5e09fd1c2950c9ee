import type { SeatsConfig } from "../../src/core/config.ts";
import { type Answering, eventStream } from "./pipeline.ts";

/** What the tests of backends with seats share: the rules of a desk, and a stream of a backend that has one. */
export const RULES: SeatsConfig = {
  count: 2,
  queue: 10,
  maxWaitMs: 20_000,
  spill: { afterMs: 5_000 },
  lowerShare: 0.1,
  tellFromMs: 2_000,
  coldAfterMs: 60_000,
};

const encoder = new TextEncoder();

const chunk = (delta: unknown, finish: string | null = null) =>
  encoder.encode(
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`,
  );

/** `One two`, whole, chunk by chunk. */
export const WHOLE = [
  chunk({ content: "One" }),
  chunk({ content: " two" }),
  chunk({}, "stop"),
  encoder.encode("data: [DONE]\n\n"),
];

export const answers: Answering = () => eventStream(WHOLE, "fin");
