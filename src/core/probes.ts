import type { BreakerState } from "./breaker.ts";
import type { Alarm, BreakerReport } from "./ports.ts";

export type ProbeReply =
  /** `mine`: to be made by this request. `closed`: none is needed any more. `taken`: another makes it, or the opening is not over. */
  { readonly kind: "mine" | "closed" | "taken"; readonly state?: BreakerState } | { readonly kind: "unavailable" };

/** The one probe of a breaker, for a request that comes to its step. Never throws for a store that fails. */
export interface Probes {
  /** `lastsMs`: until it is overdue. */
  claim(
    probe: { readonly tenant: string; readonly requestId: string; readonly name: string; readonly lastsMs: number },
    alarm?: Alarm,
  ): Promise<ProbeReply>;
  /** Says what the probe showed; without a report it showed nothing, and the next request may have it. */
  answer(
    probe: { readonly requestId: string; readonly name: string; readonly report?: BreakerReport },
    alarm?: Alarm,
  ): Promise<void>;
}
