/** What a caller may ask for and a backend may say, with a sample in each format that has it. Long because it is a table: docs/compatibility.md is made of it. */
import type { ChatAnswer } from "../../../src/core/answer.ts";
import type { ChatDraft, ContentBlock } from "../../../src/core/draft.ts";
import type { Json, JsonObject } from "../../../src/core/json.ts";
import type { WireName } from "../../../src/core/wire.ts";
import { placeless } from "../../support/drafts.ts";

type Samples<T> = { readonly [Wire in WireName]?: T };

/** `sample` goes over the least request of the format; `pick` is what of a draft the feature is about: undefined or empty where nothing is left of it. */
export interface RequestFeature {
  readonly name: string;
  readonly sample: Samples<JsonObject>;
  readonly pick: (draft: ChatDraft) => unknown;
  /** The rule, where the verdict does not say it. */
  readonly rule?: string;
}

export interface AnswerFeature {
  readonly name: string;
  readonly sample: Samples<JsonObject>;
  readonly pick: (answer: ChatAnswer) => unknown;
  readonly rule?: string;
}

export const LEAST: Samples<JsonObject> = {
  "openai-chat": { model: "chat", messages: [{ role: "user", content: "Hi" }] },
  "anthropic-messages": { model: "chat", max_tokens: 8_192, messages: [{ role: "user", content: "Hi" }] },
};

const blocksOf = (draft: ChatDraft): readonly ContentBlock[] =>
  draft.messages.flatMap(({ content }) => placeless(content));
const block =
  <T extends ContentBlock["type"]>(
    type: T,
    of: (found: Extract<ContentBlock, { type: T }>) => unknown = (found) => found,
  ) =>
  (draft: ChatDraft) => {
    const inside = blocksOf(draft).flatMap((found) =>
      found.type === "tool-result" ? [found, ...found.content] : [found],
    );
    const found = inside.filter((one): one is Extract<ContentBlock, { type: T }> => one.type === type).map(of);
    return found.filter((one) => one !== undefined);
  };
const user = (...content: Json[]): JsonObject => ({ messages: [{ role: "user", content }] });
const unknown = (draft: ChatDraft) => draft.unknownFields;
const PNG = "iVBORw0KGgo=";
const PDF = "JVBERi0=";
const EPHEMERAL = { type: "ephemeral" };
const TOOL = {
  type: "function",
  function: { name: "f", description: "F", parameters: { type: "object", properties: {} } },
};
const OWN_TOOL = { name: "f", description: "F", input_schema: { type: "object", properties: {} } };
const CALL = {
  role: "assistant",
  content: null,
  tool_calls: [{ id: "call_1", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
};
const OWN_CALL = { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "f", input: { a: 1 } }] };
const ask = { role: "user", content: "Hi" };
const talk = (...messages: Json[]): JsonObject => ({ messages: [ask, ...messages] });
const SCHEMA = { type: "object", properties: { a: { type: "integer" } }, required: ["a"], additionalProperties: false };

export const REQUEST_FEATURES: readonly RequestFeature[] = [
  {
    name: "system prompt",
    sample: {
      "openai-chat": { messages: [{ role: "system", content: "Be brief." }, ask] },
      "anthropic-messages": { system: "Be brief." },
    },
    pick: (draft) => draft.messages.filter(({ role }) => role === "system"),
  },
  {
    name: "system prompt of several parts",
    sample: {
      "openai-chat": {
        messages: [
          {
            role: "system",
            content: [
              { type: "text", text: "a" },
              { type: "text", text: "b" },
            ],
          },
          ask,
        ],
      },
      "anthropic-messages": {
        system: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
    },
    pick: (draft) => draft.messages.filter(({ role }) => role === "system"),
  },
  {
    name: "developer message",
    sample: { "openai-chat": { messages: [{ role: "developer", content: "Be brief." }, ask] } },
    pick: (draft) => draft.messages.filter(({ role }) => role === "system" || role === "developer"),
    rule: "becomes a system message",
  },
  {
    name: "name of a message's sender",
    sample: { "openai-chat": { messages: [{ ...ask, name: "ann" }] } },
    pick: (draft) => draft.messages.flatMap(({ name }) => name ?? []),
  },
  {
    name: "image by URL",
    sample: {
      "openai-chat": user({ type: "image_url", image_url: { url: "https://example.com/a.png" } }),
      "anthropic-messages": user({ type: "image", source: { type: "url", url: "https://example.com/a.png" } }),
    },
    pick: block("image"),
    rule: "the gateway never fetches it",
  },
  {
    name: "image as base64",
    sample: {
      "openai-chat": user({ type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } }),
      "anthropic-messages": user({ type: "image", source: { type: "base64", media_type: "image/png", data: PNG } }),
    },
    pick: block("image"),
  },
  {
    name: "detail of an image",
    sample: {
      "openai-chat": user({ type: "image_url", image_url: { url: "https://example.com/a.png", detail: "low" } }),
    },
    pick: block("image", ({ detail }) => detail),
  },
  {
    name: "PDF as base64",
    sample: {
      "openai-chat": user({
        type: "file",
        file: { filename: "a.pdf", file_data: `data:application/pdf;base64,${PDF}` },
      }),
      "anthropic-messages": user({
        type: "document",
        title: "a.pdf",
        source: { type: "base64", media_type: "application/pdf", data: PDF },
      }),
    },
    pick: block("file"),
  },
  {
    name: "file by URL",
    sample: {
      "anthropic-messages": user({ type: "document", source: { type: "url", url: "https://example.com/a.pdf" } }),
    },
    pick: block("file"),
  },
  {
    name: "file by id",
    sample: {
      "openai-chat": user({ type: "file", file: { file_id: "file-1" } }),
      "anthropic-messages": user({ type: "document", source: { type: "file", file_id: "file_1" } }),
    },
    pick: block("file"),
    rule: "an id means something to its own provider alone",
  },
  {
    name: "other documents (text, blocks, search results)",
    sample: {
      "anthropic-messages": user({ type: "document", source: { type: "text", media_type: "text/plain", data: "x" } }),
    },
    pick: block("file"),
  },
  {
    name: "audio",
    sample: { "openai-chat": user({ type: "input_audio", input_audio: { data: "AA==", format: "wav" } }) },
    pick: block("file"),
  },
  {
    name: "tools",
    sample: { "openai-chat": { tools: [TOOL] }, "anthropic-messages": { tools: [OWN_TOOL] } },
    pick: ({ tools }) => tools,
  },
  {
    name: "strict tools",
    sample: {
      "openai-chat": { tools: [{ type: "function", function: { ...TOOL.function, strict: true } }] },
      "anthropic-messages": { tools: [{ ...OWN_TOOL, strict: true }] },
    },
    pick: ({ tools }) => tools?.map(({ strict }) => strict),
  },
  {
    name: "tools that the provider runs",
    sample: {
      "openai-chat": { web_search_options: { search_context_size: "low" } },
      "anthropic-messages": { tools: [{ type: "web_search_20250305", name: "web_search" }] },
    },
    pick: ({ tools }) => tools,
  },
  {
    name: "custom tools (free text)",
    sample: { "openai-chat": { tools: [{ type: "custom", custom: { name: "x" } }] } },
    pick: ({ tools }) => tools,
  },
  {
    name: "old-style `functions`",
    sample: { "openai-chat": { functions: [{ name: "f" }] } },
    pick: ({ tools }) => tools,
    rule: "the answer would have to come in the old words",
  },
  {
    name: "tool choice: auto",
    sample: {
      "openai-chat": { tools: [TOOL], tool_choice: "auto" },
      "anthropic-messages": { tools: [OWN_TOOL], tool_choice: { type: "auto" } },
    },
    pick: ({ toolChoice }) => toolChoice,
  },
  {
    name: "tool choice: none",
    sample: {
      "openai-chat": { tools: [TOOL], tool_choice: "none" },
      "anthropic-messages": { tools: [OWN_TOOL], tool_choice: { type: "none" } },
    },
    pick: ({ toolChoice }) => toolChoice,
  },
  {
    name: "tool choice: some tool",
    sample: {
      "openai-chat": { tools: [TOOL], tool_choice: "required" },
      "anthropic-messages": { tools: [OWN_TOOL], tool_choice: { type: "any" } },
    },
    pick: ({ toolChoice }) => toolChoice,
  },
  {
    name: "tool choice: this tool",
    sample: {
      "openai-chat": { tools: [TOOL], tool_choice: { type: "function", function: { name: "f" } } },
      "anthropic-messages": { tools: [OWN_TOOL], tool_choice: { type: "tool", name: "f" } },
    },
    pick: ({ toolChoice }) => toolChoice,
  },
  {
    name: "one call at a time",
    sample: {
      "openai-chat": { tools: [TOOL], parallel_tool_calls: false },
      "anthropic-messages": { tools: [OWN_TOOL], tool_choice: { type: "auto", disable_parallel_tool_use: true } },
    },
    pick: ({ parallelToolCalls }) => parallelToolCalls,
  },
  {
    name: "calls of an earlier turn",
    sample: {
      "openai-chat": talk(CALL, { role: "tool", tool_call_id: "call_1", content: "7" }),
      "anthropic-messages": talk(OWN_CALL, {
        role: "user",
        content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "7" }],
      }),
    },
    pick: block("tool-call"),
    rule: 'ids are kept; arguments that are no JSON object become `{"_raw": …}` and come back as they were',
  },
  {
    name: "results of tools",
    sample: {
      "openai-chat": talk(CALL, { role: "tool", tool_call_id: "call_1", content: "7" }),
      "anthropic-messages": talk(OWN_CALL, {
        role: "user",
        content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "7" }],
      }),
    },
    pick: block("tool-result"),
    rule: "before the user's words in both formats",
  },
  {
    name: "failed result of a tool",
    sample: {
      "anthropic-messages": talk(OWN_CALL, {
        role: "user",
        content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "7", is_error: true }],
      }),
    },
    pick: block("tool-result", ({ isError }) => isError),
    rule: "the words of the result stay",
  },
  {
    name: "image in a tool's result",
    sample: {
      "anthropic-messages": talk(OWN_CALL, {
        role: "user",
        content: [
          {
            type: "tool_result",
            tool_use_id: "toolu_1",
            content: [{ type: "image", source: { type: "url", url: "https://example.com/a.png" } }],
          },
        ],
      }),
    },
    pick: (draft) => [block("image")(draft), blocksOf(draft).some((one) => one.type === "image") ? "beside" : "inside"],
    rule: "opens the user's message behind the results",
  },
  {
    name: "output by JSON schema",
    sample: {
      "openai-chat": {
        response_format: { type: "json_schema", json_schema: { name: "out", strict: true, schema: SCHEMA } },
      },
      "anthropic-messages": { output_config: { format: { type: "json_schema", schema: SCHEMA } } },
    },
    pick: ({ responseFormat }) => responseFormat,
    rule: "Anthropic's has no name and is always strict",
  },
  {
    name: "output by JSON schema, in vLLM's words",
    sample: { "openai-chat": { structured_outputs: { json: SCHEMA } } },
    pick: ({ responseFormat }) => responseFormat,
  },
  {
    name: "any JSON object",
    sample: { "openai-chat": { response_format: { type: "json_object" } } },
    pick: ({ responseFormat }) => responseFormat,
    rule: "no promise that the backend does not make: send a schema",
  },
  {
    name: "output by grammar, regex, choice",
    sample: { "openai-chat": { structured_outputs: { regex: "a+" } } },
    pick: ({ responseFormat }) => responseFormat,
  },
  {
    name: "reasoning effort",
    sample: { "openai-chat": { reasoning_effort: "high" } },
    pick: ({ reasoning }) => reasoning,
    rule: "a budget of 1,024 (minimal), 2,048 (low), 8,192 (medium), 16,384 (high), 24,576 (xhigh) or 32,768 (max) tokens, at most half of the answer's; dropped beside sampling parameters, a forced tool, or results of tools without signed reasoning",
  },
  {
    name: "thinking budget",
    sample: { "anthropic-messages": { thinking: { type: "enabled", budget_tokens: 2_048 } } },
    pick: ({ reasoning }) => reasoning,
    rule: "the largest effort whose budget is not above it",
  },
  {
    name: "no reasoning",
    sample: { "openai-chat": { reasoning_effort: "none" }, "anthropic-messages": { thinking: { type: "disabled" } } },
    pick: ({ reasoning }) => reasoning,
  },
  {
    name: "thinking as the model likes",
    sample: { "anthropic-messages": { thinking: { type: "adaptive" } } },
    pick: ({ reasoning }) => reasoning,
  },
  {
    name: "reasoning of an earlier turn",
    sample: {
      "openai-chat": talk({ role: "assistant", content: "ok", reasoning: "Hm." }, ask),
      "anthropic-messages": talk(
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "Hm.", signature: "E" },
            { type: "text", text: "ok" },
          ],
        },
        ask,
      ),
    },
    pick: block("reasoning", ({ text }) => text),
    rule: "without a signature of its own Anthropic takes none; vLLM reads it",
  },
  {
    name: "signature of reasoning",
    sample: {
      "anthropic-messages": talk(
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "Hm.", signature: "E" },
            { type: "text", text: "ok" },
          ],
        },
        ask,
      ),
    },
    pick: block("reasoning", ({ signature }) => signature),
    rule: "means something to its own provider alone",
  },
  {
    name: "redacted reasoning",
    sample: {
      "anthropic-messages": talk(
        {
          role: "assistant",
          content: [
            { type: "redacted_thinking", data: "x" },
            { type: "text", text: "ok" },
          ],
        },
        ask,
      ),
    },
    pick: block("redacted-reasoning"),
  },
  {
    name: "refusal of an earlier turn",
    sample: { "openai-chat": talk({ role: "assistant", content: null, refusal: "No." }, ask) },
    pick: (draft) => draft.messages[1]?.content,
    rule: "becomes a text",
  },
  {
    name: "citations of an earlier turn",
    sample: {
      "anthropic-messages": talk(
        { role: "assistant", content: [{ type: "text", text: "ok", citations: [{ type: "char_location" }] }] },
        ask,
      ),
    },
    pick: block("text", ({ citations }) => citations),
  },
  {
    name: "cache marks on content",
    sample: {
      "openai-chat": user({ type: "text", text: "Hi", cache_control: EPHEMERAL }),
      "anthropic-messages": user({ type: "text", text: "Hi", cache_control: EPHEMERAL }),
    },
    pick: block("text", ({ cacheControl }) => cacheControl),
  },
  {
    name: "cache marks on tools",
    sample: {
      "openai-chat": { tools: [{ ...TOOL, cache_control: EPHEMERAL }] },
      "anthropic-messages": { tools: [{ ...OWN_TOOL, cache_control: EPHEMERAL }] },
    },
    pick: ({ tools }) => tools?.flatMap(({ cacheControl }) => cacheControl ?? []),
  },
  {
    name: "prompt cache key",
    sample: { "openai-chat": { prompt_cache_key: "k" } },
    pick: ({ promptCacheKey }) => promptCacheKey,
  },
  {
    name: "temperature up to 1, top_p",
    sample: { "openai-chat": { temperature: 0.5, top_p: 0.9 }, "anthropic-messages": { temperature: 0.5, top_p: 0.9 } },
    pick: ({ temperature, topP }) => [temperature, topP],
  },
  {
    name: "temperature above 1",
    sample: { "openai-chat": { temperature: 1.5 } },
    pick: ({ temperature }) => temperature,
  },
  {
    name: "top_k",
    sample: { "openai-chat": { top_k: 5 }, "anthropic-messages": { top_k: 5 } },
    pick: ({ topK }) => topK,
  },
  {
    name: "stop sequences",
    sample: { "openai-chat": { stop: ["END"] }, "anthropic-messages": { stop_sequences: ["END"] } },
    pick: ({ stop }) => stop,
  },
  { name: "seed", sample: { "openai-chat": { seed: 7 } }, pick: ({ seed }) => seed },
  {
    name: "frequency and presence penalties",
    sample: { "openai-chat": { frequency_penalty: 1, presence_penalty: 1 } },
    pick: ({ frequencyPenalty, presencePenalty }) => [frequencyPenalty ?? [], presencePenalty ?? []].flat(),
  },
  { name: "several choices", sample: { "openai-chat": { n: 2 } }, pick: ({ choices }) => choices },
  {
    name: "log probabilities",
    sample: { "openai-chat": { logprobs: true, top_logprobs: 2 } },
    pick: ({ logprobs }) => logprobs,
  },
  { name: "logit bias", sample: { "openai-chat": { logit_bias: { "5": -100 } } }, pick: () => undefined },
  {
    name: "service tier: auto",
    sample: { "openai-chat": { service_tier: "auto" }, "anthropic-messages": { service_tier: "auto" } },
    pick: ({ serviceTier }) => serviceTier,
  },
  {
    name: "service tier: the standard one",
    sample: { "openai-chat": { service_tier: "default" }, "anthropic-messages": { service_tier: "standard_only" } },
    pick: ({ serviceTier }) => serviceTier,
  },
  {
    name: "service tier of one provider",
    sample: { "openai-chat": { service_tier: "flex" } },
    pick: ({ serviceTier }) => serviceTier,
  },
  {
    name: "end user",
    sample: { "openai-chat": { user: "u-1" }, "anthropic-messages": { metadata: { user_id: "u-1" } } },
    pick: ({ endUser }) => endUser,
  },
  {
    name: "fields that vLLM would obey and no caller may set",
    sample: { "openai-chat": { priority: 1, cache_salt: "s", chat_template_kwargs: { thinking: false } } },
    pick: unknown,
    rule: "stripped and named, not refused",
  },
  {
    name: "fields that nobody here knows",
    sample: { "openai-chat": { verbosity: "low" }, "anthropic-messages": { new_field: 1 } },
    pick: unknown,
  },
];

const openAiAnswer = (message: JsonObject, more: JsonObject = {}, finish = "stop"): JsonObject => ({
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: null, ...message }, finish_reason: finish }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  ...more,
});
const anthropicAnswer = (content: Json, more: JsonObject = {}, finish = "end_turn"): JsonObject => ({
  id: "g",
  type: "message",
  role: "assistant",
  model: "m",
  content,
  stop_reason: finish,
  stop_sequence: null,
  usage: { input_tokens: 3, output_tokens: 2 },
  ...more,
});
const said = (type: string) => (answer: ChatAnswer) =>
  answer.choices[0]?.blocks.flatMap((one) => (one.type === type ? [one] : []));
const finish = (answer: ChatAnswer) => answer.choices[0]?.finish.kind;
const YES = [{ type: "text", text: "Yes" }];

export const ANSWER_FEATURES: readonly AnswerFeature[] = [
  {
    name: "text",
    sample: { "openai-chat": openAiAnswer({ content: "Yes" }), "anthropic-messages": anthropicAnswer(YES) },
    pick: said("text"),
  },
  {
    name: "reasoning",
    sample: {
      "openai-chat": openAiAnswer({ content: "Yes", reasoning: "Hm." }),
      "anthropic-messages": anthropicAnswer([{ type: "thinking", thinking: "Hm.", signature: "" }, ...YES]),
    },
    pick: said("reasoning"),
  },
  {
    name: "signature of reasoning",
    sample: { "anthropic-messages": anthropicAnswer([{ type: "thinking", thinking: "Hm.", signature: "E" }, ...YES]) },
    pick: ({ choices }) =>
      choices[0]?.blocks.flatMap((one) => ("signature" in one && one.signature ? [one.signature] : [])),
  },
  {
    name: "redacted reasoning",
    sample: { "anthropic-messages": anthropicAnswer([{ type: "redacted_thinking", data: "x" }, ...YES]) },
    pick: said("other"),
  },
  {
    name: "calls of tools, several at once",
    sample: {
      "openai-chat": openAiAnswer(
        {
          tool_calls: [
            { id: "a", type: "function", function: { name: "f", arguments: '{"a":1}' } },
            { id: "b", type: "function", function: { name: "g", arguments: "{}" } },
          ],
        },
        {},
        "tool_calls",
      ),
      "anthropic-messages": anthropicAnswer(
        [
          { type: "tool_use", id: "a", name: "f", input: { a: 1 } },
          { type: "tool_use", id: "b", name: "g", input: {} },
        ],
        {},
        "tool_use",
      ),
    },
    pick: (answer) => [said("tool")(answer), finish(answer)],
  },
  {
    name: "tools that the provider ran",
    sample: {
      "anthropic-messages": anthropicAnswer([
        { type: "server_tool_use", id: "s", name: "web_search", input: {} },
        ...YES,
      ]),
    },
    pick: said("other"),
  },
  {
    name: "refusal",
    sample: {
      "openai-chat": openAiAnswer({ refusal: "No." }),
      "anthropic-messages": anthropicAnswer(YES, {}, "refusal"),
    },
    pick: (answer) => [answer.choices[0]?.blocks, finish(answer)],
    rule: "OpenAI's is a text with a stop reason at Anthropic; Anthropic's stop reason is `content_filter` at OpenAI",
  },
  {
    name: "citations",
    sample: {
      "openai-chat": openAiAnswer({
        content: "Yes",
        annotations: [{ type: "url_citation", url_citation: { url: "https://example.com" } }],
      }),
      "anthropic-messages": anthropicAnswer([
        { type: "text", text: "Yes", citations: [{ type: "char_location", cited_text: "x" }] },
      ]),
    },
    pick: ({ choices }) =>
      choices[0]?.blocks.flatMap((one) =>
        one.type === "other" ? [one.data] : "citations" in one ? (one.citations ?? []) : [],
      ),
  },
  {
    name: "log probabilities",
    sample: {
      "openai-chat": {
        ...openAiAnswer({}),
        choices: [
          {
            index: 0,
            message: { role: "assistant", content: "Yes" },
            logprobs: { content: [{ token: "Yes", logprob: -1, bytes: null, top_logprobs: [] }] },
            finish_reason: "stop",
          },
        ],
      },
    },
    pick: said("other"),
    rule: "cannot be asked for there",
  },
  {
    name: "end by length",
    sample: {
      "openai-chat": openAiAnswer({ content: "Yes" }, {}, "length"),
      "anthropic-messages": anthropicAnswer(YES, {}, "max_tokens"),
    },
    pick: finish,
  },
  {
    name: "end by a filter",
    sample: { "openai-chat": openAiAnswer({ content: "Yes" }, {}, "content_filter") },
    pick: finish,
    rule: "`refusal` at Anthropic",
  },
  {
    name: "usage: input and output",
    sample: { "openai-chat": openAiAnswer({ content: "Yes" }), "anthropic-messages": anthropicAnswer(YES) },
    pick: ({ usage }) => usage,
  },
  {
    name: "usage: read from a prompt cache",
    sample: {
      "openai-chat": openAiAnswer(
        { content: "Yes" },
        {
          usage: {
            prompt_tokens: 9,
            completion_tokens: 2,
            total_tokens: 11,
            prompt_tokens_details: { cached_tokens: 4 },
          },
        },
      ),
      "anthropic-messages": anthropicAnswer(YES, {
        usage: { input_tokens: 5, cache_read_input_tokens: 4, output_tokens: 2 },
      }),
    },
    pick: ({ usage }) => usage,
  },
  {
    name: "usage: written to a prompt cache",
    sample: {
      "anthropic-messages": anthropicAnswer(YES, {
        usage: { input_tokens: 5, cache_creation_input_tokens: 4, output_tokens: 2 },
      }),
    },
    pick: ({ usage }) => usage,
  },
  {
    name: "usage: reasoning",
    sample: {
      "openai-chat": openAiAnswer(
        { content: "Yes" },
        {
          usage: {
            prompt_tokens: 9,
            completion_tokens: 8,
            total_tokens: 17,
            completion_tokens_details: { reasoning_tokens: 4 },
          },
        },
      ),
      "anthropic-messages": anthropicAnswer(YES, {
        usage: { input_tokens: 5, output_tokens: 8, output_tokens_details: { thinking_tokens: 4 } },
      }),
    },
    pick: ({ usage }) => usage,
  },
  {
    name: "fields that nobody here knows",
    sample: {
      "openai-chat": openAiAnswer({ content: "Yes" }, { system_fingerprint: "fp" }),
      "anthropic-messages": anthropicAnswer(YES, { container: { id: "c" } }),
    },
    pick: ({ extra }) => extra?.fields,
  },
];
