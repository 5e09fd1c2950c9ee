import { errorScript, unknownModel } from "../formats/errors.ts";
import { jsonScript, plainScript, type Script } from "../script.ts";
import { type Fault, type FaultContext, numberOf } from "./parameters.ts";

const DAY_MS = 86_400_000;

function retryHeaders(context: FaultContext): Record<string, string> {
  const seconds = numberOf(context, "seconds") ?? 1;
  const headers: Record<string, string> = {};
  const kind = context.parameters.retry ?? "seconds";
  if (kind === "seconds") headers["retry-after"] = String(seconds);
  if (kind === "date") headers["retry-after"] = new Date(context.nowMs + seconds * 1000).toUTCString();
  if (kind === "past") headers["retry-after"] = new Date(context.nowMs - DAY_MS).toUTCString();
  if (kind === "huge") headers["retry-after"] = "31536000";
  if (kind === "negative") headers["retry-after"] = "-5";
  if (kind === "garbage") headers["retry-after"] = "soon, maybe";
  const milliseconds = context.parameters["retry-after-ms"];
  if (milliseconds !== undefined) headers["retry-after-ms"] = milliseconds;
  return headers;
}

/** OpenAI's own error words with a string `code`, which vLLM does not have, for what only a paid provider says. */
function providerError(
  context: FaultContext,
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): Script {
  if (context.format === "anthropic") return errorScript("anthropic", { status, message }, headers);
  return jsonScript(status, { error: { message, type: code, param: null, code } }, headers);
}

function contextLength(_: Script, context: FaultContext): Script {
  const limit = context.maxModelLength;
  const tokens = numberOf(context, "tokens") ?? limit + 1;
  if (context.format === "anthropic") {
    return errorScript("anthropic", {
      status: 400,
      message: `prompt is too long: ${tokens} tokens > ${limit} maximum`,
    });
  }
  return errorScript("openai", { status: 400, message: contextLengthMessage(limit, tokens) });
}

/** vLLM's words for a prompt that is too long; clients parse them. */
export function contextLengthMessage(limit: number, tokens: number): string {
  return `This model's maximum context length is ${limit} tokens. However, your request has ${tokens} input tokens. Please reduce the length of the input messages.`;
}

/** The answer when the waiting queue is full, as `--max-num-queued-reqs` gives it: 503 and no generation. */
export function queueFullScript(context: Pick<FaultContext, "format">): Script {
  if (context.format === "anthropic")
    return errorScript("anthropic", { status: 529, message: "Overloaded (simulated: queue full)" });
  return errorScript("openai", {
    status: 503,
    message: "The simulated engine's waiting queue is full. Please retry later.",
  });
}

/** Whole answers that refuse, in the backend's own format. */
export const REFUSAL_FAULTS: Readonly<Record<string, Fault>> = {
  "rate-limited": {
    summary: "429 with a Retry-After of any kind",
    parameters: {
      retry: "seconds (default), date, past, huge, negative, garbage or none",
      seconds: "for seconds and date, 1 by default",
      "retry-after-ms": "adds that header with this value",
    },
    outcome: "refused",
    apply: (_, context) =>
      providerError(context, 429, "rate_limit_exceeded", "Rate limit reached (simulated).", retryHeaders(context)),
  },
  "quota-exhausted": {
    summary: "429 `insufficient_quota` (OpenAI) or 402 `billing_error` (Anthropic): a retry cannot help",
    parameters: {},
    outcome: "refused",
    apply: (_, context) =>
      providerError(
        context,
        context.format === "anthropic" ? 402 : 429,
        "insufficient_quota",
        "The simulated account has no credit left.",
      ),
  },
  "server-error": {
    summary: "a 5xx; with `times` or a rule's `next` a burst of them",
    parameters: {
      status: "500 by default; 529 is Anthropic's overloaded",
      retry: "as for rate-limited, none by default",
      seconds: "as for rate-limited",
    },
    outcome: "refused",
    apply: (_, context) => {
      const headers = context.parameters.retry === undefined ? {} : retryHeaders(context);
      return errorScript(
        context.format,
        { status: numberOf(context, "status") ?? 500, message: "The simulated engine broke." },
        headers,
      );
    },
  },
  unauthorized: {
    summary: "401 as the backend words it",
    parameters: {},
    outcome: "refused",
    apply: (_, context) => unauthorizedScript(context.format),
  },
  forbidden: {
    summary: "403 as the backend words it",
    parameters: {},
    outcome: "refused",
    apply: (_, context) =>
      errorScript(context.format, { status: 403, message: "This simulated key may not use this resource." }),
  },
  "queue-full": {
    summary: "503 (Anthropic: 529) as from a full waiting queue",
    parameters: {},
    outcome: "refused",
    apply: (_, context) => queueFullScript(context),
  },
  "context-length": {
    summary: "400 context length exceeded, with vLLM's (or Anthropic's) message",
    parameters: { tokens: "the tokens that the message names" },
    outcome: "refused",
    apply: contextLength,
  },
  "unknown-model": {
    summary: "404 as from a server that was started with another model",
    parameters: {},
    outcome: "refused",
    apply: (_, { format, model }) => errorScript(format, unknownModel(format, model)),
  },
  "error-body-200": {
    summary: "status 200 and a JSON error as the body",
    parameters: {},
    outcome: "refused",
    apply: (_, context) => ({
      ...errorScript(context.format, { status: 500, message: "The simulated engine broke behind a 200." }),
      status: 200,
    }),
  },
  "empty-200": {
    summary: "status 200, the right content type, no body",
    parameters: {},
    outcome: "refused",
    apply: (script) => ({ ...plainScript(200, script.headers, ""), outcome: "refused" }),
  },
  redirect: {
    summary: "a redirect to another host",
    parameters: { status: "307 by default", location: "http://elsewhere.invalid/v1/chat/completions by default" },
    outcome: "refused",
    apply: (_, context) =>
      plainScript(
        numberOf(context, "status") ?? 307,
        { location: context.parameters.location ?? "http://elsewhere.invalid/v1/chat/completions" },
        "",
      ),
  },
};

/** The 401 of each format: vLLM's middleware answers with a bare string. */
export function unauthorizedScript(format: FaultContext["format"]): Script {
  if (format === "anthropic") return errorScript("anthropic", { status: 401, message: "invalid x-api-key" });
  return jsonScript(401, { error: "Unauthorized" });
}
