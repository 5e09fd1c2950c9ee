import type { Frame } from "../core/answer.ts";
import { choicesOf } from "../core/draft.ts";
import type { AnswerOrigin, LiveAnswer, StreamingAnswer, StreamStep } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import { ok, type Result } from "../core/result.ts";
import type { FrameReader, Wire } from "../core/wire.ts";
import { Meter } from "./meter.ts";
import { CANCELLED, cut, outcomeOf, protocol, type RunningAttempt, timedOut, UNREAD } from "./running-attempt.ts";

/** What comes before the first token is held: roles, pings, a prefill's progress. More than this is no beginning of an answer. */
const HELD_MAX_BYTES = 1_048_576;
/** Once every choice has finished, usage and the closing frame may take this long; then the stream counts as complete without. */
const AFTER_FINISH_MS = 5_000;
/** A read that begins so long behind the stream's own end was not held up by the backend. */
const UNREAD_MS = 100;
/** Behind the closing frame the connection may take this long to end; then it is closed. */
const RELEASE_MS = 250;

type Step = { readonly kind: "frames"; readonly frames: Frame[] } | Exclude<StreamStep, { kind: "frames" }>;

/**
 * A backend's stream behind the point of no return. One reader, one loop: `next()` reads once, cuts frames, lets the meter
 * see them and hands them on. It knows three ends: complete, failed (a cut, an error frame, silence), cancelled.
 */
export class BackendStream implements StreamingAnswer {
  readonly kind = "stream";
  readonly wire: Wire;
  readonly origin: AnswerOrigin;
  readonly #running: RunningAttempt;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #frames: FrameReader;
  readonly #meter: Meter;
  readonly #openedAt: number;
  readonly expiresAt: number;
  #pending: Step | undefined;
  #terminal = false;
  #takeBack: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #deadlineAt = Number.POSITIVE_INFINITY;
  #late: "first_token" | "silence" | "total" | undefined;

  private constructor(running: RunningAttempt, body: ReadableStream<Uint8Array>) {
    const { draft } = running.exchange;
    this.wire = running.planned.wire;
    this.origin = running.origin;
    this.#running = running;
    this.#reader = body.getReader();
    this.#frames = this.wire.decodeStream();
    this.#meter = new Meter(choicesOf(draft));
    this.#openedAt = running.gateway.clock.now();
    this.expiresAt = this.#openedAt + running.planned.deadlines.totalMs;
  }

  /** Reads up to the first real token. A failure before it is the attempt's; nothing has been given to the client. */
  static async open(running: RunningAttempt, response: Response): Promise<Result<LiveAnswer>> {
    if (!response.body) return running.failed(cut("empty"));
    const stream = new BackendStream(running, response.body);
    const held: Frame[] = [];
    while (!stream.#meter.started) {
      const step = await stream.#read();
      if (step.kind !== "frames") return stream.#unopened(step);
      held.push(...step.frames);
      if (stream.#pending) break;
    }
    if (!stream.#meter.started) return stream.#unopened(stream.#pending);
    running.sawFirstToken();
    const after = stream.#pending;
    stream.#held = after ? [{ kind: "frames", frames: held }, after] : [{ kind: "frames", frames: held }];
    stream.#pending = undefined;
    return ok(stream);
  }

  /** What has been read and not been handed on: all that came up to the first token. */
  #held: Step[] = [];
  #heldBytes = 0;

  /** The stream was over before its first token: the backend is stopped, whatever it still sends. */
  #unopened(step: Step | undefined): Result<never> {
    this.#disarm();
    return this.#running.failed(step?.kind === "failure" ? step.failure : cut("no_token"));
  }

  get filtered(): boolean {
    return this.#meter.filtered;
  }

  async next(): Promise<StreamStep> {
    const step = this.#held.shift() ?? this.#pending ?? (await this.#read());
    if (step === this.#pending) this.#pending = undefined;
    if (step.kind !== "frames") this.#close(step);
    return step;
  }

  cancel(failure?: Failure): void {
    this.#running.stop();
    this.#disarm();
    this.#running.close(failure ? outcomeOf(failure) : "cancelled", this.#used(), failure);
  }

  /** One read: the frames up to the end, an error frame or the closing frame, and what comes behind them as the pending step. */
  async #read(): Promise<Step> {
    for (let isFirst = true; ; isFirst = false) {
      const now = this.#arm();
      // A read that was under way at the end was ended by it: whoever comes so much later was not reading.
      if (isFirst && now >= this.expiresAt + UNREAD_MS && this.#isUnderWay) return { kind: "failure", failure: UNREAD };
      let chunk: Uint8Array | undefined;
      try {
        const { done, value } = await this.#reader.read();
        chunk = done ? undefined : value;
      } catch {
        return this.#broken("reset");
      } finally {
        this.#deadlineAt = Number.POSITIVE_INFINITY;
      }
      if (chunk === undefined) return this.#broken("end_of_stream");
      const frames = this.#take(this.#frames.push(chunk));
      if (!this.#meter.started) {
        this.#heldBytes += chunk.length;
        if (this.#heldBytes > HELD_MAX_BYTES)
          return { kind: "failure", failure: protocol("too_much_before_first_token") };
      }
      if (frames.length > 0) return { kind: "frames", frames };
      if (this.#pending) {
        const step = this.#pending;
        this.#pending = undefined;
        return step;
      }
    }
  }

  /** Between the first token and the last finish, and not stopped for its lateness. */
  get #isUnderWay(): boolean {
    return this.#meter.started && !this.#meter.complete && this.#late === undefined;
  }

  /** The frames that may pass; sets the pending step where the stream is over behind them. */
  #take(frames: readonly Frame[]): Frame[] {
    const passing: Frame[] = [];
    for (const frame of frames) {
      // What comes behind the last finish cannot unsay it: an error there is not passed on either.
      if (this.#meter.complete && frame.events().some(({ type }) => type === "failure")) continue;
      this.#meter.see(frame);
      if (this.#meter.failure) {
        this.#pending = { kind: "failure", failure: this.#meter.failure };
        return passing;
      }
      if (frame.terminal) {
        this.#terminal = true;
        // A format whose closing frame is also its finish (Responses, Workers AI): it is told, in whatever format.
        if (frame.events().length > 0) passing.push(frame);
        // The closing frame of a stream that is not finished proves nothing; the caller's own encoder closes a finished one.
        this.#pending = this.#meter.complete
          ? { kind: "end" }
          : { kind: "failure", failure: cut("terminal_before_finish") };
        return passing;
      }
      passing.push(frame);
    }
    return passing;
  }

  /** The bytes are over: complete if every choice has finished, whatever became of the connection. */
  #broken(how: "reset" | "end_of_stream"): Step {
    if (this.#meter.complete) return { kind: "end" };
    if (this.#running.abandoned) return { kind: "failure", failure: CANCELLED };
    return { kind: "failure", failure: this.#late ? timedOut(this.#late) : cut(how) };
  }

  #close(step: Exclude<StreamStep, { kind: "frames" }>): void {
    this.#disarm();
    if (step.kind === "end") {
      this.#running.close("completed", this.#used());
      this.#release();
      return;
    }
    this.#running.failed(step.failure, this.#used());
  }

  #used() {
    return this.#meter.usage(this.#running.exchange.inputTokens, this.#running.mostOutputTokens);
  }

  /** Lets a finished connection be reused where it ends at once, and closes it where it does not. */
  #release(): void {
    if (!this.#terminal) {
      this.#running.stop();
      return;
    }
    const running = this.#running;
    const reader = this.#reader;
    const close = () => {
      running.stop();
      // Ends the read below too, whatever the transport makes of the signal.
      reader.cancel().catch(() => undefined);
    };
    const takeBack = running.exchange.alarm.after(RELEASE_MS, close);
    const ended = reader.read().then(({ done }) => {
      takeBack();
      if (!done) close();
    }, takeBack);
    running.exchange.waitUntil(ended);
  }

  /**
   * One timer for all reads: it fires at the earliest deadline that it knew when it was set, and sets itself again if reads have
   * moved the deadline since. A frame costs an assignment, not a timer.
   */
  #arm(): number {
    const now = this.#running.gateway.clock.now();
    this.#deadlineAt = this.#nextDeadline(now).at;
    if (this.#deadlineAt < this.#timerAt) this.#setTimer(now);
    return now;
  }

  #nextDeadline(now: number): { readonly at: number; readonly kind: "first_token" | "silence" | "total" } {
    const { firstTokenMs, silenceMs } = this.#running.planned.deadlines;
    const [kind, at] = this.#meter.started
      ? (["silence", now + (this.#meter.complete ? Math.min(silenceMs, AFTER_FINISH_MS) : silenceMs)] as const)
      : (["first_token", this.#openedAt + firstTokenMs] as const);
    return at < this.expiresAt ? { at, kind } : { at: this.expiresAt, kind: "total" };
  }

  #setTimer(now: number): void {
    this.#takeBack?.();
    this.#timerAt = this.#deadlineAt;
    this.#takeBack = this.#running.exchange.alarm.after(Math.max(0, this.#deadlineAt - now), () => this.#onTimer());
  }

  #onTimer(): void {
    const now = this.#running.gateway.clock.now();
    this.#timerAt = Number.POSITIVE_INFINITY;
    if (this.#deadlineAt === Number.POSITIVE_INFINITY) return;
    if (now < this.#deadlineAt) {
      this.#setTimer(now);
      return;
    }
    this.#late = this.#nextDeadline(now).kind;
    this.#running.stop();
  }

  #disarm(): void {
    this.#takeBack?.();
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#deadlineAt = Number.POSITIVE_INFINITY;
  }
}
