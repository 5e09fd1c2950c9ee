import type { Wire } from "../../core/wire.ts";
import { openAiEmbeddings } from "../openai-embeddings/index.ts";
import { decodeAnswer, encodeAnswer } from "./response.ts";
import { encodeRequest } from "./upstream-request.ts";
import { NAME } from "./words.ts";

/** Text embeddings on Cloudflare's Workers AI, over its binding. No client speaks it: a request is read as OpenAI's. */
export const workersAiEmbeddings: Wire = { ...openAiEmbeddings, name: NAME, encodeRequest, decodeAnswer, encodeAnswer };
