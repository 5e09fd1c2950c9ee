import type { Admitted, LiveAnswer, Received, Reply } from "./core/exchange.ts";
import { INTERNAL } from "./core/failure.ts";
import { ok, type Result } from "./core/result.ts";
import { admit } from "./stages/admit.ts";
import { authenticate } from "./stages/authenticate.ts";
import { continuing } from "./stages/continue.ts";
import { orEstimate } from "./stages/counting.ts";
import { decode } from "./stages/decode.ts";
import { dispatch } from "./stages/dispatch.ts";
import { unlessEmergency } from "./stages/emergency.ts";
import { encode } from "./stages/encode.ts";
import type { Gateway } from "./stages/gateway.ts";
import { goOn } from "./stages/go-on.ts";
import { guard } from "./stages/guard.ts";
import { holdIsolate } from "./stages/hold-isolate.ts";
import { planAttempts } from "./stages/plan.ts";
import { recall } from "./stages/recall.ts";
import { refuse } from "./stages/refuse.ts";
import { resolve } from "./stages/resolve.ts";
import { screen } from "./stages/screen.ts";
import { Settlement } from "./stages/settle.ts";
import { validate } from "./stages/validate.ts";

/**
 * The system in one function. A request is decoded into one neutral draft, its caller is named, what it only refers to is put in, its alias is resolved to a route and a
 * price, and one call to Redis admits it at every level or at none. From there on there is one way out: the settlement.
 * An answer comes from the cache or from the first backend that gives a real token, passes the policies, and leaves in
 * the caller's own format. Nothing here knows HTTP: jobs and evals call it too.
 */
export async function run(received: Received, gateway: Gateway): Promise<Reply> {
  const decoded = decode(received, gateway.config().limits);
  if (!decoded.ok) return refuse(received, decoded.failure);

  const authenticated = await authenticate(decoded.value, gateway);
  if (!authenticated.ok) return refuse(received, authenticated.failure);

  const continued = await goOn(authenticated.value, gateway);
  if (!continued.ok) return refuse(authenticated.value, continued.failure, gateway);

  const resolved = await resolve(continued.value, gateway);
  if (!resolved.ok) return refuse(continued.value, resolved.failure, gateway);

  const isolate = holdIsolate(resolved.value);
  const admitted = await isolate.during(admit(resolved.value, gateway));
  if (!admitted.ok) return refuse(resolved.value, admitted.failure.failure, gateway, admitted.failure);

  const settlement = new Settlement(admitted.value, gateway, isolate.until);
  return encode(admitted.value, answer(admitted.value, settlement, gateway), gateway);
}

/** plan → dispatch, and on routes that promise it: continue, validate. */
async function asked(exchange: Admitted, gateway: Gateway): Promise<Result<LiveAnswer>> {
  const attempts = planAttempts(exchange, gateway);
  const found = orEstimate(exchange, await dispatch(exchange, attempts, gateway));
  if (!found.ok) return found;
  const { validateStructured, continueStreams, maxAttempts } = exchange.route;
  const live = continueStreams
    ? continuing(exchange, found.value, continueStreams.attempts, attempts.slice(0, maxAttempts), gateway)
    : found.value;
  return validateStructured ? validate(exchange, live, validateStructured.repairs, attempts, gateway) : ok(live);
}

/** guard → recall ?? (plan → dispatch, unless the route is in an emergency) → screen → settle. Never rejects: a bug leaves as a failure, settled like any other. */
async function answer(exchange: Admitted, settlement: Settlement, gateway: Gateway): Promise<Result<LiveAnswer>> {
  try {
    const guarded = await guard(exchange, gateway);
    if (!guarded.ok) return settlement.failed(guarded.failure);
    const recalled = recall(guarded.value);
    const found = recalled ? ok(recalled) : await unlessEmergency(exchange, () => asked(exchange, gateway), gateway);
    if (!found.ok) return settlement.failed(found.failure);
    const screened = screen(exchange, found.value, gateway);
    return screened.ok ? ok(settlement.wrap(screened.value)) : settlement.failed(screened.failure);
  } catch (bug) {
    gateway.reportBug(bug, exchange.requestId);
    return settlement.failed(INTERNAL);
  }
}
