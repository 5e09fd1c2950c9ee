import { expect, test } from "vitest";
import { METRICS } from "../../../src/telemetry/metrics.ts";
import { OTEL_METRICS, spanAttributes, spanName } from "../../../src/telemetry/otel-names.ts";
import { serverTiming, timingOf } from "../../../src/telemetry/server-timing.ts";
import { attemptOf, eventOf } from "./event.ts";

test("a span is named and described in the words of the GenAI conventions", () => {
  expect(spanName(eventOf())).toBe("chat home");
  expect(spanName(eventOf({ operation: "embed", alias: "" }))).toBe("embeddings");
  expect(spanAttributes(eventOf())).toMatchObject({
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "home",
    "gen_ai.response.model": "small",
    "gen_ai.response.time_to_first_chunk": 0.15,
    "gen_ai.usage.input_tokens": 30,
    "gen_ai.usage.cache_read.input_tokens": 10,
    "gateway.cost_nano_usd": 1_234_567,
  });
});

// planted: the provider of the first attempt
test("the provider is that of the attempt that answered", () => {
  const attempts = [
    attemptOf({ outcome: "failed" }),
    attemptOf({ backend: "claude", model: "haiku", wire: "anthropic-messages" }),
  ];
  expect(spanAttributes(eventOf({ attempts, backend: "claude", model: "haiku" }))["gen_ai.provider.name"]).toBe(
    "anthropic",
  );
});

// planted: the filter for undefined removed
test("what is unknown is absent", () => {
  const {
    usage: _usage,
    backend: _backend,
    model: _model,
    firstTokenMs: _first,
    ...bare
  } = eventOf({ attempts: [], status: 0 });
  const attributes = spanAttributes(bare);
  expect(Object.values(attributes)).not.toContain(undefined);
  for (const name of [
    "gen_ai.provider.name",
    "gen_ai.response.model",
    "gen_ai.usage.output_tokens",
    "error.type",
    "http.response.status_code",
  ]) {
    expect(attributes).not.toHaveProperty([name]);
  }
});

test("every metric with a counterpart is one that we have", () => {
  for (const name of Object.keys(OTEL_METRICS)) expect(METRICS).toHaveProperty(name);
});

// planted: the times of a step that did I/O twice not summed
test("Server-Timing: an entry a step that did I/O, and the total", () => {
  const decisions = [
    { step: "resolve", decision: "route" },
    { step: "admit", decision: "stale-key", ioMs: 2 },
    { step: "admit", decision: "admitted", ioMs: 3.26 },
    { step: "dispatch", decision: "answered", ioMs: 120 },
  ];
  expect(serverTiming(timingOf(decisions, 131))).toBe("admit;dur=5.3, dispatch;dur=120, total;dur=131");
  expect(serverTiming([{ name: "a b;c", durationMs: 1 }])).toBe("a-b-c;dur=1");
});
