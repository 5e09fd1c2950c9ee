import { chatRequest } from "./caller.ts";
import { prompt } from "./received.ts";
import { answerViolations, errorViolations, streamViolations } from "./sdk-forms.ts";
import { type SdkType, violations } from "./sdk-schemas.ts";
import type { TestStack } from "./stack.ts";

type Format = "openai-chat" | "anthropic-messages";

const SCHEMA = {
  type: "object",
  properties: { depth: { type: "integer" } },
  required: ["depth"],
  additionalProperties: false,
};

/** What a chat may be about, by name: the prompt, and what the request says beside it in each format. */
const SUBJECTS: Readonly<Record<string, { readonly text: string; readonly more?: Readonly<Record<Format, object>> }>> =
  {
    text: { text: "Which way to the open sea?" },
    reasoning: {
      text: "Think. [[sim:reasoning=6]]",
      more: {
        "openai-chat": { reasoning_effort: "low", max_tokens: 4_000 },
        "anthropic-messages": { thinking: { type: "enabled", budget_tokens: 1_024 }, max_tokens: 4_000 },
      },
    },
    tools: {
      text: "Use them. [[sim:tools=tide,wind]] [[sim:text-before=Well.]] [[sim:fragments=4]]",
      more: {
        "openai-chat": {
          tools: ["tide", "wind"].map((name) => ({ type: "function", function: { name, parameters: SCHEMA } })),
        },
        "anthropic-messages": { tools: ["tide", "wind"].map((name) => ({ name, input_schema: SCHEMA })) },
      },
    },
    structure: {
      text: "How deep?",
      more: {
        "openai-chat": { response_format: { type: "json_schema", json_schema: { name: "depth", schema: SCHEMA } } },
        "anthropic-messages": { output_config: { format: { type: "json_schema", schema: SCHEMA } } },
      },
    },
    refusal: { text: "No. [[sim:refusal=I will not.]]" },
    cached: { text: "Again. [[sim:cached=7]]" },
    length: {
      text: "Short. [[sim:tokens=40]]",
      more: { "openai-chat": { max_tokens: 5 }, "anthropic-messages": { max_tokens: 5 } },
    },
    "a cut": { text: "Break. [[sim:tokens=30]] [[sim:fault=truncate,after=3,by=fin]]" },
    "an error": { text: "Fail. [[sim:fault=server-error]]" },
    "an error in the stream": { text: "Fail. [[sim:fault=error-frame,after=3]]" },
    "too much": { text: "Long. [[sim:fault=context-length]]" },
  };
export const SUBJECT_NAMES = Object.keys(SUBJECTS);

/** Asks the gateway, and says what the types of the SDKs have against its reply; each line names the reply. */
export async function chatViolations(stack: TestStack, format: Format, alias: string, subject: string) {
  const { text = "", more } = SUBJECTS[subject] ?? {};
  const lines: string[] = [];
  for (const stream of [false, true]) {
    const { path, body } = chatRequest(format, alias, prompt(text), stream, { ...more?.[format] });
    const reply = await stack.post(path, body);
    const said = await reply.text();
    const found = reply.ok
      ? stream
        ? await streamViolations(format, said)
        : await answerViolations(format, JSON.parse(said))
      : await errorViolations(format, JSON.parse(said));
    lines.push(...found.map((line) => `${stream ? "stream" : "answer"} ${reply.status}: ${line}`));
  }
  return lines.filter((line) => !(isFromVllm(format, alias) && VLLM_NULLS.some((known) => line.endsWith(known))));
}

/** vLLM writes null where OpenAI leaves a field out; a backend's bytes pass as they are to clients of its format. */
const VLLM_NULLS = [
  ": /choices/0/message/annotations must be array",
  ": /system_fingerprint must be string",
  ": /usage/prompt_tokens_details must be object",
];
const isFromVllm = (format: Format, alias: string) => format === "openai-chat" && alias !== "claude";

/** The same for a reply to `GET` of this path, read as one of the type or as a list of such. */
export async function readingViolations(url: string, headers: Readonly<Record<string, string>>, type: SdkType) {
  const json = (await (await fetch(url, { headers })).json()) as { readonly data?: readonly unknown[] };
  const found = await Promise.all((json.data ?? [json]).map((item) => violations(type, item)));
  return found.flat();
}
