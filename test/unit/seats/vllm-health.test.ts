import { expect, test } from "vitest";
import { hitShare, parseMetrics, parseServerLoad } from "../../../workers/seats/src/vllm-health.ts";

/** As vLLM prints it: the process's own metrics first, then its gauges, then counters and histograms. */
const METRICS = `# HELP python_gc_objects_collected_total Objects collected during gc
# TYPE python_gc_objects_collected_total counter
python_gc_objects_collected_total{generation="0"} 8742.0
process_resident_memory_bytes 1.073741824e+09
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="Qwen/Qwen3-32B"} 7.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="Qwen/Qwen3-32B"} 12.0
# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="Qwen/Qwen3-32B"} 0.8731884057971014
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="Qwen/Qwen3-32B"} 1.2e+06
# TYPE vllm:prefix_cache_queries_created gauge
vllm:prefix_cache_queries_created{engine="0",model_name="Qwen/Qwen3-32B"} 1.7640672e+09
vllm:prefix_cache_hits_total{engine="0",model_name="Qwen/Qwen3-32B"} 900000.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001",model_name="Qwen/Qwen3-32B"} 0.0
`;

// planted: the label's braces end the labels; `_created` counts as the counter
test("gauges and counters of one engine", () => {
  const read = {
    running: 7,
    waiting: 12,
    kvCache: 0.8731884057971014,
    prefixQueries: 1_200_000,
    prefixHits: 900_000,
  };
  expect(parseMetrics(METRICS)).toEqual(read);
  expect(parseMetrics(METRICS.replaceAll("Qwen/Qwen3-32B", 'a}{\\"b\\" 5'))).toEqual(read);
});

// planted: the last engine wins
test("several engines: requests add up, the fullest cache counts", () => {
  const second = METRICS.replaceAll('engine="0"', 'engine="1"').replace("0.8731884057971014", "0.25");
  expect(parseMetrics(METRICS + second)).toMatchObject({ running: 14, waiting: 24, kvCache: 0.8731884057971014 });
});

// planted: the last line is always read
test("a text that was cut, other names, and what is no number", () => {
  expect(parseMetrics("vllm:num_requests_running 4\nvllm:num_requests_waiting 1")).toEqual({ running: 4 });
  expect(parseMetrics("vllm:gpu_cache_usage_perc 0.5\nvllm:gpu_prefix_cache_hits_total 3\n")).toEqual({
    kvCache: 0.5,
    prefixHits: 3,
  });
  expect(parseMetrics("vllm:kv_cache_usage_perc NaN\nvllm:num_requests_waiting -1\n<html>sign in\n")).toEqual({});
});

test("the server's own count of requests", () => {
  expect(parseServerLoad('{"server_load":3}')).toBe(3);
  for (const text of ['{"server_load":"3"}', '{"server_load":-1}', "null", "<html>"])
    expect(parseServerLoad(text)).toBeUndefined();
});

// planted: counters that began anew are subtracted all the same
test("the share of hits is the newest there is", () => {
  const first = { prefixQueries: 100, prefixHits: 50 };
  expect(hitShare(first, undefined)).toBe(0.5);
  expect(hitShare({ prefixQueries: 200, prefixHits: 140 }, first)).toBe(0.9);
  expect(hitShare({ prefixQueries: 10, prefixHits: 1 }, first)).toBe(0.1);
  expect(hitShare({}, first)).toBeUndefined();
});
