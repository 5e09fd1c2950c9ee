import { applyMarker, type Directives } from "./directives.ts";
import { type FaultCall, faultCallFromJson } from "./faults/call.ts";
import type { Format } from "./script.ts";
import { hashToUnit } from "./text/hash.ts";

/** What a rule asks of a call before it applies. Absent conditions hold. */
export interface RuleMatch {
  /** The served model's name; a trailing `*` matches any ending. */
  model?: string;
  format?: Format;
  /** The request path. Without it a rule concerns model calls (POST) alone, so that health checks do not use it up. */
  path?: string;
  requestId?: string;
  /** Share of calls, chosen by a hash of rule, request id and attempt: independent of the order of arrival. */
  probability?: number;
  /** Only the next so many calls that match everything else. */
  next?: number;
}

/** A rule given by `POST /sim/faults`: a fault, markers by name, or both. */
export interface Rule {
  readonly id: number;
  readonly match: RuleMatch;
  readonly fault: FaultCall | undefined;
  readonly markers: Readonly<Record<string, string>>;
  remaining: number;
  hits: number;
}

/** A call as rules see it. */
export interface RuleSubject {
  readonly format: Format;
  readonly method: string;
  readonly path: string;
  readonly model: string;
  readonly requestId: string | undefined;
  readonly sequence: number;
  readonly attempt: number;
}

const MATCH_TYPES: Readonly<Record<keyof RuleMatch, "string" | "number">> = {
  model: "string",
  format: "string",
  path: "string",
  requestId: "string",
  probability: "number",
  next: "number",
};

/** The rules in force, in the order in which they came. */
export class Rules {
  private rules: Rule[] = [];
  private nextId = 1;

  get isEmpty(): boolean {
    return this.rules.length === 0;
  }

  list(): readonly Rule[] {
    return this.rules;
  }

  /** Adds `{match?, fault?, markers?}`; a string result says what is wrong with it, and nothing was added. */
  add(json: unknown): Rule | string {
    if (typeof json !== "object" || json === null) return "a rule is an object";
    const { match = {}, fault: faultJson, markers = {}, ...rest } = json as Record<string, unknown>;
    const unknownKey = Object.keys(rest)[0];
    if (unknownKey !== undefined) return `a rule has no "${unknownKey}"; it has match, fault, markers`;
    const problem = matchProblem(match);
    if (problem !== undefined) return problem;
    const fault = faultJson === undefined ? undefined : faultCallFromJson(faultJson);
    if (typeof fault === "string") return fault;
    if (typeof markers !== "object" || markers === null) return "markers is an object of name and value";
    const texts = Object.fromEntries(Object.entries(markers).map(([name, value]) => [name, String(value)]));
    const checked: Directives = { faults: [], problems: [] };
    for (const [name, value] of Object.entries(texts)) applyMarker(checked, name, value);
    if (checked.problems[0] !== undefined) return checked.problems[0];
    const rule: Rule = {
      id: this.nextId++,
      match: match as RuleMatch,
      fault,
      markers: texts,
      remaining: (match as RuleMatch).next ?? Number.POSITIVE_INFINITY,
      hits: 0,
    };
    this.rules.push(rule);
    return rule;
  }

  remove(id: number): boolean {
    const before = this.rules.length;
    this.rules = this.rules.filter((rule) => rule.id !== id);
    return this.rules.length < before;
  }

  clear(): void {
    this.rules = [];
  }

  /** Applies every rule that matches, and counts it as used. */
  applyTo(directives: Directives, subject: RuleSubject): void {
    for (const rule of this.rules) {
      if (rule.remaining <= 0 || !matches(rule, subject)) continue;
      rule.remaining -= 1;
      rule.hits += 1;
      if (rule.fault !== undefined) directives.faults.push(rule.fault);
      for (const [name, value] of Object.entries(rule.markers)) applyMarker(directives, name, value);
    }
  }
}

function matchProblem(match: unknown): string | undefined {
  if (typeof match !== "object" || match === null) return "match is an object";
  for (const [key, value] of Object.entries(match)) {
    const type = Object.hasOwn(MATCH_TYPES, key) ? MATCH_TYPES[key as keyof RuleMatch] : undefined;
    if (type === undefined) return `match has no "${key}"; it has ${Object.keys(MATCH_TYPES).join(", ")}`;
    if (typeof value !== type) return `match.${key} is a ${type}`;
  }
  return undefined;
}

function matches(rule: Rule, subject: RuleSubject): boolean {
  const { model, format, path, requestId, probability } = rule.match;
  if (path === undefined ? subject.method !== "POST" : path !== subject.path) return false;
  if (format !== undefined && format !== subject.format) return false;
  if (requestId !== undefined && requestId !== subject.requestId) return false;
  if (
    model !== undefined &&
    !(model.endsWith("*") ? subject.model.startsWith(model.slice(0, -1)) : model === subject.model)
  )
    return false;
  if (probability === undefined) return true;
  return hashToUnit(`${rule.id}|${subject.requestId ?? subject.sequence}|${subject.attempt}`) < probability;
}
