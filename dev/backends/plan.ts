import type { IncomingHttpHeaders } from "node:http";
import { applyMarkersOf, applyModelName, type Directives, noDirectives } from "./directives.ts";
import { applyFaults, type FaultScene, faultsInForce, prepareFaults } from "./faults/apply.ts";
import { contextLengthMessage } from "./faults/refusals.ts";
import { errorScript, type WireError } from "./formats/errors.ts";
import { isJsonObject, parseJson } from "./json.ts";
import { findModel, type SimulatedModel, serves } from "./models.ts";
import { type Ask, isWireError, type Operation, type Turn } from "./operation.ts";
import type { Pacing } from "./player.ts";
import type { Format, Script } from "./script.ts";
import type { BackendState } from "./state.ts";
import type { CallRecord } from "./tally.ts";
import { callsWanted } from "./tools.ts";

/** What will be played, and how fast. */
export interface Plan {
  readonly script: Script;
  readonly pacing: Pacing;
}

const AS_FAST_AS_POSSIBLE: Pacing = { ttftMs: 0, tokensPerSecond: 0 };

/** Decides the whole answer of a model call, faults included; fills in what the record knows by then. */
export function planModelCall(
  operation: Operation,
  record: CallRecord,
  headers: IncomingHttpHeaders,
  state: BackendState,
): Plan {
  const { format } = operation;
  const json = parseJson(record.bodyText);
  const body = json !== undefined && isJsonObject(json.value) ? json.value : undefined;
  const directives = noDirectives();
  const attempt = state.tally.countAttempt(record);
  const asked = typeof body?.model === "string" ? body.model : undefined;
  const bare = asked?.split("!")[0] ?? "";
  if (!state.rules.isEmpty) state.rules.applyTo(directives, { ...record, model: bare, attempt });
  if (asked !== undefined) applyModelName(directives, asked);

  const strict = directives.strict ?? (state.options.strict || bare === STRICT_MODEL);
  const ask =
    body === undefined
      ? notAnObject(format, json === undefined)
      : (headerProblem(format, headers) ?? operation.read(body, { strict }));
  if (!isWireError(ask) && record.bodyText.includes("[[sim:"))
    applyMarkersOf(directives, textsOf(ask), ask.conversation?.newestTexts ?? textsOf(ask));
  if (directives.strict === true && !strict)
    directives.problems.push("marker strict comes too late in a prompt; use a rule or the model name");

  const modelId = isWireError(ask) ? bare : (ask.modelAsked.split("!")[0] ?? "");
  const model = findModel(modelId, state.options.alsoServe);
  record.model = modelId === "" ? undefined : modelId;
  record.streamed = !isWireError(ask) && ask.stream;
  if (!isWireError(ask)) describeIn(record, ask);

  const maxModelLength = model?.maxModelLength ?? 32_768;
  const scene: FaultScene = {
    format,
    model: modelId,
    backend: state.options.name,
    attempt,
    maxModelLength,
    nowMs: record.arrivedAtMs,
  };
  const faults = faultsInForce(directives.faults, scene);
  record.faults = faults.map((fault) => fault.name);
  prepareFaults(directives, faults);

  const healthy = healthyScript(operation, ask, model, { ...directives, faults }, record, state);
  record.finishesExpected = healthy.steps.reduce((sum, step) => sum + (step.finish ? 1 : 0), 0);
  const pacing = modelId === "simulated-bench" ? AS_FAST_AS_POSSIBLE : state.pacing;
  return {
    script: directives.problems.length > 0 ? healthy : applyFaults(healthy, faults, scene),
    pacing: {
      ttftMs: directives.ttftMs ?? pacing.ttftMs,
      tokensPerSecond: directives.tokensPerSecond ?? pacing.tokensPerSecond,
    },
  };
}

function healthyScript(
  operation: Operation,
  ask: Ask | WireError,
  model: SimulatedModel | undefined,
  directives: Directives,
  record: CallRecord,
  state: BackendState,
): Script {
  const { format } = operation;
  const problem = directives.problems[0];
  if (problem !== undefined) return errorScript(format, { status: 400, message: `simulator: ${problem}` });
  if (isWireError(ask)) return errorScript(format, ask);
  if (model === undefined || !serves(model, operation.purpose))
    return errorScript(format, unknownModel(format, ask.modelAsked));
  const tooLong = lengthProblem(format, ask, model);
  if (tooLong !== undefined) return errorScript(format, tooLong);
  const turn: Turn = {
    id: record.requestId ?? `simulated-${record.sequence}`,
    createdAtSeconds: Math.floor(record.arrivedAtMs / 1000),
    model,
    directives,
    attemptOfConversation: state.tally.countInConversation(record, textsOf(ask)[0] ?? ""),
    caches: state.caches,
  };
  if (ask.conversation !== undefined) {
    const called = callsWanted(ask.conversation, directives).map(({ name }) => name);
    if (called.length > 0) record.toolsCalled = called;
  }
  return operation.write(ask, turn);
}

const STRICT_MODEL = "simulated-strict";

function textsOf(ask: Ask): string[] {
  return ask.prompts.flatMap((prompt) => prompt.texts);
}

function describeIn(record: CallRecord, ask: Ask): void {
  const attachments = ask.conversation?.attachments ?? [];
  if (attachments.length > 0) record.attachments = attachments;
}

function notAnObject(format: Format, isInvalidJson: boolean): WireError {
  if (format === "anthropic") return { status: 400, message: "The request body is not valid JSON" };
  const [type, message] = isInvalidJson
    ? ["json_invalid", "JSON decode error"]
    : ["model_attributes_type", "Input should be a valid dictionary or object to extract fields from"];
  return { status: 400, type: "Bad Request", message: `[{'type': '${type}', 'loc': ('body',), 'msg': '${message}'}]` };
}

function headerProblem(format: Format, headers: IncomingHttpHeaders): WireError | undefined {
  if (format === "openai" || headers["anthropic-version"] !== undefined) return undefined;
  return { status: 400, message: "anthropic-version: header is required" };
}

function unknownModel(format: Format, asked: string): WireError {
  if (format === "anthropic") return { status: 404, message: `model: ${asked}` };
  return { status: 404, message: `The model \`${asked}\` does not exist.`, param: "model" };
}

function lengthProblem(format: Format, ask: Ask, model: SimulatedModel): WireError | undefined {
  const limit = model.maxModelLength;
  if (ask.promptTokens > limit) {
    const message =
      format === "anthropic"
        ? `prompt is too long: ${ask.promptTokens} tokens > ${limit} maximum`
        : contextLengthMessage(limit, ask.promptTokens);
    return { status: 400, message };
  }
  if (ask.maxTokens === undefined || ask.promptTokens + ask.maxTokens <= limit) return undefined;
  if (format === "anthropic")
    return {
      status: 400,
      message: `max_tokens: ${ask.maxTokens} > ${limit - ask.promptTokens}, which is the room that ${ask.modelAsked} has left`,
    };
  const message =
    `'max_tokens' or 'max_completion_tokens' is too large: ${ask.maxTokens}. This model's maximum context length is ${limit} tokens ` +
    `and your request has ${ask.promptTokens} input tokens (${ask.maxTokens} > ${limit} - ${ask.promptTokens}).`;
  return { status: 400, message, param: "max_tokens" };
}
