import type { Ask, Turn } from "./operation.ts";
import { EVENT_STREAM_HEADERS, type Format, jsonScript, plainScript, type Script, type Step } from "./script.ts";

/**
 * `simulated-bench`: fixed answers that cost the simulator next to nothing, so that a measurement shows the gateway and not its backend. Everything is
 * serialised once per process and reused; ids, times and token counts are constants.
 */
const ID = "simulated-bench";
const PROMPT_TOKENS = 16;
const JSON_ANSWER_TOKENS = 12;
const DEFAULT_FRAMES = 200;
const FRAMES_PER_WRITE = 256;
const TEXT = "A fixed answer of the simulated bench model.";
const PIECE = "tick";

interface BenchFrames {
  readonly opening: readonly string[];
  readonly token: string;
  readonly ending: readonly string[];
}

function sse(data: Record<string, unknown>, named: boolean): string {
  return `${named ? `event: ${data.type}\n` : ""}data: ${JSON.stringify(data)}\n\n`;
}

function openaiFrames(frames: number, includeUsage: boolean): BenchFrames {
  const shared = { id: `chatcmpl-${ID}`, object: "chat.completion.chunk", created: 0, model: ID };
  const choice = (delta: Record<string, unknown>, finish: string | null) =>
    sse({ ...shared, choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] }, false);
  const usage = { prompt_tokens: PROMPT_TOKENS, total_tokens: PROMPT_TOKENS + frames, completion_tokens: frames };
  return {
    opening: [choice({ role: "assistant", content: "" }, null)],
    token: choice({ content: PIECE }, null),
    ending: [
      choice({ content: "" }, "stop"),
      ...(includeUsage ? [sse({ ...shared, choices: [], usage }, false)] : []),
      "data: [DONE]\n\n",
    ],
  };
}

function anthropicFrames(frames: number): BenchFrames {
  const message = {
    id: `msg_${ID}`,
    type: "message",
    role: "assistant",
    model: ID,
    content: [],
    stop_reason: null,
    stop_sequence: null,
  };
  return {
    opening: [
      sse(
        { type: "message_start", message: { ...message, usage: { input_tokens: PROMPT_TOKENS, output_tokens: 1 } } },
        true,
      ),
      sse({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }, true),
    ],
    token: sse({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: PIECE } }, true),
    ending: [
      sse({ type: "content_block_stop", index: 0 }, true),
      sse(
        {
          type: "message_delta",
          delta: { stop_reason: "end_turn", stop_sequence: null },
          usage: { output_tokens: frames },
        },
        true,
      ),
      sse({ type: "message_stop" }, true),
    ],
  };
}

function jsonAnswer(format: Format): Record<string, unknown> {
  if (format === "anthropic") {
    const usage = { input_tokens: PROMPT_TOKENS, output_tokens: JSON_ANSWER_TOKENS };
    return {
      id: `msg_${ID}`,
      type: "message",
      role: "assistant",
      model: ID,
      content: [{ type: "text", text: TEXT }],
      stop_reason: "end_turn",
      stop_sequence: null,
      usage,
    };
  }
  const usage = {
    prompt_tokens: PROMPT_TOKENS,
    total_tokens: PROMPT_TOKENS + JSON_ANSWER_TOKENS,
    completion_tokens: JSON_ANSWER_TOKENS,
  };
  const choice = {
    index: 0,
    message: { role: "assistant", content: TEXT, tool_calls: [] },
    logprobs: null,
    finish_reason: "stop",
    stop_reason: null,
  };
  return { id: `chatcmpl-${ID}`, object: "chat.completion", created: 0, model: ID, choices: [choice], usage };
}

function buildJson(format: Format): Script {
  const script = plainScript(200, { "content-type": "application/json" }, JSON.stringify(jsonAnswer(format)));
  const usage = { promptTokens: PROMPT_TOKENS, completionTokens: JSON_ANSWER_TOKENS };
  const steps = script.steps.map((step) => ({ ...step, tokens: JSON_ANSWER_TOKENS, usage, finish: true }));
  return { ...script, steps, totalTokens: JSON_ANSWER_TOKENS, promptTokens: PROMPT_TOKENS };
}

/** The stream as ordinary steps: paced, or to be rewritten by a fault. The token frame is one shared buffer. */
function buildSteps(format: Format, frames: number, includeUsage: boolean): Step[] {
  const texts = format === "anthropic" ? anthropicFrames(frames) : openaiFrames(frames, includeUsage);
  const step = (kind: Step["kind"], text: string, after: number): Step => ({
    kind,
    bytes: Buffer.from(text),
    after,
    tokens: 0,
    frames: 1,
  });
  const token = Buffer.from(texts.token);
  const usage = { promptTokens: PROMPT_TOKENS, completionTokens: frames };
  const steps = texts.opening.map((text) => step("opening", text, 0));
  for (let position = 1; position <= frames; position += 1)
    steps.push({ kind: "token", bytes: token, after: position, tokens: 1, frames: 1 });
  for (const text of texts.ending) {
    const isFinish = text.includes('"finish_reason":"stop"') || text.includes('"stop_reason":"end_turn"');
    const isDone = text.includes("[DONE]") || text.includes('"message_stop"');
    const kind = isFinish ? "finish" : isDone ? "done" : text.includes('"usage"') ? "usage" : "closing";
    steps.push({
      ...step(kind, text, frames),
      ...(isFinish ? { finish: true } : {}),
      ...(text.includes('"usage"') ? { usage } : {}),
    });
  }
  return steps;
}

/** Joins many frames into few writes; each frame keeps an HTTP chunk of its own, so that a reader meets them one by one. */
function preframe(steps: readonly Step[]): Step[] {
  const joined: Step[] = [];
  for (let start = 0; start < steps.length; start += FRAMES_PER_WRITE) {
    const group = steps.slice(start, start + FRAMES_PER_WRITE);
    const parts = group.flatMap(({ bytes }) => [
      Buffer.from(`${bytes.length.toString(16)}\r\n`),
      bytes,
      Buffer.from("\r\n"),
    ]);
    if (start + FRAMES_PER_WRITE >= steps.length) parts.push(Buffer.from("0\r\n\r\n"));
    const usage = group.findLast((step) => step.usage !== undefined)?.usage;
    joined.push({
      kind: "token",
      bytes: Buffer.concat(parts),
      after: 0,
      tokens: group.reduce((sum, step) => sum + step.tokens, 0),
      frames: group.length,
      bodyBytes: group.reduce((sum, step) => sum + step.bytes.length, 0),
      ...(usage === undefined ? {} : { usage }),
      ...(group.some((step) => step.finish) ? { finish: true } : {}),
    });
  }
  return joined;
}

const cache = new Map<string, Script>();
const MAXIMUM_CACHED_SCRIPTS = 64;

/** The script of a bench call. Without pacing markers and faults it is preframed and takes no seat. */
export function benchScript(format: Format, ask: Ask, turn: Turn): Script {
  const { frames: framesAsked, tokens, tokensPerSecond = 0, ttftMs = 0, faults } = turn.directives;
  const paced = tokensPerSecond > 0 || ttftMs > 0;
  const frames = Math.max(1, framesAsked ?? tokens ?? DEFAULT_FRAMES);
  const plain = !paced && faults.length === 0;
  const key = `${format} ${ask.stream ? frames : "json"} ${ask.includeUsage} ${paced} ${plain}`;
  const cached = cache.get(key);
  if (cached !== undefined) return cached;
  const script = ask.stream ? buildStream(format, frames, ask.includeUsage, plain) : buildJson(format);
  const result = { ...script, generates: paced };
  if (cache.size >= MAXIMUM_CACHED_SCRIPTS) cache.clear();
  cache.set(key, result);
  return result;
}

function buildStream(format: Format, frames: number, includeUsage: boolean, plain: boolean): Script {
  const steps = buildSteps(format, frames, includeUsage);
  return {
    ...jsonScript(200, {}),
    headers: EVENT_STREAM_HEADERS,
    framing: "chunked",
    streamed: true,
    totalTokens: frames,
    promptTokens: PROMPT_TOKENS,
    steps: plain ? preframe(steps) : steps,
    preframed: plain,
  };
}
