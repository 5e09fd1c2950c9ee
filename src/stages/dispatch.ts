import { breakerOf, byHand } from "../core/breaker.ts";
import { isGenerative } from "../core/draft.ts";
import type { Admitted, LiveAnswer, WholeAnswer } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import { fail, ok, type Result } from "../core/result.ts";
import type { Trigger } from "../core/triggers.ts";
import { phaseOf } from "../routing/breaker.ts";
import { within } from "../routing/plan.ts";
import { retryDelayMs } from "../routing/retry.ts";
import { isOutage, isRoomier, leadsTo, triggerOf } from "../routing/triggers.ts";
import { attempt } from "./attempt.ts";
import { Desks } from "./desks.ts";
import type { DispatchDecision } from "./dispatch-decision.ts";
import { isFilteredAnswer, letGo } from "./filtered.ts";
import type { Gateway } from "./gateway.ts";
import { type Ended, type RaceEnd, race } from "./hedge.ts";
import { CANCELLED, type PlannedAttempt } from "./running-attempt.ts";
import { isRefusal, moreTelling, NOBODY } from "./telling.ts";

/**
 * Walks the chain in order until a step gives its first real token. Each attempt is built from the same untouched exchange. A failure leads on
 * by its trigger to the next step that stands for it; steps that do not are passed over for good. The most telling failure is the caller's; one that
 * no step mends (a 400) ends the walk at once. The route's delay budget and its `maxAttempts` hold over all of it, retries and a hedge included.
 */
export function dispatch(
  exchange: Admitted,
  attempts: readonly PlannedAttempt[],
  gateway: Gateway,
): Promise<Result<LiveAnswer>> {
  return new Walk(exchange, attempts, gateway).run();
}

/** Why the walk goes on from a step, and from where. */
interface Onward {
  readonly trigger: Trigger;
  readonly from: PlannedAttempt;
  readonly noSeat?: Failure["noSeat"];
}

class Walk {
  readonly #exchange: Admitted;
  readonly #attempts: readonly PlannedAttempt[];
  readonly #gateway: Gateway;
  readonly #endsAt: number;
  readonly #begunBefore: number;
  readonly #called = new Set<string>();
  readonly #desks = new Desks();
  /** The furthest step of the chain that was begun. */
  #at = 0;
  #last: Failure = NOBODY;
  #filtered: WholeAnswer | undefined;
  #isHedged = false;
  /** The hedge, where a filter ended it and the first was still to say its word. */
  #filteredHedge: PlannedAttempt | undefined;

  constructor(exchange: Admitted, attempts: readonly PlannedAttempt[], gateway: Gateway) {
    this.#exchange = exchange;
    this.#attempts = attempts;
    this.#gateway = gateway;
    this.#endsAt = gateway.clock.now() + exchange.route.delayBudgetMs;
    this.#begunBefore = exchange.notes.attemptsBegun;
  }

  async run(): Promise<Result<LiveAnswer>> {
    for (let planned = this.#attempts[0]; planned; ) {
      const ended = await this.#step(planned);
      if ("ok" in ended) return this.#over(ended);
      planned = this.#next(ended);
    }
    return this.#over(fail(this.#last));
  }

  /** One backend, as often as it may be tried. A result ends the walk. */
  async #step(planned: PlannedAttempt): Promise<Result<LiveAnswer> | Onward> {
    const { departure, notes, route } = this.#exchange;
    const { clock, chance, retries: budget } = this.#gateway;
    const at = this.#at;
    const endsAt = this.#endOf(planned);
    for (let retries = 0; ; retries++) {
      if (departure.gone) return fail(CANCELLED);
      const startedAt = clock.now();
      const { result, planned: from } = await this.#try(this.#ready(planned, endsAt));
      const ioMs = clock.now() - startedAt;
      if (result.ok) {
        const onward: Onward = { trigger: "filter", from };
        if (!isFilteredAnswer(this.#exchange, result.value) || !this.#leadsOn(onward)) {
          this.#note("answered", from.backend.name, ioMs);
          return result;
        }
        await this.#keep(from, result.value, ioMs);
        return onward;
      }
      if (departure.gone) return fail(CANCELLED);
      const { failure } = result;
      this.#failed(from, failure, ioMs);
      const trigger = triggerOf(failure);
      if (trigger === undefined) return fail(this.#last);
      // Behind both stands only who may answer what a filter stopped.
      const filtered = this.#filteredHedge;
      const { noSeat } = failure;
      const onward: Onward = filtered ? { trigger: "filter", from: filtered } : { trigger, from, noSeat };
      if (noSeat) this.#desks.refused(from, failure);
      const leadsOn = this.#desks.isOpen || this.#leadsOn(onward);
      // Nobody else may mend it, and the caller can.
      if (!leadsOn && isRefusal(onward.trigger)) return fail(this.#last);
      if (leadsOn || noSeat || this.#at !== at) return onward;
      const delayMs = retryDelayMs({
        failure,
        retries,
        attemptsMade: notes.attemptsBegun - this.#begunBefore,
        maxAttempts: route.maxAttempts,
        leftMs: endsAt - clock.now(),
        random: () => chance.random(),
      });
      if (delayMs === undefined) return onward;
      const isGranted = budget.take(planned.backend.name, clock.now());
      this.#note(isGranted ? "retry" : "retry-refused", `${planned.backend.name}:${trigger}`);
      if (!isGranted) return onward;
      await pause(delayMs, this.#exchange);
    }
  }

  /** One attempt, or two where the route hedges. */
  async #try(planned: PlannedAttempt): Promise<RaceEnd> {
    const { route, draft } = this.#exchange;
    this.#filteredHedge = undefined;
    if (!route.hedge || !isGenerative(draft))
      return { planned, result: await attempt(planned, this.#exchange, this.#gateway) };
    const ended = await race(
      {
        first: planned,
        second: () => this.#hedge(),
        afterMs: route.hedge.afterMs,
        isMendable: (ended, other) => this.#isMendable(ended, other, other === planned),
        heard: ({ planned: from, result }) =>
          result.ok ? this.#keep(from, result.value) : this.#failed(from, result.failure),
      },
      this.#exchange,
      this.#gateway,
    );
    if (ended.lost) this.#note("hedge-lost", ended.lost.backend.name);
    return ended;
  }

  /**
   * Whether the other of two may answer in its place. The first always may: without a hedge it would have, and what is wrong with the request is
   * its to say. The hedge was asked because the first was slow: what a filter stopped it answers only where its step stands for that too.
   */
  #isMendable({ planned, result }: Ended, other: PlannedAttempt, isOtherFirst: boolean): boolean {
    if (result.ok && !isFilteredAnswer(this.#exchange, result.value)) return false;
    const trigger = result.ok ? "filter" : triggerOf(result.failure);
    if (isOtherFirst && trigger === "filter") this.#filteredHedge = planned;
    if (isOtherFirst || trigger === undefined) return isOtherFirst;
    return trigger !== "filter" || leadsTo(other.target, trigger);
  }

  /** The step that a slow first token leads to, once a request: at a backend that is well and was not asked yet. */
  #hedge(): PlannedAttempt | undefined {
    if (this.#isHedged || this.#exchange.departure.gone || this.#exhausted()) return undefined;
    const { breakers, clock } = this.#gateway;
    const { config } = this.#exchange;
    const index = this.#attempts.findIndex(
      ({ target, backend }, place) =>
        this.#isBehind(this.#at, place, "first-token") &&
        !this.#called.has(backend.name) &&
        phaseOf(breakers.state(breakerOf(target)), clock.now(), byHand(config, target)) === "closed",
    );
    const step = this.#attempts[index];
    if (!step) return undefined;
    this.#isHedged = true;
    this.#at = index;
    this.#note("hedge", `${step.backend.name}:first-token`);
    return { ...this.#ready(step, this.#endOf(step)), kind: "hedge" };
  }

  /** Until when the step has its first token: its own delay budget, within what is left of the whole. */
  #endOf({ target }: PlannedAttempt): number {
    return Math.min(this.#endsAt, this.#gateway.clock.now() + (target.delayBudgetMs ?? Number.POSITIVE_INFINITY));
  }

  /** About to be called: the first call to a backend earns it a tenth of a retry. */
  #ready(planned: PlannedAttempt, endsAt: number): PlannedAttempt {
    const { clock, retries } = this.#gateway;
    const { name } = planned.backend;
    if (!this.#called.has(name)) {
      this.#called.add(name);
      retries.deposit(name);
    }
    const delayLeftMs = endsAt - clock.now();
    const { notes, route } = this.#exchange;
    const mayFollow = notes.attemptsBegun + 1 - this.#begunBefore < route.maxAttempts;
    const at = this.#at;
    const hasNext = (trigger: Trigger) =>
      this.#desks.isOpen || this.#attempts.some((_, place) => this.#isBehind(at, place, trigger));
    const ready = { ...planned, deadlines: within(planned.deadlines, delayLeftMs), delayLeftMs, hasNext, mayFollow };
    // One that was looked at before knows how.
    if (!planned.backend.seats || planned.seating) return ready;
    const behind = this.#attempts.filter((_, place) => this.#isBehind(at, place, "overloaded"));
    return { ...ready, seating: this.#desks.seatingOf(planned, planned.backend.seats, behind, this.#exchange) };
  }

  /** Whether the step at `place` is a later one that may be asked by `trigger`. */
  #isBehind(at: number, place: number, trigger: Trigger): boolean {
    const step = this.#attempts[place];
    return place > at && step !== undefined && leadsTo(step.target, trigger) && this.#isConsented(step);
  }

  /** Once a filter has had its say, only steps that stand for that may answer, whatever became of those between. */
  #isConsented({ target }: PlannedAttempt): boolean {
    return this.#exchange.notes.filtered !== true || leadsTo(target, "filter");
  }

  /** For want of a seat nobody is asked for another at the same desk, and only who may spill goes where there are none. */
  #isLedTo(step: PlannedAttempt, { trigger, from, noSeat }: Onward): boolean {
    const { target, backend } = step;
    if (!leadsTo(target, trigger) || !this.#isConsented(step)) return false;
    if (trigger === "context" && !isRoomier(target, from.target)) return false;
    return !noSeat || (backend.seats ? !this.#called.has(backend.name) : noSeat === "spills");
  }

  /** The later step that stands for it, whatever the budgets say. */
  #leadsOn(onward: Onward): PlannedAttempt | undefined {
    return this.#attempts.find((step, place) => place > this.#at && this.#isLedTo(step, onward));
  }

  #next(onward: Onward): PlannedAttempt | undefined {
    const stopped = this.#exhausted();
    if (stopped) {
      if (this.#leadsOn(onward)) this.#note("stopped", stopped);
      return undefined;
    }
    // Before a step without seats: a machine that is only full is better than none, and than one that costs.
    const desk = isOutage(onward.trigger) && !this.#leadsOn(onward)?.backend.seats && this.#desks.shortest();
    if (desk && this.#isConsented(desk)) {
      this.#note("next", `${desk.backend.name}:${onward.trigger}`);
      return desk;
    }
    for (let step = this.#attempts[++this.#at]; step; step = this.#attempts[++this.#at]) {
      const { name } = step.backend;
      const isLed = this.#isLedTo(step, onward);
      // One more call to a backend that is in trouble is a retry, whatever the model.
      const isRetry = isLed && isOutage(onward.trigger) && this.#called.has(name);
      if (isLed && (!isRetry || this.#gateway.retries.take(name, this.#gateway.clock.now()))) {
        this.#note("next", `${name}:${onward.trigger}`);
        return step;
      }
      this.#note("passed-over", `${name}:${isRetry ? "retry-budget" : onward.trigger}`);
    }
    return undefined;
  }

  #exhausted(): "delay-budget" | "max-attempts" | undefined {
    const { notes, route } = this.#exchange;
    if (notes.attemptsBegun - this.#begunBefore >= route.maxAttempts) return "max-attempts";
    return this.#gateway.clock.now() >= this.#endsAt ? "delay-budget" : undefined;
  }

  /** A filter's answer is one: it is given where no other step answers. */
  #over(result: Result<LiveAnswer>): Result<LiveAnswer> {
    const filtered = this.#filtered;
    if (!filtered || result.ok || this.#exchange.departure.gone) return result;
    this.#note("answered", filtered.origin.backend);
    return ok(filtered);
  }

  /** Kept, in case no other step answers: the first one's. */
  async #keep(from: PlannedAttempt, live: LiveAnswer, ioMs?: number): Promise<void> {
    this.#exchange.notes.filtered = true;
    this.#note("filtered", from.backend.name, ioMs);
    const whole = await letGo(this.#exchange, live);
    if (whole.ok) this.#filtered ??= whole.value;
    else this.#failed(from, whole.failure);
  }

  #failed(failed: PlannedAttempt, failure: Failure, ioMs?: number): void {
    this.#last = moreTelling(this.#last, failure);
    if (triggerOf(failure) === "filter") this.#exchange.notes.filtered = true;
    const { name } = failed.backend;
    this.#note(failure.type, failure.detail ? `${name}:${failure.detail}` : name, ioMs);
  }

  #note(decision: DispatchDecision, reason: string, ioMs?: number): void {
    this.#exchange.notes.decisions.push({
      step: "dispatch",
      decision,
      reason,
      ...(ioMs !== undefined && { ioMs }),
    });
  }
}

function pause(delayMs: number, { alarm, departure }: Admitted): Promise<void> {
  return new Promise((resolve) => {
    alarm.after(delayMs, resolve);
    // Resolving twice is harmless.
    departure.onGone(resolve);
  });
}
