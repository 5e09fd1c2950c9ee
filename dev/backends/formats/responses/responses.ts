import { type Ask, type Generation, generate, type Operation, type Turn } from "../../operation.ts";
import { EVENT_STREAM_HEADERS, jsonScript, type Script } from "../../script.ts";
import type { Answer } from "../../text/answer.ts";
import { usageOf } from "../openai/usage.ts";
import { EventWriter, writeItems } from "./events.ts";
import { outputOf, responseJson, responseUsage, statusOf } from "./output.ts";
import { readResponses } from "./read-responses.ts";

/** `POST /v1/responses` as OpenAI speaks it: named events with sequence numbers, no `[DONE]`. */
export const responses: Operation = { format: "openai", purpose: "chat", read: readResponses, write: writeResponse };

function writeResponse(ask: Ask, turn: Turn): Script {
  const generation = generate(ask, turn);
  const answer = generation.answers[0];
  if (answer === undefined) throw new Error("a Responses ask has exactly one prompt and one choice");
  const script = ask.stream ? streamed(ask, turn, generation, answer) : whole(ask, turn, generation, answer);
  return {
    ...script,
    dialect: "responses",
    generates: true,
    totalTokens: generation.completionTokens,
    promptTokens: ask.promptTokens,
  };
}

function whole(ask: Ask, turn: Turn, generation: Generation, answer: Answer): Script {
  const output = outputOf(ask, turn, answer);
  const script = jsonScript(200, responseJson(ask, turn, statusOf(answer), output, responseUsage(generation)));
  const { tokens } = answer;
  const steps = script.steps.map((step) => ({
    ...step,
    after: tokens,
    tokens,
    finish: true,
    usage: usageOf(generation),
  }));
  return { ...script, steps };
}

function streamed(ask: Ask, turn: Turn, generation: Generation, answer: Answer): Script {
  const writer = new EventWriter();
  const opening = responseJson(ask, turn, "in_progress", [], null);
  writer.add("opening", { type: "response.created", response: opening });
  writer.add("opening", { type: "response.in_progress", response: opening });
  writeItems(writer, ask, turn, answer);
  const status = statusOf(answer);
  const response = responseJson(ask, turn, status, outputOf(ask, turn, answer), responseUsage(generation));
  writer.add("finish", { type: `response.${status}`, response });
  const last = writer.steps.length - 1;
  const steps = writer.steps.map((step, index) =>
    index === last ? { ...step, finish: true, usage: usageOf(generation) } : step,
  );
  return { ...jsonScript(200, {}), headers: EVENT_STREAM_HEADERS, steps, framing: "chunked", streamed: true };
}
