import type { JsonObject } from "../../json.ts";
import type { Ask, Operation, Turn } from "../../operation.ts";
import { jsonScript, type Script } from "../../script.ts";
import { DEFAULT_DIMENSIONS, embed } from "../../text/embedding.ts";
import { simulatedTokens } from "../../text/tokens.ts";
import type { WireError } from "../errors.ts";
import { promptsOf } from "./prompts.ts";
import { validationError } from "./validation.ts";

/** `POST /v1/embeddings` as vLLM speaks it. */
export const embeddings: Operation = {
  format: "openai",
  purpose: "embed",
  read: readEmbeddings,
  write: writeEmbeddings,
};

const MAXIMUM_DIMENSIONS = 4096;

function readEmbeddings(body: JsonObject): Ask | WireError {
  if (body.input === undefined) return validationError("missing", ["input"], "Field required", body);
  const inputs = promptsOf(body.input);
  if (inputs === undefined)
    return validationError("string_type", ["input"], "Input should be a valid string", body.input);
  const { dimensions, encoding_format: encoding, model } = body;
  if (model !== undefined && model !== null && typeof model !== "string")
    return validationError("string_type", ["model"], "Input should be a valid string", model);
  if (dimensions !== undefined && dimensions !== null) {
    if (typeof dimensions !== "number" || !Number.isInteger(dimensions))
      return validationError("int_type", ["dimensions"], "Input should be a valid integer", dimensions);
    if (dimensions < 1 || dimensions > MAXIMUM_DIMENSIONS) {
      return {
        status: 400,
        message: `dimensions must be between 1 and ${MAXIMUM_DIMENSIONS}, got ${dimensions}.`,
        param: "dimensions",
      };
    }
  }
  if (encoding !== undefined && encoding !== null && encoding !== "float" && encoding !== "base64") {
    return validationError("literal_error", ["encoding_format"], "Input should be 'float' or 'base64'", encoding);
  }
  return {
    modelAsked: typeof model === "string" ? model : "simulated-embed",
    prompts: inputs.map(({ text }) => ({ texts: [text], messages: 0, toolsJson: "" })),
    promptTokens: inputs.reduce((sum, { text, tokenCount }) => sum + (tokenCount ?? simulatedTokens(text)), 0),
    choices: 1,
    seed: undefined,
    maxTokens: undefined,
    stops: [],
    ignoreEnd: false,
    stream: false,
    includeUsage: false,
    body,
  };
}

function writeEmbeddings(ask: Ask, turn: Turn): Script {
  const dimensions = typeof ask.body.dimensions === "number" ? ask.body.dimensions : DEFAULT_DIMENSIONS;
  const data = ask.prompts.map((prompt, index) => {
    const vector = embed(prompt.texts[0] ?? "", dimensions);
    const embedding =
      ask.body.encoding_format === "base64"
        ? Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("base64")
        : Array.from(vector);
    return { index, object: "embedding", embedding };
  });
  const usage = {
    prompt_tokens: ask.promptTokens,
    total_tokens: ask.promptTokens,
    completion_tokens: 0,
    prompt_tokens_details: null,
  };
  const script = jsonScript(200, {
    id: `embd-${turn.id}`,
    object: "list",
    created: turn.createdAtSeconds,
    model: ask.modelAsked,
    data,
    usage,
  });
  const steps = script.steps.map((step) => ({
    ...step,
    after: 1,
    finish: true,
    usage: { promptTokens: ask.promptTokens, completionTokens: 0 },
  }));
  // It waits for the time to the first token like any forward pass, and generates nothing.
  return { ...script, steps, generates: true, promptTokens: ask.promptTokens };
}
