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
import type { DispatchDecision } from "./dispatch-decision.ts";
import { isFilteredAnswer, letGo } from "./filtered.ts";
import type { Gateway } from "./gateway.ts";
import { type Ended, hedgeBudgetOf, type RaceEnd, race } from "./hedge.ts";
import { isConsented, isLedTo, mayBegin, type Onward } from "./onward.ts";
import { pause } from "./pause.ts";
import { takeProbe } from "./probe.ts";
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

class Walk {
  readonly #exchange: Admitted;
  readonly #attempts: readonly PlannedAttempt[];
  readonly #gateway: Gateway;
  readonly #endsAt: number;
  readonly #begunBefore: number;
  readonly #called = new Set<string>();
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
  #first(): PlannedAttempt | undefined | Promise<PlannedAttempt | undefined> {
    const first = this.#attempts[++this.#at];
    if (!first?.isProbe) return first;
    return this.#mayAsk(first).then(async (isFree) =>
      isFree ? first : ((await this.#next(undefined)) ?? this.#taken),
    );
  }

  async #mayAsk(planned: PlannedAttempt): Promise<boolean> {
    if (!planned.isProbe || (await takeProbe(planned, this.#exchange, this.#gateway))) return true;
    this.#note("passed-over", `${planned.backend.name}:probe-taken`);
    this.#taken ??= planned;
    return false;
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
      // It may not have come to be asked: no seat.
      if (planned.isProbe) leaveProbe(planned, this.#exchange, this.#gateway);
      const { failure } = result;
      this.#failed(from, failure, ioMs);
      const trigger = triggerOf(failure);
      if (trigger === undefined) return fail(this.#last);
      // Behind both stands only who may answer what a filter stopped.
      const filtered = this.#filteredHedge;
      const onward: Onward = filtered ? { trigger: "filter", from: filtered } : { trigger, from };
      const leadsOn = this.#leadsOn(onward);
      // Nobody else may mend it, and the caller can.
      if (!leadsOn && isRefusal(onward.trigger)) return fail(this.#last);
      if (leadsOn || this.#at !== at) return onward;
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

  /**
   * The step that a slow first token leads to, once a request: at a backend that is well and was not asked yet. A share of the route's requests may
   * have one, by the rule of retries: two that are slow and hedge to each other must not get twice the load for it, and the others give the first its whole time, so
   * that its breaker hears of one that is dead.
   */
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
    const { route } = this.#exchange;
    if (route.hedge?.share !== 1 && !this.#gateway.retries.take(hedgeBudgetOf(route), clock.now())) {
      this.#note("hedge-refused", `${step.backend.name}:hedge-budget`);
      return undefined;
    }
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
    const hasNext = (trigger: Trigger) => this.#attempts.some((_, place) => this.#isBehind(at, place, trigger));
    return { ...planned, deadlines: within(planned.deadlines, delayLeftMs), delayLeftMs, hasNext, mayFollow };
  }

  /** Whether the step at `place` is a later one that may be asked by `trigger`. */
  #isBehind(at: number, place: number, trigger: Trigger): boolean {
    const step = this.#attempts[place];
    return place > at && step !== undefined && leadsTo(step.target, trigger) && isConsented(step, this.#exchange);
  }

  /** Whether a later step stands for it, whatever the budgets say. */
  #leadsOn(onward: Onward): boolean {
    return this.#attempts.some((step, place) => place > this.#at && isLedTo(step, onward, this.#exchange));
  }

  /** Undefined: nobody was asked yet, as with steps that the plan leaves out. */
  async #next(onward: Onward | undefined): Promise<PlannedAttempt | undefined> {
    const stopped = this.#exhausted();
    if (stopped) {
      if (onward && this.#leadsOn(onward)) this.#note("stopped", stopped);
      return undefined;
    }
    const trigger = onward?.trigger ?? "unavailable";
    for (let step = this.#attempts[++this.#at]; step; step = this.#attempts[++this.#at]) {
      const { name } = step.backend;
      const isLed = onward ? isLedTo(step, onward, this.#exchange) : mayBegin(step, this.#exchange);
      // One more call to a backend that is in trouble is a retry, whatever the model.
      const isRetry = isLed && isOutage(trigger) && this.#called.has(name);
      if (isLed && (!isRetry || this.#gateway.retries.take(name, this.#gateway.clock.now()))) {
        if (!(await this.#mayAsk(step))) continue;
        this.#note("next", `${name}:${trigger}`);
        return step;
      }
      this.#note("passed-over", `${name}:${isRetry ? "retry-budget" : trigger}`);
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
