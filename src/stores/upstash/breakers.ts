import { type BreakerState, CLOSED_BREAKER } from "../../core/breaker.ts";
import type { BreakerReport, Clock } from "../../core/ports.ts";
import type { Probes } from "../../core/probes.ts";
import { breakerKey, COUNTERS, recordKey } from "./keys.ts";
import type { Call, CommandReply, Link } from "./link.ts";
import { scripts } from "./scripts.ts";

/**
 * Reads breakers beside the admission script. One that was closed when this isolate last looked is read by a plain MGET, as
 * scripts lock the keys they declare; one that was not, or was never seen, by a script that also hands out the one probe. `aheadMs`: by how much Redis'
 * clock is ahead of the isolate's, which is the one that attempts are planned by.
 */
export class BreakerReader {
  readonly #well = new Set<string>();

  /** Breakers to be read by MGET, and those to be read by a script each. */
  split(names: readonly string[]): { readonly well: readonly string[]; readonly unwell: readonly string[] } {
    return {
      well: names.filter((name) => this.#well.has(name)),
      unwell: names.filter((name) => !this.#well.has(name)),
    };
  }

  /** What the MGET said. */
  fromValue(name: string, value: unknown, aheadMs: number): BreakerState {
    const state = parseState(value);
    this.#learn(name, state);
    return translated(state, aheadMs);
  }

  /** What the script said. `mine`: the opening is over and the probe is this request's. */
  fromClaim(
    name: string,
    reply: CommandReply | undefined,
    aheadMs: number,
  ): { readonly state: BreakerState; readonly mine: boolean } {
    const [text, mine] = Array.isArray(reply?.result) ? reply.result : [];
    const state = parseState(text);
    if (mine !== undefined) this.#learn(name, state);
    return { state: claimedState(state, mine === 1, aheadMs), mine: mine === 1 };
  }

  #learn(name: string, state: BreakerState): void {
    if (state.openUntil === 0) this.#well.add(name);
    else this.#well.delete(name);
  }
}

/** To be run behind the admission script of the same request. */
export function claimCall(tenant: string, requestId: string, name: string, lastsMs: number): Call {
  return {
    script: scripts.claimBreaker,
    keys: [breakerKey(name), recordKey(tenant, requestId)],
    args: [requestId, String(lastsMs)],
  };
}

/** Claims and answers probes on the way of a request, each in a call of its own. */
export function upstashProbes(link: Link, clock: Clock): Probes {
  return {
    async claim({ tenant, requestId, name, lastsMs }, alarm) {
      const answer = await link.run([claimCall(tenant, requestId, name, lastsMs)], alarm);
      const reply: unknown = answer.ok ? answer.replies[0]?.result : undefined;
      if (!Array.isArray(reply)) return { kind: "unavailable" };
      const [text, granted, now] = reply;
      const state = parseState(text);
      const kind = granted === 1 ? "mine" : state.openUntil === 0 ? "closed" : "taken";
      return { kind, state: claimedState(state, granted === 1, Number(now) - clock.now()) };
    },
    async answer({ requestId, name, report }, alarm) {
      await link.run([report ? reportCall(requestId, report) : returnProbeCall(requestId, name)], alarm);
    },
  };
}

/** Harmless when repeated: only the request that holds the probe gives it back. */
export function returnProbeCall(requestId: string, name: string): Call {
  return { script: scripts.returnProbe, keys: [breakerKey(name)], args: [requestId] };
}

export function reportCall(requestId: string, report: BreakerReport): Call {
  const { name, healthy, ageMs, rules, successes, counter } = report;
  const { failures, errorRate, probes, openMs, maxOpenMs } = rules;
  const { share, windowMs, minimum } = errorRate;
  const numbers = [
    ageMs,
    failures,
    share,
    windowMs,
    minimum,
    probes,
    openMs,
    maxOpenMs,
    successes.now,
    successes.before,
  ];
  return {
    script: scripts.reportBreaker,
    // A success opens nothing, and locks no counters.
    keys: [breakerKey(name), ...(healthy ? [] : [COUNTERS])],
    args: [requestId, healthy ? "1" : "0", ...numbers.map(String), counter],
  };
}

/** The breakers of these names as they stand, for whoever only looks; undefined where the store is away. */
export async function readBreakers(link: Link, names: readonly string[]): Promise<readonly BreakerState[] | undefined> {
  if (names.length === 0) return [];
  const answer = await link.run([["MGET", ...names.map(breakerKey)]]);
  const values: unknown = answer.ok ? answer.replies[0]?.result : undefined;
  return Array.isArray(values) ? values.map(parseState) : undefined;
}

/** Over for the request whose probe it is, whatever anybody's clock says. */
function claimedState(state: BreakerState, isMine: boolean, aheadMs: number): BreakerState {
  const own = translated(state, aheadMs);
  return isMine ? { ...own, openUntil: 1 } : own;
}

/** By the isolate's clock. The number of its half window stays Redis': it matters only where Redis is away, and then for one window. */
function translated(state: BreakerState, aheadMs: number): BreakerState {
  const { openUntil, changedAt } = state;
  if (aheadMs === 0 || changedAt === 0) return state;
  return { ...state, openUntil: openUntil && Math.max(1, openUntil - aheadMs), changedAt: changedAt - aheadMs };
}

/** What lua/breaker.ts writes; anything else is a closed breaker: a lost state must not close a backend. */
function parseState(value: unknown): BreakerState {
  const match = typeof value === "string" ? /^(?:\d+ ){9}\d+(?: (\S+))?$/.exec(value) : null;
  if (!match) return CLOSED_BREAKER;
  const numbers = match[0].split(" ").slice(0, 10).map(Number);
  const [failures = 0, openUntil = 0, openMs = 0, proven = 0, changedAt = 0] = numbers;
  const [half = 0, ok = 0, bad = 0, okBefore = 0, badBefore = 0] = numbers.slice(5);
  const state = { failures, openUntil, openMs, proven, changedAt, half, ok, bad, okBefore, badBefore };
  return match[1] === undefined ? state : { ...state, holder: match[1] };
}
