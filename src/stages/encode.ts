import { wantsStream } from "../core/draft.ts";
import type { Admitted, LiveAnswer, Reply } from "../core/exchange.ts";
import { ok, type Result } from "../core/result.ts";
import { collected } from "./collected.ts";
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
  if (wantsStream(draft)) return holdHeaders(exchange, answering, gateway);
  const answer = await answering;
  if (!answer.ok) return failureReply(exchange, answer.failure, exchange.rate);
  const whole = answer.value.kind === "whole" ? ok(answer.value) : await collected(exchange, answer.value);
  return whole.ok ? jsonReply(exchange, whole.value, gateway) : failureReply(exchange, whole.failure, exchange.rate);
}
