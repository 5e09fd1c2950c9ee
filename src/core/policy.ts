import type { Frame } from "./answer.ts";
import type { Admitted } from "./exchange.ts";
import type { Failure } from "./failure.ts";

export type Verdict =
  | { readonly kind: "allow" }
  | { readonly kind: "refuse"; readonly failure: Failure; readonly reason: string };

/** One frame at a time, inside the one read loop; no chain of streams. */
export interface AnswerStepper {
  onFrame(frame: Frame): readonly Frame[];
  onEnd(): readonly Frame[];
}

/** One rule of the operator; one file and one registry line each. */
export interface Policy {
  readonly name: string;
  /** What a policy that throws does to the request. Never defaulted. */
  readonly whenBroken: "refuse" | "allow";
  onRequest?(exchange: Admitted): Verdict | Promise<Verdict>;
  onAnswer?(exchange: Admitted): AnswerStepper;
}
