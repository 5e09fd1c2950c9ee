import type { Admitted, LiveAnswer, Reply } from "../core/exchange.ts";
import type { Result } from "../core/result.ts";
import { inTime } from "../lib/alarm.ts";
import type { Gateway } from "./gateway.ts";
import { failureReply, replayed, STREAM_HEADERS, streamReply, writerContext } from "./reply.ts";
import { heldHeaders } from "./reply-headers.ts";
import { Pump } from "./stream-body.ts";

type Answering = Promise<Result<LiveAnswer>>;

const encoder = new TextEncoder();

/**
 * Waits for the first token up to `holdHeadersMs`, so that a failure is still a status and not a frame. After that the stream
 * answers 200 and keep-alives; falling back goes on behind it, and a final failure is told inside the stream.
 */
export async function holdHeaders(exchange: Admitted, answering: Answering, gateway: Gateway): Promise<Reply> {
  const answer = await inTime(answering, exchange.route.holdHeadersMs, exchange.alarm);
  if (answer === undefined) {
    exchange.notes.decisions.push({ step: "encode", decision: "headers_first", reason: "slow_first_token" });
    return {
      status: 200,
      headers: { ...heldHeaders(exchange, gateway), ...STREAM_HEADERS },
      body: keepingAlive(exchange, answering, gateway),
    };
  }
  return answer.ok
    ? streamReply(exchange, answer.value, gateway)
    : failureReply(exchange, answer.failure, exchange.rate);
}

function keepingAlive(exchange: Admitted, answering: Answering, gateway: Gateway): ReadableStream<Uint8Array> {
  const { keepAliveMs } = exchange.route;
  const writer = exchange.wire.encodeStream(writerContext(exchange, gateway));
  let pump: Pump | undefined;
  let greeted = false;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (!pump) {
          const answer = greeted ? await inTime(answering, keepAliveMs, exchange.alarm) : undefined;
          greeted = true;
          if (answer === undefined) return controller.enqueue(encoder.encode(writer.keepAlive));
          if (!answer.ok) {
            controller.enqueue(encoder.encode(writer.failure(answer.failure, exchange.requestId)));
            return controller.close();
          }
          if (answer.value.kind === "whole") {
            controller.enqueue(encoder.encode(replayed(exchange, answer.value, gateway)));
            return controller.close();
          }
          pump = new Pump(exchange, answer.value, gateway, writerContext(exchange, gateway, answer.value));
        }
        const bytes = await pump.next();
        if (bytes === undefined) controller.close();
        else controller.enqueue(bytes);
      },
      async cancel() {
        exchange.departure.leave();
        const answer = await answering;
        if (answer.ok && answer.value.kind === "stream") answer.value.cancel();
      },
    },
    { highWaterMark: 0 },
  );
}
