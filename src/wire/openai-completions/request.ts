import type { Body, CompleteDraft } from "../../core/draft.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { readInputs } from "../inputs.ts";
import { asksForSomething, type Complaint, Fields, given } from "../read.ts";

/** Fields with a word in the draft. */
const SPOKEN = new Set([
  "model",
  "prompt",
  "suffix",
  "max_tokens",
  "temperature",
  "top_p",
  "top_k",
  "n",
  "best_of",
  "echo",
  "logprobs",
  "stop",
  "seed",
  "user",
  "frequency_penalty",
  "presence_penalty",
  "stream",
  "stream_options",
]);

/** Fields whose loss would change the answer; OpenAI's and vLLM's. */
const DECISIVE = new Set([
  "logit_bias",
  "response_format",
  "guided_json",
  "guided_regex",
  "guided_choice",
  "guided_grammar",
  "structured_outputs",
  "use_beam_search",
]);

/** OpenAI's own default, and vLLM's: a completion without a limit is short. */
const DEFAULT_MAX_TOKENS = 16;

/** Reads a body of `POST /completions`. `prompt` is a text, a list of texts, a list of tokens, or a list of lists of tokens; each is answered by itself. */
export function decodeRequest(body: Body): Result<CompleteDraft> {
  const complaint: Complaint = { failure: undefined };
  const fields = new Fields(body.value, "", complaint);
  const others = Object.keys(body.value).filter((field) => !SPOKEN.has(field));
  const stream = fields.boolean("stream") ?? false;
  const includeUsage = fields.child("stream_options")?.boolean("include_usage") ?? false;
  const choices = fields.number("n", { min: 1, max: 128, integer: true });
  const bestOf = fields.number("best_of", { min: 1, max: 128, integer: true });
  if (bestOf !== undefined && bestOf < (choices ?? 1))
    fields.complain("best_of", "must not be less than n", "invalid_value");
  if (bestOf !== undefined && bestOf > (choices ?? 1) && stream)
    fields.complain("best_of", "cannot be more than n in a stream", "invalid_value");
  // Each of them would be a prompt, and a choice, that nobody here has counted.
  if (asksForSomething(fields.value("prompt_embeds")))
    fields.complain("prompt_embeds", "is not offered", "invalid_value");
  const top = fields.number("logprobs", { min: 0, integer: true });
  const draft: CompleteDraft = {
    operation: "complete",
    model: fields.alias("model"),
    stream,
    streamUsage: stream && includeUsage,
    prompts: readInputs(fields, "prompt"),
    maxOutputTokens: fields.number("max_tokens", { min: 0, integer: true }) ?? DEFAULT_MAX_TOKENS,
    ...given({
      suffix: fields.text("suffix"),
      echo: fields.boolean("echo"),
      choices,
      bestOf,
      temperature: fields.number("temperature", { min: 0, max: 2 }),
      topP: fields.number("top_p", { min: 0, max: 1 }),
      // Not OpenAI's; vLLM takes it, with -1 (and 0) for "all".
      topK: fields.number("top_k", { min: -1, integer: true }),
      stop: fields.stops("stop", true),
      seed: fields.number("seed", { integer: true }),
      frequencyPenalty: fields.number("frequency_penalty", { min: -2, max: 2 }),
      presencePenalty: fields.number("presence_penalty", { min: -2, max: 2 }),
      logprobs: top === undefined ? undefined : { top },
      endUser: fields.displayName("user"),
    }),
    unknownFields: others.filter((field) => !DECISIVE.has(field)),
    untranslatable: others.filter((field) => DECISIVE.has(field) && asksForSomething(body.value[field])),
  };
  return complaint.failure ? fail(complaint.failure) : ok(draft);
}
