import { isJsonObject } from "../core/json.ts";
import { type Choice, LANGUAGES, type RouteRule } from "../core/route-rules.ts";
import { missing, suggest } from "./suggest.ts";

/** What is wrong, and where, from the rule on. */
export interface RuleProblem {
  readonly path: readonly (string | number)[];
  readonly reason: string;
}

type Check = (value: unknown, path: RuleProblem["path"]) => readonly RuleProblem[];

const RULES_MOST = 64;
const NAME = /^[a-z0-9][a-z0-9-]{0,47}$/;

/**
 * Reads rules from wherever they come: the file at build time, the overlay from Redis. One that is wrong in part is no rule at all: whatever it was to
 * keep apart must not run together. `targets`: the names that the route's targets have. `tiers`: those that there are.
 */
export function readRules(
  value: unknown,
  targets: ReadonlySet<string>,
  tiers: Readonly<Record<string, unknown>>,
): { readonly rules: readonly RouteRule[]; readonly problems: readonly RuleProblem[] } {
  if (!Array.isArray(value) || value.length > RULES_MOST)
    return { rules: [], problems: [{ path: [], reason: `must be a list of at most ${RULES_MOST} rules` }] };
  const problems = value.flatMap((rule, index) => ruleOf(targets, tiers)(rule, [index]));
  const names = value.map((rule) => (isJsonObject(rule) ? rule.name : undefined));
  for (const [index, name] of names.entries()) {
    if (name !== undefined && names.indexOf(name) !== index)
      problems.push({ path: [index, "name"], reason: "is another rule's name too" });
  }
  return { rules: problems.length > 0 ? [] : (value as readonly RouteRule[]), problems };
}

export function readChoice(value: unknown): {
  readonly choice?: Choice;
  readonly problems: readonly RuleProblem[];
} {
  const problems = choice(value, []);
  return problems.length > 0 ? { problems } : { choice: value as Choice, problems };
}

/** By which rules may know the targets of a route. */
export function targetNames(targets: readonly { readonly name?: string | undefined }[]): ReadonlySet<string> {
  return new Set(targets.flatMap(({ name }) => (name === undefined ? [] : [name])));
}

function unknownKey(name: string, known: readonly string[]): string {
  const near = suggest(name, known);
  return `unknown key; ${near === undefined ? `known are ${known.join(", ")}` : `did you mean "${near}"?`}`;
}

const wrong = (path: RuleProblem["path"], reason: string): readonly RuleProblem[] => [{ path, reason }];

/** An object of these members and no others. */
function objectOf(members: Readonly<Record<string, Check>>, required: readonly string[] = []): Check {
  return (value, path) => {
    if (!isJsonObject(value)) return wrong(path, "must be an object");
    return [
      ...required.filter((name) => value[name] === undefined).flatMap((name) => wrong([...path, name], "is missing")),
      ...Object.entries(value).flatMap(([name, member]) => {
        const check = Object.hasOwn(members, name) ? members[name] : undefined;
        return check ? check(member, [...path, name]) : wrong([...path, name], unknownKey(name, Object.keys(members)));
      }),
    ];
  };
}

interface Known {
  readonly names: ReadonlySet<string>;
  /** What is said of a name that is none of them. */
  readonly says: (name: string) => string;
}

const known = (kind: string, names: ReadonlySet<string>): Known => ({
  names,
  says: (name) => missing(kind, name, names),
});

/** A list of texts, at least one; each of `known` where that is given. */
function listOf(known?: Known): Check {
  return (value, path) => {
    if (!Array.isArray(value) || value.length === 0 || value.length > 256) return wrong(path, "must be a list");
    return value.flatMap((item, index) => {
      if (typeof item !== "string" || item === "") return wrong([...path, index], "must be a text");
      return known && !known.names.has(item) ? wrong([...path, index], known.says(item)) : [];
    });
  };
}

const oneOf =
  (...words: readonly string[]): Check =>
  (value, path) =>
    typeof value === "string" && words.includes(value) ? [] : wrong(path, `must be one of ${words.join(", ")}`);

const flag: Check = (value, path) => (typeof value === "boolean" ? [] : wrong(path, "must be true or false"));

const name: Check = (value, path) =>
  typeof value === "string" && NAME.test(value)
    ? []
    : wrong(path, "must be 1 to 48 lower-case letters, digits and hyphens");

/** `use: [home]` is most likely meant for the backend. */
const knownTargets = (names: ReadonlySet<string>): Known => ({
  names,
  says: (name) =>
    names.size > 0
      ? missing("target", name, names)
      : `no target of this route has a name; give the one that is meant \`name: ${NAME.test(name) ? name : "…"}\``,
});

const LANGUAGE: Known = {
  names: new Set(LANGUAGES),
  says: () => `must be one of ${LANGUAGES.join(", ")}`,
};

const amount: Check = (value, path) =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? [] : wrong(path, "must be a number from 0 on");

const shareOfOne: Check = (value, path) =>
  typeof value === "number" && value >= 0 && value <= 1 ? [] : wrong(path, "must be a number from 0 to 1");

const rangeOf =
  (end: Check): Check =>
  (value, path) => {
    const problems = objectOf({ atLeast: end, atMost: end })(value, path);
    if (problems.length > 0 || !isJsonObject(value)) return problems;
    if (Object.keys(value).length === 0) return wrong(path, "needs `atLeast`, `atMost` or both");
    const { atLeast, atMost } = value;
    return Number(atLeast) > Number(atMost)
      ? wrong(path, `no number is at least ${atLeast} and at most ${atMost}`)
      : [];
  };

const metadata: Check = (value, path) =>
  isJsonObject(value) && Object.keys(value).length > 0
    ? Object.entries(value).flatMap(([key, values]) => listOf()(values, [...path, key]))
    : wrong(path, "must name a field and its values");

const conditionOf = (tiers: ReadonlySet<string>): Check =>
  objectOf({
    tenant: listOf(),
    tier: listOf(known("tier", tiers)),
    scope: listOf(),
    task: listOf(),
    metadata,
    language: listOf(LANGUAGE),
    inputTokens: rangeOf(amount),
    tools: flag,
    images: flag,
    stream: flag,
    complexity: rangeOf(shareOfOne),
  });

/** What a way of choosing has beside its name. */
const WAYS: Readonly<
  Record<string, { readonly members: Readonly<Record<string, Check>>; readonly required?: string[] }>
> = {
  weight: { members: {} },
  hash: { members: { of: oneOf("session", "user", "key", "tenant") }, required: ["of"] },
  price: { members: { firstTokenMs: amount } },
  speed: { members: {} },
};

const choice: Check = (value, path) => {
  if (!isJsonObject(value)) return wrong(path, "must be an object");
  const way = typeof value.by === "string" && Object.hasOwn(WAYS, value.by) ? WAYS[value.by] : undefined;
  if (!way) return wrong([...path, "by"], `must be one of ${Object.keys(WAYS).join(", ")}`);
  return objectOf({ by: () => [], experiment: name, ...way.members }, way.required)(value, path);
};

function ruleOf(targets: ReadonlySet<string>, tiers: Readonly<Record<string, unknown>>): Check {
  const members = {
    name,
    when: conditionOf(new Set(Object.keys(tiers))),
    use: listOf(knownTargets(targets)),
    choose: choice,
  };
  return objectOf(members, ["name", "when"]);
}
