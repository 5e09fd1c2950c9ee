import type { SeatsConfig, Tier } from "../core/config.ts";
import type { Admitted } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import type { PlannedAttempt, Seating } from "./running-attempt.ts";

/** The tier that the caller is of, as the configuration knows it. */
export function tierOf({ config, principal }: Pick<Admitted, "config" | "principal">): Tier | undefined {
  return config.tiers[principal.tier] ?? config.tiers[config.defaultTier];
}

/**
 * The desks of one request's chain. Where several of its steps have seats, each is asked in turn for one that is free now, and only where none has
 * one the request waits, once, where the wait is shortest. A step without seats is no desk: only tiers that may spill go there for want of a seat.
 */
export class Desks {
  /** Desks without a free seat that would let it wait. */
  #looked: { readonly step: PlannedAttempt; readonly aboutMs: number }[] = [];

  /** Whether there is one to wait at. */
  get isOpen(): boolean {
    return this.#looked.length > 0;
  }

  /** How a step asks for its seat; `behind` it are those that stand in where it is overloaded. */
  seatingOf(
    { backend }: PlannedAttempt,
    { spill }: SeatsConfig,
    behind: readonly PlannedAttempt[],
    exchange: Admitted,
  ): Seating {
    const cloud = behind.findIndex((step) => step.backend.seats === undefined);
    const spills = cloud >= 0 && (spill.tiers?.includes(tierOf(exchange)?.name ?? "") ?? true);
    const before = spills ? behind.slice(0, cloud) : behind;
    const others = before.some((step) => step.backend.seats !== undefined && step.backend.name !== backend.name);
    return { spills, looks: others || this.isOpen };
  }

  /** A desk that was only looked at had no free seat. Where nobody may wait, or the tier spills at once, there is nothing to come back to. */
  refused(step: PlannedAttempt, { detail, retryAfterMs = Number.POSITIVE_INFINITY }: Failure): void {
    const { seating, backend } = step;
    if (!seating?.looks || detail === "seats_full" || (seating.spills && backend.seats?.spill.afterMs === 0)) return;
    this.#looked.push({ step: { ...step, seating: { ...seating, looks: false } }, aboutMs: retryAfterMs });
  }

  /** Whether there is one to wait at of those that `may`. */
  mayWait(may: (step: PlannedAttempt) => boolean): boolean {
    return this.#looked.some(({ step }) => may(step));
  }

  /** Of those that `may`, where the wait is shortest, and of those that are alike the first in the chain. It is waited for nowhere else. */
  shortest(may: (step: PlannedAttempt) => boolean): PlannedAttempt | undefined {
    const [first, ...others] = this.#looked.filter(({ step }) => may(step));
    if (first) this.#looked = [];
    return others.reduce((best, one) => (best && one.aboutMs < best.aboutMs ? one : best), first)?.step;
  }
}
