import { benchScript } from "../../bench.ts";
import { type Ask, type Generation, generate, type Operation, type Turn } from "../../operation.ts";
import type { CacheUse } from "../../prompt-caches.ts";
import { EVENT_STREAM_HEADERS, jsonScript, type Script, type Step } from "../../script.ts";
import type { Answer } from "../../text/answer.ts";
import { blocksOf } from "./blocks.ts";
import { cacheUseOf } from "./cache-marks.ts";
import { readMessages } from "./read-messages.ts";
import { closingUsageJson, usageJson, usageOf } from "./usage.ts";

/** `POST /v1/messages` as Anthropic speaks it. */
export const messages: Operation = { format: "anthropic", purpose: "chat", read: readMessages, write: writeMessage };

const TOKENS_BETWEEN_PINGS = 32;

/** Everything that one message is written from. */
interface Writing {
  readonly ask: Ask;
  readonly turn: Turn;
  readonly generation: Generation;
  readonly answer: Answer;
  readonly cache: CacheUse;
}

function writeMessage(ask: Ask, turn: Turn): Script {
  if (turn.model.id === "simulated-bench") return benchScript("anthropic", ask, turn);
  const generation = generate(ask, turn);
  const answer = generation.answers[0];
  if (answer === undefined) throw new Error("an Anthropic ask has exactly one prompt and one choice");
  const writing = { ask, turn, generation, answer, cache: cacheUseOf(ask, turn) };
  const script = ask.stream ? streamed(writing) : whole(writing);
  const headers = { ...script.headers, "request-id": `req_${turn.id}` };
  return {
    ...script,
    headers,
    generates: true,
    totalTokens: generation.completionTokens,
    promptTokens: ask.promptTokens,
  };
}

const STOP_REASONS = {
  stop: "end_turn",
  length: "max_tokens",
  "stop-sequence": "stop_sequence",
  tool: "tool_use",
} as const;

function stopOf(answer: Answer, turn: Turn) {
  return {
    container: null,
    stop_details: answer.refused ? { type: "refusal", category: null, explanation: null } : null,
    stop_reason: turn.directives.finish ?? (answer.refused ? "refusal" : STOP_REASONS[answer.finish]),
    stop_sequence: answer.stopSequence ?? null,
  };
}

function messageJson(ask: Ask, turn: Turn): Record<string, unknown> {
  return { id: `msg_${turn.id}`, type: "message", role: "assistant", model: ask.modelAsked, diagnostics: null };
}

function whole({ ask, turn, generation, answer, cache }: Writing): Script {
  const script = jsonScript(200, {
    ...messageJson(ask, turn),
    content: blocksOf(ask, turn, answer).map((block) => block.whole),
    ...stopOf(answer, turn),
    usage: usageJson(generation, cache, answer.tokens),
  });
  const steps = script.steps.map((step) => ({
    ...step,
    after: answer.tokens,
    tokens: answer.tokens,
    finish: true,
    usage: usageOf(generation, cache, answer.tokens),
  }));
  return { ...script, steps };
}

/** One named event as a step. */
export function eventStep(kind: Step["kind"], after: number, data: Record<string, unknown>): Step {
  return {
    kind,
    bytes: Buffer.from(`event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`),
    after,
    tokens: 0,
    frames: 1,
  };
}

function streamed({ ask, turn, generation, answer, cache }: Writing): Script {
  const message = {
    ...messageJson(ask, turn),
    content: [],
    container: null,
    stop_details: null,
    stop_reason: null,
    stop_sequence: null,
    usage: usageJson(generation, cache, 1),
  };
  const steps: Step[] = [
    { ...eventStep("opening", 0, { type: "message_start", message }), usage: usageOf(generation, cache, 1) },
  ];
  let tokens = 0;
  for (const [index, block] of blocksOf(ask, turn, answer).entries()) {
    steps.push(eventStep("opening", tokens, { type: "content_block_start", index, content_block: block.opening }));
    if (index === 0) steps.push(eventStep("ping", 0, { type: "ping" }));
    for (const { delta, tokens: complete } of block.deltas) {
      const pingIsDue =
        Math.floor((tokens + complete) / TOKENS_BETWEEN_PINGS) > Math.floor(tokens / TOKENS_BETWEEN_PINGS);
      tokens += complete;
      const data = { type: "content_block_delta", index, delta };
      steps.push({ ...eventStep("token", Math.max(1, tokens), data), tokens: complete });
      if (pingIsDue) steps.push(eventStep("ping", tokens, { type: "ping" }));
    }
    tokens += block.hiddenTokens;
    if (block.trailer !== undefined)
      steps.push(eventStep("closing", tokens, { type: "content_block_delta", index, delta: block.trailer }));
    const close = eventStep("closing", tokens, { type: "content_block_stop", index });
    steps.push({ ...close, tokens: block.hiddenTokens });
  }
  const usage = closingUsageJson(generation, cache, answer.tokens);
  steps.push({
    ...eventStep("finish", tokens, { type: "message_delta", delta: stopOf(answer, turn), usage }),
    finish: true,
    usage: usageOf(generation, cache, answer.tokens),
  });
  steps.push(eventStep("done", tokens, { type: "message_stop" }));
  return { ...jsonScript(200, {}), headers: EVENT_STREAM_HEADERS, steps, framing: "chunked", streamed: true };
}
