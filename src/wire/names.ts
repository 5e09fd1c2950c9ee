import type { WireName } from "../core/wire.ts";

/** What a caller's format calls the things that a translation tells of. */
const OPENAI_CHAT = {
  cacheControl: "messages[].content[].cache_control",
  choices: "n",
  endUser: "user",
  imageDetail: "messages[].content[].image_url.detail",
  input: "messages[].tool_calls[].function.arguments",
  reasoning: "reasoning_effort",
  reasoningText: "messages[].reasoning",
  refusal: "messages[].refusal",
  role: "messages[].role",
  senderName: "messages[].name",
  systemCacheControl: "messages[].content[].cache_control",
  toolCacheControl: "tools[].cache_control",
  toolCallId: "messages[].tool_calls[].id",
  toolResults: "messages[].tool_call_id",
  toolStrict: "tools[].function.strict",
} as const;

/** One of the things that a translation tells of. */
export type Word = keyof typeof OPENAI_CHAT | keyof typeof ANTHROPIC_ONLY | Field;

/** Those that most formats call by the word itself. `messages`: what is asked, a conversation or texts. */
type Field =
  | "frequency_penalty"
  | "logprobs"
  | "messages"
  | "parallel_tool_calls"
  | "presence_penalty"
  | "prompt_cache_key"
  | "response_format"
  | "seed"
  | "service_tier"
  | "stop"
  | "tool_choice"
  | "tools"
  | "top_k";

const ANTHROPIC_ONLY = {
  citations: "messages[].content[].citations",
  reasoningSummary: "thinking.display",
  redactedReasoning: "messages[].content[].redacted_thinking",
  signature: "messages[].content[].signature",
  toolError: "messages[].content[].is_error",
  toolImages: "messages[].content[].content[]",
} as const;

const NAMES: { readonly [Wire in WireName]?: Readonly<Partial<Record<Word, string>>> } = {
  "openai-chat": OPENAI_CHAT,
  "openai-responses": {
    ...OPENAI_CHAT,
    citations: "input[].content[].annotations",
    imageDetail: "input[].content[].detail",
    input: "input[].arguments",
    logprobs: "top_logprobs",
    messages: "input",
    reasoning: "reasoning.effort",
    reasoningSummary: "reasoning.summary",
    reasoningText: "input[].summary",
    refusal: "input[].content[].refusal",
    response_format: "text.format",
    role: "input[].role",
    toolCallId: "input[].call_id",
    toolImages: "input[].output[]",
    toolResults: "input[].output",
    toolStrict: "tools[].strict",
  },
  "anthropic-messages": {
    ...ANTHROPIC_ONLY,
    cacheControl: "messages[].content[].cache_control",
    endUser: "metadata.user_id",
    input: "messages[].content[].input",
    parallel_tool_calls: "tool_choice.disable_parallel_tool_use",
    reasoning: "thinking",
    reasoningText: "messages[].content[].thinking",
    response_format: "output_config.format",
    role: "messages[].role",
    stop: "stop_sequences",
    systemCacheControl: "system[].cache_control",
    toolCacheControl: "tools[].cache_control",
    toolCallId: "messages[].content[].id",
    toolResults: "messages[].content[].tool_result",
    toolStrict: "tools[].strict",
  },
  "openai-completions": { messages: "prompt" },
  "openai-embeddings": { messages: "input" },
  rerank: { messages: "documents" },
};

/** The field as the caller knows it; the word itself where the caller's format has no field for it. */
export function nameIn(wire: WireName, word: Word): string {
  return NAMES[wire]?.[word] ?? word;
}
