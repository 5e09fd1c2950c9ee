import { METRICS, type Metric, type MetricName, readField } from "./metrics.ts";

/** One line's worth of series before it is printed. */
interface Series {
  readonly labels: string;
  value: number;
  readonly buckets: number[];
}

/**
 * The counters as Prometheus text, format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). `counters` maps stored
 * fields to whole numbers; fields that this version does not know are left out. Every metric is announced, also without a series yet.
 */
export function prometheusText(counters: Readonly<Record<string, number>>): string {
  const families = new Map<MetricName, Map<string, Series>>();
  for (const [field, value] of Object.entries(counters)) {
    const stored = readField(field);
    if (stored === undefined || !Number.isFinite(value)) continue;
    const family = families.get(stored.name) ?? new Map<string, Series>();
    families.set(stored.name, family);
    const labels = stored.labels.map(([name, text]) => `${name}="${escapeLabel(text)}"`).join(",");
    const series = family.get(labels) ?? { labels, value: 0, buckets: [] };
    family.set(labels, series);
    if (typeof stored.part === "number") series.buckets[stored.part] = value;
    else series.value = value;
  }
  const names = Object.keys(METRICS) as MetricName[];
  return names
    .flatMap((name) => printFamily(name, METRICS[name], families.get(name)))
    .join("\n")
    .concat("\n");
}

function printFamily(name: MetricName, metric: Metric, family: ReadonlyMap<string, Series> | undefined): string[] {
  const series = [...(family?.values() ?? [])].sort((a, b) => (a.labels < b.labels ? -1 : 1));
  const lines =
    metric.buckets === undefined
      ? series.map((one) => `${name}{${one.labels}} ${scaled(one.value, metric)}`)
      : series.flatMap((one) => printHistogram(name, metric, one));
  return [`# HELP ${name} ${escapeHelp(metric.help)}`, `# TYPE ${name} ${metric.type}`, ...lines];
}

/** Buckets are stored one by one and printed cumulatively; `_count` is the last of them, so the two can never disagree. */
function printHistogram(name: MetricName, metric: Metric, series: Series): string[] {
  const bounds = [...(metric.buckets ?? []).map(String), "+Inf"];
  let count = 0;
  const lines = bounds.map((bound, index) => {
    count += series.buckets[index] ?? 0;
    return `${name}_bucket{${series.labels},le="${bound}"} ${count}`;
  });
  return [
    ...lines,
    `${name}_sum{${series.labels}} ${scaled(series.value, metric)}`,
    `${name}_count{${series.labels}} ${count}`,
  ];
}

/** A whole number of stored units in the metric's own, digit for digit: dividing would show binary fractions. */
function scaled(value: number, { scale = 1 }: Metric): string {
  if (scale === 1 || !Number.isSafeInteger(value)) return String(value / scale);
  const digits = String(value % scale)
    .padStart(Math.log10(scale), "0")
    .replace(/0+$/, "");
  return digits === "" ? String(value / scale) : `${Math.trunc(value / scale)}.${digits}`;
}

const escapeLabel = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
