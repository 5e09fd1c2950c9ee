import { breakerOf, probeMs } from "../core/breaker.ts";
import type { Admitted, Probe } from "../core/exchange.ts";
import { phaseOf } from "../routing/breaker.ts";
import type { PlanAttempt } from "../routing/plan.ts";
import type { Gateway } from "./gateway.ts";

/** What of a planned attempt its probe is taken by. */
type Probing = Pick<PlanAttempt, "target" | "backend" | "deadlines">;
type Holder = Pick<Admitted, "shared" | "notes">;

const HELD: Probe = { held: true };

/** What the request has to do with this breaker's probe; undefined: nothing. */
export function probeOf({ shared, notes }: Holder, name: string): Probe | undefined {
  return notes.probes?.get(name) ?? (shared.probes?.includes(name) ? HELD : undefined);
}

export function noteProbe({ notes }: Holder, name: string, probe: Probe): void {
  notes.probes ??= new Map();
  notes.probes.set(name, probe);
}

/** The breakers whose probe the request had at any time. */
export function probesHad({ shared, notes }: Holder): readonly string[] {
  const { probes: given = [] } = shared;
  return notes.probes ? [...new Set([...given, ...notes.probes.keys()])] : given;
}

/**
 * Takes the one probe of the step that the request is about to ask, where it has not got it. False: another makes it just now. One call to Redis, and
 * only at steps whose breaker's opening is over. Without Redis the isolate's own view hands it out.
 */
export async function takeProbe(planned: Probing, exchange: Admitted, gateway: Gateway): Promise<boolean> {
  const name = breakerOf(planned.target);
  if (probeOf(exchange, name)?.held) return true;
  const { requestId, principal, unleased, alarm, notes } = exchange;
  const lastsMs = probeMs({ breaker: planned.backend.breaker, deadlines: planned.deadlines });
  const startedAt = gateway.clock.now();
  const reply = unleased
    ? ({ kind: "unavailable" } as const)
    : await gateway.probes.claim({ tenant: principal.tenant, requestId, name, lastsMs }, alarm);
  if (reply.kind !== "unavailable" && reply.state) gateway.breakers.learn({ breakers: { [name]: reply.state } });
  const word = reply.kind === "unavailable" ? claimedHere(name, requestId, lastsMs, gateway) : reply.kind;
  notes.decisions.push({
    step: "probe",
    decision: word,
    reason: planned.backend.name,
    ioMs: gateway.clock.now() - startedAt,
  });
  if (word === "mine") noteProbe(exchange, name, HELD);
  return word !== "taken";
}

function claimedHere(name: string, requestId: string, lastsMs: number, { breakers, clock }: Gateway) {
  const phase = phaseOf(breakers.claim(name, requestId, lastsMs), clock.now());
  return phase === "open" ? "taken" : phase === "closed" ? "closed" : "mine";
}
