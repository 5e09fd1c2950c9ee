import type { Directives } from "../directives.ts";
import type { Format, Script } from "../script.ts";

/** What a fault may look at besides the script. */
export interface FaultContext {
  readonly format: Format;
  readonly parameters: Readonly<Record<string, string | undefined>>;
  readonly model: string;
  readonly maxModelLength: number;
  readonly nowMs: number;
}

/** One row of the fault table. */
export interface Fault {
  readonly summary: string;
  /** Parameter names and what they mean, defaults included. */
  readonly parameters: Readonly<Record<string, string | undefined>>;
  /** What the tally says when the fault took hold. */
  readonly outcome: Script["outcome"];
  /** Changes what is asked before the answer is composed. */
  prepare?(directives: Directives, parameters: Readonly<Record<string, string | undefined>>): void;
  /** Rewrites the script; the same object back means that the fault found nothing to do. */
  apply(script: Script, context: FaultContext): Script;
}

/** A numeric parameter; not a number counts as absent. */
export function numberOf(context: FaultContext, name: string): number | undefined {
  const text = context.parameters[name];
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  return Number.isNaN(value) ? undefined : value;
}
