/**
 * `npm run bench [-- --rounds 5 --quick --peers]`: what a request and a frame cost, as CPU of the process (from the operating system), in ratios to floors
 * that run on the same runtime in the same run, interleaved round by round. Results go to bench/results/.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGuard } from "../dev/guard-handle.ts";
import { startStack } from "../dev/stack.ts";
import { readArguments } from "../scripts/arguments.ts";
import { type Contender, gatewayContender, startFloors, translations } from "./contenders.ts";
import type { LoadOrder } from "./load.ts";
import { load } from "./loading.ts";
import { cpuMicros, machineLine, residentBytes } from "./machine.ts";
import { startLiteLlm } from "./peers/litellm.ts";
import { startPortkey } from "./peers/portkey.ts";
import { type Figures, report } from "./report.ts";
import { routingCost } from "./routing.ts";

const USAGE = `usage: npm run bench [-- options]

CPU, first byte and memory against floors and peers on the same machine; writes bench/results/.

  --rounds <number>  default 5
  --quick            a fifth of the requests
  --no-peers         without Portkey and LiteLLM
  --no-memory        without the slow readers`;

const { values } = readArguments(USAGE, {
  rounds: { type: "string", default: "5" },
  quick: { type: "boolean", default: false },
  "no-peers": { type: "boolean", default: false },
  "no-memory": { type: "boolean", default: false },
});
const rounds = Number(values.rounds);
const scale = values.quick ? 0.2 : 1;

/** Frames of one stream, and what is asked for: `burst` as fast as the backend can, `paced` one by one at 50 a second. */
const FRAMES = 200;
const SHAPES = {
  json: { stream: false, content: "Hello", count: 2_000 * scale, concurrency: 16, units: 1 },
  burst: { stream: true, content: `[[sim:frames=${FRAMES}]]`, count: 150 * scale, concurrency: 8, units: FRAMES },
  paced: {
    stream: true,
    content: "[[sim:frames=100]] [[sim:tps=50]]",
    count: 150 * scale,
    concurrency: 75,
    units: 100,
  },
} as const;
type Shape = keyof typeof SHAPES;
/** Requests before anything is measured: a just-in-time compiler is not done with a program of this size after a few hundred. */
const WARM_UP = { json: 4_000, burst: 100 } as const;

function orderFor(contender: Contender, shape: Shape, count: number, concurrency: number): LoadOrder {
  const { stream, content } = SHAPES[shape];
  return {
    kind: "requests",
    url: `${contender.url}${contender.path ?? "/v1/chat/completions"}`,
    headers: contender.headers,
    body: JSON.stringify({ model: contender.model, stream, messages: [{ role: "user", content }], ...contender.more }),
    count,
    concurrency,
  };
}

/** CPU micro-seconds of the contender's process for one request (or one frame) of this shape. */
async function measure(contender: Contender, shape: Shape): Promise<number> {
  const { count, concurrency, units } = SHAPES[shape];
  const before = cpuMicros(contender.pid());
  const done = await load(orderFor(contender, shape, count, concurrency));
  if (done.failed > 0) throw new Error(`${contender.name}: ${done.failed} of ${count} ${shape} requests failed`);
  return (cpuMicros(contender.pid()) - before) / (count * units);
}

/** Milliseconds from the request to the first byte of the answer's body, one request at a time. */
async function firstByte(contender: Contender): Promise<number> {
  const done = await load(orderFor(contender, "burst", 60, 1));
  return done.firstByteMs;
}

const workDir = mkdtempSync(join(tmpdir(), "llm-gateway-bench-"));
const stack = await startStack({
  mode: "serve",
  dataDir: join(workDir, "stack"),
  configFile: new URL("../config/bench.yaml", import.meta.url).pathname,
  surroundings: { PATH: process.env.PATH, HOME: process.env.HOME },
  gatewayEnv: { VLLM_MODEL: "simulated-bench" },
  backendFlags: ["--ttft-ms", "0", "--tokens-per-second", "0", "--max-num-seqs", "2000", "--max-queued", "2000"],
  key: { tier: "bench", user: "bench" },
});
const guard = startGuard();
const floors = await startFloors(stack, workDir, { guard, restart: false });
const peers = values["no-peers"] ? [] : [await startPortkey(stack, workDir), await liteLlm()];
const gateway = gatewayContender(stack);
const formats = translations(stack);
const direct: Contender = {
  name: "direct",
  url: stack.home?.url ?? "",
  headers: { "content-type": "application/json" },
  model: "simulated-bench",
  pid: () => process.pid,
};
const present = peers.filter((peer) => peer !== undefined);
const contenders: readonly Contender[] = [gateway, ...floors, ...present];

async function liteLlm() {
  const model = "simulated-bench";
  const started = await startLiteLlm(workDir, {
    model_list: [
      {
        model_name: model,
        litellm_params: { model: `openai/${model}`, api_base: `${stack.home?.url}/v1`, api_key: "none" },
      },
    ],
    general_settings: { master_key: "sk-bench" },
  });
  const headers = { "content-type": "application/json", authorization: "Bearer sk-bench" };
  return started && { ...started, headers, model };
}

try {
  const figures: Figures = {};
  const keep = (name: string, what: string, value: number) => {
    figures[name] ??= {};
    const row = figures[name];
    row[what] = [...(row[what] ?? []), value];
  };
  console.log("warming up");
  for (const contender of contenders)
    for (const shape of Object.keys(WARM_UP) as (keyof typeof WARM_UP)[])
      await load(orderFor(contender, shape, WARM_UP[shape] * scale, 8));
  for (const { contender } of formats) await load(orderFor(contender, "burst", WARM_UP.burst * scale, 8));
  for (let round = 0; round < rounds; round++) {
    // Each round begins with another contender, so that a drift of the machine's speed meets all of them.
    const turn = contenders.map((_, index) => contenders[(index + round) % contenders.length] ?? gateway);
    for (const shape of Object.keys(SHAPES) as Shape[]) {
      for (const contender of turn) keep(contender.name, shape, await measure(contender, shape));
    }
    keep("direct", "firstByteMs", await firstByte(direct));
    for (const contender of turn) keep(contender.name, "firstByteMs", await firstByte(contender));
    keep("rules on who asks", "routing", routingCost("caller"));
    keep("rules on language and complexity", "routing", routingCost("text"));
    for (const { row, contender } of formats) keep(contender.name, row, await measure(contender, "burst"));
    console.log(`round ${round + 1} of ${rounds}`);
  }
  for (const contender of contenders) keep(contender.name, "residentMiB", residentBytes(contender.pid()) / 2 ** 20);
  if (!values["no-memory"]) {
    // The floor that passes natively shows what the runtime itself holds for a reader that is slow.
    for (const contender of [gateway, ...floors.filter(({ name }) => name !== "floor calls")]) {
      const before = residentBytes(contender.pid());
      let peak = before;
      const watch = setInterval(() => {
        peak = Math.max(peak, residentBytes(contender.pid()));
      }, 250);
      const slow = await load({
        ...orderFor(contender, "burst", 500, 500),
        kind: "slow-readers",
        body: JSON.stringify({
          model: contender.model,
          stream: true,
          messages: [{ role: "user", content: "[[sim:frames=2000]]" }],
        }),
        forMs: 20_000,
      });
      clearInterval(watch);
      keep(contender.name, "slowReaders500GrowthMiB", (peak - before) / 2 ** 20);
      keep(contender.name, "slowReaders500LaterMiB", (residentBytes(contender.pid()) - before) / 2 ** 20);
      console.log(`${contender.name}: 500 slow readers, ${slow.failed} failed`);
    }
  }
  const machine = machineLine();
  const text = report(figures, { machine, rounds, redis: stack.redis?.form ?? "remote", quick: values.quick });
  console.log(text);
  const results = join(import.meta.dirname, "results");
  mkdirSync(results, { recursive: true });
  const name = new Date().toISOString().slice(0, 10);
  writeFileSync(join(results, `${name}.md`), text);
  writeFileSync(join(results, `${name}.json`), `${JSON.stringify({ machine, rounds, figures }, null, 1)}\n`);
} finally {
  await Promise.all([...floors.map((floor) => floor.stop()), ...present.map((peer) => peer.stop())]);
  await stack.stop();
  await guard.close();
  rmSync(workDir, { recursive: true, force: true });
}
