import type { Wire } from "../../core/wire.ts";
import { SseFrameReader } from "../frames.ts";
import { TERMINATOR } from "../openai-chat/choice-writer.ts";
import { decodeFailure, encodeFailure, rateHeaders } from "../openai-chat/error.ts";
import { decodeRequest } from "./request.ts";
import { decodeAnswer, encodeAnswer } from "./response.ts";
import { OpenAiCompletionsStream } from "./stream.ts";
import { OpenAiCompletionsWriter } from "./stream-writer.ts";
import { encodeRequest } from "./upstream-request.ts";

/** OpenAI's legacy Completions, as vLLM and most servers speak it. Its errors and headers are those of OpenAI's other endpoints. */
export const openAiCompletions: Wire = {
  name: "openai-completions",
  operation: "complete",
  streams: true,
  terminator: TERMINATOR,
  idPrefix: "cmpl-",
  decodeRequest,
  encodeRequest,
  decodeStream: () => new SseFrameReader(new OpenAiCompletionsStream()),
  encodeStream: (context) => new OpenAiCompletionsWriter(context),
  decodeAnswer,
  encodeAnswer,
  decodeFailure,
  encodeFailure,
  rateHeaders,
};
