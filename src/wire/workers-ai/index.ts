import type { Wire } from "../../core/wire.ts";
import { SseFrameReader } from "../frames.ts";
import { openAiChat } from "../openai-chat/index.ts";
import { decodeAnswer } from "./response.ts";
import { WorkersAiStream } from "./stream.ts";
import { encodeRequest } from "./upstream-request.ts";
import { NAME } from "./words.ts";

/**
 * Text generation on Cloudflare's Workers AI, over its binding. Two shapes of answers, by model: its own (`{"response": …}`), and OpenAI's chat
 * completions; both are read. No client speaks it, so what is written (and the request that is read) is the second shape.
 */
export const workersAi: Wire = {
  ...openAiChat,
  name: NAME,
  encodeRequest,
  decodeStream: () => new SseFrameReader(new WorkersAiStream()),
  decodeAnswer,
};
