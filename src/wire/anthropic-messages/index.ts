import type { Wire } from "../../core/wire.ts";
import { SseFrameReader } from "../frames.ts";
import { decodeFailure, encodeFailure, rateHeaders } from "./error.ts";
import { decodeRequest } from "./request.ts";
import { decodeAnswer, encodeAnswer } from "./response.ts";
import { AnthropicStream } from "./stream.ts";
import { AnthropicWriter, TERMINATOR } from "./stream-writer.ts";
import { encodeRequest } from "./upstream-request.ts";

/** Anthropic's Messages API, version 2023-06-01. */
export const anthropicMessages: Wire = {
  name: "anthropic-messages",
  operation: "chat",
  streams: true,
  terminator: TERMINATOR,
  idPrefix: "msg_",
  decodeRequest,
  encodeRequest,
  decodeStream: () => new SseFrameReader(new AnthropicStream()),
  encodeStream: (context) => new AnthropicWriter(context),
  decodeAnswer,
  encodeAnswer,
  decodeFailure,
  encodeFailure,
  rateHeaders,
};
