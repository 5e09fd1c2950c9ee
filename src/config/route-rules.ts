import { isJsonObject } from "../core/json.ts";
import { type Choice, LANGUAGES, type RouteRule } from "../core/route-rules.ts";

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
 * keep apart must not run together. `targets`: the names that the route's targets have.
 */
export function readRules(
  value: unknown,
  targets: ReadonlySet<string>,
): { readonly rules: readonly RouteRule[]; readonly problems: readonly RuleProblem[] } {
  if (!Array.isArray(value) || value.length > RULES_MOST)
    return { rules: [], problems: [{ path: [], reason: `must be a list of at most ${RULES_MOST} rules` }] };
  const problems = value.flatMap((rule, index) => ruleOf(targets)(rule, [index]));
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

const wrong = (path: RuleProblem["path"], reason: string): readonly RuleProblem[] => [{ path, reason }];

/** An object of these members and no others. */
function objectOf(members: Readonly<Record<string, Check>>, required: readonly string[] = []): Check {
  return (value, path) => {
    if (!isJsonObject(value)) return wrong(path, "must be an object");
    const known = Object.keys(members).join(", ");
    return [
      ...required.filter((name) => value[name] === undefined).flatMap((name) => wrong([...path, name], "is missing")),
      ...Object.entries(value).flatMap(([name, member]) => {
        const check = Object.hasOwn(members, name) ? members[name] : undefined;
        return check ? check(member, [...path, name]) : wrong([...path, name], `unknown key; known are ${known}`);
      }),
    ];
  };
}

/** A list of texts, at least one; each of `known` where that is given. */
function listOf(known?: ReadonlySet<string>): Check {
  return (value, path) => {
    if (!Array.isArray(value) || value.length === 0 || value.length > 256) return wrong(path, "must be a list");
    return value.flatMap((item, index) => {
      if (typeof item !== "string" || item === "") return wrong([...path, index], "must be a text");
      return known && !known.has(item)
        ? wrong([...path, index], `must be one of ${[...known].join(", ") || "none: no target has a name"}`)
        : [];
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

const amount: Check = (value, path) =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? [] : wrong(path, "must be a number from 0 on");

const range: Check = (value, path) => {
  const problems = objectOf({ atLeast: amount, atMost: amount })(value, path);
  return problems.length === 0 && isJsonObject(value) && Object.keys(value).length === 0
    ? wrong(path, "needs `atLeast`, `atMost` or both")
    : problems;
};

const metadata: Check = (value, path) =>
  isJsonObject(value) && Object.keys(value).length > 0
    ? Object.entries(value).flatMap(([key, values]) => listOf()(values, [...path, key]))
    : wrong(path, "must name a field and its values");

const condition = objectOf({
  tenant: listOf(),
  tier: listOf(),
  scope: listOf(),
  task: listOf(),
  metadata,
  language: listOf(new Set(LANGUAGES)),
  inputTokens: range,
  tools: flag,
  images: flag,
  stream: flag,
  complexity: range,
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

function ruleOf(targets: ReadonlySet<string>): Check {
  return objectOf({ name, when: condition, use: listOf(targets), choose: choice }, ["name", "when"]);
}
