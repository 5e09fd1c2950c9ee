import type { Script, SimulatedUsage, Step } from "../script.ts";
import type { Fault, FaultContext } from "./parameters.ts";
import { editJson, extraFrame, withSteps } from "./steps.ts";

/** The last frame of a stream in each format: `[DONE]`, or `message_stop`; Responses have none beyond the finish, so that is it. */
function doneFrame(script: Script, context: FaultContext): Step {
  const last = script.steps.at(-1);
  if (script.dialect === "responses" && last !== undefined) return { ...last, tokens: 0, finish: false };
  if (context.format === "anthropic")
    return extraFrame('event: message_stop\ndata: {"type":"message_stop"}\n\n', "done");
  return extraFrame("data: [DONE]\n\n", "done");
}

function lateFrame(script: Script, context: FaultContext): Step {
  if (script.dialect === "responses") {
    const place = { item_id: "msg_simulated_late", output_index: 0, content_index: 0, logprobs: [] };
    const late = { type: "response.output_text.delta", sequence_number: script.steps.length, ...place };
    return extraFrame(`event: ${late.type}\ndata: ${JSON.stringify({ ...late, delta: " late text" })}\n\n`, "token");
  }
  if (context.format === "anthropic") {
    const delta = { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: " late text" } };
    return extraFrame(`event: content_block_delta\ndata: ${JSON.stringify(delta)}\n\n`, "token");
  }
  const late = {
    id: "chatcmpl-simulated-late",
    object: "chat.completion.chunk",
    created: 0,
    model: context.model,
    choices: [{ index: 0, delta: { content: " late text" }, finish_reason: null }],
  };
  return extraFrame(`data: ${JSON.stringify(late)}\n\n`, "token");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Rewrites every usage of the body, wherever its format keeps it; `undefined` takes it away. */
function mapUsage(
  script: Script,
  map: (usage: Record<string, unknown>) => Record<string, unknown> | undefined,
  reported: SimulatedUsage | undefined,
): Script {
  const edited = editJson(script, (json, step) => {
    if (step.usage === undefined) return json;
    const result: Record<string, unknown> = { ...json };
    for (const [holder, key] of [
      [result, "usage"],
      [result, "message"],
      [result, "response"],
    ] as const) {
      const value = holder[key];
      if (!isRecord(value)) continue;
      if (key !== "usage") {
        if (isRecord(value.usage)) holder[key] = replaceUsage(value, map(value.usage));
      } else if (map(value) === undefined) delete holder[key];
      else holder[key] = map(value);
    }
    // An OpenAI usage frame without usage is a frame with nothing in it; backends without usage do not send it.
    if (Array.isArray(result.choices) && result.choices.length === 0 && result.usage === undefined) return undefined;
    return result;
  });
  const steps = edited.steps.map((step) => {
    const { usage, ...rest } = step;
    return usage === undefined || reported === undefined ? rest : { ...rest, usage: reported };
  });
  return { ...edited, steps };
}

function replaceUsage(
  message: Record<string, unknown>,
  usage: Record<string, unknown> | undefined,
): Record<string, unknown> {
  const { usage: _, ...rest } = message;
  return usage === undefined ? rest : { ...rest, usage };
}

function zeroed(usage: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(usage).map(([key, value]) => [key, typeof value === "number" ? 0 : value]));
}

function withoutFinish(script: Script): Script {
  const streamedSteps = withSteps(
    script,
    script.streamed ? script.steps.filter((step) => step.kind !== "finish") : script.steps,
  );
  const result = editJson(streamedSteps, (json) => {
    if (Array.isArray(json.choices)) {
      json.choices = json.choices.map((choice) =>
        isRecord(choice) && "finish_reason" in choice ? { ...choice, finish_reason: null } : choice,
      );
    }
    if (json.object === "response") return { ...json, status: "in_progress" };
    return "stop_reason" in json ? { ...json, stop_reason: null } : json;
  });
  return { ...result, steps: result.steps.map(({ finish: _, ...step }) => step) };
}

/** Faults at or around the end of an answer: markers, usage, the finish reason. */
export const ENDING_FAULTS: Readonly<Record<string, Fault>> = {
  "duplicate-done": {
    summary: "`[DONE]` (Anthropic: `message_stop`, Responses: the last event) twice",
    parameters: {},
    outcome: "completed",
    apply: (script, context) =>
      script.streamed ? { ...script, steps: [...script.steps, doneFrame(script, context)] } : script,
  },
  "no-done": {
    summary: "no `[DONE]` (`message_stop`), all else complete",
    parameters: {},
    outcome: "completed",
    apply: (script) =>
      script.streamed ? { ...script, steps: script.steps.filter((step) => step.kind !== "done") } : script,
  },
  "data-after-done": {
    summary: "one more text frame after `[DONE]` (`message_stop`)",
    parameters: {},
    outcome: "completed",
    apply: (script, context) =>
      script.streamed ? { ...script, steps: [...script.steps, lateFrame(script, context)] } : script,
  },
  "no-usage": {
    summary: "usage is never reported, though asked for",
    parameters: {},
    outcome: "completed",
    apply: (script) => mapUsage(script, () => undefined, undefined),
  },
  "zero-usage": {
    summary: "usage is reported as explicit zeros",
    parameters: {},
    outcome: "completed",
    apply: (script) => mapUsage(script, zeroed, { promptTokens: 0, completionTokens: 0 }),
  },
  "no-finish": {
    summary: "no finish reason before the end; `[DONE]` (`message_stop`) comes all the same",
    parameters: {},
    outcome: "failed",
    apply: withoutFinish,
  },
};
