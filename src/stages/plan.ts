import { type BreakerState, breakerOf } from "../core/breaker.ts";
import type { Admitted } from "../core/exchange.ts";
import { plan } from "../routing/plan.ts";
import { wires } from "../wire/registry.ts";
import { leaveProbe } from "./breaker-reports.ts";
import type { Gateway } from "./gateway.ts";
import type { PlannedAttempt } from "./running-attempt.ts";
import { stepName } from "./step-name.ts";

/** The ordered attempts of this request, and in the notes why they are these. No I/O. */
export function planAttempts(exchange: Admitted, gateway: Gateway): readonly PlannedAttempt[] {
  const { config, route, controls, notes, shared } = exchange;
  const breakers: Record<string, BreakerState | undefined> = {};
  // What Redis told this request, since the isolate's view may hold another's probe; without Redis that view is all there is.
  for (const target of [...route.targets, ...route.fallbacks]) {
    const name = breakerOf(target);
    breakers[name] ??= shared.breakers[name] ?? gateway.breakers.state(name);
  }
  const planned = plan(route, {
    config,
    availableBackends: gateway.availableBackends,
    breakers,
    loads: (backend) => gateway.loads.of(backend),
    now: gateway.clock.now(),
    random: () => gateway.chance.random(),
    priceCeiling: exchange.priceCeiling,
    neededTokens: exchange.inputTokens + (exchange.maxOutputTokens ?? 0),
    noFallback: controls.noFallback,
    ...(exchange.drawn && { drawn: exchange.drawn }),
  });
  for (const { backend, model, reason } of planned.attempts)
    notes.decisions.push({ step: "plan", decision: stepName(route, backend.name, model), reason });
  for (const { backend, model, reason } of planned.skipped) {
    notes.decisions.push({ step: "plan", decision: "skip", reason: `${stepName(route, backend, model)}:${reason}` });
  }
  // Given with admission, and somebody else is asked first: until it is given back nobody may find out.
  const [first] = planned.attempts;
  for (const target of shared.probes ? [...route.targets, ...route.fallbacks] : [])
    if (!first || breakerOf(first.target) !== breakerOf(target)) leaveProbe({ target }, exchange, gateway);
  return planned.attempts.map(({ backend, wire, model, target, deadlines, chosenTarget, reason }) => ({
    target,
    backend,
    wire: wires[wire],
    model,
    price: target.price,
    deadlines,
    chosenTarget,
    ...(reason === "probe" && { isProbe: true }),
  }));
}
