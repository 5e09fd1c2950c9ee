import type { Directives } from "../directives.ts";
import type { Script } from "../script.ts";
import type { FaultCall } from "./call.ts";
import type { FaultContext } from "./parameters.ts";
import { FAULTS } from "./table.ts";

/** Who is being called, for the parameters `only` and `times`. */
export interface FaultScene extends Omit<FaultContext, "parameters"> {
  readonly backend: string;
  /** Which call of its request id this is, from 1. */
  readonly attempt: number;
}

/** The faults that concern this call at this backend. */
export function faultsInForce(faults: readonly FaultCall[], scene: FaultScene): FaultCall[] {
  return faults.filter(({ parameters: { only, times } }) => {
    const here = only === undefined || only === scene.backend || only === scene.format || only === scene.model;
    return here && (times === undefined || scene.attempt <= Number(times));
  });
}

/** Lets faults change what is asked, before the answer is composed. */
export function prepareFaults(directives: Directives, faults: readonly FaultCall[]): void {
  for (const { name, parameters } of faults) FAULTS[name]?.prepare?.(directives, parameters);
}

/** Applies faults in order; the outcome is that of the last one that found something to do. */
export function applyFaults(script: Script, faults: readonly FaultCall[], scene: FaultScene): Script {
  let current = script;
  for (const { name, parameters } of faults) {
    const fault = FAULTS[name];
    if (fault === undefined) continue;
    const changed = fault.apply(current, { ...scene, parameters });
    if (changed === current) continue;
    const outcome = changed.status >= 400 && !changed.streamed ? "refused" : fault.outcome;
    // A later fault that leaves the answer whole does not mend what an earlier one broke.
    current = { ...changed, outcome: outcome === "completed" ? current.outcome : outcome };
  }
  return current;
}
