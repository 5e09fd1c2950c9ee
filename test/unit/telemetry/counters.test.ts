import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { WideEvent } from "../../../src/core/wide-event.ts";
import { countersOf } from "../../../src/telemetry/counters.ts";
import { fieldOf, METRICS, readField } from "../../../src/telemetry/metrics.ts";
import { prometheusText } from "../../../src/telemetry/prometheus.ts";
import { attemptOf, eventOf } from "./event.ts";

function stored(...events: readonly WideEvent[]): Record<string, number> {
  const counters: Record<string, number> = {};
  for (const event of events)
    for (const { field, by } of countersOf(event)) counters[field] = (counters[field] ?? 0) + by;
  return counters;
}

function lines(...events: readonly WideEvent[]): string[] {
  return prometheusText(stored(...events)).split("\n");
}

describe("what a request adds", () => {
  test("a completed request: one of everything, tokens and money of its attempt", () => {
    expect(stored(eventOf())).toEqual({
      "gateway_requests_total|chat|anthropic-messages|home|standard|completed|miss": 1,
      "gateway_request_duration_seconds|chat|home|miss|7": 1,
      "gateway_request_duration_seconds|chat|home|miss|sum": 1_000,
      "gateway_first_token_seconds|home|home|8": 1,
      "gateway_first_token_seconds|home|home|sum": 150,
      "gateway_attempts_total|home|small|completed|": 1,
      "gateway_cost_usd_total|home|small|standard": 1_234_567,
      "gateway_tokens_total|home|small|input": 30,
      "gateway_tokens_total|home|small|output": 12,
      "gateway_tokens_total|home|small|cached_input": 10,
    });
  });

  test("a fallback counts every attempt on its own backend, and itself once", () => {
    const attempts = [
      attemptOf({ outcome: "failed", failure: "backend_unavailable", costNanoUsd: 0, usage: {} }),
      attemptOf({ ordinal: 1, backend: "openai", model: "mini", estimated: true }),
    ];
    expect(stored(eventOf({ attempts, backend: "openai", model: "mini" }))).toMatchObject({
      "gateway_attempts_total|home|small|failed|backend_unavailable": 1,
      "gateway_attempts_total|openai|mini|completed|": 1,
      "gateway_fallbacks_total|home|completed": 1,
      "gateway_estimated_attempts_total|openai|mini": 1,
    });
  });

  // planted: requests at full counted too
  test("a request that was not served in full counts at its level", () => {
    const field = "gateway_degraded_requests_total|home|reduced";
    expect(stored(eventOf({ routing: { by: "only-target", level: "reduced" } }))[field]).toBe(1);
    expect(Object.keys(stored(eventOf({ routing: { by: "only-target" } }))).join()).not.toContain("degraded");
  });

  // planted: refusals counted by their word and not by why; waits of those who got no seat among the others
  test("wishes for a seat, by what came of them, and how long those waited who got one", () => {
    const seat = (decision: string, reason: string, ioMs: number) => ({ step: "seat", decision, reason, ioMs });
    const decisions = [
      { step: "plan", decision: "home", reason: "only-target" },
      seat("refused", "home:shed", 2_000),
      seat("refused", "home:wait", 0),
      seat("seated", "spare:place_3", 1_300),
      seat("seated", "spare:place_0", 0),
      seat("unseated", "spare:silent", 3_000),
      seat("left", "home:place_9", 400),
    ];
    const counters = stored(eventOf({ decisions, tier: "free" }));
    const seats = Object.entries(counters).filter(([field]) => field.startsWith("gateway_seat"));
    expect(Object.fromEntries(seats)).toEqual({
      "gateway_seat_requests_total|home|free|shed": 1,
      "gateway_seat_requests_total|home|free|wait": 1,
      "gateway_seat_requests_total|spare|free|seated": 2,
      "gateway_seat_requests_total|spare|free|unseated": 1,
      "gateway_seat_requests_total|home|free|left": 1,
      "gateway_seat_wait_seconds|spare|free|8": 1,
      "gateway_seat_wait_seconds|spare|free|0": 1,
      "gateway_seat_wait_seconds|spare|free|sum": 1_300,
    });
  });

  // planted: the change not counted; counted by where it led alone
  test("a change of the route's level counts once, by where it came from and led to", () => {
    const levelChange = { from: "reduced", to: "full" } as const;
    const field = "gateway_degradation_changes_total|home|reduced|full";
    expect(stored(eventOf({ routing: { by: "only-target", levelChange } }))[field]).toBe(1);
    expect(Object.keys(stored(eventOf())).join()).not.toContain("changes");
  });

  // planted: fields pushed to a list instead of summed up
  test("two attempts at one backend raise one field by two", () => {
    const failed = attemptOf({ outcome: "failed", failure: "backend_overloaded" });
    const fields = countersOf(eventOf({ attempts: [failed, failed] })).map(({ field }) => field);
    expect(new Set(fields).size).toBe(fields.length);
    expect(
      stored(eventOf({ attempts: [failed, failed] }))["gateway_attempts_total|home|small|failed|backend_overloaded"],
    ).toBe(2);
  });

  test("a refusal says which limit, and adds neither attempts nor money", () => {
    const refused = eventOf({
      outcome: "refused",
      failure: "caller_rate_limited",
      limit: { unit: "tokens", level: "tenant" },
      attempts: [],
      costNanoUsd: 0,
    });
    const counters = stored(refused);
    expect(counters["gateway_limit_refusals_total|tokens|tenant|standard"]).toBe(1);
    expect(counters["gateway_failures_total|home|caller_rate_limited"]).toBe(1);
    expect(Object.keys(counters).filter((field) => /attempts|cost|tokens_total/.test(field))).toEqual([]);
  });

  // planted: the `return` for abandoned requests removed
  test("an abandoned request adds its reserved money under its own name and no duration", () => {
    const counters = stored(eventOf({ outcome: "abandoned", attempts: [], costNanoUsd: 9_000_000 }));
    expect(counters["gateway_abandoned_cost_usd_total|home|standard"]).toBe(9_000_000);
    expect(Object.keys(counters).filter((field) => field.includes("duration"))).toEqual([]);
  });

  // planted: `event.alias` used as it is
  test("a caller whose model is unknown makes no label of its own", () => {
    expect(Object.keys(stored(eventOf({ alias: "", outcome: "refused", attempts: [] })))).toContain(
      "gateway_requests_total|chat|anthropic-messages|none|standard|refused|miss",
    );
  });

  // planted: the tokens of the event in place of those of its attempts
  test("what is unknown is not counted as zero, and a clock that went back adds no negative time", () => {
    const counters = stored(eventOf({ endedAt: 500, attempts: [attemptOf({ usage: { inputTokens: 5 } })] }));
    expect(counters).not.toHaveProperty(["gateway_tokens_total|home|small|output"]);
    expect(counters).not.toHaveProperty(["gateway_request_duration_seconds|chat|home|miss|sum"]);
    expect(counters["gateway_request_duration_seconds|chat|home|miss|0"]).toBe(1);
  });
});

describe("Prometheus text", () => {
  test("nothing counted yet: every metric is announced, and the text ends with a line end", () => {
    const text = prometheusText({});
    for (const [name, metric] of Object.entries(METRICS)) {
      expect(text).toContain(`# HELP ${name} ${metric.help}\n# TYPE ${name} ${metric.type}\n`);
    }
    expect(text.endsWith("\n")).toBe(true);
    expect(text.endsWith("\n\n")).toBe(false);
  });

  // planted: buckets printed as they are stored
  test("buckets are cumulative, end with +Inf, and agree with the count; sums are in seconds", () => {
    const fast = eventOf({ endedAt: 1_015, firstTokenMs: 12 });
    const slow = eventOf({ endedAt: 1_000 + 3_600_000 });
    const printed = lines(fast, fast, slow).filter((line) => line.startsWith("gateway_request_duration_seconds"));
    const labels = 'operation="chat",route="home",cache="miss"';
    expect(printed).toContain(`gateway_request_duration_seconds_bucket{${labels},le="0.01"} 0`);
    expect(printed).toContain(`gateway_request_duration_seconds_bucket{${labels},le="0.02"} 2`);
    expect(printed).toContain(`gateway_request_duration_seconds_bucket{${labels},le="655.36"} 2`);
    expect(printed).toContain(`gateway_request_duration_seconds_bucket{${labels},le="+Inf"} 3`);
    expect(printed).toContain(`gateway_request_duration_seconds_sum{${labels}} 3600.03`);
    expect(printed).toContain(`gateway_request_duration_seconds_count{${labels}} 3`);
  });

  // planted: `value <= bound` with `<`
  test("a value on a bucket's bound belongs into it", () => {
    expect(stored(eventOf({ endedAt: 1_010 }))).toHaveProperty(["gateway_request_duration_seconds|chat|home|miss|0"]);
  });

  // planted: scaled by division
  test("nano-dollars become dollars digit for digit", () => {
    const cost = (nano: number): string | undefined =>
      lines(eventOf({ attempts: [attemptOf({ costNanoUsd: nano })] }))
        .find((line) => line.startsWith("gateway_cost_usd_total"))
        ?.split(" ")[1];
    expect(cost(1)).toBe("0.000000001");
    expect(cost(1_234_567)).toBe("0.001234567");
    expect(cost(2_000_000_000)).toBe("2");
    expect(cost(9_007_199_000_000_001)).toBe("9007199.000000001");
  });

  // planted: escapeLabel that leaves quotes
  test("label values are escaped", () => {
    const text = prometheusText({
      [fieldOf("gateway_fallbacks_total", { route: 'a"b\\c\nd|e', outcome: "completed" })]: 1,
    });
    expect(text).toContain('gateway_fallbacks_total{route="a\\"b\\\\c\\nd|e",outcome="completed"} 1\n');
  });

  // planted: isMetricName that is always true
  test.each([
    "",
    "x",
    "gateway_requests_total",
    "gateway_requests_total|a",
    "constructor|a",
    "gateway_first_token_seconds|a|b|99",
    "gateway_first_token_seconds|a|b|x",
  ])("a stored field %j that no metric knows is left out", (field) => {
    expect(readField(field)).toBeUndefined();
    expect(prometheusText({ [field]: 5 })).toBe(prometheusText({}));
  });
});

test("any label values come back from the field under which they were stored, and every line is well-formed", () => {
  const line = /^[a-z_]+\{([a-z_]+="(\\\\|\\"|\\n|[^"\\\n])*",?)*\} [0-9.]+$/;
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), fc.string({ maxLength: 40 }), (backend, model) => {
      const field = fieldOf("gateway_tokens_total", { backend, model, kind: "input" });
      expect(readField(field)?.labels.map(([, value]) => value)).toEqual([backend.toWellFormed(), model, "input"]);
      const printed = prometheusText({ [field]: 7 })
        .split("\n")
        .filter((text) => text !== "" && !text.startsWith("#"));
      expect(printed).toHaveLength(1);
      expect(printed[0]).toMatch(line);
    }),
  );
});
