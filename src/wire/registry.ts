import type { Wire, WireName } from "../core/wire.ts";
import { anthropicMessages } from "./anthropic-messages/index.ts";
import { openAiChat } from "./openai-chat/index.ts";
import { openAiEmbeddings } from "./openai-embeddings/index.ts";
import { workersAi } from "./workers-ai/index.ts";
import { workersAiEmbeddings } from "./workers-ai-embeddings/index.ts";

/** Every wire format: one folder and one line. */
export const wires: Readonly<Record<WireName, Wire>> = {
  "openai-chat": openAiChat,
  "anthropic-messages": anthropicMessages,
  "openai-embeddings": openAiEmbeddings,
  "workers-ai": workersAi,
  "workers-ai-embeddings": workersAiEmbeddings,
};
