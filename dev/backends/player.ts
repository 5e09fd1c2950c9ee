import type { ServerResponse } from "node:http";
import type { Departure } from "./departure.ts";
import type { Script, Step } from "./script.ts";
import type { Seat } from "./seats.ts";
import type { CallRecord } from "./tally.ts";

/** How fast tokens come. */
export interface Pacing {
  /** Milliseconds until the first token. */
  ttftMs: number;
  /** 0 is as fast as possible. */
  tokensPerSecond: number;
}

/** What a performance needs; the record is filled in as bytes leave. */
export interface Stage {
  readonly response: ServerResponse;
  readonly departure: Departure;
  readonly record: CallRecord;
  readonly pacing: Pacing;
  /** Absent for a script that does not generate. */
  readonly seat: Seat | undefined;
  /** Told once, when the first token exists, how long it took after the seat was taken. */
  onFirstToken(seconds: number): void;
}

/** Performs a script to its end, to its cut, or to the client's leaving. */
export async function play(script: Script, stage: Stage): Promise<void> {
  const { response, departure, record } = stage;
  if (script.headersPauseMs !== undefined) await departure.sleep(script.headersPauseMs);
  if (departure.gone) return;
  if (script.silent) return cut(script, stage);
  record.status = script.status;
  const isChunked = script.framing === "chunked";
  response.writeHead(script.status, {
    ...script.headers,
    ...(script.framing === "chunked"
      ? { "transfer-encoding": "chunked" }
      : { "content-length": script.framing.contentLength }),
  });
  // Node joins what is written in one tick into one chunk; here each piece is to be a chunk of its own, so this file writes the chunk sizes itself.
  if (isChunked) response.chunkedEncoding = false;
  if (script.streamed) response.flushHeaders();
  if (stage.seat !== undefined && !stage.seat.running) await waitForSeat(stage.seat, departure);
  await playSteps(script, stage);
  if (departure.gone) return;
  if (script.ending !== "end") await cut(script, stage);
  else if (isChunked && !script.preframed) response.end(LAST_CHUNK);
  else response.end();
}

function waitForSeat(seat: Seat, departure: Departure): Promise<void> {
  return departure.until((proceed) => {
    seat.onRun = proceed;
    return undefined;
  });
}

async function playSteps(script: Script, stage: Stage): Promise<void> {
  const { departure, record } = stage;
  const clock = script.generates ? new TokenClock(stage.pacing) : undefined;
  let previousAfter = 0;
  for (const step of script.steps) {
    if (step.pauseMs !== undefined) {
      await departure.sleep(step.pauseMs);
      clock?.postpone(step.pauseMs);
    }
    if (clock !== undefined && step.after > previousAfter) {
      const waitMs = clock.millisecondsUntil(step.after);
      if (waitMs > 0) await departure.sleep(waitMs);
      if (previousAfter === 0 && !departure.gone) stage.onFirstToken(clock.firstTokenSeconds());
      previousAfter = step.after;
      const existing = departure.gone ? Math.min(step.after, clock.tokensSoFar()) : step.after;
      record.tokensGenerated = Math.max(
        record.tokensGenerated,
        Math.min(existing * script.sequences, script.totalTokens),
      );
    }
    if (departure.gone) return;
    const bytes = script.framing === "chunked" && !script.preframed ? chunkOf(step.bytes) : step.bytes;
    const written = write(step, bytes, stage);
    if (written !== undefined) await written;
  }
}

const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/** RFC 9112, 7.1: the size in hexadecimal, the bytes, each followed by CRLF. */
function chunkOf(bytes: Buffer): Buffer {
  const size = `${bytes.length.toString(16)}\r\n`;
  const chunk = Buffer.allocUnsafe(size.length + bytes.length + 2);
  chunk.write(size, 0, "latin1");
  bytes.copy(chunk, size.length);
  chunk.write("\r\n", size.length + bytes.length, "latin1");
  return chunk;
}

/** Writes one piece and counts it once the operating system has it. A promise means: wait before the next one. */
function write(step: Step, bytes: Buffer, stage: Stage): Promise<void> | undefined {
  const { response, departure, record } = stage;
  let taken = false;
  let onTaken: (() => void) | undefined;
  const hasRoom = response.write(bytes, (error) => {
    taken = true;
    if (error === null || error === undefined) deliver(step, record);
    onTaken?.();
  });
  record.firstByteAtMs ??= Date.now();
  if (step.flush) {
    return departure.until((proceed) => {
      onTaken = () => setImmediate(proceed);
      if (taken) setImmediate(proceed);
      return undefined;
    });
  }
  if (hasRoom) return undefined;
  return departure.until((proceed) => {
    response.once("drain", proceed);
    return () => response.off("drain", proceed);
  });
}

function deliver(step: Step, record: CallRecord): void {
  record.bytesDelivered += step.bodyBytes ?? step.bytes.length;
  record.tokensDelivered += step.tokens;
  record.framesDelivered += step.frames;
  if (step.usage !== undefined) record.usageReported = step.usage;
  if (step.finish) record.finishesDelivered += 1;
}

async function cut(script: Script, stage: Stage): Promise<void> {
  const { response, departure, record } = stage;
  if (!script.silent) response.flushHeaders();
  if (script.ending === "hang") return departure.sleep(Number.POSITIVE_INFINITY);
  // What was written must have left before the connection dies, or the cut would not stand at its byte.
  if (response.writableLength > 0) {
    await departure.until((proceed) => {
      response.write(Buffer.alloc(0), proceed);
      return undefined;
    });
  }
  if (script.ending === "reset") await departure.sleep(script.lingerMs ?? 0);
  if (departure.gone) return;
  record.cutByBackend = true;
  if (script.ending === "reset") response.socket?.resetAndDestroy();
  else response.socket?.destroySoon();
}

/** When each token exists, counted from the start of generation. */
class TokenClock {
  private readonly startedAt = performance.now();
  private readonly ttftMs: number;
  private readonly intervalMs: number;
  private postponedMs = 0;

  constructor(pacing: Pacing) {
    this.ttftMs = pacing.ttftMs;
    this.intervalMs = pacing.tokensPerSecond > 0 ? 1000 / pacing.tokensPerSecond : 0;
  }

  /** A pause of the stream is a pause of the generation. */
  postpone(milliseconds: number): void {
    this.postponedMs += milliseconds;
  }

  /** Until a sequence has so many tokens (at least one). */
  millisecondsUntil(tokens: number): number {
    if (this.ttftMs === 0 && this.intervalMs === 0) return 0;
    return this.startedAt + this.postponedMs + this.ttftMs + (tokens - 1) * this.intervalMs - performance.now();
  }

  /** Tokens of one sequence that exist by now. */
  tokensSoFar(): number {
    const sinceFirst = performance.now() - this.startedAt - this.postponedMs - this.ttftMs;
    if (sinceFirst < 0) return 0;
    return this.intervalMs === 0 ? Number.POSITIVE_INFINITY : Math.floor(sinceFirst / this.intervalMs) + 1;
  }

  /** How long the first token took, also where it leaves late inside a JSON body. */
  firstTokenSeconds(): number {
    return Math.min(performance.now() - this.startedAt, this.postponedMs + this.ttftMs) / 1000;
  }
}
