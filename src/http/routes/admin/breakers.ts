import type { Context } from "hono";
import { phaseOf } from "../../../routing/breaker.ts";
import type { AdminDependencies } from "./dependencies.ts";
import { isoOrNull, list, refusal } from "./replies.ts";

/**
 * `GET /admin/v1/breakers`: each model that a route may ask for. `state` is what was seen, as all isolates share it; `held` what the overlay in force says
 * in its place. An opening that is over is `half-open`; `probing`: a request finds out just now.
 */
export async function listBreakers(_context: Context, admin: AdminDependencies): Promise<Response> {
  const [states, overlay] = await Promise.all([admin.breakers(), admin.overlay.current()]);
  if (!overlay.ok) return refusal(overlay.failure);
  if (states === undefined) return refusal({ type: "gateway_unavailable", message: "Redis did not answer." });
  const held = overlay.value?.breakers ?? {};
  const now = admin.clock.now();
  return list(
    [...states].map(([name, state]) => ({
      breaker: name,
      state: phaseOf(state, now),
      openUntil: state.openUntil > now ? isoOrNull(state.openUntil) : null,
      probing: state.holder !== undefined,
      failures: state.failures,
      held: heldAt(held, name) ?? heldAt(held, name.slice(0, name.indexOf("/"))) ?? null,
    })),
  );
}

const heldAt = (held: Readonly<Record<string, string>>, name: string): string | undefined =>
  Object.hasOwn(held, name) ? held[name] : undefined;
