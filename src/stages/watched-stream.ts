import { wantsStream } from "../core/draft.ts";
import type { Admitted, AnswerOrigin, StreamingAnswer, StreamStep } from "../core/exchange.ts";
import { type Failure, INTERNAL } from "../core/failure.ts";
import type { Wire } from "../core/wire.ts";
import type { Gateway } from "./gateway.ts";
import { timedOut, UNREAD } from "./running-attempt.ts";

/** Behind the backend's own deadline, so that the one who reads is told by the reading itself. */
const EXPIRY_GRACE_MS = 1_000;

/** Who wants to know how a stream ended. */
export interface StreamListener {
  /** Each step, in order, as it is handed on. */
  hear(step: StreamStep): void;
  /** Nobody reads on: the client has gone, or (with a failure) something broke. Not told of a stream that is drained. */
  giveUp(failure?: Failure): void;
}

/**
 * A running answer that tells a listener how it ends, whoever ends it: the backend, a client that leaves (with its body cancelled, or never
 * begun), or a bug. On a route that drains, a client that leaves a stream ends nothing: the rest is read on its behalf.
 */
export class WatchedStream implements StreamingAnswer {
  readonly kind = "stream";
  readonly wire: Wire;
  readonly origin: AnswerOrigin;
  readonly expiresAt: number;
  readonly #answer: StreamingAnswer;
  readonly #exchange: Admitted;
  readonly #gateway: Gateway;
  readonly #listener: StreamListener;
  #reading: Promise<unknown> = Promise.resolve();
  #isReading = false;
  #over = false;
  #draining = false;
  #expired: Failure | undefined;
  readonly #disarm: () => void;

  constructor(answer: StreamingAnswer, exchange: Admitted, gateway: Gateway, listener: StreamListener) {
    this.wire = answer.wire;
    this.expiresAt = answer.expiresAt;
    this.origin = answer.origin;
    this.#answer = answer;
    this.#exchange = exchange;
    this.#gateway = gateway;
    this.#listener = listener;
    const { draft, route } = exchange;
    const isCollected = !wantsStream(draft);
    // The backend's own deadline counts while somebody reads; this one also ends a stream that nobody reads any more.
    const leftMs = this.expiresAt + EXPIRY_GRACE_MS - gateway.clock.now();
    this.#disarm = exchange.alarm.after(leftMs, () => this.#expire());
    // Whoever collects reads to the end by itself: there is nothing to drain.
    if (route.cancelOnDisconnect || !isCollected) exchange.departure.onGone(() => this.cancel());
  }

  next(): Promise<StreamStep> {
    const step = this.#read();
    this.#reading = step;
    return step;
  }

  cancel(failure?: Failure): void {
    if (this.#over) return;
    if (!failure && !this.#exchange.route.cancelOnDisconnect) {
      this.#drain();
      return;
    }
    this.#end();
    this.#answer.cancel(failure);
    this.#listener.giveUp(failure);
  }

  async #read(): Promise<StreamStep> {
    if (this.#expired) return { kind: "failure", failure: this.#expired };
    try {
      this.#isReading = true;
      const step = await this.#answer.next();
      this.#isReading = false;
      this.#listener.hear(step);
      if (step.kind !== "frames") this.#end();
      return step;
    } catch (bug) {
      this.#gateway.reportBug(bug, this.#exchange.requestId);
      this.cancel(INTERNAL);
      return { kind: "failure", failure: INTERNAL };
    }
  }

  #end(): void {
    this.#over = true;
    this.#disarm();
  }

  #expire(): void {
    // The backend's time is over too where somebody waits for it; else it was held back by the one that does not read.
    this.#expired = this.#isReading ? timedOut("total") : UNREAD;
    if (this.#over) return;
    this.#end();
    this.#answer.cancel(this.#expired);
    this.#listener.giveUp(this.#expired);
  }

  /** The settlement is waited for since before the first byte: that keeps the isolate alive for this. */
  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    const drained = async () => {
      // A read that the client's own body began comes first.
      await this.#reading;
      while (!this.#over) await this.next();
    };
    this.#exchange.waitUntil(drained());
  }
}
