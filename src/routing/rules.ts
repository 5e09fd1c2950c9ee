import type { Range, RouteRule, RuleCondition } from "../core/route-rules.ts";
import type { Complexity } from "./complexity.ts";

/** A request as rules see it. What costs something is a function, worked out once, and only where a rule asks. */
export interface Question {
  readonly tenant: string;
  readonly tier: string;
  readonly scopes: ReadonlySet<string>;
  readonly task?: string | undefined;
  readonly inputTokens: number;
  readonly hasTools: boolean;
  readonly stream: boolean;
  metadata(name: string): string | undefined;
  hasImages(): boolean;
  language(): string | undefined;
  complexity(): Complexity;
}

/** The first rule that takes the request. Pure. */
export function ruleFor(rules: readonly RouteRule[], question: Question): RouteRule | undefined {
  return rules.find(({ when }) => matches(when, question));
}

/** Cheap conditions first: most requests are told apart by who sends them. */
function matches(when: RuleCondition, question: Question): boolean {
  return (
    isOneOf(when.tenant, question.tenant) &&
    isOneOf(when.tier, question.tier) &&
    (when.scope === undefined || when.scope.some((scope) => question.scopes.has(scope))) &&
    isOneOf(when.task, question.task) &&
    is(when.tools, question.hasTools) &&
    is(when.stream, question.stream) &&
    isWithin(when.inputTokens, question.inputTokens) &&
    hasMetadata(when.metadata, question) &&
    (when.images === undefined || when.images === question.hasImages()) &&
    (when.language === undefined || isOneOf(when.language, question.language())) &&
    (when.complexity === undefined || isWithin(when.complexity, question.complexity().score))
  );
}

function isOneOf(wanted: readonly string[] | undefined, value: string | undefined): boolean {
  return wanted === undefined || (value !== undefined && wanted.includes(value));
}

function is(wanted: boolean | undefined, value: boolean): boolean {
  return wanted === undefined || wanted === value;
}

function isWithin(range: Range | undefined, value: number): boolean {
  if (range === undefined) return true;
  return value >= (range.atLeast ?? Number.NEGATIVE_INFINITY) && value <= (range.atMost ?? Number.POSITIVE_INFINITY);
}

function hasMetadata(wanted: RuleCondition["metadata"], question: Question): boolean {
  if (wanted === undefined) return true;
  return Object.entries(wanted).every(([name, values]) => isOneOf(values, question.metadata(name)));
}
