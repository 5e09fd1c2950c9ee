import type { Frame } from "../core/answer.ts";
import type { Admitted, StreamingAnswer, StreamStep } from "../core/exchange.ts";
import { INTERNAL } from "../core/failure.ts";
import type { FrameWriter, WriterContext } from "../core/wire.ts";
import { AnswerLosses } from "../wire/losses.ts";
import type { Gateway } from "./gateway.ts";
import { isPassedOn } from "./passed-on.ts";

const encoder = new TextEncoder();

/**
 * The body of a stream reply: a pull source, so that a slow reader slows the backend and nothing piles up. Between equal formats
 * frames pass as the bytes they came in; between different ones, and where the answer is kept, they are written anew.
 */
export function streamBody(
  exchange: Admitted,
  answer: StreamingAnswer,
  gateway: Gateway,
  context: WriterContext,
): ReadableStream<Uint8Array> {
  const pump = new Pump(exchange, answer, gateway, context);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const bytes = await pump.next();
        if (bytes === undefined) controller.close();
        else controller.enqueue(bytes);
      },
      cancel() {
        answer.cancel();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Steps of an answer to bytes in the caller's format. */
export class Pump {
  readonly #exchange: Admitted;
  readonly #answer: StreamingAnswer;
  readonly #gateway: Gateway;
  readonly #writer: FrameWriter;
  readonly #passesOn: boolean;
  readonly #sameFormat: boolean;
  readonly #dropUsage: boolean;
  readonly #losses: AnswerLosses;
  #over = false;

  constructor(exchange: Admitted, answer: StreamingAnswer, gateway: Gateway, context: WriterContext) {
    this.#exchange = exchange;
    this.#answer = answer;
    this.#gateway = gateway;
    this.#writer = exchange.wire.encodeStream(context);
    this.#passesOn = isPassedOn(exchange, answer);
    this.#sameFormat = answer.wire.name === exchange.wire.name;
    this.#losses = new AnswerLosses(exchange.wire.name, exchange.notes.translations);
    this.#dropUsage = !context.includeUsage;
  }

  /** The next bytes for the client; undefined when everything has been said. Never rejects: a bug ends the stream with an error like any other. */
  async next(): Promise<Uint8Array | undefined> {
    while (!this.#over) {
      const step = await this.#answer.next();
      const bytes = this.#told(step);
      if (bytes.length > 0) return bytes;
    }
    return undefined;
  }

  #told(step: StreamStep): Uint8Array {
    try {
      return step.kind === "frames"
        ? this.#bytesOf(step.frames)
        : this.#last(step.kind === "failure" ? step.failure : undefined);
    } catch (bug) {
      this.#gateway.reportBug(bug, this.#exchange.requestId);
      this.#answer.cancel(INTERNAL);
      return this.#last(INTERNAL);
    }
  }

  #last(failure: Parameters<FrameWriter["failure"]>[0] | undefined): Uint8Array {
    this.#over = true;
    if (failure) return encoder.encode(this.#writer.failure(failure, this.#exchange.requestId));
    return encoder.encode(this.#passesOn ? this.#exchange.wire.terminator : this.#writer.end());
  }

  #bytesOf(frames: readonly Frame[]): Uint8Array {
    if (!this.#passesOn)
      return encoder.encode(
        frames
          .flatMap((frame) => frame.events())
          .map((event) => {
            if (!this.#sameFormat) this.#losses.see(event);
            return this.#writer.write(event);
          })
          .join(""),
      );
    return joinFrames(this.#dropUsage ? frames.filter((frame) => !isUsageOnly(frame)) : frames);
  }
}

/** A frame that only reports usage: asked for by the gateway, and not the client's business where it did not ask. */
function isUsageOnly(frame: Frame): boolean {
  if (!frame.notable) return false;
  const events = frame.events();
  return (
    events.some((event) => event.type === "usage") &&
    events.every((event) => event.type === "usage" || event.type === "start")
  );
}

/** Neighbours in one buffer become one piece without copying. */
export function joinFrames(frames: readonly Frame[]): Uint8Array {
  const [first] = frames;
  if (!first) return new Uint8Array(0);
  if (frames.length === 1) return first.raw;
  let end = first.raw.byteOffset;
  let total = 0;
  let adjacent = true;
  for (const { raw } of frames) {
    adjacent &&= raw.buffer === first.raw.buffer && raw.byteOffset === end;
    end = raw.byteOffset + raw.length;
    total += raw.length;
  }
  if (adjacent) return new Uint8Array(first.raw.buffer, first.raw.byteOffset, total);
  const joined = new Uint8Array(total);
  let offset = 0;
  for (const { raw } of frames) {
    joined.set(raw, offset);
    offset += raw.length;
  }
  return joined;
}
