import { benchScript } from "../../bench.ts";
import { type Ask, type Generation, generate, type Operation, type Turn } from "../../operation.ts";
import { EVENT_STREAM_HEADERS, jsonScript, type Script, type SimulatedUsage, type Step } from "../../script.ts";
import type { Answer } from "../../text/answer.ts";
import { hash32 } from "../../text/hash.ts";
import { readMessages } from "./read-messages.ts";

/** `POST /v1/messages` as Anthropic speaks it. */
export const messages: Operation = { format: "anthropic", purpose: "chat", read: readMessages, write: writeMessage };

const TOKENS_BETWEEN_PINGS = 32;

function writeMessage(ask: Ask, turn: Turn): Script {
  if (turn.model.id === "simulated-bench") return benchScript("anthropic", ask, turn);
  const generation = generate(ask, turn);
  const answer = generation.answers[0];
  if (answer === undefined) throw new Error("an Anthropic ask has exactly one prompt and one choice");
  const script = ask.stream ? streamed(ask, turn, generation, answer) : whole(ask, turn, generation, answer);
  const headers = { ...script.headers, "request-id": `req_${turn.id}` };
  return {
    ...script,
    headers,
    generates: true,
    totalTokens: generation.completionTokens,
    promptTokens: ask.promptTokens,
  };
}

function usageJson(generation: Generation, outputTokens: number): Record<string, unknown> {
  const cached = generation.cachedTokens ?? 0;
  return {
    // Anthropic counts cached tokens beside the input, not within it.
    input_tokens: generation.promptTokens - cached,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cached,
    output_tokens: outputTokens,
    service_tier: "standard",
  };
}

function usageOf(generation: Generation, completionTokens: number): SimulatedUsage {
  const { promptTokens, cachedTokens } = generation;
  return { promptTokens, completionTokens, ...(cachedTokens === undefined ? {} : { cachedTokens }) };
}

const STOP_REASONS = {
  stop: "end_turn",
  length: "max_tokens",
  "stop-sequence": "stop_sequence",
  tool: "tool_use",
} as const;

function stopOf(answer: Answer, turn: Turn): { stop_reason: string; stop_sequence: string | null } {
  return {
    stop_reason: turn.directives.finish ?? STOP_REASONS[answer.finish],
    stop_sequence: answer.stopSequence ?? null,
  };
}

/** A made-up signature that depends on the thinking, as a real one does. */
function signatureOf(thinking: string): string {
  return Buffer.from(`simulated signature ${hash32(thinking)}`).toString("base64");
}

function messageJson(ask: Ask, turn: Turn): Record<string, unknown> {
  return { id: `msg_${turn.id}`, type: "message", role: "assistant", model: ask.modelAsked };
}

function whole(ask: Ask, turn: Turn, generation: Generation, answer: Answer): Script {
  const content: Record<string, unknown>[] = [];
  const thinking = answer.reasoning.join("");
  if (thinking !== "") content.push({ type: "thinking", thinking, signature: signatureOf(thinking) });
  if (answer.text.length > 0) content.push({ type: "text", text: answer.text.join("") });
  const { tool } = answer;
  if (tool !== undefined)
    content.push({
      type: "tool_use",
      id: `toolu_${tool.id}`,
      name: tool.name,
      input: JSON.parse(completedJson(tool.pieces.join(""))),
    });
  const script = jsonScript(200, {
    ...messageJson(ask, turn),
    content,
    ...stopOf(answer, turn),
    usage: usageJson(generation, answer.tokens),
  });
  const steps = script.steps.map((step) => ({
    ...step,
    after: answer.tokens,
    tokens: answer.tokens,
    finish: true,
    usage: usageOf(generation, answer.tokens),
  }));
  return { ...script, steps };
}

/** Tool input that `max_tokens` cut through is no JSON; Anthropic then gives an empty object. */
function completedJson(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch {
    return "{}";
  }
}

interface Block {
  readonly opening: Record<string, unknown>;
  readonly deltas: readonly Record<string, unknown>[];
  /** A delta that is no token, at the block's end. */
  readonly trailer?: Record<string, unknown>;
}

function blocksOf(answer: Answer): Block[] {
  const blocks: Block[] = [];
  if (answer.reasoning.length > 0) {
    blocks.push({
      opening: { type: "thinking", thinking: "", signature: "" },
      deltas: answer.reasoning.map((thinking) => ({ type: "thinking_delta", thinking })),
      trailer: { type: "signature_delta", signature: signatureOf(answer.reasoning.join("")) },
    });
  }
  if (answer.text.length > 0)
    blocks.push({
      opening: { type: "text", text: "" },
      deltas: answer.text.map((text) => ({ type: "text_delta", text })),
    });
  const { tool } = answer;
  if (tool !== undefined) {
    blocks.push({
      opening: { type: "tool_use", id: `toolu_${tool.id}`, name: tool.name, input: {} },
      deltas: tool.pieces.map((piece) => ({ type: "input_json_delta", partial_json: piece })),
    });
  }
  return blocks;
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

function streamed(ask: Ask, turn: Turn, generation: Generation, answer: Answer): Script {
  const message = {
    ...messageJson(ask, turn),
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: usageJson(generation, 1),
  };
  const steps: Step[] = [
    { ...eventStep("opening", 0, { type: "message_start", message }), usage: usageOf(generation, 1) },
  ];
  let tokens = 0;
  for (const [index, block] of blocksOf(answer).entries()) {
    steps.push(eventStep("opening", tokens, { type: "content_block_start", index, content_block: block.opening }));
    if (index === 0) steps.push(eventStep("ping", 0, { type: "ping" }));
    for (const delta of block.deltas) {
      tokens += 1;
      steps.push({ ...eventStep("token", tokens, { type: "content_block_delta", index, delta }), tokens: 1 });
      if (tokens % TOKENS_BETWEEN_PINGS === 0) steps.push(eventStep("ping", tokens, { type: "ping" }));
    }
    if (block.trailer !== undefined)
      steps.push(eventStep("closing", tokens, { type: "content_block_delta", index, delta: block.trailer }));
    steps.push(eventStep("closing", tokens, { type: "content_block_stop", index }));
  }
  const usage = { output_tokens: answer.tokens };
  steps.push({
    ...eventStep("finish", tokens, { type: "message_delta", delta: stopOf(answer, turn), usage }),
    finish: true,
    usage: usageOf(generation, answer.tokens),
  });
  steps.push(eventStep("done", tokens, { type: "message_stop" }));
  return { ...jsonScript(200, {}), headers: EVENT_STREAM_HEADERS, steps, framing: "chunked", streamed: true };
}
