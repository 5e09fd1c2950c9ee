import type { Admitted, LiveAnswer, Reply, StreamingAnswer, WholeAnswer } from "../core/exchange.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { collector } from "../wire/collect.ts";
import { AnswerLosses } from "../wire/losses.ts";
import type { Gateway } from "./gateway.ts";
import { holdHeaders } from "./hold.ts";
import { failureReply, jsonReply } from "./reply.ts";

/** The promise of an answer, in the caller's format: stream, JSON or error. */
export async function encode(
  exchange: Admitted,
  answering: Promise<Result<LiveAnswer>>,
  gateway: Gateway,
): Promise<Reply> {
  const { draft } = exchange;
  if (draft.operation === "chat" && draft.stream) return holdHeaders(exchange, answering, gateway);
  const answer = await answering;
  if (!answer.ok) return failureReply(exchange, answer.failure, exchange.rate);
  const whole = answer.value.kind === "whole" ? ok(answer.value) : await collected(exchange, answer.value);
  return whole.ok ? jsonReply(exchange, whole.value, gateway) : failureReply(exchange, whole.failure, exchange.rate);
}

/** Reads a stream to its end for a caller who wants JSON. A cut is an error, never a short answer. */
async function collected(exchange: Admitted, answer: StreamingAnswer): Promise<Result<WholeAnswer>> {
  const { draft } = exchange;
  const sink = collector(draft.operation === "chat" ? (draft.choices ?? 1) : 1);
  const { wire, notes } = exchange;
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
