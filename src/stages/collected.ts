import type { Admitted, StreamingAnswer, WholeAnswer } from "../core/exchange.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { AnswerLosses } from "../wire/losses.ts";
import { collectorFor } from "./collector-for.ts";

/** Reads a stream to its end for a caller who wants JSON. A cut is an error, never a short answer. */
export async function collected(exchange: Admitted, answer: StreamingAnswer): Promise<Result<WholeAnswer>> {
  const { wire, notes } = exchange;
  const sink = collectorFor(exchange.draft);
  const losses = answer.wire.name === wire.name ? undefined : new AnswerLosses(wire.name, notes.translations);
  for (let step = await answer.next(); step.kind !== "end"; step = await answer.next()) {
    if (step.kind === "failure") return fail(step.failure);
    for (const frame of step.frames) {
      for (const event of frame.events()) {
        losses?.see(event);
        sink.push(event);
      }
    }
  }
  const result = sink.result();
  return result.ok ? ok({ kind: "whole", wire: answer.wire, origin: answer.origin, answer: result.value }) : result;
}
