import type { Backend } from "./config.ts";
import type { Operation } from "./draft.ts";
import type { Quirk, WireName } from "./wire.ts";

/** The operation that each wire format speaks. Exhaustive: a new format does not compile without its line here. */
export const OPERATION_OF: Readonly<Record<WireName, Operation>> = {
  "openai-chat": "chat",
  "anthropic-messages": "chat",
  "openai-completions": "complete",
  "openai-responses": "chat",
  "openai-embeddings": "embed",
  rerank: "rerank",
  "anthropic-count-tokens": "tokenize",
  "vllm-tokenize": "tokenize",
  "workers-ai": "chat",
  "workers-ai-embeddings": "embed",
  "workers-ai-rerank": "rerank",
};

/** All wire formats, in the order of `OPERATION_OF`. */
export const WIRE_NAMES = Object.keys(OPERATION_OF) as readonly WireName[];

/** The format in which a backend speaks an operation; undefined where it cannot. A backend has at most one an operation. */
export function formatFor(backend: Pick<Backend, "formats">, operation: Operation): WireName | undefined {
  return backend.formats.find((format) => OPERATION_OF[format] === operation);
}

/** All quirks. A record, so that one that is missing here does not compile. */
const QUIRKS: Readonly<Record<Quirk, true>> = {
  vllm: true,
  "max-completion-tokens": true,
  "no-stream-options": true,
  "no-n": true,
  "no-logprobs": true,
  "no-names": true,
  "no-end-user": true,
  "random-seed": true,
  "assistant-prefill": true,
};
export const QUIRK_NAMES = Object.keys(QUIRKS) as readonly Quirk[];
