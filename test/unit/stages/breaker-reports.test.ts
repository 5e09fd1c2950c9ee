import { describe, expect, it } from "vitest";
import type { BreakerState } from "../../../src/core/breaker.ts";
import type { Backend, Route } from "../../../src/core/config.ts";
import type { Admitted } from "../../../src/core/exchange.ts";
import type { AttemptRecord } from "../../../src/core/wide-event.ts";
import { breakerGauges } from "../../../src/stages/breaker-gauges.ts";
import { breakerReports } from "../../../src/stages/breaker-reports.ts";
import type { Gateway } from "../../../src/stages/gateway.ts";
import { prometheusText } from "../../../src/telemetry/prometheus.ts";
import { PLAYED_CONFIG } from "../../support/pipeline.ts";

const START = 1_000_000;
const route: Route = { ...(PLAYED_CONFIG.routes.spare as Route), delayBudgetMs: 3_000 };

const attempt = (parts: Partial<AttemptRecord>): AttemptRecord => ({
  ordinal: 0,
  backend: "openai",
  model: "played",
  wire: "openai-chat",
  outcome: "failed",
  startedAt: START,
  durationMs: 100,
  estimated: false,
  costNanoUsd: 0,
  ...parts,
});

/** What is told of these attempts by an isolate in which everything is news. */
function told(attempts: readonly AttemptRecord[], config = PLAYED_CONFIG, asked: Route = route) {
  const heard: unknown[] = [];
  const gateway = {
    clock: { now: () => START + 9_000 },
    breakers: {
      report: (name: string, { healthy, beganAt }: { healthy: boolean; beganAt: number }) => {
        heard.push([name, healthy, beganAt]);
        return { now: 1, before: 2 };
      },
    },
  } as unknown as Gateway;
  const exchange = {
    config,
    route: asked,
    notes: { attempts },
    draft: { operation: "chat" },
    shared: {},
    requestId: "r",
  };
  const reports = breakerReports(exchange as unknown as Admitted, gateway);
  return { heard, reports, said: reports.map(({ name, healthy }) => [name, healthy]) };
}

describe("what a request says of breakers", () => {
  // planted: every 404 counts; none does
  it("something by a 404 of our own model, and nothing by one of what a caller may have named", () => {
    const of = (detail: string) => told([attempt({ failure: "backend_unavailable", detail })]).said;
    expect(of("model_not_found")).toEqual([["openai/played", false]]);
    expect(of("status_404")).toEqual([]);
    expect(of("status_404:not_found_error")).toEqual([]);
    expect(of("status_500")).toEqual([["openai/played", false]]);
  });

  // planted: a seam that does not fit counts as any cut
  it("nothing by a continuation that did not fit: its backend wrote as well as ever", () => {
    expect(told([attempt({ failure: "backend_cut", detail: "seam" })]).said).toEqual([]);
    expect(told([attempt({ failure: "backend_cut", detail: "reset" })]).said).toEqual([["openai/played", false]]);
  });

  // planted, one by one: each kind of failure that says nothing counted all the same
  it.each(["backend_overloaded", "backend_rejected", "gateway_unavailable", "caller_cancelled"] as const)(
    "nothing by %s",
    (failure) => {
      expect(told([attempt({ failure })]).said).toEqual([]);
    },
  );

  it("nothing by a client that left, whatever the backend said to it", () => {
    expect(told([attempt({ outcome: "cancelled", failure: "backend_cut" })]).said).toEqual([]);
  });

  // planted: the first word counts; the isolate hears every word
  it("the last word, of each model, once", () => {
    const { said, heard, reports } = told([
      attempt({ failure: "backend_unavailable" }),
      attempt({ ordinal: 1, outcome: "completed", startedAt: START + 500 }),
      attempt({ ordinal: 2, model: "other", failure: "backend_cut", startedAt: START + 1_000 }),
    ]);
    expect(said).toEqual([
      ["openai/played", true],
      ["openai/other", false],
    ]);
    expect(heard).toEqual([
      ["openai/played", true, START + 500],
      ["openai/other", false, START + 1_000],
    ]);
    expect(reports[1]).toMatchObject({
      ageMs: 8_000,
      successes: { now: 1, before: 2 },
      counter: "gateway_breaker_openings_total|openai|other|",
    });
  });

  // planted: every timeout counts; none does; the first attempt's always does
  it("no timeout of an attempt that a delay budget ended before it had its fair share", () => {
    const stalled = attempt({ failure: "backend_timeout", detail: "first_token", durationMs: 2_000 });
    const late = { ordinal: 1, backend: "claude", failure: "backend_timeout", detail: "first_token" } as const;
    const hurried = attempt({ ...late, startedAt: START + 2_500, durationMs: 500 });
    expect(told([stalled, hurried]).said).toEqual([["openai/played", false]]);
    const fair = attempt({ ...late, startedAt: START + 1_000, durationMs: 1_000 });
    expect(told([stalled, fair]).said).toEqual([
      ["openai/played", false],
      ["claude/played", false],
    ]);
    // A first step's own tight budget, and the route's.
    for (const detail of ["first_token", "headers"])
      expect(told([attempt({ failure: "backend_timeout", detail, durationMs: 500 })]).said).toEqual([]);
    // The backend's own word.
    expect(told([attempt({ failure: "backend_timeout", detail: "http_504", durationMs: 50 })]).said).toHaveLength(1);
  });

  // planted: the route's delay budget taken for a deadline of the backend's
  it("no timeout by a route's budget however often, while deadlines of the route's own do count", () => {
    const openai = PLAYED_CONFIG.backends.openai as Backend;
    const slow = { ...openai, deadlines: { ...openai.deadlines, firstTokenMs: 30_000 } };
    const config = { ...PLAYED_CONFIG, backends: { ...PLAYED_CONFIG.backends, openai: slow } };
    const cut = attempt({ failure: "backend_timeout", detail: "first_token", durationMs: 2_000 });
    const budget = { ...route, delayBudgetMs: 2_000 };
    expect(told([cut], config, budget).said).toEqual([]);
    expect(told([cut], config, { ...budget, deadlines: { firstTokenMs: 2_000 } }).said).toHaveLength(1);
  });

  // planted: held breakers are reported
  it("nothing of one that an operator holds", () => {
    const held = { ...PLAYED_CONFIG, breakersByHand: new Map([["openai", "closed"]] as const) };
    expect(told([attempt({ failure: "backend_unavailable" })], held).said).toEqual([]);
  });
});

// planted: a probe under way is shown as open; held ones as they are seen
it("/metrics shows each breaker as it stands, and which are held", () => {
  const model = (name: string) => ({ ...route.targets[0], model: { name } }) as Route["targets"][number];
  const state = (parts: Partial<BreakerState>) => parts as BreakerState;
  const targets = ["well", "open", "over", "probed", "held"].map(model);
  const states = [
    state({ openUntil: 0 }),
    state({ openUntil: START + 1 }),
    state({ openUntil: START }),
    state({ openUntil: START + 1, holder: "r" }),
    state({ openUntil: 0 }),
  ];
  const config = { ...PLAYED_CONFIG, breakersByHand: new Map([["openai/held", "open"]] as const) };
  const lines = prometheusText(breakerGauges(targets, states, config, START)).split("\n");
  expect(lines.filter((line) => /^(# TYPE )?gateway_breaker_(state|by_hand)/.test(line))).toEqual([
    "# TYPE gateway_breaker_state gauge",
    'gateway_breaker_state{backend="openai",model="held"} 2',
    'gateway_breaker_state{backend="openai",model="open"} 2',
    'gateway_breaker_state{backend="openai",model="over"} 1',
    'gateway_breaker_state{backend="openai",model="probed"} 1',
    'gateway_breaker_state{backend="openai",model="well"} 0',
    "# TYPE gateway_breaker_by_hand gauge",
    'gateway_breaker_by_hand{backend="openai",model="held"} 1',
  ]);
});
