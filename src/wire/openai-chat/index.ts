import type { Wire } from "../../core/wire.ts";
import { SseFrameReader } from "../frames.ts";
import { TERMINATOR } from "./choice-writer.ts";
import { decodeFailure, encodeFailure, rateHeaders } from "./error.ts";
import { decodeRequest } from "./request.ts";
import { decodeAnswer, encodeAnswer } from "./response.ts";
import { OpenAiChatStream } from "./stream.ts";
import { OpenAiChatWriter } from "./stream-writer.ts";
import { encodeRequest } from "./upstream-request.ts";

/** OpenAI's Chat Completions, as OpenAI, vLLM and most servers speak it. */
export const openAiChat: Wire = {
  name: "openai-chat",
  operation: "chat",
  streams: true,
  terminator: TERMINATOR,
  idPrefix: "chatcmpl-",
  decodeRequest,
  encodeRequest,
  decodeStream: () => new SseFrameReader(new OpenAiChatStream()),
  encodeStream: (context) => new OpenAiChatWriter(context),
  decodeAnswer,
  encodeAnswer,
  decodeFailure,
  encodeFailure,
  rateHeaders,
};
