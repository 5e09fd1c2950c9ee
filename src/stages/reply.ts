import { isText } from "../core/answer.ts";
import { wantsStreamUsage } from "../core/draft.ts";
import type { Admitted, LiveAnswer, Received, Reply, WholeAnswer } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import type { RateState, WriterContext } from "../core/wire.ts";
import { replay } from "../wire/collect.ts";
import type { Gateway } from "./gateway.ts";
import { isPassedOn } from "./passed-on.ts";
import { answerHeaders, failureHeaders } from "./reply-headers.ts";
import { streamBody } from "./stream-body.ts";

export const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
} as const;

/** A failure in the caller's own form; before or behind admission. */
export function failureReply(received: Received, failure: Failure, rate: RateState = {}): Reply {
  const told = received.wire.encodeFailure(failure, received.requestId);
  return {
    status: told.status,
    headers: { ...received.wire.rateHeaders(rate), ...failureHeaders(received), ...told.headers },
    body: told.body,
  };
}

/** A running or whole answer as the body of a stream. */
export function streamReply(exchange: Admitted, answer: LiveAnswer, gateway: Gateway): Reply {
  const headers = { ...answerHeaders(exchange, answer, gateway), ...STREAM_HEADERS };
  if (answer.kind === "whole") return { status: 200, headers, body: replayed(exchange, answer, gateway) };
  return {
    status: 200,
    headers,
    body: streamBody(exchange, answer, gateway, writerContext(exchange, gateway, answer)),
  };
}

export function jsonReply(exchange: Admitted, whole: WholeAnswer, gateway: Gateway): Reply {
  const original = isPassedOn(exchange, whole) ? whole.text : undefined;
  return {
    status: 200,
    headers: { ...answerHeaders(exchange, whole, gateway), "content-type": "application/json" },
    body: original ?? JSON.stringify(exchange.wire.encodeAnswer(whole.answer, writerContext(exchange, gateway, whole))),
  };
}

/** A whole answer told as the stream that it would have been. */
export function replayed(exchange: Admitted, whole: WholeAnswer, gateway: Gateway): string {
  if (!isText(whole.answer)) return "";
  const writer = exchange.wire.encodeStream(writerContext(exchange, gateway, whole));
  const frames = replay(whole.answer).map((event) => writer.write(event));
  return frames.join("") + writer.end();
}

/** The id of an answer that is told in another format than the backend's, or kept: backends' ids may be alike. It holds the request's. */
export function answerId({ wire, requestId }: Pick<Received, "wire" | "requestId">): string {
  return wire.idPrefix + requestId;
}

/** The model is the one that answered, as in frames that pass unchanged; the alias only while nobody has. */
export function writerContext(exchange: Admitted, gateway: Gateway, live?: LiveAnswer): WriterContext {
  const { draft, keeping, wire } = exchange;
  const known = !keeping && live?.kind === "whole" && isText(live.answer) ? live.answer : undefined;
  return {
    id: (live?.wire.name === wire.name && known?.id) || answerId(exchange),
    model: known?.model ?? live?.origin.model ?? exchange.route.alias,
    createdAt: known?.createdAt ?? Math.floor((keeping ? exchange.receivedAt : gateway.clock.now()) / 1_000),
    includeUsage: wantsStreamUsage(draft),
    request: keeping?.asked ?? exchange.body.value,
    stored: keeping?.id !== undefined,
  };
}
