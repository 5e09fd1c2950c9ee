import type { Admitted, LiveAnswer, Reply, Waiting } from "../core/exchange.ts";
import type { Alarm } from "../core/ports.ts";
import type { Result } from "../core/result.ts";
import { inTime } from "../lib/alarm.ts";
import { sseComment } from "../lib/sse.ts";
import type { Gateway } from "./gateway.ts";
import { failureReply, replayed, STREAM_HEADERS, streamReply, writerContext } from "./reply.ts";
import { heldHeaders } from "./reply-headers.ts";
import { Pump } from "./stream-body.ts";

type Answering = Promise<Result<LiveAnswer>>;

const encoder = new TextEncoder();

/**
 * Waits for the first token up to `holdHeadersMs`, so that a failure is still a status and not a frame. After that the stream
 * answers 200 and keep-alives; falling back goes on behind it, and a final failure is told inside the stream. So does one that is to be told
 * its place in a queue, as soon as there is one to tell.
 */
export async function holdHeaders(exchange: Admitted, answering: Answering, gateway: Gateway): Promise<Reply> {
  const answer = await inTime(answering, exchange.route.holdHeadersMs, orNews(exchange));
  if (answer === undefined) {
    const reason = exchange.notes.waiting ? "queued" : "slow_first_token";
    exchange.notes.decisions.push({ step: "encode", decision: "headers_first", reason });
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

/** An alarm that also rings when there is news of a queue that the request waits in. */
function orNews({ notes, alarm }: Admitted): Alarm {
  return {
    after(delayMs, ring) {
      notes.onWaiting = ring;
      return alarm.after(delayMs, ring);
    },
  };
}

/** Every format's streams are event streams, and every client of them passes over comments. Told again it is nearer, and never there. */
function placeText(waiting: Waiting | undefined, now: number): string | undefined {
  if (!waiting) return undefined;
  const { place, overAt } = waiting;
  const about = overAt === undefined ? "" : `, about ${Math.max(1, Math.ceil((overAt - now) / 1_000))} s`;
  return sseComment(`place ${place}${about}`);
}

function keepingAlive(exchange: Admitted, answering: Answering, gateway: Gateway): ReadableStream<Uint8Array> {
  const { keepAliveMs } = exchange.route;
  const writer = exchange.wire.encodeStream(writerContext(exchange, gateway));
  let pump: Pump | undefined;
  let greeted = false;
  let told: Waiting | undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (!pump) {
          const { waiting } = exchange.notes;
          // What is news already is not waited for.
          const isTold = greeted && (waiting === undefined || waiting === told);
          const answer = isTold ? await inTime(answering, keepAliveMs, orNews(exchange)) : undefined;
          greeted = true;
          told = exchange.notes.waiting;
          if (answer === undefined) {
            const text = placeText(told, gateway.clock.now()) ?? writer.keepAlive;
            return controller.enqueue(encoder.encode(text));
          }
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
