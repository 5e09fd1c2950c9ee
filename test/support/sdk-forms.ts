import type { Json, JsonObject } from "../../src/core/json.ts";
import type { WireName } from "../../src/core/wire.ts";
import { type SdkType, violations } from "./sdk-schemas.ts";

/** The SDK's types for what a format's clients are sent. */
interface Forms {
  /** Undefined where no SDK knows the format. */
  readonly answer?: SdkType;
  readonly frame?: SdkType;
  readonly error: "openai" | "anthropic";
}

const openai = { error: "openai" } as const;

/** Undefined for formats that backends alone speak. */
export const FORMS: Readonly<Record<WireName, Forms | undefined>> = {
  "openai-chat": { answer: "openai ChatCompletion", frame: "openai ChatCompletionChunk", ...openai },
  "openai-completions": { answer: "openai Completion", frame: "openai Completion", ...openai },
  "openai-responses": { answer: "openai Response", frame: "openai ResponseStreamEvent", ...openai },
  "openai-embeddings": { answer: "openai CreateEmbeddingResponse", ...openai },
  "anthropic-messages": { answer: "anthropic Message", frame: "anthropic RawMessageStreamEvent", error: "anthropic" },
  "anthropic-count-tokens": { answer: "anthropic MessageTokensCount", error: "anthropic" },
  rerank: openai,
  "vllm-tokenize": undefined,
  "workers-ai": undefined,
  "workers-ai-embeddings": undefined,
  "workers-ai-rerank": undefined,
};

function formsOf(format: WireName): Forms {
  const forms = FORMS[format];
  if (!forms) throw new Error(`${format} has no clients`);
  return forms;
}

/** What is wrong with a JSON answer for clients of this format. */
export async function answerViolations(format: WireName, answer: unknown): Promise<readonly string[]> {
  const { answer: type } = formsOf(format);
  if (!type) return [];
  if (type === "openai Response") return violations(type, withText(answer as JsonObject));
  return violations(type, type === "openai CreateEmbeddingResponse" ? withFloats(answer as JsonObject) : answer);
}

/** The SDK asks for base64 on its own, and its type is of what it makes of that. */
function withFloats(answer: JsonObject): JsonObject {
  const data = (answer.data as readonly JsonObject[]).map((item) => ({
    ...item,
    embedding:
      typeof item.embedding === "string" ? [...Buffer.from(item.embedding, "base64")] : (item.embedding ?? null),
  }));
  return { ...answer, data };
}

/** The SDK has one type for whole completions and for their pieces, of which only the last of a choice says how it finished. */
function withFinishes(frame: JsonObject): JsonObject {
  const choices = (frame.choices as readonly JsonObject[]).map((choice) =>
    choice.finish_reason === null ? { ...choice, finish_reason: "stop" } : choice,
  );
  return { ...frame, choices };
}

/** All text of a response in one field: the SDK adds it, and its type is of what it makes of an answer. */
const withText = (response: JsonObject): JsonObject => ({ output_text: "", ...response });

/** What is wrong with a JSON failure for clients of this format. */
export async function errorViolations(format: WireName, body: unknown): Promise<readonly string[]> {
  if (formsOf(format).error === "anthropic") return violations("anthropic ErrorResponse", body);
  const error = (body as { readonly error?: unknown } | null)?.error;
  return (await violations("openai ErrorObject", error)).map((line) => `/error${line}`);
}

/** What is wrong with the frames of a stream's text for clients of this format, each line beginning with its frame. */
export async function streamViolations(format: WireName, text: string): Promise<readonly string[]> {
  const { frame: type } = formsOf(format);
  if (!type) throw new Error(`${format} has no streams that an SDK knows`);
  const lines: string[] = [];
  for (const frame of text.split(/\r\n\r\n|\n\n|\r\r/)) {
    const data = frame
      .split(/\r\n|\n|\r/)
      .flatMap((line) => (line.startsWith("data:") ? [line.slice("data:".length).trimStart()] : []))
      .join("\n");
    if (data === "" || data === "[DONE]") continue;
    const found = await frameViolations(format, type, JSON.parse(data) as Json);
    lines.push(...found.map((line) => `${data.slice(0, 200)}: ${line}`));
  }
  return lines;
}

async function frameViolations(format: WireName, type: SdkType, frame: Json): Promise<readonly string[]> {
  const { type: kind, error, response } = frame as JsonObject;
  if (response !== undefined)
    return violations(type, { ...(frame as JsonObject), response: withText(response as JsonObject) });
  // Both SDKs know keep-alives and errors before they look at a frame's type. Responses has a type of its own for errors.
  if (kind === "ping") return [];
  return error !== undefined && type !== "openai ResponseStreamEvent"
    ? errorViolations(format, frame)
    : violations(type, type === "openai Completion" ? withFinishes(frame as JsonObject) : frame);
}
