import type { BreakerReport, BreakerState } from "../../core/ports.ts";
import { breakerKey } from "./keys.ts";
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
    return state.openUntil > 0 && state.openUntil <= now ? { ...state, openUntil: now + NOT_MY_PROBE_MS } : state;
  }

  /** What the script said: where the opening is over, the probe is ours. */
  fromClaim(backend: string, reply: CommandReply | undefined): BreakerState {
    const numbers = Array.isArray(reply?.result) ? reply.result.map(Number) : [];
    const [failures = 0, openUntil = 0, openMs = 0] = numbers;
    const state = { failures, openUntil, openMs };
    if (numbers.length === 3) this.#learn(backend, state);
    return state;
  }

  #learn(backend: string, state: BreakerState): void {
    if (state.openUntil === 0) this.#well.add(backend);
    else this.#well.delete(backend);
  }
}

export function claimCall(backend: string): Call {
  return { script: scripts.claimBreaker, keys: [breakerKey(backend)], args: [] };
}

export function reportCall(report: BreakerReport): Call {
  const { backend, healthy, failures, openMs, maxOpenMs } = report;
  return {
    script: scripts.reportBreaker,
    keys: [breakerKey(backend)],
    args: [healthy ? "1" : "0", String(failures), String(openMs), String(maxOpenMs)],
  };
}

/** `failures openUntil openMs probing`; anything else is a closed breaker: a lost state must not close a backend. */
function parseState(value: unknown): BreakerState {
  const match = typeof value === "string" ? /^(\d+) (\d+) (\d+) \d$/.exec(value) : null;
  if (!match) return CLOSED;
  return { failures: Number(match[1]), openUntil: Number(match[2]), openMs: Number(match[3]) };
}
