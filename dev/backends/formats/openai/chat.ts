import { benchScript } from "../../bench.ts";
import { type Ask, type Generation, generate, longestAnswer, type Operation, type Turn } from "../../operation.ts";
import { jsonScript, type Script } from "../../script.ts";
import type { Answer } from "../../text/answer.ts";
import { inputOf } from "../../text/calls.ts";
import { contentLogprobs } from "./chat-logprobs.ts";
import { reasoningFields, streamedChat } from "./chat-stream.ts";
import { chatAnnotations } from "./citations.ts";
import { readChat } from "./read-chat.ts";
import { finishReason, serviceTierOf, usageJson, usageOf } from "./usage.ts";

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
    choices: generation.answers.map((answer, index) => wholeChoice(answer, index, ask, turn)),
    service_tier: serviceTierOf(ask.body),
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

function wholeChoice(answer: Answer, index: number, ask: Ask, turn: Turn): Record<string, unknown> {
  const text = answer.text.join("");
  const hasContent = !answer.refused && (answer.calls.length === 0 || text !== "");
  const reasoning = ask.body.include_reasoning === false ? "" : answer.reasoning.join("");
  return {
    index,
    message: {
      role: "assistant",
      content: hasContent ? text : null,
      refusal: answer.refused ? text : null,
      annotations: chatAnnotations(turn, answer),
      audio: null,
      function_call: null,
      tool_calls: answer.calls.map((call) => ({
        id: `call_${call.id}`,
        type: "function",
        function: { name: call.name, arguments: inputOf(call) },
      })),
      ...(reasoning === "" ? { reasoning: null } : reasoningFields(turn, reasoning)),
    },
    logprobs: contentLogprobs(ask, answer.text),
    finish_reason: turn.directives.finish ?? finishReason(answer.finish),
    stop_reason: answer.stopSequence ?? null,
    token_ids: null,
  };
}
