import { breakerOf, byHand } from "../core/breaker.ts";
import { isGenerative } from "../core/draft.ts";
import type { Admitted, LiveAnswer, WholeAnswer } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import { fail, ok, type Result } from "../core/result.ts";
import type { Trigger } from "../core/triggers.ts";
import { phaseOf } from "../routing/breaker.ts";
import { within } from "../routing/plan.ts";
import { retryDelayMs } from "../routing/retry.ts";
import { isOutage, leadsTo, triggerOf } from "../routing/triggers.ts";
import { attempt } from "./attempt.ts";
import { leaveProbe } from "./breaker-reports.ts";
import { Desks } from "./desks.ts";
import type { DispatchDecision } from "./dispatch-decision.ts";
import { isFilteredAnswer, letGo } from "./filtered.ts";
import type { Gateway } from "./gateway.ts";
import { type Ended, hedgeBudgetOf, type RaceEnd, race } from "./hedge.ts";
import { isLedTo, leadsOn, mayBegin, mayGoBack, type Onward, stepsBehind } from "./onward.ts";
import { pause } from "./pause.ts";
import { takeProbe } from "./probe.ts";
import { CANCELLED, type PlannedAttempt } from "./running-attempt.ts";
import { stepName } from "./step-name.ts";
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

class Walk {
  readonly #exchange: Admitted;
  readonly #attempts: readonly PlannedAttempt[];
  readonly #gateway: Gateway;
  readonly #endsAt: number;
  readonly #begunBefore: number;
  readonly #called = new Set<string>();
  readonly #desks = new Desks();
  /** The furthest step of the chain that was begun. */
  #at = -1;
  /** The first that was passed over because another request probes it. */
  #taken: PlannedAttempt | undefined;
  #last: Failure = NOBODY;
  #filtered: WholeAnswer | undefined;
  #isHedged = false;
  #earnedHedge = false;
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
    for (let planned = await this.#first(); planned; ) {
      const ended = await this.#step(planned);
      if ("ok" in ended) return this.#over(ended);
      planned = await this.#next(ended);
    }
    return this.#over(fail(this.#last));
  }

  /** The chain's first step, or in its place another where somebody else probes it. Where nobody else can be had, it is tried all the same. */
  async #first(): Promise<PlannedAttempt | undefined> {
    const first = this.#attempts[++this.#at];
    if (!first || (await this.#mayAsk(first))) return first;
    return (await this.#next(undefined)) ?? this.#taken;
  }

  async #mayAsk(planned: PlannedAttempt): Promise<boolean> {
    if (!planned.isProbe || (await takeProbe(planned, this.#exchange, this.#gateway))) return true;
    this.#note("passed-over", planned, "probe-taken");
    this.#taken ??= planned;
    return false;
  }

  /** One backend, as often as it may be tried. A result ends the walk. */
  async #step(planned: PlannedAttempt): Promise<Result<LiveAnswer> | Onward> {
    const { departure, notes, route } = this.#exchange;
    const { clock, chance, retries: budget } = this.#gateway;
    const [at, endsAt] = [this.#at, this.#endOf(planned)];
    for (let retries = 0; ; retries++) {
      if (departure.gone) return fail(CANCELLED);
      const startedAt = clock.now();
      const { result, planned: from } = await this.#try(this.#ready(planned, endsAt));
      const ioMs = clock.now() - startedAt;
      if (result.ok) {
        const onward: Onward = { trigger: "filter", from };
        if (!isFilteredAnswer(this.#exchange, result.value) || !this.#leadsOn(onward)) {
          this.#note("answered", from, undefined, ioMs);
          return result;
        }
        await this.#keep(from, result.value, ioMs);
        return onward;
      }
      if (departure.gone) return fail(CANCELLED);
      // It may not have come to be asked: no seat.
      if (planned.isProbe) leaveProbe(planned, this.#exchange, this.#gateway);
      const { failure } = result;
      this.#failed(from, failure, ioMs);
      const trigger = triggerOf(failure);
      if (trigger === undefined) return fail(this.#last);
      // Behind both stands only who may answer what a filter stopped.
      const filtered = this.#filteredHedge;
      const { noSeat } = failure;
      const onward: Onward = filtered ? { trigger: "filter", from: filtered } : { trigger, from, noSeat };
      if (noSeat) this.#desks.refused(from, failure);
      const isLed = this.#leadsOn(onward);
      // Nobody else may mend it, and the caller can.
      if (!isLed && isRefusal(onward.trigger)) return fail(this.#last);
      if (isLed || noSeat || this.#at !== at) return onward;
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
      this.#note(isGranted ? "retry" : "retry-refused", planned, trigger);
      if (!isGranted) return onward;
      await pause(delayMs, this.#exchange);
      if (planned.isProbe && planned !== this.#taken && !(await this.#mayAsk(planned))) return onward;
    }
  }

  /** One attempt, or two where the route hedges. */
  async #try(planned: PlannedAttempt): Promise<RaceEnd> {
    const { route, draft } = this.#exchange;
    this.#filteredHedge = undefined;
    if (!route.hedge || !isGenerative(draft))
      return { planned, result: await attempt(planned, this.#exchange, this.#gateway) };
    if (!this.#earnedHedge) this.#gateway.retries.deposit(hedgeBudgetOf(route), route.hedge.share);
    this.#earnedHedge = true;
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
    if (ended.lost) this.#note("hedge-lost", ended.lost);
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

  /**
   * The step that a slow first token leads to, once a request: at a backend that is well and was not asked yet. A share of the route's requests may
   * have one, by the rule of retries: two that are slow and hedge to each other must not get twice the load for it, and the others give the first its whole time, so
   * that its breaker hears of one that is dead.
   */
  #hedge(): PlannedAttempt | undefined {
    if (this.#isHedged || this.#exchange.departure.gone || this.#exhausted()) return undefined;
    const { breakers, clock, retries } = this.#gateway;
    const { config, route } = this.#exchange;
    const step = stepsBehind(this.#attempts, this.#at, "first-token", this.#exchange).find(
      ({ target, backend }) =>
        !this.#called.has(backend.name) &&
        phaseOf(breakers.state(breakerOf(target)), clock.now(), byHand(config, target)) === "closed",
    );
    if (!step) return undefined;
    this.#isHedged = true;
    if (route.hedge?.share !== 1 && !retries.take(hedgeBudgetOf(route), clock.now())) {
      this.#note("hedge-refused", step, "hedge-budget");
      return undefined;
    }
    this.#at = this.#attempts.indexOf(step);
    this.#note("hedge", step, "first-token");
    return { ...this.#ready(step, this.#endOf(step)), kind: "hedge" };
  }

  /** Until when the step has its first token: its own delay budget, within what is left of the whole. */
  #endOf({ target }: PlannedAttempt): number {
    return Math.min(this.#endsAt, this.#gateway.clock.now() + (target.delayBudgetMs ?? Number.POSITIVE_INFINITY));
  }

  /** About to be called: the first call to a backend earns it a tenth of a retry. */
  #ready(planned: PlannedAttempt, endsAt: number): PlannedAttempt {
    if (!this.#called.has(planned.backend.name)) this.#gateway.retries.deposit(planned.backend.name);
    this.#called.add(planned.backend.name);
    const delayLeftMs = endsAt - this.#gateway.clock.now();
    const { notes, route } = this.#exchange;
    const mayFollow = notes.attemptsBegun + 1 - this.#begunBefore < route.maxAttempts;
    const at = this.#at;
    const hasNext = (trigger: Trigger) =>
      this.#desks.isOpen || stepsBehind(this.#attempts, at, trigger, this.#exchange).length > 0;
    const ready = { ...planned, deadlines: within(planned.deadlines, delayLeftMs), delayLeftMs, hasNext, mayFollow };
    // One that was looked at before knows how.
    if (!planned.backend.seats || planned.seating) return ready;
    const behind = stepsBehind(this.#attempts, at, "overloaded", this.#exchange);
    return { ...ready, seating: this.#desks.seatingOf(planned, planned.backend.seats, behind, this.#exchange) };
  }

  /** Whether a later step stands for it, or a desk that can be gone back to. */
  #leadsOn(onward: Onward): boolean {
    const back = this.#desks.mayWait((desk) => mayGoBack(desk, onward, this.#exchange));
    return back || leadsOn(this.#attempts, this.#at, onward, this.#exchange, this.#called);
  }

  /** Undefined: nobody was asked yet, as with steps that the plan leaves out. */
  async #next(onward: Onward | undefined): Promise<PlannedAttempt | undefined> {
    const stopped = this.#exhausted();
    if (stopped) {
      if (onward && this.#leadsOn(onward)) this.#push("stopped", stopped);
      return undefined;
    }
    const trigger = onward?.trigger ?? "unavailable";
    for (let step = this.#attempts[++this.#at]; step; step = this.#attempts[++this.#at]) {
      const { name } = step.backend;
      const isLed = onward ? isLedTo(step, onward, this.#exchange, this.#called) : mayBegin(step, this.#exchange);
      // One more call to a backend that is in trouble is a retry, whatever the model.
      const isRetry = isLed && isOutage(trigger) && this.#called.has(name);
      if (isLed && (!isRetry || this.#gateway.retries.take(name, this.#gateway.clock.now()))) {
        const desk = step.backend.seats ? undefined : await this.#goBack(onward);
        if (desk) this.#at--;
        else if (!(await this.#mayAsk(step))) continue;
        else this.#note("next", step, trigger);
        return desk ?? step;
      }
      this.#note("passed-over", step, isRetry ? "retry-budget" : trigger);
    }
    return this.#goBack(onward);
  }

  /** Before a step without seats and at the chain's end: a machine that is only full is better than none, and than one that costs. */
  async #goBack(onward: Onward | undefined): Promise<PlannedAttempt | undefined> {
    const desk = onward && this.#desks.shortest((step) => mayGoBack(step, onward, this.#exchange));
    if (!desk || !(await this.#mayAsk(desk))) return undefined;
    this.#note("next", desk, onward.trigger);
    return desk;
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
    this.#push("answered", stepName(this.#exchange.route, filtered.origin.backend, filtered.origin.model));
    return ok(filtered);
  }

  /** Kept, in case no other step answers: the first one's. */
  async #keep(from: PlannedAttempt, live: LiveAnswer, ioMs?: number): Promise<void> {
    this.#exchange.notes.filtered = true;
    this.#note("filtered", from, undefined, ioMs);
    const whole = await letGo(this.#exchange, live);
    if (whole.ok) this.#filtered ??= whole.value;
    else this.#failed(from, whole.failure);
  }

  #failed(failed: PlannedAttempt, failure: Failure, ioMs?: number): void {
    this.#last = moreTelling(this.#last, failure);
    if (triggerOf(failure) === "filter") this.#exchange.notes.filtered = true;
    this.#note(failure.type, failed, failure.detail, ioMs);
  }

  #note(decision: DispatchDecision, { backend, model }: PlannedAttempt, why?: string, ioMs?: number): void {
    const step = stepName(this.#exchange.route, backend.name, model);
    this.#push(decision, why ? `${step}:${why}` : step, ioMs);
  }

  #push(decision: DispatchDecision, reason: string, ioMs?: number): void {
    const { decisions } = this.#exchange.notes;
    decisions.push({ step: "dispatch", decision, reason, ...(ioMs !== undefined && { ioMs }) });
  }
}
