import { hashToUnit } from "../backends/text/hash.ts";
import { readTunnelFault, type TunnelFault } from "./faults.ts";

/** What a rule asks of a request before it applies. Absent conditions hold. */
export interface TunnelMatch {
  readonly path?: string;
  readonly requestId?: string;
  /** Share of requests, chosen by a hash of rule and request id (else the request's number). */
  readonly probability?: number;
  /** Only the next so many requests that match everything else. */
  readonly next?: number;
}

export interface TunnelRule {
  readonly id: number;
  readonly match: TunnelMatch;
  readonly fault: TunnelFault;
  remaining: number;
  hits: number;
}

/** A request as rules see it. */
export interface TunnelSubject {
  readonly path: string;
  readonly requestId: string | undefined;
  readonly number: number;
}

const MATCH_TYPES: Readonly<Record<keyof TunnelMatch, "string" | "number">> = {
  path: "string",
  requestId: "string",
  probability: "number",
  next: "number",
};

/** The rules in force, in the order in which they came. */
export class TunnelRules {
  #rules: TunnelRule[] = [];
  #nextId = 1;

  list(): readonly TunnelRule[] {
    return this.#rules;
  }

  /** Adds `{match?, fault}`, or a fault alone; a string result says what is wrong with it. */
  add(given: unknown): TunnelRule | string {
    const bare = typeof given !== "object" || given === null || !("fault" in given);
    const { match = {}, fault: written, ...rest } = bare ? { fault: given } : (given as Record<string, unknown>);
    const unknown = Object.keys(rest)[0];
    if (unknown !== undefined) return `a rule has no "${unknown}"; it has match, fault`;
    const problem = matchProblem(match);
    if (problem !== undefined) return problem;
    const fault = readTunnelFault(written);
    if (typeof fault === "string") return fault;
    const checked = match as TunnelMatch;
    const remaining = checked.next ?? Number.POSITIVE_INFINITY;
    const rule: TunnelRule = { id: this.#nextId++, match: checked, fault, remaining, hits: 0 };
    this.#rules.push(rule);
    return rule;
  }

  /** Without an id: all of them. */
  remove(id?: number): void {
    this.#rules = id === undefined ? [] : this.#rules.filter((rule) => rule.id !== id);
  }

  /** The faults of every rule that matches; each is counted as used. */
  faultsFor(subject: TunnelSubject): readonly TunnelFault[] {
    const matching = this.#rules.filter((rule) => rule.remaining > 0 && matches(rule, subject));
    for (const rule of matching) {
      rule.remaining -= 1;
      rule.hits += 1;
    }
    return matching.map((rule) => rule.fault);
  }
}

function matchProblem(match: unknown): string | undefined {
  if (typeof match !== "object" || match === null) return "match is an object";
  for (const [key, value] of Object.entries(match)) {
    const type = Object.hasOwn(MATCH_TYPES, key) ? MATCH_TYPES[key as keyof TunnelMatch] : undefined;
    if (type === undefined) return `match has no "${key}"; it has ${Object.keys(MATCH_TYPES).join(", ")}`;
    if (typeof value !== type) return `match.${key} is a ${type}`;
  }
  return undefined;
}

function matches({ id, match }: TunnelRule, subject: TunnelSubject): boolean {
  if (match.path !== undefined && match.path !== subject.path) return false;
  if (match.requestId !== undefined && match.requestId !== subject.requestId) return false;
  if (match.probability === undefined) return true;
  return hashToUnit(`${id}|${subject.requestId ?? subject.number}`) < match.probability;
}
