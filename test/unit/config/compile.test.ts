import { expect, test } from "vitest";
import { compileConfig } from "../../../src/config/compile.ts";
import type { BaseConfig } from "../../../src/core/config.ts";

const MINIMAL = `
backends:
  home:
    formats: [openai-chat, openai-embeddings]
    baseUrl: {env: VLLM_BASE_URL}
    price: {inputPerMillion: 0, outputPerMillion: 0}
  claude:
    formats: [anthropic-messages]
    baseUrl: {env: CLAUDE_BASE_URL, default: "https://claude.example"}
    auth: {scheme: x-api-key, secret: CLAUDE_KEY}
    models:
      haiku: {price: {inputPerMillion: 1, outputPerMillion: 5}}
routes:
  chat:
    targets:
      - {backend: home, model: {env: VLLM_MODEL, default: small}}
    fallbacks:
      - {backend: claude, model: haiku}
  embed:
    operation: embed
    targets:
      - {backend: home, model: bge}
tiers:
  free:
    key: {requestsPerMinute: 10, budget: {limitUsd: 0.1, period: day}}
defaultTier: free
`;

function compiled(text: string): BaseConfig {
  const result = compileConfig(text, "config/x.yaml");
  if (!result.ok) throw new Error(result.problems.map((problem) => problem.text).join("\n"));
  return result.config;
}

function problemsOf(text: string): readonly string[] {
  const result = compileConfig(text, "config/x.yaml");
  return result.ok ? [] : result.problems.map((problem) => problem.text);
}

/** The minimal file with one text replaced; fails when the text is not there, so that a test cannot pass by accident. */
function edited(from: string, to: string): string {
  if (!MINIMAL.includes(from)) throw new Error(`not in the file: ${from}`);
  return MINIMAL.replace(from, to);
}

// planted: DEFAULT_DEADLINES.silenceMs set to 2_000
test("a minimal file compiles with every default of the design filled in", () => {
  const free = { inputPerMillion: 0, outputPerMillion: 0 };
  expect(compiled(MINIMAL)).toMatchObject({
    backends: {
      home: {
        deadlines: { connectMs: 5_000, firstTokenMs: 30_000, silenceMs: 20_000, totalMs: 900_000 },
        breaker: {
          failures: 3,
          errorRate: { share: 0.5, windowMs: 60_000, minimum: 20 },
          probes: 2,
          openMs: 10_000,
          maxOpenMs: 120_000,
        },
        auth: { scheme: "none", optional: true },
      },
      claude: { auth: { scheme: "x-api-key", secret: "CLAUDE_KEY", optional: false } },
    },
    routes: {
      chat: {
        targets: [{ backend: "home", model: { env: "VLLM_MODEL", default: "small" }, weight: 1, price: free }],
        fallbacks: [{ backend: "claude", price: { inputPerMillion: 1, outputPerMillion: 5 } }],
        holdHeadersMs: 10_000,
        cache: { mode: "auto" },
      },
      embed: { maxOutputTokens: 0 },
    },
    limits: { bodyBytes: 20_971_520, jsonDepth: 64, undeclaredBodyMs: 1_250 },
    snapshotMaxAgeMs: 300_000,
    stores: { redisMs: 150 },
    budgetQuarantineMs: 1_020_000,
    leaseMarginMs: 60_000,
  });
});

// planted: budgets multiplied by 1e6 instead of 1e9
test("a budget in dollars becomes whole nano-dollars", () => {
  expect(compiled(MINIMAL).tiers).toMatchObject({
    free: { limits: { key: { budget: { limitNanoUsd: 100_000_000, period: "day" } } } },
  });
});

// planted: canonicalJson without the sort
test("the version follows the meaning of the file, not its spelling", () => {
  const { version } = compiled(MINIMAL);
  expect(version).toMatch(/^[0-9a-f]{16}$/);
  expect(
    compiled(edited("{inputPerMillion: 1, outputPerMillion: 5}", "{outputPerMillion: 5.0, inputPerMillion: 1.0}"))
      .version,
  ).toBe(version);
  const tiers = (order: string): string => compiled(edited("defaultTier: free", `${order}defaultTier: free`)).version;
  expect(tiers("  a: {}\n  b: {}\n")).toBe(tiers("  b: {}\n  a: {}\n"));
  expect(compiled(edited("outputPerMillion: 5}", "outputPerMillion: 6}")).version).not.toBe(version);
});

// planted: `lineOf` returning the line of the parent
test("a problem names file, line, path and reason, and what was probably meant", () => {
  expect(
    problemsOf(
      edited(
        "    formats: [openai-chat, openai-embeddings]",
        "    formats: [openai-chat, openai-embeddings]\n    colectJson: always",
      ),
    ),
  ).toEqual(['config/x.yaml:5: backends.home.colectJson: unknown key; did you mean "collectJson"?']);
  expect(problemsOf(edited("{backend: claude, model: haiku}", "{backend: cluade, model: haiku}"))).toEqual([
    'config/x.yaml:18: routes.chat.fallbacks[0].backend: no backend is named "cluade"; did you mean "claude"?',
  ]);
});

test.each([
  // planted, one by one: each check of checks.ts returning no finding
  [
    "a tier that does not exist",
    "defaultTier: free",
    "defaultTier: fre",
    /defaultTier: no tier is named "fre"; did you mean "free"/,
  ],
  [
    "a format that cannot do the operation",
    "{backend: home, model: bge}",
    "{backend: claude, model: haiku}",
    /routes\.embed\.targets\[0\]\.backend: "claude" speaks anthropic-messages, none of which can embed/,
  ],
  ["a price that nobody knows", "model: haiku}", "model: opus}", /fallbacks\[0\]\.model: no price is known for "opus"/],
  [
    "a weight of zero",
    "default: small}}",
    "default: small}, weight: 0}",
    /targets\[0\]\.weight: must be larger than 0, unless rules or a level of degradation use it by its name/,
  ],
  ["a weight on a fallback", "model: haiku}", "model: haiku, weight: 2}", /fallbacks\[0\]\.weight: unknown key/],
  [
    "a fallback that is the target",
    "{backend: claude, model: haiku}",
    "{backend: home, model: small}",
    /fallbacks\[0\]: is the same backend and model as targets\[0\]/,
  ],
  [
    "two formats for one operation",
    "[anthropic-messages]",
    "[anthropic-messages, openai-chat]",
    /formats\[1\]: a second format for the operation chat/,
  ],
  [
    "an URL that is not http",
    '"https://claude.example"',
    '"ftp://claude.example"',
    /baseUrl\.default: must be an http\(s\) URL/,
  ],
  ["a base URL from nowhere", "baseUrl: {env: VLLM_BASE_URL}", "baseUrl: {}", /baseUrl: needs either `env` or `url`/],
  [
    "a scheme without a secret",
    "{scheme: x-api-key, secret: CLAUDE_KEY}",
    "{scheme: x-api-key}",
    /auth: needs a `secret`/,
  ],
  [
    "deadlines that contradict each other",
    "baseUrl: {env: VLLM_BASE_URL}",
    "baseUrl: {env: VLLM_BASE_URL}\n    deadlines: {firstTokenMs: 1000}",
    /deadlines: connectMs \(5000\) is more than firstTokenMs \(1000\)/,
  ],
  [
    "a delay budget that no fallback can use",
    "    fallbacks:",
    "    delayBudgetMs: 20000\n    fallbacks:",
    /delayBudgetMs: 20000 is not more than firstTokenMs \(30000\)/,
  ],
  [
    "a quarantine shorter than an answer",
    "defaultTier: free",
    "defaultTier: free\nbudgetQuarantineMs: 1000",
    /budgetQuarantineMs: is less than the longest answer/,
  ],
  [
    "a variable with two meanings",
    "{env: CLAUDE_BASE_URL",
    "{env: VLLM_MODEL",
    /VLLM_MODEL stands for something else elsewhere/,
  ],
  [
    "a secret used as a setting",
    "{env: CLAUDE_BASE_URL",
    "{env: CLAUDE_KEY",
    /CLAUDE_KEY is named as a secret elsewhere/,
  ],
  [
    "a model and a variable at once",
    "{env: VLLM_MODEL, default: small}",
    "{name: a, env: VLLM_MODEL, default: small}",
    /model: must be a model's name, or both/,
  ],
  ["a missing part", "    formats: [anthropic-messages]\n", "", /backends\.claude\.formats: is missing/],
  ["a wrong type", "requestsPerMinute: 10", "requestsPerMinute: ten", /requestsPerMinute: must be a whole number/],
  ["an alias with spaces", "  embed:\n", '  "em bed":\n', /routes\["em bed"\]: as a name, must be/],
  ["__proto__ as a name", "  embed:\n", "  __proto__:\n", /routes\.__proto__: is not allowed as a name/],
  ["a duplicate key", "defaultTier: free", "defaultTier: free\ndefaultTier: free", /:27: not YAML: duplicate key/],
  [
    "a header that would smuggle",
    "baseUrl: {env: VLLM_BASE_URL}",
    "baseUrl: {env: VLLM_BASE_URL}\n    headers: {Host: {value: x}}",
    /headers\.Host: as a name, is set by the gateway/,
  ],
  [
    "more output than the model holds",
    "outputPerMillion: 5}}",
    "outputPerMillion: 5}, contextTokens: 2000}",
    /maxOutputTokens: 4096 leaves no room/,
  ],
])("%s is a problem", (_, from, to, expected) => {
  const problems = problemsOf(edited(from, to));
  expect(problems.join("\n")).toMatch(expected);
  for (const problem of problems) expect(problem).toMatch(/^config\/x\.yaml(:\d+)?: /);
});

test("all problems are reported at once, in the order of the file", () => {
  const lines = problemsOf(
    edited("defaultTier: free", "defaultTier: none").replace("backend: home, model: bge", "backend: hom, model: bge"),
  );
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain("routes.embed");
  expect(lines[1]).toContain("defaultTier");
});

// planted: variableName's message with the value in it; prettyErrors left on
test.each([
  ["as a name of a secret", "secret: CLAUDE_KEY", "secret: sk-ant-api03-canary0123456789abcdef"],
  ["as a name in capitals", "secret: CLAUDE_KEY", "secret: AKIAABCDEFGHIJKLMNOP"],
  [
    "in a header's value",
    "baseUrl: {env: VLLM_BASE_URL}",
    'baseUrl: {env: VLLM_BASE_URL}\n    headers: {x-key: {value: "Bearer canary0123456789abcdef"}}',
  ],
  ["in an URL", '"https://claude.example"', '"https://user:canary0123456789abcdef@claude.example"'],
  ["in a line that is not YAML", "secret: CLAUDE_KEY", "secret: [sk-canary0123456789abcdef"],
])("a secret itself %s is refused and never repeated", (_, from, to) => {
  const problems = problemsOf(edited(from, to)).join("\n");
  expect(problems).not.toBe("");
  expect(problems).not.toMatch(/canary|AKIA/);
});

// planted: OWN_VARIABLES left empty
test("no backend can be given the gateway's own secrets", () => {
  expect(problemsOf(edited("secret: CLAUDE_KEY", "secret: KEY_PEPPER")).join()).toMatch(
    /auth\.secret: is a variable of the gateway itself/,
  );
  expect(problemsOf(edited("{env: VLLM_BASE_URL}", "{env: DATABASE_URL}")).join()).toMatch(
    /baseUrl\.env: is a variable of the gateway itself/,
  );
});

test.each(["", "- a", "backends: 3", "{", "null", "&a [*a]"])("%j is a problem and not an exception", (text) => {
  expect(problemsOf(text).length).toBeGreaterThan(0);
});
