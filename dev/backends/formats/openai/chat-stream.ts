import { type Ask, type Generation, longestAnswer, type Turn } from "../../operation.ts";
import { EVENT_STREAM_HEADERS, jsonScript, type Script, type Step } from "../../script.ts";
import type { Answer } from "../../text/answer.ts";
import { type Piece, piecesOf } from "../../text/pieces.ts";
import { contentLogprobs } from "./chat-logprobs.ts";
import { chatAnnotations } from "./citations.ts";
import { finishReason, serviceTierOf, usageJson, usageOf } from "./usage.ts";

/** Reasoning under the name or names that the backend has for it. */
export function reasoningFields(turn: Turn, reasoning: string): Record<string, string> {
  const field = turn.directives.reasoningField ?? "reasoning";
  return field === "both" ? { reasoning, reasoning_content: reasoning } : { [field]: reasoning };
}

/** Writes the chunks of one stream; what all of them share is serialised once. */
function chunkWriter(ask: Ask, turn: Turn) {
  const tier = serviceTierOf(ask.body);
  const shared =
    `data: {"id":${JSON.stringify(`chatcmpl-${turn.id}`)},"object":"chat.completion.chunk","created":${turn.createdAtSeconds},` +
    `"model":${JSON.stringify(ask.modelAsked)}${tier === null ? "" : `,"service_tier":${JSON.stringify(tier)}`}`;
  return {
    choice: (index: number, delta: string, finish = "null", stopReason = "", logprobs: unknown = null) =>
      Buffer.from(
        `${shared},"choices":[{"index":${index},"delta":${delta},"logprobs":${JSON.stringify(logprobs)},"finish_reason":${finish}${stopReason},"token_ids":null}]}\n\n`,
      ),
    usage: (usage: Record<string, unknown>) =>
      Buffer.from(`${shared},"choices":[],"usage":${JSON.stringify(usage)}}\n\n`),
  };
}

type ChunkWriter = ReturnType<typeof chunkWriter>;

/** The whole stream: the choices' tokens interleaved as they are generated, then usage where asked for, then `[DONE]`. */
export function streamedChat(ask: Ask, turn: Turn, generation: Generation): Script {
  const chunk = chunkWriter(ask, turn);
  const steps: Step[] = generation.answers.map((_, index) => ({
    kind: "opening",
    bytes: chunk.choice(index, '{"role":"assistant","content":""}'),
    // vLLM sends the role when the first token exists, not before.
    after: 1,
    tokens: 0,
    frames: 1,
  }));
  const choices = generation.answers.map((answer, index) => choiceSteps(answer, index, ask, turn, chunk));
  // What several choices generate comes in the order in which it exists.
  steps.push(...choices.flat().sort((left, right) => left.after - right.after));
  const after = longestAnswer(generation);
  if (ask.includeUsage) {
    const usage = usageOf(generation);
    steps.push({ kind: "usage", bytes: chunk.usage(usageJson(generation)), after, tokens: 0, frames: 1, usage });
  }
  steps.push({ kind: "done", bytes: Buffer.from("data: [DONE]\n\n"), after, tokens: 0, frames: 1 });
  return { ...jsonScript(200, {}), headers: EVENT_STREAM_HEADERS, steps, framing: "chunked", streamed: true };
}

function choiceSteps(answer: Answer, index: number, ask: Ask, turn: Turn, chunk: ChunkWriter): Step[] {
  const steps: Step[] = [];
  let tokens = 0;
  let textTokens = 0;
  for (const piece of piecesOf(answer, true)) {
    const after = Math.max(1, tokens + piece.tokens);
    if (piece.opensCall)
      steps.push({
        kind: "opening",
        bytes: chunk.choice(index, callOpening(answer, piece)),
        after,
        tokens: 0,
        frames: 1,
      });
    tokens += piece.tokens;
    if (piece.kind === "reasoning" && ask.body.include_reasoning === false) continue;
    const logprobs = piece.kind === "text" ? contentLogprobs(ask, [piece.text], textTokens) : null;
    if (piece.kind === "text") textTokens += 1;
    const bytes = chunk.choice(index, deltaOf(answer, piece, turn), "null", "", logprobs);
    steps.push({ kind: "token", bytes, after, tokens: piece.tokens, frames: 1 });
  }
  const annotations = chatAnnotations(turn, answer);
  if (annotations !== null) {
    const bytes = chunk.choice(index, JSON.stringify({ annotations }));
    steps.push({ kind: "closing", bytes, after: answer.tokens, tokens: 0, frames: 1 });
  }
  const finish = JSON.stringify(turn.directives.finish ?? finishReason(answer.finish));
  const stopReason = `,"stop_reason":${JSON.stringify(answer.stopSequence ?? null)}`;
  const bytes = chunk.choice(index, '{"content":""}', finish, stopReason);
  steps.push({ kind: "finish", bytes, after: answer.tokens, tokens: 0, frames: 1, finish: true });
  return steps;
}

/** A call is opened by its id and name alone; its arguments follow. */
function callOpening(answer: Answer, piece: Piece): string {
  const call = answer.calls[piece.call];
  const opening = { id: `call_${call?.id}`, type: "function", function: { name: call?.name, arguments: "" } };
  return JSON.stringify({ tool_calls: [{ index: piece.call, ...opening }] });
}

function deltaOf(answer: Answer, piece: Piece, turn: Turn): string {
  if (piece.kind === "reasoning") return JSON.stringify(reasoningFields(turn, piece.text));
  if (piece.kind === "call")
    return JSON.stringify({ tool_calls: [{ index: piece.call, function: { arguments: piece.text } }] });
  return JSON.stringify(answer.refused ? { refusal: piece.text } : { content: piece.text });
}
