/** A metric of `/metrics`: closed names, closed labels. Values of labels come from closed lists or from the operator's configuration. */
export interface Metric {
  /** A gauge is read when it is asked for; the others are stored. */
  readonly type: "counter" | "histogram" | "gauge";
  readonly help: string;
  readonly labels: readonly string[];
  /** What one stored unit is worth in the metric's own unit: stored are integers (requests, tokens, nano-dollars, milliseconds). */
  readonly scale?: number;
  /** Upper bounds in the metric's own unit, without +Inf. */
  readonly buckets?: readonly number[];
}

/** The boundaries that OpenTelemetry's GenAI conventions advise for durations of operations, carried on to a quarter of an hour. */
const DURATION_BUCKETS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68, 655.36,
] as const;
/** The boundaries that they advise for the time to the first token, carried on to a minute. */
const FIRST_TOKEN_BUCKETS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60,
] as const;

export const METRICS = {
  gateway_requests_total: {
    type: "counter",
    help: "Requests by how they ended.",
    labels: ["operation", "wire", "route", "tier", "outcome", "cache"],
  },
  gateway_failures_total: {
    type: "counter",
    help: "Requests that did not complete, by what went wrong.",
    labels: ["route", "error_type"],
  },
  gateway_limit_refusals_total: {
    type: "counter",
    help: "Requests that a limit refused, by its unit and level.",
    labels: ["unit", "level", "tier"],
  },
  gateway_attempts_total: {
    type: "counter",
    help: "Tries at a backend by how they ended.",
    labels: ["backend", "model", "outcome", "error_type"],
  },
  gateway_fallbacks_total: {
    type: "counter",
    help: "Requests that needed more than one attempt, by what became of them.",
    labels: ["route", "outcome"],
  },
  gateway_degraded_requests_total: {
    type: "counter",
    help: "Requests that were not served in full, by the level that they got.",
    labels: ["route", "level"],
  },
  gateway_degradation_level: {
    type: "gauge",
    help: "Routes that may degrade, by level: 0 full, 1 reduced, 2 emergency. By breakers and loads as Redis knows them, and by the failures that the isolate has seen that was asked.",
    labels: ["route"],
  },
  gateway_degradation_changes_total: {
    type: "counter",
    help: "Changes of a route's level, each isolate's by itself.",
    labels: ["route", "from", "to"],
  },
  gateway_tokens_total: {
    type: "counter",
    help: "Tokens of all attempts. cached_input and cache_write are parts of input, reasoning is a part of output.",
    labels: ["backend", "model", "kind"],
  },
  gateway_cost_usd_total: {
    type: "counter",
    help: "Cost of all attempts in US dollars.",
    labels: ["backend", "model", "tier"],
    scale: 1e9,
  },
  gateway_estimated_attempts_total: {
    type: "counter",
    help: "Attempts whose usage was estimated, at least in part.",
    labels: ["backend", "model"],
  },
  gateway_breaker_state: {
    type: "gauge",
    help: "Breakers by backend and model: 0 closed, 1 half-open (one probe at a time), 2 open.",
    labels: ["backend", "model"],
  },
  gateway_breaker_by_hand: {
    type: "gauge",
    help: "1 for a breaker that the overlay holds, open or closed.",
    labels: ["backend", "model"],
  },
  gateway_backend_load: {
    type: "gauge",
    help: "What backends last said of themselves: up (0 or 1), running and waiting requests, kv_cache and prefix_hits (0 to 1).",
    labels: ["backend", "kind"],
  },
  gateway_seats: {
    type: "gauge",
    help: "Seats of private backends when they were last asked: count (configured), limit (there are now), taken.",
    labels: ["backend", "kind"],
  },
  gateway_seats_waiting: {
    type: "gauge",
    help: "Requests that wait for a seat, by tier (tiers of one priority together).",
    labels: ["backend", "tier"],
  },
  gateway_seat_requests_total: {
    type: "counter",
    help: "Wishes for a seat by what came of them: seated, full, shed, wait (too long), busy (others were asked before it waited), left, unseated (nobody to ask).",
    labels: ["backend", "tier", "outcome"],
  },
  gateway_breaker_openings_total: {
    type: "counter",
    help: "Breakers that opened, by why: failures in a row, error_rate, or a probe that failed.",
    labels: ["backend", "model", "cause"],
  },
  gateway_abandoned_cost_usd_total: {
    type: "counter",
    help: "Reserved cost of requests whose end was never heard, in US dollars.",
    labels: ["route", "tier"],
    scale: 1e9,
  },
  gateway_request_duration_seconds: {
    type: "histogram",
    help: "From a request's arrival to the end of its answer.",
    labels: ["operation", "route", "cache"],
    scale: 1e3,
    buckets: DURATION_BUCKETS,
  },
  gateway_first_token_seconds: {
    type: "histogram",
    help: "From a request's arrival to the first token of its answer.",
    labels: ["route", "backend"],
    scale: 1e3,
    buckets: FIRST_TOKEN_BUCKETS,
  },
  gateway_seat_wait_seconds: {
    type: "histogram",
    help: "How long those who got a seat waited for it.",
    labels: ["backend", "tier"],
    scale: 1e3,
    buckets: DURATION_BUCKETS,
  },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;

/** The label values of a metric, all of them and no other. */
export type LabelsOf<Name extends MetricName> = Readonly<Record<(typeof METRICS)[Name]["labels"][number], string>>;

/** Longer values are cut: a label is for grouping. */
const MAX_LABEL_LENGTH = 96;

/**
 * The name under which a series is stored: the metric, its label values in order, and for histograms the bucket or `sum`, joined by `|`.
 * Values are percent-encoded, so none can hold the separator.
 */
export function fieldOf<Name extends MetricName>(name: Name, labels: LabelsOf<Name>, part?: string): string {
  const metric: Metric = METRICS[name];
  const values: Readonly<Record<string, string>> = labels;
  const parts = metric.labels.map((label) => encodeLabel(values[label] ?? ""));
  return [name, ...parts, ...(part === undefined ? [] : [part])].join("|");
}

export interface StoredSeries {
  readonly name: MetricName;
  readonly labels: readonly (readonly [name: string, value: string])[];
  /** A histogram's bucket, by its place in `buckets` (one more is +Inf), or its sum. */
  readonly part?: number | "sum";
}

/** Reads a field back; undefined for anything that no metric of this version stores. */
export function readField(field: string): StoredSeries | undefined {
  const [name = "", ...parts] = field.split("|");
  if (!isMetricName(name)) return undefined;
  const metric: Metric = METRICS[name];
  const values = parts.slice(0, metric.labels.length).map(decodeLabel);
  const labels = metric.labels.map((label, index) => [label, values[index] ?? ""] as const);
  const rest = parts.slice(metric.labels.length);
  if (metric.buckets === undefined) return parts.length === metric.labels.length ? { name, labels } : undefined;
  const [part] = rest;
  if (rest.length !== 1 || part === undefined) return undefined;
  if (part === "sum") return { name, labels, part };
  const bucket = /^\d{1,2}$/.test(part) ? Number(part) : -1;
  return bucket >= 0 && bucket <= metric.buckets.length ? { name, labels, part: bucket } : undefined;
}

function isMetricName(name: string): name is MetricName {
  return Object.hasOwn(METRICS, name);
}

function encodeLabel(value: string): string {
  return encodeURIComponent(value.slice(0, MAX_LABEL_LENGTH).toWellFormed());
}

function decodeLabel(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
