import * as z from "zod/mini";
import type { Operation } from "./operation.ts";

/** The routes that clients call. Their bodies are read by `src/wire`; what stands here describes them, and unknown fields pass. */

const text = z.string();
const atLeastOne = z.int().check(z.minimum(1));
const temperature = z.number().check(z.minimum(0), z.maximum(2));
const share = z.number().check(z.minimum(0), z.maximum(1));
const textPart = z.looseObject({ type: text });
const content = z.union([text, z.array(textPart)]);

const chatCompletion = z.looseObject({
  model: text,
  messages: z
    .array(
      z.looseObject({
        role: z.enum(["system", "developer", "user", "assistant", "tool"]),
        content: z.exactOptional(z.nullable(content)),
        name: z.exactOptional(text),
      }),
    )
    .check(z.minLength(1)),
  max_tokens: z.exactOptional(atLeastOne),
  max_completion_tokens: z.exactOptional(atLeastOne),
  temperature: z.exactOptional(temperature),
  top_p: z.exactOptional(share),
  n: z.exactOptional(atLeastOne),
  stop: z.exactOptional(z.union([text, z.array(text)])),
  seed: z.exactOptional(z.int()),
  user: z.exactOptional(text),
  stream: z.exactOptional(z.boolean()),
  stream_options: z.exactOptional(z.looseObject({ include_usage: z.exactOptional(z.boolean()) })),
});

const messages = z.looseObject({
  model: text,
  max_tokens: atLeastOne,
  messages: z.array(z.looseObject({ role: z.enum(["user", "assistant"]), content })).check(z.minLength(1)),
  system: z.exactOptional(content),
  temperature: z.exactOptional(share),
  top_p: z.exactOptional(share),
  top_k: z.exactOptional(atLeastOne),
  stop_sequences: z.exactOptional(z.array(text)),
  metadata: z.exactOptional(z.looseObject({ user_id: z.exactOptional(text) })),
  stream: z.exactOptional(z.boolean()),
});

const embeddings = z.looseObject({
  model: text,
  input: z.union([text, z.array(text), z.array(z.int()), z.array(z.array(z.int()))]),
  dimensions: z.exactOptional(atLeastOne),
  encoding_format: z.exactOptional(z.enum(["float", "base64"])),
  user: z.exactOptional(text),
});

const completion = z.looseObject({
  model: text,
  prompt: z.union([text, z.array(text), z.array(z.int()), z.array(z.array(z.int()))]),
  suffix: z.exactOptional(text),
  max_tokens: z.exactOptional(z.int().check(z.minimum(0))),
  temperature: z.exactOptional(temperature),
  top_p: z.exactOptional(share),
  n: z.exactOptional(atLeastOne),
  best_of: z.exactOptional(atLeastOne),
  echo: z.exactOptional(z.boolean()),
  logprobs: z.exactOptional(z.int().check(z.minimum(0))),
  stop: z.exactOptional(z.union([text, z.array(text)])),
  seed: z.exactOptional(z.int()),
  user: z.exactOptional(text),
  stream: z.exactOptional(z.boolean()),
  stream_options: z.exactOptional(z.looseObject({ include_usage: z.exactOptional(z.boolean()) })),
});

const ranking = z.looseObject({
  model: text,
  query: text,
  documents: z.array(z.union([text, z.looseObject({ text })])).check(z.minLength(1)),
  top_n: z.exactOptional(atLeastOne),
  return_documents: z.exactOptional(z.boolean()),
});

const counting = z.looseObject({
  model: text,
  messages: z.array(z.looseObject({ role: z.enum(["user", "assistant"]), content })).check(z.minLength(1)),
  system: z.exactOptional(content),
});

const response = z.looseObject({
  model: text,
  input: z.union([text, z.array(z.looseObject({ type: z.exactOptional(text) })).check(z.minLength(1))]),
  instructions: z.exactOptional(text),
  tools: z.exactOptional(z.array(z.looseObject({ type: text }))),
  max_output_tokens: z.exactOptional(atLeastOne),
  temperature: z.exactOptional(temperature),
  top_p: z.exactOptional(share),
  text: z.exactOptional(z.looseObject({ format: z.exactOptional(z.looseObject({ type: text })) })),
  reasoning: z.exactOptional(z.looseObject({ effort: z.exactOptional(text), summary: z.exactOptional(text) })),
  store: z.exactOptional(z.boolean()),
  previous_response_id: z.exactOptional(text),
  stream: z.exactOptional(z.boolean()),
  user: z.exactOptional(text),
});

/** Request headers under our own prefix, for every inference route. */
const CONTROLS: Operation["headers"] = {
  "x-gateway-cache": { schema: z.enum(["on", "off", "refresh"]), description: "Whether the exact cache may answer." },
  "x-gateway-cache-ttl": { schema: text, description: "Seconds that the answer may be kept." },
  "x-gateway-cache-namespace": { schema: text, description: "A part of the cache of its own." },
  "x-gateway-no-fallback": { schema: z.enum(["true", "false"]), description: "Ask the chosen backend only." },
  "x-gateway-task": { schema: text, description: "What the request is for: rules of routes may go by it." },
  "x-gateway-session": { schema: text, description: "Which requests belong together: a choice may stick to it." },
  "x-gateway-metadata": { schema: text, description: "A JSON object of texts: rules of routes may go by them." },
  "x-gateway-debug": { schema: z.enum(["translation"]), description: "Name the fields that were translated." },
};

const INFERENCE = {
  security: "client",
  errors: [400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504],
  headers: CONTROLS,
  tag: "inference",
} as const;

const KEPT = {
  security: "client",
  tag: "inference",
  params: { id: text },
  errors: [401, 403, 404, 503],
} as const;

export const PUBLIC_OPERATIONS: readonly Operation[] = [
  {
    ...INFERENCE,
    method: "post",
    path: "/v1/chat/completions",
    id: "createChatCompletion",
    summary: "A chat completion in OpenAI's format, whole or as a stream.",
    body: chatCompletion,
    reply: { status: 200, description: "The completion.", streams: true },
  },
  {
    ...INFERENCE,
    method: "post",
    path: "/v1/messages",
    errors: [...INFERENCE.errors, 402, 529],
    id: "createMessage",
    summary: "A message in Anthropic's format, whole or as a stream.",
    body: messages,
    reply: { status: 200, description: "The message.", streams: true },
  },
  {
    ...INFERENCE,
    method: "post",
    path: "/v1/responses",
    id: "createResponse",
    summary:
      "A response in OpenAI's newer format, whole or as a stream. It is kept only for tenants that allow it; else `store` is answered with false.",
    body: response,
    reply: { status: 200, description: "The response.", streams: true },
  },
  {
    ...KEPT,
    method: "get",
    path: "/v1/responses/{id}",
    id: "readResponse",
    summary: "A kept response.",
    reply: { status: 200, description: "The response." },
  },
  {
    ...KEPT,
    method: "delete",
    path: "/v1/responses/{id}",
    id: "deleteResponse",
    summary: "Deletes a kept response.",
    reply: { status: 200, description: "The response is deleted." },
  },
  {
    ...KEPT,
    method: "get",
    path: "/v1/responses/{id}/input_items",
    id: "listInputItems",
    summary: "What was said before a kept response, earlier turns included.",
    query: z.object({ order: z.exactOptional(z.enum(["asc", "desc"])) }),
    reply: { status: 200, description: "The items." },
  },
  {
    ...INFERENCE,
    method: "post",
    path: "/v1/embeddings",
    id: "createEmbedding",
    summary: "Vectors in OpenAI's format.",
    body: embeddings,
    reply: { status: 200, description: "The vectors, in the order of the inputs." },
  },
  {
    ...INFERENCE,
    method: "post",
    path: "/v1/completions",
    id: "createCompletion",
    summary: "A legacy completion in OpenAI's format, whole or as a stream.",
    body: completion,
    reply: { status: 200, description: "The completion.", streams: true },
  },
  {
    ...INFERENCE,
    method: "post",
    path: "/v1/rerank",
    id: "createRanking",
    summary: "Documents by relevance to a query, in the form that vLLM, Cohere and Jina share.",
    body: ranking,
    reply: { status: 200, description: "The documents' places and scores, best first." },
  },
  {
    ...INFERENCE,
    method: "post",
    path: "/v1/messages/count_tokens",
    errors: [...INFERENCE.errors, 402, 529],
    id: "countTokens",
    summary:
      "What a message in Anthropic's format would take; `x-gateway-count` says whether a backend counted or our estimate did.",
    body: counting,
    reply: { status: 200, description: "The count." },
  },
  {
    method: "get",
    path: "/v1/models",
    id: "listModels",
    tag: "inference",
    summary: "The aliases that this key may use; in Anthropic's form where `anthropic-version` is sent.",
    security: "client",
    reply: { status: 200, description: "The aliases." },
    errors: [401, 503],
  },
  {
    method: "get",
    path: "/v1/models/{id}",
    id: "readModel",
    tag: "inference",
    summary: "One alias.",
    security: "client",
    params: { id: text },
    reply: { status: 200, description: "The alias." },
    errors: [401, 403, 404, 503],
  },
  {
    method: "get",
    path: "/healthz",
    id: "health",
    tag: "operations",
    summary: "Whether the gateway runs; asks nothing of anything else.",
    security: "none",
    reply: { status: 200, description: "It runs." },
    errors: [],
  },
  {
    method: "get",
    path: "/readyz",
    id: "readiness",
    tag: "operations",
    summary:
      "Which dependency is unwell, which backends are left out for want of a variable, and which routes have none.",
    security: "operator",
    reply: {
      status: 200,
      description:
        "All dependencies are well and each route has a backend; `warnings` name the backends that are left out.",
    },
    errors: [401, 503],
  },
  {
    method: "get",
    path: "/metrics",
    id: "metrics",
    tag: "operations",
    summary: "Counters in Prometheus' text format.",
    security: "operator",
    reply: { status: 200, description: "The counters.", mediaType: "text/plain" },
    errors: [401, 503],
  },
  {
    method: "get",
    path: "/openapi.json",
    id: "openapi",
    tag: "operations",
    summary: "This document.",
    security: "none",
    reply: { status: 200, description: "OpenAPI 3.1." },
    errors: [],
  },
];
