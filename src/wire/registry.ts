import type { Wire, WireName } from "../core/wire.ts";
import { anthropicCountTokens } from "./anthropic-count-tokens/index.ts";
import { anthropicMessages } from "./anthropic-messages/index.ts";
import { openAiChat } from "./openai-chat/index.ts";
import { openAiCompletions } from "./openai-completions/index.ts";
import { openAiEmbeddings } from "./openai-embeddings/index.ts";
import { openAiResponses } from "./openai-responses/index.ts";
import { rerank } from "./rerank/index.ts";
import { vllmTokenize } from "./vllm-tokenize/index.ts";
import { workersAi } from "./workers-ai/index.ts";
import { workersAiEmbeddings } from "./workers-ai-embeddings/index.ts";
import { workersAiRerank } from "./workers-ai-rerank/index.ts";

/** Every wire format: one folder and one line. */
export const wires: Readonly<Record<WireName, Wire>> = {
  "openai-chat": openAiChat,
  "anthropic-messages": anthropicMessages,
  "openai-completions": openAiCompletions,
  "openai-embeddings": openAiEmbeddings,
  rerank,
  "anthropic-count-tokens": anthropicCountTokens,
  "vllm-tokenize": vllmTokenize,
  "openai-responses": openAiResponses,
  "workers-ai": workersAi,
  "workers-ai-embeddings": workersAiEmbeddings,
  "workers-ai-rerank": workersAiRerank,
};
