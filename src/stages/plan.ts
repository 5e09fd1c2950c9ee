import type { Admitted } from "../core/exchange.ts";
import { plan } from "../routing/plan.ts";
import { wireFor } from "../wire/registry.ts";
import { type Gateway, modelName } from "./gateway.ts";
import type { PlannedAttempt } from "./running-attempt.ts";

/** The ordered attempts of this request, with what each needs to be made. Pure but for the dice. */
export function planAttempts(exchange: Admitted, gateway: Gateway): readonly PlannedAttempt[] {
  const { config, route, controls, notes } = exchange;
  void plan;
  void wireFor;
  void modelName;
  void config;
  void route;
  void controls;
  void notes;
  return [];
}
