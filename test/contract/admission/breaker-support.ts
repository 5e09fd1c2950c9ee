import { randomUUID } from "node:crypto";
import type { Successes } from "../../../src/core/breaker.ts";
import type { BreakerConfig } from "../../../src/core/config.ts";
import type { BreakerReport, Clock } from "../../../src/core/ports.ts";
import { UpstashAdmission } from "../../../src/stores/upstash/admission.ts";
import { readBreakers, upstashProbes } from "../../../src/stores/upstash/breakers.ts";
import { type Bench, linkTo, newTenant, requestOf, settlementOf } from "./support.ts";

const RULES: BreakerConfig = {
  failures: 3,
  errorRate: { share: 0.5, windowMs: 60_000, minimum: 1_000 },
  probes: 2,
  openMs: 200,
  maxOpenMs: 500,
};
export const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

interface Said {
  readonly ageMs?: number;
  readonly successes?: Successes;
}

/** One breaker that no other test uses, seen by as many isolates as a test asks for. */
export async function breakerSetting(bench: Bench, changes: Partial<BreakerConfig> = {}) {
  const tenant = await newTenant(bench);
  const model = randomUUID().slice(0, 8);
  const name = `home/org:${model}`;
  const rules = { ...RULES, ...changes };
  const settle = async (request: ReturnType<typeof requestOf>, healthy: boolean, said: Said = {}) => {
    const counter = `openings|${name}|`;
    const { ageMs = 0, successes = { now: 0, before: 0 } } = said;
    await bench.admission.settle({
      ...settlementOf(request, { tokens: 0, costNanoUsd: 0 }),
      breakers: [{ name, healthy, ageMs, successes, rules, counter }],
    });
  };
  /** Requests that hold no probe. */
  const report = async (...healths: readonly boolean[]) => {
    for (const healthy of healths) await settle(requestOf(tenant, { levels: [] }), healthy);
  };
  const say = (healthy: boolean, said: Said) => settle(requestOf(tenant, { levels: [] }), healthy, said);
  const isolate = (clock: Clock = Date) => {
    const admission = new UpstashAdmission(linkTo(bench.endpoint), clock);
    return async () => {
      const reply = await admission.admit(requestOf(tenant, { levels: [], breakers: [name] }));
      const state = reply.kind === "admitted" ? reply.shared.breakers[name] : undefined;
      if (!state) throw new Error(reply.kind);
      return state;
    };
  };
  /** A request of an isolate that does not know the breaker: whether it holds the probe, and what it says or gives back. */
  const asking = async (parts: Partial<Parameters<typeof requestOf>[1]> = {}) => {
    const admission = new UpstashAdmission(linkTo(bench.endpoint));
    const request = requestOf(tenant, { levels: [], ...parts, breakers: [name] });
    const reply = await admission.admit(request);
    const holds = reply.kind === "admitted" && reply.shared.probes?.includes(name) === true;
    const giveBack = () =>
      admission.settle({ ...settlementOf(request, { tokens: 0, costNanoUsd: 0 }), unusedProbes: [name] });
    return { kind: reply.kind, holds, giveBack, tells: (healthy: boolean) => settle(request, healthy) };
  };
  /** A request whose chain holds it further back: what it is told with admission, and what it says once it has come there. */
  const behind = async (clock: Clock = Date, probeMs = 1_000) => {
    const link = linkTo(bench.endpoint);
    const request = requestOf(tenant, { levels: [], breakers: [], behind: [name] });
    const reply = await new UpstashAdmission(link, clock).admit(request);
    if (reply.kind !== "admitted") throw new Error(reply.kind);
    const { requestId } = request;
    const probes = upstashProbes(link, clock);
    const said = (healthy: boolean): BreakerReport => ({
      name,
      healthy,
      ageMs: 0,
      successes: { now: 0, before: 0 },
      rules,
      counter: `openings|${name}|`,
    });
    return {
      state: reply.shared.breakers[name],
      probes: reply.shared.probes,
      claim: () => probes.claim({ tenant, requestId, name, lastsMs: probeMs }),
      tells: (healthy: boolean) => probes.answer({ requestId, name, report: said(healthy) }),
      giveBack: () => probes.answer({ requestId, name }),
    };
  };
  /** As it stands, taking nothing. */
  const look = async () => {
    const [state] = (await readBreakers(bench.link, [name])) ?? [];
    if (!state) throw new Error("away");
    return state;
  };
  const openings = async (cause: string) =>
    Number((await bench.command(["HGET", "counters", `openings|${name}|${cause}`])) ?? 0);
  /** Opens it and waits until the opening is over. */
  const overOpening = async () => {
    await report(false, false, false);
    await wait(250);
  };
  return { tenant, name, report, say, isolate, asking, behind, look, openings, overOpening };
}
