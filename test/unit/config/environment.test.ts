import { expect, test } from "vitest";
import { normaliseBaseUrl } from "../../../src/config/base-url.ts";
import { bindEnvironment } from "../../../src/config/bind.ts";
import { compileConfig } from "../../../src/config/compile.ts";
import { type Environment, parseEnvironment } from "../../../src/config/environment.ts";
import { findRoute } from "../../../src/config/resolve.ts";
import { exampleBase } from "./base.ts";

const base = exampleBase();
const PEPPER = btoa("p".repeat(32));

const COMPLETE: Readonly<Record<string, unknown>> = {
  UPSTASH_REDIS_REST_URL: "http://127.0.0.1:8079",
  UPSTASH_REDIS_REST_TOKEN: "redis-canary",
  DATABASE_URL: "postgresql://app:pg-canary@db.example/gateway",
  DATABASE_ADMIN_URL: "postgresql://owner:pg-canary@db.example/gateway",
  KEY_PEPPER: `1:${PEPPER}`,
  ADMIN_KEY: "admin-canary-0123456789",
  VLLM_BASE_URL: "http://127.0.0.1:8000",
  EVENTS: { send() {} },
};

function environmentOf(changes: Readonly<Record<string, unknown>> = {}): Environment {
  const parsed = parseEnvironment({ ...COMPLETE, ...changes }, base);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.environment;
}

function namesOf(changes: Readonly<Record<string, unknown>>): readonly string[] {
  const parsed = parseEnvironment({ ...COMPLETE, ...changes }, base);
  if (parsed.ok) return [];
  expect(JSON.stringify(parsed.problems)).not.toContain("canary");
  return parsed.problems.map((problem) => problem.name);
}

test("a complete environment is parsed; bindings are no text and do not disturb", () => {
  const environment = environmentOf();
  expect(environment.redis).toEqual({ url: "http://127.0.0.1:8079", token: "redis-canary" });
  expect(environment.peppers).toEqual({ current: 1, byVersion: new Map([[1, PEPPER]]) });
  expect(environment.metricsToken).toBeUndefined();
  expect(environment.postgres.fetchEndpoint).toBeUndefined();
});

// planted: KEY_PEPPER made z.optional and its `undefined` skipped
test.each([
  "UPSTASH_REDIS_REST_URL",
  "UPSTASH_REDIS_REST_TOKEN",
  "DATABASE_URL",
  "DATABASE_ADMIN_URL",
  "KEY_PEPPER",
  "ADMIN_KEY",
])("a missing or blank %s stops the start and is named", (name) => {
  expect(namesOf({ [name]: undefined })).toEqual([name]);
  expect(namesOf({ [name]: "  " })).toEqual([name]);
});

test("everything that is missing is named at once", () => {
  const parsed = parseEnvironment({}, base);
  expect(parsed.ok ? [] : parsed.problems.map((problem) => problem.name)).toEqual([
    "UPSTASH_REDIS_REST_URL",
    "UPSTASH_REDIS_REST_TOKEN",
    "DATABASE_URL",
    "DATABASE_ADMIN_URL",
    "KEY_PEPPER",
    "ADMIN_KEY",
    "VLLM_BASE_URL",
    "OPENAI_API_KEY",
    "CLAUDE_KEY",
  ]);
});

// planted: SHORTEST_BYTES = 16; the `has` check removed; accessKey without its length
test.each<[string, Record<string, unknown>, string]>([
  ["a short pepper", { KEY_PEPPER: `1:${btoa("canary-canary-canary-canary-31b")}` }, "KEY_PEPPER"],
  ["a pepper without a version", { KEY_PEPPER: PEPPER }, "KEY_PEPPER"],
  ["two peppers of one version", { KEY_PEPPER: `1:${PEPPER},1:${PEPPER}` }, "KEY_PEPPER"],
  ["a guessable admin key", { ADMIN_KEY: "admin" }, "ADMIN_KEY"],
  ["a guessable metrics token", { METRICS_TOKEN: "metrics" }, "METRICS_TOKEN"],
  ["a database that is none", { DATABASE_URL: "mysql://canary@db" }, "DATABASE_URL"],
  [
    "a Redis URL with credentials",
    { UPSTASH_REDIS_REST_URL: "https://u:canary@redis.example" },
    "UPSTASH_REDIS_REST_URL",
  ],
  ["a backend's URL with credentials", { VLLM_BASE_URL: "http://u:canary@127.0.0.1" }, "VLLM_BASE_URL"],
  ["a backend's URL that is none", { VLLM_BASE_URL: "canary" }, "VLLM_BASE_URL"],
  ["a secret that would split a header", { OPENAI_API_KEY: "canary\r\nx-evil: 1" }, "OPENAI_API_KEY"],
  ["an optional secret that would split a header", { VLLM_API_KEY: "canary key" }, "VLLM_API_KEY"],
  ["a model's name that is none", { VLLM_MODEL: "canary model" }, "VLLM_MODEL"],
])("%s stops the start", (_, changes, name) => {
  expect(namesOf(changes)).toEqual([name]);
});

test("several peppers: new keys take the highest version, whatever the order", () => {
  const second = btoa("q".repeat(32));
  expect(environmentOf({ KEY_PEPPER: `2:${second},1:${PEPPER}` }).peppers).toEqual({
    current: 2,
    byVersion: new Map([
      [2, second],
      [1, PEPPER],
    ]),
  });
});

// planted: `missing.push(secret)` removed
test("a backend without its URL or required secret is absent, with the names of what it lacks", () => {
  const environment = environmentOf();
  expect(environment.availableBackends).toEqual(new Set(["home"]));
  expect(environment.absentBackends).toEqual(
    new Map([
      ["openai", ["OPENAI_API_KEY"]],
      ["claude", ["CLAUDE_KEY"]],
    ]),
  );
});

test("credentials go out by each backend's scheme, optional headers only where their secret is there", () => {
  const { backends } = environmentOf({ OPENAI_API_KEY: "ok", CLAUDE_KEY: "ck\n", CF_ACCESS_CLIENT_ID: "id" });
  expect(backends.get("openai")).toEqual({
    baseUrl: "https://api.openai.example/v1",
    headers: { authorization: "Bearer ok" },
  });
  expect(backends.get("claude")).toEqual({ baseUrl: "https://claude.example/v1", headers: { "x-api-key": "ck" } });
  expect(backends.get("home")?.headers).toEqual({ "cf-access-client-id": "id", "x-fixed": "yes" });
  expect(environmentOf().backends.get("home")?.headers).toEqual({ "x-fixed": "yes" });
});

// planted: the regular expression for a version segment without its tail
test.each([
  ["http://gpu:8000", "http://gpu:8000/v1"],
  ["http://gpu:8000/", "http://gpu:8000/v1"],
  ["http://gpu:8000/v1/", "http://gpu:8000/v1"],
  ["https://gw.example/openai/v1", "https://gw.example/openai/v1"],
  ["https://gw.example/v1beta/openai/", "https://gw.example/v1beta/openai"],
  ["https://u:p@gw.example", undefined],
  ["https://gw.example/?key=1", undefined],
  ["file:///etc/passwd", undefined],
])("the base URL %s becomes %s", (text, expected) => {
  expect(normaliseBaseUrl(text)).toBe(expected);
});

// planted: `version` left as in the base
test("bound to the environment, models have names, and the version names what was chosen", () => {
  const plain = bindEnvironment(base, environmentOf());
  const other = bindEnvironment(base, environmentOf({ VLLM_MODEL: "qwen" }));
  const moved = bindEnvironment(base, environmentOf({ VLLM_BASE_URL: "http://127.0.0.1:9000" }));
  expect(findRoute(plain, "chat")?.targets[0]?.model).toEqual({ name: "small" });
  expect(findRoute(other, "chat")?.targets[0]?.model).toEqual({ name: "qwen" });
  expect(new Set([base.version, plain.version, other.version, moved.version]).size).toBe(4);
  expect(bindEnvironment(base, environmentOf()).version).toBe(plain.version);
});

// planted: a binding looked for among the texts
test("a backend behind a binding is there exactly where the binding is", () => {
  const compiled = compileConfig(
    `
backends:
  home: {preset: vllm, price: &free {inputPerMillion: 0, outputPerMillion: 0}}
  cf: {preset: workers-ai, price: *free}
routes:
  r: {targets: [{backend: home, model: m}], fallbacks: [{backend: cf, model: "@cf/m"}]}
tiers:
  free: {}
defaultTier: free
`,
    "x.yaml",
  );
  if (!compiled.ok) throw new Error(compiled.problems.map(({ text }) => text).join("\n"));
  const reach = (more: object) => {
    const parsed = parseEnvironment({ ...COMPLETE, ...more }, compiled.config);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    return [parsed.environment.availableBackends.has("cf"), parsed.environment.absentBackends.get("cf")];
  };
  expect(reach({ AI: { run() {} } })).toEqual([true, undefined]);
  expect(reach({})).toEqual([false, ["AI"]]);
  expect(reach({ AI: "text" })).toEqual([false, ["AI"]]);
});
