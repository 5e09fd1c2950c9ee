/**
 * `npm run bench:outage [-- --quick --no-peers]`: what callers notice of a backend that is down. For each contender and each way of being down, requests
 * arrive at a fixed rate, whatever becomes of those before; the first backend is down, the second is well. Results go to bench/results/.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startStack } from "../../dev/stack.ts";
import { readArguments } from "../../scripts/arguments.ts";
import { load } from "../loading.ts";
import { machineLine, median, quantile } from "../machine.ts";
import { playBackends, SITUATIONS, type Situation } from "./backends.ts";
import { liteLlm, type OutageContender, ours, portkey } from "./contenders.ts";

const PER_SECOND = 25;
const WARM_UP = 200;

interface Row {
  readonly contender: string;
  readonly situation: Situation;
  readonly served: number;
  readonly callsToFirst: number | undefined;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly longestMs: number;
  /** Requests that waited longer than all of the same contender did while all was well. */
  readonly delayed: number;
}

const USAGE = `usage: npm run bench:outage [-- options]

What callers notice of a backend that is down, here and at peers; writes bench/results/.

  --quick     a tenth of the requests
  --no-peers  without Portkey and LiteLLM`;

const { values } = readArguments(USAGE, {
  quick: { type: "boolean", default: false },
  "no-peers": { type: "boolean", default: false },
});
const REQUESTS = values.quick ? 100 : 1_000;
const workDir = mkdtempSync(join(tmpdir(), "llm-gateway-outage-"));
const backends = await playBackends();
const stack = await startStack({
  mode: "serve",
  dataDir: join(workDir, "stack"),
  configFile: new URL("config.yaml", import.meta.url).pathname,
  surroundings: { PATH: process.env.PATH, HOME: process.env.HOME },
  gatewayEnv: {
    ...Object.fromEntries(SITUATIONS.map((name) => [`OUTAGE_${name.toUpperCase()}_URL`, `${backends.first[name]}/v1`])),
    OUTAGE_SECOND_URL: `${backends.second}/v1`,
  },
  key: { tier: "unlimited" },
});
const peers = values["no-peers"] ? [] : [await portkey(stack, workDir, backends), await liteLlm(workDir, backends)];
const contenders = [ours(stack), ...peers.filter((peer) => peer !== undefined)];

function arriving(contender: OutageContender, situation: Situation, count: number) {
  const { url, headers, model } = contender.in(situation);
  const body = JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "Hello" }] });
  return load({
    kind: "arrivals",
    url: `${url}/v1/chat/completions`,
    headers,
    body,
    count,
    concurrency: 0,
    perSecond: PER_SECOND,
  });
}

async function measure(contender: OutageContender, situation: Situation, usualMs: number): Promise<Row> {
  backends.forget();
  const { done, firstBytesMs = [] } = await arriving(contender, situation, REQUESTS);
  return {
    contender: contender.name,
    situation,
    served: done,
    callsToFirst: backends.calls(situation),
    medianMs: median(firstBytesMs),
    p99Ms: quantile(firstBytesMs, 0.99),
    longestMs: Math.max(...firstBytesMs),
    delayed: firstBytesMs.filter((ms) => ms > usualMs).length,
  };
}

function table(rows: readonly Row[]): string {
  const ms = (value: number) => value.toFixed(1);
  const lines = rows.map(
    ({ contender, situation, served, callsToFirst, medianMs, p99Ms, longestMs, delayed }) =>
      `| ${situation} | ${contender} | ${served} | ${callsToFirst ?? "unknown"} | ${ms(medianMs)} | ${ms(p99Ms)} | ${ms(longestMs)} | ${situation === "well" ? "–" : delayed} |`,
  );
  return [
    "# What callers notice of a backend that is down",
    "",
    `${machineLine()}; ${REQUESTS} streamed requests for each row, ${PER_SECOND} a second whatever becomes of those before; Redis: ${stack.redis?.form ?? "remote"}; backends played on loopback; everything on the same machine.`,
    "The first backend is well, refuses connections, answers 500, or never answers; the second is well. Every contender gives the first 500 ms.",
    "",
    "| first backend | contender | answered with 200 | calls that the first got | median, ms to the first byte | p99 | longest | slower than all while it was well |",
    "|---|---|---|---|---|---|---|---|",
    ...lines,
    "",
  ].join("\n");
}

try {
  const rows: Row[] = [];
  for (const contender of contenders) {
    await arriving(contender, "well", WARM_UP);
    let usualMs = Number.POSITIVE_INFINITY;
    for (const situation of SITUATIONS) {
      const row = await measure(contender, situation, usualMs);
      if (situation === "well") usualMs = row.longestMs;
      rows.push(row);
      console.log(JSON.stringify(row));
    }
  }
  const results = join(import.meta.dirname, "..", "results");
  mkdirSync(results, { recursive: true });
  const text = table(rows.toSorted((a, b) => SITUATIONS.indexOf(a.situation) - SITUATIONS.indexOf(b.situation)));
  console.log(text);
  const name = `${new Date().toISOString().slice(0, 10)}-outage`;
  writeFileSync(join(results, `${name}.md`), text);
  writeFileSync(join(results, `${name}.json`), `${JSON.stringify(rows, null, 1)}\n`);
} finally {
  await Promise.all(contenders.map((contender) => contender.stop()));
  await stack.stop();
  backends.stop();
  rmSync(workDir, { recursive: true, force: true });
}
