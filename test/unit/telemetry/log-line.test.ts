import { expect, test } from "vitest";
import { bugLine, logLine } from "../../../src/telemetry/log-line.ts";
import { attemptOf, eventOf } from "./event.ts";

const CANARY = "sk-canary0123456789abcdef";

test("one line of JSON with what an operator asks first", () => {
  const line = logLine(eventOf());
  expect(line).not.toContain("\n");
  expect(JSON.parse(line)).toMatchObject({
    level: "info",
    message: "request",
    time: "1970-01-01T00:00:02.000Z",
    request_id: "req_01jxq2v3c4d5e6f7g8h9j0k1m2",
    tenant: "acme",
    outcome: "completed",
    duration_ms: 1_000,
    input_tokens: 30,
    decisions: ["admit admitted 3ms"],
    translations: ["dropped top_k"],
  });
});

// planted: `clean` that only cuts
test("what looks like a credential is masked wherever text can come from outside", () => {
  const line = logLine(
    eventOf({
      user: CANARY,
      tenant: `t ${CANARY}`,
      attempts: [attemptOf({ detail: `status_401 ${CANARY}` })],
      decisions: [{ step: "guard", decision: CANARY, reason: `Bearer ${CANARY}` }],
      translations: [{ field: CANARY, what: "dropped" }],
    }),
  );
  expect(line).not.toContain("canary");
  expect(JSON.parse(line)).toMatchObject({ user: "[masked]", attempts: [{ detail: "status_401 [masked]" }] });
});

// planted: `...event` spread into the line
test("fields that the list does not name are not logged", () => {
  const line = logLine({ ...eventOf(), prompt: "canary prompt", endUserHash: "canary-hash" } as ReturnType<
    typeof eventOf
  >);
  expect(line).not.toContain("canary");
});

test("names out of the configuration stay readable, however dense they look", () => {
  const model = "org/Model-70B-Instruct-Quantised-AWQ-4bit-Long-Context-V2";
  expect(JSON.parse(logLine(eventOf({ model })))).toMatchObject({ model });
});

test.each([
  ["info", {}],
  ["info", { failure: "caller_rate_limited", outcome: "refused" }],
  ["warn", { failure: "backend_timeout", outcome: "failed" }],
  ["warn", { outcome: "abandoned" }],
  ["error", { failure: "gateway_internal", outcome: "failed" }],
] as const)("level %s for %o", (level, changes) => {
  expect(JSON.parse(logLine(eventOf(changes)))).toMatchObject({ level });
});

test("what is unknown is absent, never 0, and long text is cut", () => {
  const { usage: _usage, firstTokenMs: _first, ...bare } = eventOf({ user: "u ".repeat(5_000) });
  const line = logLine(bare);
  expect(line.length).toBeLessThan(4_000);
  expect(JSON.parse(line)).not.toHaveProperty("input_tokens");
  expect(JSON.parse(line)).not.toHaveProperty("first_token_ms");
});

// planted: the message left unmasked
test("a bug's line says where it came from and hides what it held", () => {
  const line = bugLine(new TypeError(`cannot read ${CANARY}`), "req_1", 0);
  expect(line).not.toContain("canary");
  const parsed = JSON.parse(line);
  expect(parsed).toMatchObject({
    level: "error",
    message: "bug",
    error: "TypeError",
    detail: "cannot read [masked]",
    request_id: "req_1",
  });
  expect(parsed.stack[0]).toMatch(/^at /);
  expect(JSON.parse(bugLine({ secret: CANARY }, "req_1", 0))).toMatchObject({
    detail: "something that is no error was thrown",
  });
});
