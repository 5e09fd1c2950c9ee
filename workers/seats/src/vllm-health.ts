/** What vLLM's replies say. Pure. */

/** Numbers of vLLM's `/metrics`; absent where it does not tell. */
export interface VllmMetrics {
  readonly running?: number;
  readonly waiting?: number;
  /** 0..1 */
  readonly kvCache?: number;
  /** Tokens looked up in the prefix cache and found there, since it was started. */
  readonly prefixQueries?: number;
  readonly prefixHits?: number;
}

type Numbers = { -readonly [Name in keyof VllmMetrics]: number };

/** Names of vLLM's first engine too (`gpu_…`), which those that run it still print. Counters end in `_total`, depending on the exporter. */
const NAMES: ReadonlyMap<string, keyof VllmMetrics> = new Map([
  ["vllm:num_requests_running", "running"],
  ["vllm:num_requests_waiting", "waiting"],
  ["vllm:kv_cache_usage_perc", "kvCache"],
  ["vllm:gpu_cache_usage_perc", "kvCache"],
  ["vllm:prefix_cache_queries", "prefixQueries"],
  ["vllm:gpu_prefix_cache_queries", "prefixQueries"],
  ["vllm:prefix_cache_hits", "prefixHits"],
  ["vllm:gpu_prefix_cache_hits", "prefixHits"],
]);

/** One line of the exposition format: a name, labels in which a quoted brace may stand, a number. */
const SAMPLE = /^([\w:]+)(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?\s+(\S+)/;

/**
 * Over all engines of the server: requests and tokens are added up, of the caches the fullest counts. The last line is left out where the text was cut.
 */
export function parseMetrics(text: string): VllmMetrics {
  const found: Partial<Numbers> = {};
  const lines = text.split("\n");
  for (const line of lines.slice(0, -1)) {
    const [, name = "", digits = ""] = SAMPLE.exec(line) ?? [];
    const kind = NAMES.get(name.replace(/_total$/, ""));
    const value = Number(digits);
    if (kind === undefined || !Number.isFinite(value) || value < 0) continue;
    const before = found[kind] ?? 0;
    if (kind === "kvCache") found[kind] = Math.max(before, Math.min(1, value));
    else found[kind] = before + Math.round(value);
  }
  return found;
}

/** The requests that the server says it has, running or waiting. vLLM counts only with `--enable-server-load-tracking`, and says 0 else. */
export function parseServerLoad(text: string): number | undefined {
  try {
    const reply: unknown = JSON.parse(text);
    const load = typeof reply === "object" && reply !== null && "server_load" in reply ? reply.server_load : undefined;
    return Number.isSafeInteger(load) && Number(load) >= 0 ? Number(load) : undefined;
  } catch {
    return undefined;
  }
}

/** Of what was looked up since `before`, else since the start, the share that was there; the counters begin anew when vLLM does. */
export function hitShare(now: VllmMetrics, before: VllmMetrics | undefined): number | undefined {
  const { prefixQueries: queries = 0, prefixHits: hits = 0 } = now;
  const { prefixQueries = 0, prefixHits = 0 } = before ?? {};
  const isNewer = queries > prefixQueries && hits >= prefixHits;
  const [of, found] = isNewer ? [queries - prefixQueries, hits - prefixHits] : [queries, hits];
  return of > 0 ? Math.min(1, found / of) : undefined;
}
