import type { Backend, Deadlines, Target } from "../core/config.ts";
import { sequencesOf } from "../core/draft.ts";
import type { Admitted, AnswerOrigin, Departure } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import type { Json } from "../core/json.ts";
import { costNanoUsd, type Price } from "../core/money.ts";
import type { Seat } from "../core/ports.ts";
import { fail } from "../core/result.ts";
import type { Trigger } from "../core/triggers.ts";
import type { Usage } from "../core/usage.ts";
import type { AttemptKind, AttemptRecord } from "../core/wide-event.ts";
import type { Wire } from "../core/wire.ts";
import { answerProbe, wordOf } from "./breaker-reports.ts";
import { isMachineDown } from "./evidence.ts";
import type { Gateway } from "./gateway.ts";

/** One attempt as `plan` ordered it. */
export interface PlannedAttempt {
  readonly target: Target;
  readonly backend: Backend;
  readonly wire: Wire;
  readonly model: string;
  readonly price: Price;
  readonly deadlines: Deadlines;
  readonly chosenTarget: boolean;
  /** Its breaker's opening is over: it is asked by one request at a time. */
  readonly isProbe?: boolean;
  /** Told where another attempt won, and nobody waits for this one any more. */
  readonly withdrawal?: Departure;
  /** Told when it goes out to the backend, its wait for a seat over. */
  readonly onSent?: () => void;
  readonly kind?: AttemptKind;
  /** What this attempt says to the backend beside what every request says to it. */
  readonly ownMembers?: Readonly<Record<string, Json>>;
  /** Whether a step behind it stands in where this backend fails so. */
  readonly hasNext?: (trigger: Trigger) => boolean;
  /** Whether another attempt may be made behind this one. */
  readonly mayFollow?: boolean;
  /** How it asks for a seat, where its backend has them; absent: it waits as long as it may, and does not spill. */
  readonly seating?: Seating;
  /** What is left of the delay budget; absent where none counts. */
  readonly delayLeftMs?: number;
}

export interface Seating {
  /** Only a seat that is free now: others are asked as well before it waits. */
  readonly looks: boolean;
  /** Whether a step without seats may stand in where there is none. */
  readonly spills: boolean;
}

/** The running attempt: its clock, its way to stop the backend, and the one record that it leaves. */
export class RunningAttempt {
  readonly planned: PlannedAttempt;
  readonly exchange: Admitted;
  readonly gateway: Gateway;
  readonly #abort = new AbortController();
  readonly #startedAt: number;
  readonly #ordinal: number;
  readonly #forget: () => void;
  readonly #seat: Seat | undefined;
  firstTokenMs: number | undefined;
  /** The backend has sent its headers: it took the request, and may have read it. */
  begun = false;
  #closed = false;

  constructor(planned: PlannedAttempt, exchange: Admitted, gateway: Gateway, seat?: Seat) {
    this.planned = planned;
    this.exchange = exchange;
    this.gateway = gateway;
    this.#seat = seat;
    this.#startedAt = gateway.clock.now();
    this.#ordinal = exchange.notes.attemptsBegun++;
    this.#forget = exchange.route.cancelOnDisconnect ? exchange.departure.onGone(() => this.stop()) : () => undefined;
    planned.withdrawal?.onGone(() => this.#withdraw());
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get origin(): AnswerOrigin {
    const { backend, model, chosenTarget } = this.planned;
    return { backend: backend.name, model, chosenTarget, cached: false };
  }

  /** The client has gone, and took its interest in the answer with it; a route that drains keeps its own. */
  get abandoned(): boolean {
    return this.exchange.departure.gone && this.exchange.route.cancelOnDisconnect;
  }

  /** What the backend was told to stop at, over all choices, and what was reserved: no estimate of ours is larger. */
  get mostOutputTokens(): number {
    const { draft, maxOutputTokens = 0 } = this.exchange;
    return maxOutputTokens * sequencesOf(draft);
  }

  /** Stops the backend's generation. A request's own signal is not passed on to a subrequest by the runtime; this one is. */
  stop(): void {
    this.#abort.abort();
  }

  /**
   * Stopped before its first token, and booked at once: the request may be settled before the connection has noticed. A backend that had begun to
   * answer is owed for what it read, though it never says how much; one that sent no header never said that it read anything. Where the client left
   * no attempt is charged that has said nothing, one as little as two. A completed or failed attempt has its record already.
   */
  #withdraw(): void {
    this.stop();
    if (this.abandoned) {
      this.close("cancelled");
      return;
    }
    const read = { usage: { inputTokens: this.exchange.inputTokens, outputTokens: 0 }, estimated: true };
    // What it was silent with: its breaker may hear of that.
    this.close("cancelled", this.begun ? read : undefined, { detail: this.begun ? "first_token" : "headers" });
  }

  sawFirstToken(): void {
    this.firstTokenMs = this.gateway.clock.now() - this.#startedAt;
    this.#seat?.answered();
    // A long answer must not keep a backend closed that is well again.
    const { backend, model } = this.planned;
    const began = { ordinal: this.#ordinal, backend: backend.name, model, startedAt: this.#startedAt };
    answerProbe(began, true, this.exchange, this.gateway);
  }

  /** The attempt's record, written once; later calls are ignored. */
  close(
    outcome: AttemptRecord["outcome"],
    used?: { usage: Usage; estimated: boolean },
    failure?: Partial<Pick<Failure, "type" | "detail">>,
  ): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    const { backend, model, wire, price, kind } = this.planned;
    const record: AttemptRecord = {
      ordinal: this.#ordinal,
      ...(kind && { kind }),
      backend: backend.name,
      model,
      wire: wire.name,
      outcome,
      ...(failure?.type && { failure: failure.type }),
      ...(failure?.detail !== undefined && { detail: failure.detail }),
      startedAt: this.#startedAt,
      durationMs: this.gateway.clock.now() - this.#startedAt,
      ...(this.firstTokenMs !== undefined && { firstTokenMs: this.firstTokenMs }),
      ...(used && { usage: used.usage }),
      estimated: used?.estimated ?? false,
      costNanoUsd: used ? costNanoUsd(price, used.usage) : 0,
    };
    this.exchange.notes.attempts.push(record);
    const { route } = this.exchange;
    const isDown = isMachineDown(record, backend, route);
    if (this.#seat) this.#seat.release(outcome === "completed" ? "served" : isDown ? "failed" : "stopped");
    else if (backend.health && isDown) this.#suspect(backend.name);
    answerProbe(record, wordOf(record, backend, route), this.exchange, this.gateway);
  }

  #suspect(backend: string): void {
    const told = this.gateway.seats?.suspect(backend);
    if (told) this.exchange.waitUntil(told);
  }

  /** Stops the backend, closes as failed, and gives the failure back; a client that left is no fault of the backend. */
  failed(
    failure: Failure,
    used?: { usage: Usage; estimated: boolean },
  ): { readonly ok: false; readonly failure: Failure } {
    // Whatever else the backend would say: nobody hears it, and a GPU has better things to do.
    this.stop();
    if (this.abandoned) {
      this.close("cancelled", used);
      return fail(CANCELLED);
    }
    this.close(outcomeOf(failure), used, failure);
    return fail(failure);
  }
}

export const CANCELLED: Failure = { type: "caller_cancelled", message: "The client closed the request." };

/** The answer was there, and its time is over: nobody came for it. */
export const UNREAD: Failure = {
  type: "caller_cancelled",
  message: "The answer was not read in time.",
  detail: "unread",
};

/** How an attempt ended that this befell. */
export function outcomeOf({ type }: Failure): AttemptRecord["outcome"] {
  return type === "caller_cancelled" ? "cancelled" : "failed";
}

export const protocol = (detail: string): Failure => ({
  type: "backend_protocol",
  message: "The backend's answer could not be understood.",
  detail,
});

export const timedOut = (phase: "headers" | "first_token" | "silence" | "share" | "total"): Failure => ({
  type: "backend_timeout",
  message: phase === "silence" ? "The backend fell silent." : "The backend did not answer in time.",
  detail: phase,
});

export const cut = (detail: string): Failure => ({
  type: "backend_cut",
  message: "The backend's answer broke off before it was finished.",
  detail,
});
