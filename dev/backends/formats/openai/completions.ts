import { isJsonObject, type JsonObject } from "../../json.ts";
import { type Ask, type Generation, generate, longestAnswer, type Operation, type Turn } from "../../operation.ts";
import { EVENT_STREAM_HEADERS, jsonScript, type Script, type Step } from "../../script.ts";
import { type Prompt, promptTokens } from "../../text/tokens.ts";
import type { WireError } from "../errors.ts";
import { legacyLogprobs } from "./completion-logprobs.ts";
import { promptsOf } from "./prompts.ts";
import { finishReason, usageJson, usageOf } from "./usage.ts";
import { includesUsage, modelOf, numberField, samplingProblem, stopsOf, validationError } from "./validation.ts";

/** `POST /v1/completions` as vLLM speaks it. */
export const completions: Operation = {
  format: "openai",
  purpose: "chat",
  read: readCompletion,
  write: writeCompletion,
};

/** OpenAI's and vLLM's default for this endpoint. */
const DEFAULT_MAX_TOKENS = 16;

function readCompletion(body: JsonObject): Ask | WireError {
  if (body.prompt === undefined || body.prompt === null)
    return validationError("missing", ["prompt"], "Field required", body);
  const read = promptsOf(body.prompt);
  if (read === undefined)
    return validationError("string_type", ["prompt"], "Input should be a valid string", body.prompt);
  const problem = samplingProblem(body);
  if (problem !== undefined) return problem;
  const prompts: Prompt[] = read.map((prompt) => ({ texts: [prompt.text], messages: 0, toolsJson: "" }));
  return {
    modelAsked: modelOf(body),
    prompts,
    promptTokens: read.reduce(
      (sum, prompt, index) =>
        sum + (prompt.tokenCount ?? promptTokens(prompts[index] ?? { texts: [], messages: 0, toolsJson: "" })),
      0,
    ),
    choices: numberField(body, "n") ?? 1,
    seed: numberField(body, "seed"),
    maxTokens: numberField(body, "max_tokens") ?? DEFAULT_MAX_TOKENS,
    stops: stopsOf(body),
    ignoreEnd: body.ignore_eos === true,
    stream: body.stream === true,
    includeUsage: includesUsage(body),
    body: isJsonObject(body) ? body : {},
  };
}

function writeCompletion(ask: Ask, turn: Turn): Script {
  const generation = generate(ask, turn);
  const script = ask.stream ? streamed(ask, turn, generation) : whole(ask, turn, generation);
  return {
    ...script,
    generates: true,
    sequences: generation.answers.length,
    totalTokens: generation.completionTokens,
    promptTokens: ask.promptTokens,
  };
}

function envelope(ask: Ask, turn: Turn): Record<string, unknown> {
  return { id: `cmpl-${turn.id}`, object: "text_completion", created: turn.createdAtSeconds, model: ask.modelAsked };
}

function whole(ask: Ask, turn: Turn, generation: Generation): Script {
  const choices = generation.answers.map((answer, index) => ({
    index,
    text: answer.text.join(""),
    logprobs: legacyLogprobs(ask, answer.text),
    finish_reason: turn.directives.finish ?? finishReason(answer.finish),
    stop_reason: answer.stopSequence ?? null,
    prompt_logprobs: null,
  }));
  const script = jsonScript(200, {
    ...envelope(ask, turn),
    choices,
    service_tier: null,
    system_fingerprint: null,
    usage: usageJson(generation),
  });
  const steps = script.steps.map((step) => ({
    ...step,
    after: longestAnswer(generation),
    tokens: generation.completionTokens,
    usage: usageOf(generation),
    finish: true,
  }));
  return { ...script, steps };
}

function streamed(ask: Ask, turn: Turn, generation: Generation): Script {
  const shared = envelope(ask, turn);
  const frame = (rest: Record<string, unknown>) => Buffer.from(`data: ${JSON.stringify({ ...shared, ...rest })}\n\n`);
  const choice = (index: number, text: string, finish: string | null, stop: string | null, logprobs: unknown = null) =>
    frame({ choices: [{ index, text, logprobs, finish_reason: finish, stop_reason: stop }] });
  const steps: Step[] = [];
  const longest = longestAnswer(generation);
  for (let position = 0; position <= longest; position += 1) {
    for (const [index, answer] of generation.answers.entries()) {
      const piece = answer.text[position];
      if (piece !== undefined)
        steps.push({
          kind: "token",
          bytes: choice(index, piece, null, null, legacyLogprobs(ask, answer.text, position)),
          after: position + 1,
          tokens: 1,
          frames: 1,
        });
      if (position !== answer.tokens) continue;
      const finish = turn.directives.finish ?? finishReason(answer.finish);
      steps.push({
        kind: "finish",
        bytes: choice(index, "", finish, answer.stopSequence ?? null),
        after: answer.tokens,
        tokens: 0,
        frames: 1,
        finish: true,
      });
    }
  }
  if (ask.includeUsage) {
    steps.push({
      kind: "usage",
      bytes: frame({ choices: [], usage: usageJson(generation) }),
      after: longest,
      tokens: 0,
      frames: 1,
      usage: usageOf(generation),
    });
  }
  steps.push({ kind: "done", bytes: Buffer.from("data: [DONE]\n\n"), after: longest, tokens: 0, frames: 1 });
  return { ...jsonScript(200, {}), headers: EVENT_STREAM_HEADERS, steps, framing: "chunked", streamed: true };
}
