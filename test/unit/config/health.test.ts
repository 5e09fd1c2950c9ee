import { expect, test } from "vitest";
import { compileConfig } from "../../../src/config/compile.ts";

const compiled = (health: string) =>
  compileConfig(
    `
backends:
  home:
    formats: [openai-chat]
    baseUrl: {env: VLLM_BASE_URL}
    price: {inputPerMillion: 0, outputPerMillion: 0}
    ${health}
routes:
  home: {targets: [{backend: home, model: home}]}
tiers: {free: {}}
defaultTier: free
`,
    "health.yaml",
  );

test("nobody is asked unless the configuration says so; then nothing else has to be said", () => {
  const healthOf = (text: string) => {
    const result = compiled(text);
    return result.ok ? result.config.backends.home?.health : result.problems;
  };
  expect(healthOf("")).toBeUndefined();
  expect(healthOf("health: {}")).toEqual({ everyMs: 15_000, maxWaiting: 8, maxKvCache: 0.95 });
  expect(healthOf("health: {everyMs: 1000, maxWaiting: 0, maxKvCache: 1}")).toEqual({
    everyMs: 1_000,
    maxWaiting: 0,
    maxKvCache: 1,
  });
});

// planted: no least interval
test.each(["{everyMs: 999}", "{everyMs: 600001}", "{maxWaiting: -1}", "{maxKvCache: 1.1}", "{every: 1}"])(
  "%s is no such thing",
  (health) => {
    expect(compiled(`health: ${health}`).ok).toBe(false);
  },
);

test("seats become fewer with what is read unless the configuration says otherwise", () => {
  const result = compiled("health: {limitSeats: false}");
  expect(result.ok && result.config.backends.home?.health?.limitSeats).toBe(false);
  expect(compiled("health: {limitSeats: 0}").ok).toBe(false);
});
