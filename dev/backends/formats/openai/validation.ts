import { type JsonObject, pythonRepr } from "../../json.ts";
import type { WireError } from "../errors.ts";

/** A validation error in pydantic's shape, as FastAPI and vLLM put it into the message; vLLM gives it the status phrase as type. */
export function validationError(
  type: string,
  location: readonly (string | number)[],
  message: string,
  input: unknown,
): WireError {
  const place = ["body", ...location].map(pythonRepr).join(", ");
  const text = `[{'type': '${type}', 'loc': (${place}), 'msg': ${pythonRepr(message)}, 'input': ${pythonRepr(input)}}]`;
  return { status: 400, type: "Bad Request", message: text };
}

interface NumberRule {
  readonly integer: boolean;
  holds(value: number): boolean;
  readonly complaint: string;
}

/** Numbers that vLLM checks, with its words where they fail. Null is the same as absent. */
const NUMBER_RULES: Readonly<Record<string, NumberRule>> = {
  temperature: { integer: false, holds: (value) => value >= 0, complaint: "temperature must be non-negative" },
  top_p: { integer: false, holds: (value) => value > 0 && value <= 1, complaint: "top_p must be in (0, 1]" },
  top_k: { integer: true, holds: (value) => value >= -1, complaint: "top_k must be 0 (disable), or at least 1" },
  presence_penalty: {
    integer: false,
    holds: (value) => value >= -2 && value <= 2,
    complaint: "presence_penalty must be in [-2, 2]",
  },
  frequency_penalty: {
    integer: false,
    holds: (value) => value >= -2 && value <= 2,
    complaint: "frequency_penalty must be in [-2, 2]",
  },
  max_tokens: { integer: true, holds: (value) => value >= 1, complaint: "max_tokens must be at least 1" },
  max_completion_tokens: {
    integer: true,
    holds: (value) => value >= 1,
    complaint: "max_completion_tokens must be at least 1",
  },
  n: { integer: true, holds: (value) => value >= 1 && value <= 128, complaint: "n must be between 1 and 128" },
  seed: { integer: true, holds: () => true, complaint: "" },
};

/** The first thing wrong with the fields that all generating endpoints share. */
export function samplingProblem(body: JsonObject): WireError | undefined {
  for (const [name, rule] of Object.entries(NUMBER_RULES)) {
    const value = body[name];
    if (value === undefined || value === null) continue;
    if (typeof value !== "number")
      return validationError(
        rule.integer ? "int_type" : "float_type",
        [name],
        `Input should be a valid ${rule.integer ? "integer" : "number"}`,
        value,
      );
    if (rule.integer && !Number.isInteger(value))
      return validationError(
        "int_from_float",
        [name],
        "Input should be a valid integer, got a number with a fractional part",
        value,
      );
    if (!rule.holds(value)) return { status: 400, message: `${rule.complaint}, got ${value}.`, param: name };
  }
  for (const name of ["stream", "ignore_eos"]) {
    const value = body[name];
    if (value !== undefined && value !== null && typeof value !== "boolean")
      return validationError("bool_type", [name], "Input should be a valid boolean", value);
  }
  const logprobs = logprobsProblem(body);
  if (logprobs !== undefined) return logprobs;
  const { stop, model, stream_options: streamOptions } = body;
  const stopIsRight =
    stop === undefined ||
    stop === null ||
    typeof stop === "string" ||
    (Array.isArray(stop) && stop.every((entry) => typeof entry === "string"));
  if (!stopIsRight) return validationError("string_type", ["stop"], "Input should be a valid string", stop);
  if (model !== undefined && model !== null && typeof model !== "string")
    return validationError("string_type", ["model"], "Input should be a valid string", model);
  if (streamOptions !== undefined && streamOptions !== null && body.stream !== true) {
    return { status: 400, message: "Stream options can only be defined when `stream=True`.", param: "stream_options" };
  }
  return undefined;
}

const MOST_ALTERNATIVES = 20;

function logprobsProblem(body: JsonObject): WireError | undefined {
  const { top_logprobs: top } = body;
  if (top === undefined || top === null) return undefined;
  if (typeof top !== "number" || !Number.isInteger(top))
    return validationError("int_type", ["top_logprobs"], "Input should be a valid integer", top);
  if (top < 0 || top > MOST_ALTERNATIVES)
    return { status: 400, message: `top_logprobs must be between 0 and ${MOST_ALTERNATIVES}.`, param: "top_logprobs" };
  if (top > 0 && body.logprobs !== true)
    return {
      status: 400,
      message: "when using `top_logprobs`, `logprobs` must be set to true.",
      param: "top_logprobs",
    };
  return undefined;
}

/** A number that `samplingProblem` has seen. */
export function numberField(body: JsonObject, name: string): number | undefined {
  const value = body[name];
  return typeof value === "number" ? value : undefined;
}

/** Stop sequences as a list. */
export function stopsOf(body: JsonObject): string[] {
  const { stop } = body;
  if (typeof stop === "string") return [stop];
  return Array.isArray(stop) ? stop.filter((entry): entry is string => typeof entry === "string") : [];
}

/** vLLM serves its first model when none is named. */
export function modelOf(body: JsonObject): string {
  return typeof body.model === "string" ? body.model : "simulated-small";
}

/** Whether the stream ends with a usage chunk. */
export function includesUsage(body: JsonObject): boolean {
  const options = body.stream_options;
  return (
    typeof options === "object" && options !== null && "include_usage" in options && options.include_usage === true
  );
}
