import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compileConfig } from "../../../src/config/compile.ts";
import { parseEnvironment } from "../../../src/config/environment.ts";
import type { BaseConfig } from "../../../src/core/config.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const files = globSync(["config/*.yaml", "test/fixtures/config/*.yaml"], { cwd: root }).sort();

function compileFile(file: string): BaseConfig {
  const compiled = compileConfig(readFileSync(join(root, file), "utf8"), file);
  if (!compiled.ok) throw new Error(compiled.problems.map((problem) => problem.text).join("\n"));
  return compiled.config;
}

const own = {
  UPSTASH_REDIS_REST_URL: "http://127.0.0.1:8079",
  UPSTASH_REDIS_REST_TOKEN: "token",
  DATABASE_URL: "postgresql://app@localhost/gateway",
  DATABASE_ADMIN_URL: "postgresql://owner@localhost/gateway",
  KEY_PEPPER: `1:${btoa("p".repeat(32))}`,
  ADMIN_KEY: "0123456789abcdef",
};

test.each(files)("%s compiles", (file) => {
  expect(compileFile(file).version).toMatch(/^[0-9a-f]{16}$/);
});

describe("config/homelab.yaml", () => {
  const base = compileFile("config/homelab.yaml");

  // planted: OPENAI_API_KEY made optional in the file
  test.each([
    [{ VLLM_BASE_URL: "http://gpu:8000" }, ["home"]],
    [{ OPENAI_API_KEY: "k" }, ["openai"]],
    [{ ANTHROPIC_API_KEY: "k" }, ["anthropic"]],
    [
      { VLLM_BASE_URL: "http://gpu:8000", OPENAI_API_KEY: "k", ANTHROPIC_API_KEY: "k" },
      ["home", "openai", "anthropic"],
    ],
  ])("with %o it runs on %j", (variables, expected) => {
    const parsed = parseEnvironment({ ...own, ...variables }, base);
    expect(parsed.ok && [...parsed.environment.availableBackends]).toEqual(expected);
  });

  test("home answers first, then OpenAI, then Anthropic; embeddings never change their model", () => {
    const order = ["home", "home-embed"].map((alias) => {
      const route = base.routes[alias];
      return [...(route?.targets ?? []), ...(route?.fallbacks ?? [])].map((target) => target.backend);
    });
    expect(order).toEqual([["home", "openai", "anthropic"], ["home"]]);
  });
});

// planted: the preset's URL given a default
test("config/minimal.yaml needs the address of one vLLM, and nothing else", () => {
  const base = compileFile("config/minimal.yaml");
  const with_ = (variables: object) => parseEnvironment({ ...own, ...variables }, base);
  expect(with_({ VLLM_BASE_URL: "http://gpu:8000" })).toMatchObject({ ok: true });
  expect(with_({})).toMatchObject({ ok: false, problems: [{ name: "VLLM_BASE_URL" }] });
});

// planted: the budget of a tier at the level `user` taken out, in each
test.each([
  ["homelab", ["free", "standard", "premium"]],
  ["free", ["free", "member"]],
  ["premium", ["premium", "enterprise"]],
])("config/%s.yaml: every tier has requests, tokens, concurrency and a budget at all four levels", (name, tiers) => {
  const base = compileFile(`config/${name}.yaml`);
  for (const tier of Object.values(base.tiers)) {
    for (const level of ["key", "user", "model", "tenant"] as const) {
      const limits = tier.limits[level] ?? {};
      for (const unit of ["requestsPerMinute", "tokensPerMinute", "concurrency", "budget"]) {
        expect(limits, `${tier.name} ${level}`).toHaveProperty(unit);
      }
    }
  }
  expect(Object.keys(base.tiers)).toEqual(tiers);
});
