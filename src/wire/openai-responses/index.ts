import type { Wire } from "../../core/wire.ts";
import { SseFrameReader } from "../frames.ts";
import { decodeFailure, encodeFailure, rateHeaders } from "../openai-chat/error.ts";
import { kept } from "./kept.ts";
import { decodeRequest } from "./request.ts";
import { decodeAnswer, encodeAnswer } from "./response.ts";
import { ResponsesStream } from "./stream.ts";
import { ResponsesWriter } from "./stream-writer.ts";
import { encodeRequest } from "./upstream-request.ts";

/** OpenAI's Responses, as OpenAI and newer vLLM speak it. Its errors and headers are those of OpenAI's other endpoints. */
export const openAiResponses: Wire = {
  name: "openai-responses",
  operation: "chat",
  streams: true,
  // The last event holds the whole response: nothing that is the same for all of them closes a stream.
  terminator: "",
  idPrefix: "resp_",
  decodeRequest,
  encodeRequest,
  decodeStream: () => new SseFrameReader(new ResponsesStream()),
  encodeStream: (context) => new ResponsesWriter(context),
  decodeAnswer,
  encodeAnswer,
  decodeFailure,
  encodeFailure,
  rateHeaders,
  kept,
};
