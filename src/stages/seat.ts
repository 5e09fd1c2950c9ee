import type { SeatsConfig } from "../core/config.ts";
import { sequencesOf } from "../core/draft.ts";
import type { Admitted, Waiting } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import type { Place, Seat, SeatReply } from "../core/ports.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { within } from "../routing/plan.ts";
import { tierOf } from "./desks.ts";
import type { Gateway } from "./gateway.ts";
import { CANCELLED, type PlannedAttempt, type Seating } from "./running-attempt.ts";

/** The attempt with what its wait has left of the deadlines, and the seat, where there was one to be had. */
export interface Seated {
  readonly planned: PlannedAttempt;
  readonly seat?: Seat;
}

/** Whoever hands out the seats keeps the caller's patience; beyond it by so much, it is not there any more. */
const OVERDUE_MS = 2_000;
/** For an attempt that is in no chain: a repair, a continuation. */
const ALONE: Seating = { looks: false, spills: false };
/** A seat outlasts the answer's own deadline by so much. */
const LEASE_MARGIN_MS = 30_000;

/**
 * Waits for a seat at a backend that has them. Refused, the failure is that of an overloaded backend, with an honest Retry-After; another
 * attempt may follow where the tier may spill, or the other has seats too. Fails open: without anybody to ask, the attempt goes on without a seat.
 */
export async function sit(
  planned: PlannedAttempt,
  rules: SeatsConfig,
  exchange: Admitted,
  gateway: Gateway,
): Promise<Result<Seated>> {
  const { backend, delayLeftMs, deadlines, withdrawal } = planned;
  const { alarm, config, departure, draft, notes, principal } = exchange;
  // Counting tokens takes nothing of the GPU.
  if (draft.operation === "tokenize") return ok({ planned });
  const startedAt = gateway.clock.now();
  const waitedMs = () => gateway.clock.now() - startedAt;
  const { looks, spills } = planned.seating ?? ALONE;
  const mostMs = looks ? 0 : spills ? rules.spill.afterMs : rules.maxWaitMs;
  const patienceMs = patienceOf(planned, mostMs, config.leaseMarginMs);
  let first: Waiting | undefined;
  let reply: SeatReply = { kind: "unavailable", detail: "no_binding" };
  if (gateway.seats) {
    let last: Waiting | undefined;
    let quiet = () => {};
    const tell = () => {
      if (notes.waiting === last) return;
      notes.waiting = last;
      notes.onWaiting?.();
    };
    const hear = ({ place, aboutMs }: Place) => {
      // Where nobody moves there is no other news.
      if (!first) quiet = alarm.after(rules.tellFromMs - waitedMs(), tell);
      last = { place, ...(aboutMs !== undefined && { overAt: gateway.clock.now() + aboutMs }) };
      first ??= last;
      if ((aboutMs ?? 0) >= rules.tellFromMs || waitedMs() >= rules.tellFromMs) tell();
    };
    const { count, queue, lowerShare, coldAfterMs } = rules;
    const wait = gateway.seats.take(
      {
        backend: backend.name,
        tenant: principal.tenant,
        rank: tierOf(exchange)?.vllmPriority ?? 0,
        seats: Math.max(1, sequencesOf(draft)),
        patienceMs,
        leaseMs: deadlines.totalMs + LEASE_MARGIN_MS,
        rules: { count, queue, lowerShare, coldAfterMs },
      },
      alarm,
      hear,
    );
    const overdue = alarm.after(patienceMs + OVERDUE_MS, () => wait.leave());
    const stay = departure.onGone(() => wait.leave());
    withdrawal?.onGone(() => wait.leave());
    reply = await wait.outcome;
    overdue();
    quiet();
    stay();
    notes.waiting = undefined;
  }
  const note = (decision: string, reason: string) =>
    notes.decisions.push({ step: "seat", decision, reason: `${backend.name}:${reason}`, ioMs: waitedMs() });
  const leftMs = delayLeftMs === undefined ? undefined : delayLeftMs - waitedMs();
  // However the wait ended: it took of the time until the first token.
  const late =
    leftMs === undefined ? planned : { ...planned, deadlines: within(deadlines, leftMs), delayLeftMs: leftMs };
  switch (reply.kind) {
    case "seated":
      gateway.loads.expectFree(backend.name, 0);
      note("seated", `place_${first?.place ?? 0}`);
      return ok({ planned: late, seat: reply.seat });
    case "refused":
      gateway.loads.expectFree(backend.name, gateway.clock.now() + (reply.retryAfterMs ?? 0));
      note("refused", looks && reply.why === "wait" ? "busy" : reply.why);
      return fail(refusal(reply, spills));
    case "unavailable":
      note("unseated", reply.detail);
      return ok({ planned: late });
    case "left":
      note("left", `place_${first?.place ?? 0}`);
      return departure.gone || withdrawal?.gone === true ? fail(CANCELLED) : ok({ planned: late });
  }
}

/**
 * As long as the rules say, and so that the first token has its time within the delay budget. What has none (a repair, a continuation) has
 * no more than a silence that is borne.
 */
function patienceOf({ delayLeftMs, deadlines }: PlannedAttempt, ruleMs: number, leaseMarginMs: number): number {
  const mostMs =
    delayLeftMs === undefined
      ? Math.min(leaseMarginMs / 2, deadlines.silenceMs)
      : Math.max(0, delayLeftMs - Math.min(deadlines.firstTokenMs, delayLeftMs / 2));
  return Math.min(ruleMs, mostMs);
}

const MESSAGES = {
  full: "The model is busy and too many requests are waiting for it; try again later.",
  shed: "The model is busy and requests of a higher tier are waiting for it; try again later.",
  wait: "The model is busy and did not become free in time; try again later.",
} as const;

function refusal({ why, retryAfterMs }: SeatReply & { kind: "refused" }, spills: boolean): Failure {
  return {
    type: "backend_overloaded",
    message: MESSAGES[why],
    detail: `seats_${why}`,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    noSeat: spills ? "spills" : "stays",
  };
}
