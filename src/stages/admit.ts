import { breakerOf } from "../core/breaker.ts";
import type { Admitted, Resolved } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import { mayUse } from "../core/identity.ts";
import type { AdmissionReply } from "../core/ports.ts";
import { fail, ok, type Result } from "../core/result.ts";
import type { RateState } from "../core/wire.ts";
import { reauthenticate } from "./authenticate.ts";
import { eventOf } from "./event.ts";
import type { Gateway } from "./gateway.ts";
import { hasBudget, levelsOf } from "./levels.ts";
import { modelForbidden } from "./resolve.ts";
import { chosenAnew } from "./speeds.ts";
import { standingOf } from "./standing.ts";

/** A refusal that may carry the rate headers of the limits that were seen. */
export interface Refusal {
  readonly failure: Failure;
  readonly rate: RateState;
  /** True where Redis was asked and gave no answer: it may have reserved for a request that is refused all the same. */
  readonly unheard?: boolean;
}

const NO_RATE: RateState = {};

/** A snapshot's age is renewed at most this often. */
const SNAPSHOT_TOUCH_MS = 1_000;

/**
 * One HTTP call to Redis: reserves at every level or at none, reads the exact cache and the shared state.
 * A key whose version moved is read again, once; a budget of which Redis has no sum gets the ledger's first. Money whose record was lost
 * stays closed until the ledger holds all of it.
 * Without Redis: budgeted keys are refused (closed), others run on local limits (open, smaller).
 */
export async function admit(exchange: Resolved, gateway: Gateway): Promise<Result<Admitted, Refusal>> {
  let current = exchange;
  for (let round = 0; ; round++) {
    const reply = await gateway.admission.admit(requestOf(current, gateway), current.alarm);
    current.notes.decisions.push({ step: "admit", decision: reply.kind, ioMs: reply.ioMs });
    if (reply.kind === "stale-key" && round < 2) {
      const again = await refreshed(current, gateway);
      if (!again.ok) return fail({ failure: again.failure, rate: NO_RATE });
      current = again.value;
      continue;
    }
    if (reply.kind === "money-unseeded" && round < 3) {
      if (await gateway.budgets.seed(current.principal.tenant, reply.unseeded)) continue;
    }
    const concluded = conclude(current, reply, gateway);
    return concluded.ok && current.compared ? ok(await chosenAnew(concluded.value, gateway)) : concluded;
  }
}

function requestOf(exchange: Resolved, gateway: Gateway) {
  const { config, route, principal, cache, controls } = exchange;
  // No probe is asked for of a backend that cannot be in the plan.
  const standing = standingOf(route, config, gateway.availableBackends);
  return {
    requestId: exchange.requestId,
    tenant: principal.tenant,
    keyId: principal.keyId,
    keyVersion: principal.keyVersion,
    levels: exchange.levels,
    reservation: exchange.reservation,
    leaseMs: standing.leaseMs,
    quarantineMs: config.budgetQuarantineMs,
    abandoned: eventOf(exchange, {
      outcome: "abandoned",
      endedAt: gateway.clock.now(),
      status: 0,
      costNanoUsd: exchange.reservation.costNanoUsd,
    }),
    ...(cache.key !== undefined && cache.read && { cacheKey: cache.key }),
    ...wanted(controls.noFallback ? standing.targetBreakers : standing.breakers, exchange),
    probeMs: standing.probeMs,
    ...(standing.loads.length > 0 && { loads: standing.loads }),
    ...(exchange.compared && { speeds: exchange.compared.names }),
  };
}

/** A probe is taken where it is made: of a step further back it might lie idle, and all others would see that step open. */
function wanted(names: readonly string[], { drawn, route }: Resolved) {
  const target = drawn ?? route.targets[0];
  const first = target && breakerOf(target);
  return { breakers: names.filter((name) => name === first), behind: names.filter((name) => name !== first) };
}

async function refreshed(exchange: Resolved, gateway: Gateway): Promise<Result<Resolved>> {
  const found = await reauthenticate(exchange.credentials, gateway);
  if (!found.ok) return found;
  const principal = found.value;
  if (!mayUse(principal, exchange.route.alias)) return fail(modelForbidden(exchange.route.alias));
  return ok({ ...exchange, principal, levels: levelsOf(principal, exchange.config, exchange.route.alias) });
}

function conclude(exchange: Resolved, reply: AdmissionReply, gateway: Gateway): Result<Admitted, Refusal> {
  switch (reply.kind) {
    case "admitted":
      gateway.breakers.learn(reply.shared);
      gateway.loads.learn(reply.shared);
      if (exchange.compared) gateway.speeds.hear(reply.shared);
      gateway.noticeOverlay(reply.shared, exchange.waitUntil);
      stillCurrent(exchange, gateway);
      return ok({
        ...exchange,
        rate: reply.rate,
        shared: reply.shared,
        unleased: false,
        ...(reply.cached !== undefined &&
          (reply.shared.overlayVersion ?? 0) <= exchange.config.overlayVersion && { cached: reply.cached }),
      });
    case "refused":
      return fail({ failure: limitFailure(reply), rate: reply.rate });
    case "stale-key":
      return fail(unavailable("The API key keeps changing; try again.", "key_version_unstable", 1_000));
    case "money-unknown":
      return fail(unavailable("Budgets are being restored; try again later.", "budget_unknown", reply.retryAfterMs));
    case "money-unseeded":
      return fail(unavailable("Budgets cannot be checked right now; try again.", "budget_unseeded", 2_000));
    case "unavailable":
      return unheard(withoutRedis(exchange, reply.detail, gateway), reply.detail);
  }
}

/** Redis has just said that this version of the key is the newest: the snapshot is as fresh as the call. */
function stillCurrent(exchange: Resolved, gateway: Gateway): void {
  const token = exchange.credentials.bearer ?? exchange.credentials.apiKey;
  const now = gateway.clock.now();
  if (token === undefined || now - exchange.principal.snapshotAt < SNAPSHOT_TOUCH_MS) return;
  gateway.principals.set(token, { ...exchange.principal, snapshotAt: now });
}

function withoutRedis(exchange: Resolved, detail: string, gateway: Gateway): Result<Admitted, Refusal> {
  const { principal, config, levels } = exchange;
  if (hasBudget(levels)) {
    return fail(unavailable("Budgets cannot be checked right now; try again.", `redis_${detail}`, 1_000));
  }
  const now = gateway.clock.now();
  if (now - principal.snapshotAt > config.snapshotMaxAgeMs) {
    return fail(unavailable("API keys cannot be checked right now; try again.", `redis_${detail}`, 1_000));
  }
  const perMinute = levels.find(({ limits }) => limits.requestsPerMinute !== undefined)?.limits.requestsPerMinute;
  const taken = gateway.localLimits.take(principal.keyId, perMinute, now);
  if (!taken.allowed) {
    return fail({
      failure: {
        type: "caller_rate_limited",
        message: "Rate limit reached (reduced while the limit store is away).",
        retryAfterMs: taken.retryAfterMs,
        limit: { unit: "requests", level: "key" },
      },
      rate: NO_RATE,
    });
  }
  return ok({ ...exchange, rate: NO_RATE, shared: { breakers: {} }, unleased: true });
}

/** `resting`: Redis was not even asked. */
function unheard(result: Result<Admitted, Refusal>, detail: string): Result<Admitted, Refusal> {
  return result.ok || detail === "resting" ? result : fail({ ...result.failure, unheard: true });
}

function limitFailure(reply: AdmissionReply & { kind: "refused" }): Failure {
  const { unit, level, retryAfterMs } = reply;
  const limit = { unit, level };
  if (unit === "money") {
    return {
      type: "caller_budget_exhausted",
      message: `The budget of this ${level} is spent, or this request could exceed what is left of it.`,
      code: "insufficient_quota",
      retryable: false,
      limit,
    };
  }
  const never = retryAfterMs === undefined;
  return {
    type: "caller_rate_limited",
    message: never
      ? `This request needs more ${unit} than the limit of this ${level} can ever grant at once; send a smaller one.`
      : `Rate limit reached for ${unit} of this ${level}.`,
    code: "rate_limit_exceeded",
    ...(never ? { retryable: false } : { retryAfterMs }),
    limit,
  };
}

function unavailable(message: string, detail: string, retryAfterMs: number): Refusal {
  return { failure: { type: "gateway_unavailable", message, detail, retryAfterMs }, rate: NO_RATE };
}
