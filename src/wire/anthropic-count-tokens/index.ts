import type { Wire } from "../../core/wire.ts";
import { anthropicMessages } from "../anthropic-messages/index.ts";
import { countsUnder } from "../token-count.ts";
import { WHOLE } from "../whole.ts";
import { decodeRequest, encodeRequest } from "./request.ts";
import { NAME } from "./words.ts";

/** Anthropic's count of a message's tokens, before it is sent. Its errors and headers are the message's own. */
export const anthropicCountTokens: Wire = {
  name: NAME,
  operation: "tokenize",
  ...WHOLE,
  decodeRequest,
  encodeRequest,
  ...countsUnder(NAME, "input_tokens"),
  decodeFailure: anthropicMessages.decodeFailure,
  encodeFailure: anthropicMessages.encodeFailure,
  rateHeaders: anthropicMessages.rateHeaders,
};
