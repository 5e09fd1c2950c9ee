import type { Admitted } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import type { Policy } from "../core/policy.ts";
import { fail, ok, type Result } from "../core/result.ts";
import type { Gateway } from "./gateway.ts";

/** Request policies, in the registry's order; the first refusal counts. A policy that throws does what its `whenBroken` says. */
export async function guard(exchange: Admitted, gateway: Gateway): Promise<Result<Admitted>> {
  for (const policy of gateway.policies) {
    if (!policy.onRequest) continue;
    const refused = await ask(policy, exchange, gateway);
    if (refused) return fail(refused);
  }
  return ok(exchange);
}

async function ask(policy: Policy, exchange: Admitted, gateway: Gateway): Promise<Failure | undefined> {
  const step = `guard:${policy.name}`;
  try {
    const asked = policy.onRequest?.(exchange);
    const verdict = asked instanceof Promise ? await asked : asked;
    if (verdict?.kind !== "refuse") return undefined;
    exchange.notes.decisions.push({ step, decision: "refuse", reason: verdict.reason });
    return verdict.failure;
  } catch (error) {
    gateway.reportBug(error, exchange.requestId);
    exchange.notes.decisions.push({ step, decision: policy.whenBroken, reason: "policy_broken" });
    if (policy.whenBroken === "allow") return undefined;
    return {
      type: "gateway_internal",
      message: "A policy could not be applied, so the request was refused.",
      detail: policy.name,
    };
  }
}
