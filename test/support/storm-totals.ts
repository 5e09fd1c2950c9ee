import type { BaseConfig } from "../../src/core/config.ts";
import { type Books, isEstimated, type Row } from "./books.ts";
import type { Storm } from "./storm.ts";
import type { Problems } from "./storm-audit.ts";

/** Redis nets to the rows: nothing reserved, no lease, and spent at each level what that level's rows cost. */
export function auditLimits(books: Books, config: BaseConfig, tookMs: number): Problems {
  const problems: string[] = [];
  const limits = config.tiers[config.defaultTier]?.limits ?? {};
  const admitted = [...books.rows.values()].filter((row) => books.redis.has(`rec:${row.id}`));
  const subjects = { key: "key_id", user: "user_id", model: "alias", tenant: "tenant_id" } as const;
  for (const [level, column] of Object.entries(subjects) as [keyof typeof subjects, string][]) {
    for (const [subject, rows] of Map.groupBy(admitted, (row) => row[column])) {
      const name = `${level}:${subject}`;
      const money = Object.entries(books.redis.get(`m:${name}`) ?? {});
      const sum = (prefix: string) =>
        money.filter(([field]) => field.startsWith(prefix)).reduce((total, [, value]) => total + Number(value), 0);
      const cost = rows.reduce((total, row) => total + Number(row.cost_nano_usd), 0);
      if (sum("r:") !== 0) problems.push(`${name}: ${sum("r:")} still reserved`);
      if (sum("s:") !== cost) problems.push(`${name}: ${sum("s:")} spent, its rows cost ${cost}`);
      const leases = Object.keys(books.redis.get(`l:${name}`) ?? {});
      if (leases.length > 0) problems.push(`${name}: leases of ${leases.join()}`);
      const limit = limits[level];
      const bucket = books.redis.get(`b:${name}`);
      if (!limit || !bucket) {
        if (limit?.requestsPerMinute ?? limit?.tokensPerMinute) problems.push(`${name}: no bucket`);
        continue;
      }
      const period = limit.refillPeriodMs ?? 60_000;
      const near = (unit: string, debt: number, truth: number, perPeriod: number) => {
        const refilled = Math.ceil((tookMs * perPeriod) / period) + 1;
        if (debt > truth || debt < truth - refilled)
          problems.push(`${name}: ${debt} ${unit} missing, the rows say ${truth}`);
      };
      if (limit.requestsPerMinute !== undefined)
        near("requests", Number(bucket.r) / period, rows.length, limit.requestsPerMinute);
      if (limit.tokensPerMinute !== undefined) {
        const tokens = rows.reduce((total, row) => total + tokensOf(row, books), 0);
        near("tokens", Number(bucket.t) / period, tokens, limit.tokensPerMinute);
      }
    }
  }
  return problems;
}

/** The counters of `/metrics` are the rows, each counted once. */
export function auditCounters(books: Books): Problems {
  const expected = new Map<string, number>();
  const add = (name: string, labels: Record<string, string | null | undefined>, by: number) => {
    const text = Object.entries(labels)
      .map(([label, value]) => `${label}="${value ?? ""}"`)
      .join(",");
    if (by > 0) expected.set(`${name}{${text}}`, (expected.get(`${name}{${text}}`) ?? 0) + by);
  };
  for (const row of books.rows.values()) {
    const { operation, client_wire: wire, alias: route, tier, outcome, cache } = row;
    add("gateway_requests_total", { operation, wire, route, tier, outcome, cache }, 1);
    if (row.failure) add("gateway_failures_total", { route, error_type: row.failure }, 1);
    if (outcome === "abandoned") add("gateway_abandoned_cost_usd_total", { route, tier }, Number(row.cost_nano_usd));
    for (const charge of books.charges.get(row.id ?? "") ?? []) {
      const { backend, model } = charge;
      add("gateway_attempts_total", { backend, model, outcome: charge.outcome, error_type: charge.failure }, 1);
      add("gateway_cost_usd_total", { backend, model, tier }, Number(charge.cost_nano_usd));
      if (isEstimated(charge)) add("gateway_estimated_attempts_total", { backend, model }, 1);
      add("gateway_tokens_total", { backend, model, kind: "input" }, Number(charge.input_tokens ?? 0));
      add("gateway_tokens_total", { backend, model, kind: "output" }, Number(charge.output_tokens ?? 0));
      add("gateway_tokens_total", { backend, model, kind: "cached_input" }, Number(charge.cached_input_tokens ?? 0));
    }
  }
  const families = new Set([...expected.keys()].map((series) => series.slice(0, series.indexOf("{"))));
  const printed = [...books.metrics].filter(([series]) => families.has(series.slice(0, series.indexOf("{"))));
  const stored = new Map(
    printed.map(([series, value]) => [series, series.includes("_usd_") ? Math.round(value * 1e9) : value]),
  );
  return [...new Set([...expected.keys(), ...stored.keys()])]
    .filter((series) => expected.get(series) !== stored.get(series))
    .map((series) => `${series}: counted ${stored.get(series)}, the rows say ${expected.get(series)}`);
}

/** Numbers worth printing. */
export function stormNumbers({ results, kills, tookMs }: Storm, books: Books) {
  const rows = [...books.rows.values()];
  const count = (list: readonly (string | null | undefined)[]) =>
    Object.fromEntries([...Map.groupBy(list, (word) => word ?? "")].map(([word, all]) => [word, all.length]));
  const estimated = rows.filter(isEstimated);
  const cost = (list: readonly Row[]) => list.reduce((sum, row) => sum + Number(row.cost_nano_usd), 0);
  return {
    requests: results.length,
    seconds: Math.round(tookMs / 1_000),
    kills: count(kills.map((kill) => (kill.process === "gateway" ? `gateway ${kill.gateway}` : "ledger"))),
    killsWhileRequestsRan: kills.filter(({ at }) =>
      results.some(({ startedAt, endedAt }) => startedAt < at && at < endedAt),
    ).length,
    clients: count(results.map(({ end }) => end)),
    withoutRow: results.length - rows.length,
    rows: rows.length,
    outcomes: count(rows.map((row) => row.outcome)),
    caches: count(rows.map((row) => row.cache)),
    attempts: count(rows.map((row) => row.attempts)),
    calls: [...books.calls.values()].flat().length,
    estimatedShare: `${estimated.length} of ${rows.length} (${percent(estimated.length, rows.length)})`,
    estimatedMoney: percent(cost(estimated), cost(rows)),
    abandonedMoney: percent(cost(rows.filter((row) => row.outcome === "abandoned")), cost(rows)),
  };
}

/** Tokens that the request's bucket was charged with: of an abandoned one what its record had reserved. */
function tokensOf(row: Row, books: Books): number {
  if (row.outcome === "abandoned") return Number(books.redis.get(`rec:${row.id}`)?.tokens);
  return Number(row.input_tokens ?? 0) + Number(row.output_tokens ?? 0);
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`;
}
