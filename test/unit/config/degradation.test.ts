import { expect, test } from "vitest";
import { compileConfig } from "../../../src/config/compile.ts";

function compile(route: string) {
  return compileConfig(
    `
backends:
  home:
    formats: [openai-chat, openai-embeddings]
    baseUrl: {url: "http://home.invalid"}
    price: {inputPerMillion: 1, outputPerMillion: 1}
routes:
  chat: ${route}
tiers: {open: {}}
defaultTier: open
`,
    "levels.yaml",
  );
}

const TARGETS = "targets: [{name: large, backend: home, model: l}, {name: small, backend: home, model: s, weight: 0}]";

test("what a route leaves out of its degradation has defaults", () => {
  const compiled = compile(`{${TARGETS}, degradation: {reduced: {use: [small]}, errorRate: {minimum: 5}}}`);
  expect(compiled.ok && compiled.config.routes.chat?.degradation).toEqual({
    reduced: { use: ["small"] },
    upAfterMs: 60_000,
    errorRate: { share: 0.5, windowMs: 30_000, minimum: 5 },
  });
});

// planted, one by one: each condition in front of a finding taken away
test.each([
  [`{${TARGETS}, degradation: {}}`, "routes.chat.degradation", /needs `reduced`, `emergency` or both/],
  [`{${TARGETS}, degradation: {reduced: {use: []}}}`, "routes.chat.degradation.reduced.use", /at least one target/],
  [
    `{${TARGETS}, degradation: {reduced: {use: [smal]}}}`,
    "routes.chat.degradation.reduced.use[0]",
    /no target is named "smal"; did you mean "small"/,
  ],
  [
    `{${TARGETS}, degradation: {reduced: {use: [small, large]}}}`,
    "routes.chat.degradation.reduced.use",
    /all that the route has anyway/,
  ],
  [
    "{operation: embed, targets: [{backend: home, model: e}], degradation: {emergency: {answer: Away.}}}",
    "routes.chat.degradation.emergency.answer",
    /no embed gives/,
  ],
  [
    `{${TARGETS}, degradation: {emergency: {}, errorRate: {share: 2}}}`,
    "routes.chat.degradation.errorRate.share",
    /at most 1/,
  ],
  [
    `{${TARGETS}, degradation: {emergency: {text: Away.}}}`,
    "routes.chat.degradation.emergency.text",
    /did you mean|known are/,
  ],
])("%s is refused", (route, path, reason) => {
  const compiled = compile(route);
  if (compiled.ok) throw new Error("it compiled");
  expect(compiled.problems.map((problem) => problem.path)).toEqual([path]);
  expect(compiled.problems[0]?.reason).toMatch(reason);
});
