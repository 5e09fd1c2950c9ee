import type { Wire } from "../../core/wire.ts";
import { rerank } from "../rerank/index.ts";
import { decodeAnswer, encodeAnswer } from "./response.ts";
import { encodeRequest } from "./upstream-request.ts";
import { NAME } from "./words.ts";

/** Ranking on Cloudflare's Workers AI (`@cf/baai/bge-reranker-base`), over its binding. No client speaks it: a request is read as `/rerank`'s. */
export const workersAiRerank: Wire = { ...rerank, name: NAME, encodeRequest, decodeAnswer, encodeAnswer };
