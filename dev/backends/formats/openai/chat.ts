import { benchScript } from "../../bench.ts";
import { type Ask, type Generation, generate, longestAnswer, type Operation, type Turn } from "../../operation.ts";
import { EVENT_STREAM_HEADERS, jsonScript, type Script, type Step } from "../../script.ts";
import type { Answer } from "../../text/answer.ts";
import { readChat } from "./read-chat.ts";
import { finishReason, usageJson, usageOf } from "./usage.ts";

/** `POST /v1/chat/completions` as vLLM speaks it. */
export const chat: Operation = { format: "openai", purpose: "chat", read: readChat, write: writeChat };

function writeChat(ask: Ask, turn: Turn): Script {
  if (turn.model.id === "simulated-bench") return benchScript("openai", ask, turn);
  const generation = generate(ask, turn);
  const script = ask.stream ? streamedChat(ask, turn, generation) : wholeChat(ask, turn, generation);
  return {
    ...script,
    generates: true,
    sequences: generation.answers.length,
    totalTokens: generation.completionTokens,
    promptTokens: ask.promptTokens,
  };
}

function wholeChat(ask: Ask, turn: Turn, generation: Generation): Script {
  const script = jsonScript(200, {
    id: `chatcmpl-${turn.id}`,
    object: "chat.completion",
    created: turn.createdAtSeconds,
    model: ask.modelAsked,
    choices: generation.answers.map((answer, index) => wholeChoice(answer, index, turn)),
    service_tier: null,
    system_fingerprint: null,
    usage: usageJson(generation),
    prompt_logprobs: null,
    kv_transfer_params: null,
  });
  const steps = script.steps.map((step) => ({
    ...step,
    after: longestAnswer(generation),
    tokens: generation.completionTokens,
    usage: usageOf(generation),
    finish: true,
  }));
  return { ...script, steps };
}

function wholeChoice(answer: Answer, index: number, turn: Turn): Record<string, unknown> {
  const { tool } = answer;
  return {
    index,
    message: {
      role: "assistant",
      content: tool === undefined ? answer.text.join("") : null,
      refusal: null,
      annotations: null,
      audio: null,
      function_call: null,
      tool_calls:
        tool === undefined
          ? []
          : [
              {
                id: `chatcmpl-tool-${tool.id}`,
                type: "function",
                function: { name: tool.name, arguments: tool.pieces.join("") },
              },
            ],
      reasoning: answer.reasoning.length > 0 ? answer.reasoning.join("") : null,
    },
    logprobs: null,
    finish_reason: turn.directives.finish ?? finishReason(answer.finish),
    stop_reason: answer.stopSequence ?? null,
    token_ids: null,
  };
}

/** Writes the chunks of one stream; what all of them share is serialised once. */
function chunkWriter(ask: Ask, turn: Turn) {
  const shared = `data: {"id":${JSON.stringify(`chatcmpl-${turn.id}`)},"object":"chat.completion.chunk","created":${turn.createdAtSeconds},"model":${JSON.stringify(ask.modelAsked)}`;
  return {
    choice: (index: number, delta: string, finish = "null", stopReason = "") =>
      Buffer.from(
        `${shared},"choices":[{"index":${index},"delta":${delta},"logprobs":null,"finish_reason":${finish}${stopReason},"token_ids":null}]}\n\n`,
      ),
    usage: (usage: Record<string, unknown>) =>
      Buffer.from(`${shared},"choices":[],"usage":${JSON.stringify(usage)}}\n\n`),
  };
}

function streamedChat(ask: Ask, turn: Turn, generation: Generation): Script {
  const chunk = chunkWriter(ask, turn);
  const steps: Step[] = generation.answers.map((_, index) => ({
    kind: "opening",
    bytes: chunk.choice(index, '{"role":"assistant","content":""}'),
    // vLLM sends the role when the first token exists, not before.
    after: 1,
    tokens: 0,
    frames: 1,
  }));
  const deltas = generation.answers.map(deltasOf);
  const longest = longestAnswer(generation);
  for (let position = 0; position <= longest; position += 1) {
    for (const [index, answer] of generation.answers.entries()) {
      const delta = deltas[index]?.[position];
      if (delta !== undefined)
        steps.push({ kind: "token", bytes: chunk.choice(index, delta), after: position + 1, tokens: 1, frames: 1 });
      if (position !== answer.tokens) continue;
      const finish = JSON.stringify(turn.directives.finish ?? finishReason(answer.finish));
      const stopReason = `,"stop_reason":${JSON.stringify(answer.stopSequence ?? null)}`;
      steps.push({
        kind: "finish",
        bytes: chunk.choice(index, '{"content":""}', finish, stopReason),
        after: answer.tokens,
        tokens: 0,
        frames: 1,
        finish: true,
      });
    }
  }
  if (ask.includeUsage) {
    steps.push({
      kind: "usage",
      bytes: chunk.usage(usageJson(generation)),
      after: longest,
      tokens: 0,
      frames: 1,
      usage: usageOf(generation),
    });
  }
  steps.push({ kind: "done", bytes: Buffer.from("data: [DONE]\n\n"), after: longest, tokens: 0, frames: 1 });
  return { ...jsonScript(200, {}), headers: EVENT_STREAM_HEADERS, steps, framing: "chunked", streamed: true };
}

/** The delta of each token, serialised: reasoning, then text, then the fragments of a tool call's arguments. */
function deltasOf(answer: Answer): string[] {
  const deltas = answer.reasoning.map((piece) => `{"reasoning":${JSON.stringify(piece)}}`);
  for (const piece of answer.text) deltas.push(`{"content":${JSON.stringify(piece)}}`);
  const { tool } = answer;
  for (const [position, piece] of tool?.pieces.entries() ?? []) {
    const opening = position === 0 ? { id: `chatcmpl-tool-${tool?.id}`, type: "function" } : {};
    const name = position === 0 ? { name: tool?.name } : {};
    deltas.push(JSON.stringify({ tool_calls: [{ index: 0, ...opening, function: { ...name, arguments: piece } }] }));
  }
  return deltas;
}
