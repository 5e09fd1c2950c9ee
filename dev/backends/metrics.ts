import type { Seats } from "./seats.ts";

/** Upper bounds of vLLM's histogram of the time to first token, in seconds. */
const TTFT_BUCKETS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
];
const LATENCY_BUCKETS = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];

class Histogram {
  private readonly bounds: readonly number[];
  private readonly counts: number[];
  private sum = 0;
  private count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.sum += value;
    this.count += 1;
    const bucket = this.bounds.findIndex((bound) => value <= bound);
    if (bucket >= 0) this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
  }

  text(name: string, help: string, labels: string): string {
    let cumulative = 0;
    const lines = this.bounds.map((bound, index) => {
      cumulative += this.counts[index] ?? 0;
      return `${name}_bucket{${labels},le="${bound}"} ${cumulative}`;
    });
    return [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} histogram`,
      ...lines,
      `${name}_bucket{${labels},le="+Inf"} ${this.count}`,
      `${name}_sum{${labels}} ${this.sum}`,
      `${name}_count{${labels}} ${this.count}`,
    ].join("\n");
  }
}

/** vLLM's metric names over the simulator's counts; all models share one engine, as its label says. */
export class Metrics {
  promptTokens = 0;
  generationTokens = 0;
  readonly successes = { stop: 0, length: 0, abort: 0, error: 0 };
  readonly timeToFirstToken = new Histogram(TTFT_BUCKETS);
  readonly latency = new Histogram(LATENCY_BUCKETS);

  /** Prometheus text. The cache usage is simulated as the share of taken seats. */
  text(seats: Seats): string {
    const labels = 'engine="0",model_name="simulated"';
    const single = (type: string, name: string, help: string, value: number) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      `${name}{${labels}} ${value}`,
    ];
    const usage = seats.maxNumSeqs > 0 ? Math.min(1, seats.runningSequences / seats.maxNumSeqs) : 0;
    return [
      ...single("gauge", "vllm:num_requests_running", "Requests in execution (simulated).", seats.runningRequests),
      ...single("gauge", "vllm:num_requests_waiting", "Requests waiting for a seat (simulated).", seats.waiting.length),
      ...single("gauge", "vllm:kv_cache_usage_perc", "Share of the cache in use, 1 is all (simulated).", usage),
      ...single("counter", "vllm:prompt_tokens_total", "Prompt tokens (simulated).", this.promptTokens),
      ...single("counter", "vllm:generation_tokens_total", "Generated tokens (simulated).", this.generationTokens),
      "# HELP vllm:request_success_total Finished requests by reason (simulated).",
      "# TYPE vllm:request_success_total counter",
      ...Object.entries(this.successes).map(
        ([reason, count]) => `vllm:request_success_total{${labels},finished_reason="${reason}"} ${count}`,
      ),
      this.timeToFirstToken.text("vllm:time_to_first_token_seconds", "Time to first token (simulated).", labels),
      this.latency.text("vllm:e2e_request_latency_seconds", "Request latency (simulated).", labels),
      "",
    ].join("\n");
  }
}
