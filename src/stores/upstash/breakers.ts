import type { BreakerReport, BreakerState } from "../../core/ports.ts";
import { breakerKey, recordKey } from "./keys.ts";
import type { Call, CommandReply } from "./link.ts";
import { scripts } from "./scripts.ts";

const CLOSED: BreakerState = { failures: 0, openUntil: 0, openMs: 0 };
/** For whoever meets a breaker whose opening is over without having asked for the probe: the next call will ask. */
const NOT_MY_PROBE_MS = 1_000;

/**
 * Reads breakers beside the admission script. A backend that was well when this isolate last looked is read by a plain MGET, as
 * scripts lock the keys they declare; one that was not, or was never seen, by a script that also hands out the one probe.
 */
export class BreakerReader {
  readonly #well = new Set<string>();

  /** Backends to be read by MGET, and those to be read by a script each. */
  split(backends: readonly string[]): { readonly well: readonly string[]; readonly unwell: readonly string[] } {
    return {
      well: backends.filter((backend) => this.#well.has(backend)),
      unwell: backends.filter((backend) => !this.#well.has(backend)),
    };
  }

  /** What the MGET said. `now`: Redis' clock. */
  fromValue(backend: string, value: unknown, now: number): BreakerState {
    const state = parseState(value);
    this.#learn(backend, state);
    return notMine(state, now);
  }

  /** What the script said. `now`: Redis' clock. `mine`: the opening is over and the probe is this request's. */
  fromClaim(
    backend: string,
    reply: CommandReply | undefined,
    now: number,
  ): { readonly state: BreakerState; readonly mine: boolean } {
    const numbers = Array.isArray(reply?.result) ? reply.result.map(Number) : [];
    const [failures = 0, openUntil = 0, openMs = 0, mine = 0] = numbers;
    const state = { failures, openUntil, openMs };
    if (numbers.length === 4) this.#learn(backend, state);
    return mine === 1 ? { state, mine: true } : { state: notMine(state, now), mine: false };
  }

  #learn(backend: string, state: BreakerState): void {
    if (state.openUntil === 0) this.#well.add(backend);
    else this.#well.delete(backend);
  }
}

/** To be run behind the admission script of the same request. */
export function claimCall(tenant: string, requestId: string, backend: string): Call {
  return {
    script: scripts.claimBreaker,
    keys: [breakerKey(backend), recordKey(tenant, requestId)],
    args: [requestId],
  };
}

/** Harmless when repeated: only the request that holds the probe gives it back. */
export function returnProbeCall(requestId: string, backend: string): Call {
  return { script: scripts.returnProbe, keys: [breakerKey(backend)], args: [requestId] };
}

export function reportCall(report: BreakerReport): Call {
  const { backend, healthy, failures, openMs, maxOpenMs } = report;
  return {
    script: scripts.reportBreaker,
    keys: [breakerKey(backend)],
    args: [healthy ? "1" : "0", String(failures), String(openMs), String(maxOpenMs)],
  };
}

/** An opening that is over, for a request that does not hold the probe. */
function notMine(state: BreakerState, now: number): BreakerState {
  return state.openUntil > 0 && state.openUntil <= now ? { ...state, openUntil: now + NOT_MY_PROBE_MS } : state;
}

/** `failures openUntil openMs probing holder`; anything else is a closed breaker: a lost state must not close a backend. */
function parseState(value: unknown): BreakerState {
  const match = typeof value === "string" ? /^(\d+) (\d+) (\d+) \d(?: \S*)?$/.exec(value) : null;
  if (!match) return CLOSED;
  return { failures: Number(match[1]), openUntil: Number(match[2]), openMs: Number(match[3]) };
}
