import { setTimeout as pause } from "node:timers/promises";
import { type Check, type CheckContext, failed, pass } from "./check.ts";
import { requestsRunning } from "./metrics.ts";
import { diagnose } from "./who.ts";

/** One thing that came off the connection: how many frames, and when. */
interface Arrival {
  readonly frames: number;
  readonly afterMs: number;
}

function chat({ model }: CheckContext, tokens: number) {
  return {
    model,
    messages: [{ role: "user", content: "Count upwards from one, one number a line, and do not stop." }],
    stream: true,
    max_tokens: tokens,
    // vLLM's own field: the answer has its full length whatever the model would say.
    ignore_eos: true,
    temperature: 0,
  };
}

const FEWEST_FRAMES = 8;
/** Between two frames of an answer that is passed on as it is made; frames that were held back come together. */
const SPREAD_MS = 50;
/** A frame that is passed on by itself comes alone, or with a neighbour when the machine is busy; blocks of 4 KiB hold a dozen and more. */
const MOST_FRAMES_AT_ONCE = 4;

/** Frames arrive one by one, as they are made. */
export const streaming: Check = {
  name: "streaming",
  async run(context) {
    const startedAt = performance.now();
    const response = await context.door.open("/v1/chat/completions", { body: chat(context, context.streamTokens) });
    if (response.status !== 200 || !response.body) {
      const reply = { status: response.status, type: response.headers.get("content-type") ?? "" };
      return failed(diagnose({ ...reply, server: "", location: "", body: await response.text() }));
    }
    const arrivals: Arrival[] = [];
    for await (const bytes of response.body) {
      const frames = Buffer.from(bytes).toString("latin1").split("data: ").length - 1;
      if (frames > 0) arrivals.push({ frames, afterMs: performance.now() - startedAt });
    }
    return judge(arrivals);
  },
};

function judge(arrivals: readonly Arrival[]) {
  const frames = arrivals.reduce((sum, arrival) => sum + arrival.frames, 0);
  const [first, last] = [arrivals[0], arrivals.at(-1)];
  if (first === undefined || last === undefined || frames < FEWEST_FRAMES)
    return failed(`only ${frames} frames came, too few to judge by: raise --stream-tokens`);
  const spreadMs = last.afterMs - first.afterMs;
  const typical = arrivals.map((arrival) => arrival.frames).sort((a, b) => a - b)[Math.floor(arrivals.length / 2)] ?? 0;
  const figures = `${frames} frames in ${arrivals.length} pieces, the first after ${Math.round(first.afterMs)} ms, the last ${Math.round(spreadMs)} ms later`;
  if (spreadMs >= SPREAD_MS && typical <= MOST_FRAMES_AT_ONCE) return pass(figures);
  return failed(
    `buffered: ${figures}; something on the way collects the stream (a quick tunnel, compression, a proxy's buffering): switch it off there`,
  );
}

const ABORT_TOKENS = 4_000;
const LOOK_EVERY_MS = 100;
const NOTICED_WITHIN_MS = 5_000;

/** A closed connection stops the generation, by vLLM's own count. */
export const abort: Check = {
  name: "abort",
  async run(context) {
    const before = await requestsRunning(context);
    if (before === undefined) return failed("vllm:num_requests_running cannot be read from /metrics");
    const client = new AbortController();
    // Not waited for: something on the way may hold even the headers back.
    let refusal: string | undefined;
    const body = chat(context, ABORT_TOKENS);
    const asked = context.door.ask("/v1/chat/completions", { body, signal: client.signal }).then((reply) => {
      if (!client.signal.aborted && reply.status !== 200) refusal = diagnose(reply);
    });
    const isRefused = () => refusal !== undefined;
    const during = await waitFor(context, (running) => running > before, NOTICED_WITHIN_MS, isRefused);
    client.abort();
    await asked;
    if (refusal !== undefined) return failed(refusal);
    if (during === undefined)
      return failed(
        `vllm:num_requests_running stayed at ${before} while an answer ran: does /metrics belong to this vLLM?`,
      );
    const abortedAt = performance.now();
    const after = await waitFor(context, (running) => running < during, context.abortWithinMs);
    if (after === undefined)
      return failed(
        `abort does not reach the GPU: ${during} requests running ${context.abortWithinMs} ms after the connection was closed, as before; look for a proxy that reads answers to their end (and run this while nobody else uses the GPU)`,
      );
    return pass(`running ${before}, ${during}, ${after} again within ${Math.round(performance.now() - abortedAt)} ms`);
  },
};

async function waitFor(
  context: CheckContext,
  isSo: (running: number) => boolean,
  withinMs: number,
  isOver = () => false,
): Promise<number | undefined> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const running = await requestsRunning(context);
    if (running !== undefined && isSo(running)) return running;
    if (isOver() || performance.now() > deadline) return undefined;
    await pause(LOOK_EVERY_MS);
  }
}
