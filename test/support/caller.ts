import type { Json } from "../../src/core/json.ts";

/** The formats of chats, as a caller sees them. Read here without any of the gateway's own code. */
export type CallerFormat = "openai-chat" | "anthropic-messages";
export type AnyFormat = CallerFormat | "openai-responses" | "openai-completions";

/** What a stream told its caller. */
export interface Told {
  /** Text, reasoning, refusals, and calls of tools (name and arguments) of all choices, in the order in which they came. */
  readonly text: string;
  /** Choices that were said to have ended. */
  readonly finished: number;
  /** The format's own last frame came (`[DONE]`, `message_stop`), and nothing behind it. */
  readonly closed: boolean;
  /** The error frame, if one came; nothing may come behind it. */
  readonly error?: { readonly type: string; readonly message: string; readonly code?: string };
  readonly usage?: Readonly<Record<string, unknown>>;
  readonly frames: number;
  /** Comments and pings. */
  readonly keepAlives: number;
}

interface Fields {
  readonly [name: string]: Json | undefined;
}

/** Reads a whole stream body. Throws where it breaks the format: a frame that is no JSON, or anything behind the end. */
export function readStream(format: AnyFormat, body: string): Told {
  const state = {
    text: "",
    finished: 0,
    closed: false,
    error: undefined as Told["error"],
    usage: undefined as Told["usage"],
    frames: 0,
    keepAlives: 0,
    call: "none" as State["call"],
  };
  const frames = body.replace(/^\uFEFF/, "").split(/\r\n\r\n|\n\n|\r\r/);
  if (frames.pop() !== "") throw new Error("the stream ends inside a frame");
  for (const frame of frames) {
    const lines = frame.split(/\r\n|\n|\r/).filter((line) => line !== "");
    const data = lines
      .filter((line) => line.startsWith("data:"))
      .map((line) => line.slice("data:".length).replace(/^ /, ""))
      .join("\n");
    if (data === "") {
      state.keepAlives++;
      continue;
    }
    if (state.closed || state.error) throw new Error(`behind the end: ${frame}`);
    state.frames++;
    if (data === "[DONE]") {
      state.closed = true;
      continue;
    }
    const event = lines
      .find((line) => line.startsWith("event:"))
      ?.slice("event:".length)
      .trim();
    const json = JSON.parse(data) as Fields;
    if (format === "openai-chat" || format === "openai-completions") readChunk(json, state);
    else if (format === "openai-responses") readResponseEvent(json, event, state);
    else readEvent(json, event, state);
  }
  const { error, usage, call: _, ...rest } = state;
  return { ...rest, ...(error && { error }), ...(usage && { usage }) };
}

type State = { -readonly [K in keyof Told]: Told[K] | undefined } & {
  text: string;
  finished: number;
  /** Whether a call of a tool is open, and whether any of its input has come; where none comes, it is empty. Tools that run at the provider are none. */
  call: "none" | "silent" | "told";
};

interface ToolCall {
  readonly function?: { readonly name?: string; readonly arguments?: string };
}

interface ResponseItem {
  readonly content?: readonly { readonly text?: string; readonly refusal?: string }[];
  readonly summary?: readonly { readonly text?: string; readonly refusal?: string }[];
  readonly name?: string;
  readonly arguments?: string;
}

const callText = (calls: readonly ToolCall[] = []) =>
  calls.map(({ function: called }) => `${called?.name ?? ""}${called?.arguments ?? ""}`).join("");

function readChunk(json: Fields, state: State): void {
  if (json.error) {
    state.error = json.error as unknown as NonNullable<Told["error"]>;
    return;
  }
  if (json.usage) state.usage = json.usage as Record<string, unknown>;
  const choices = json.choices as unknown as {
    delta?: Record<string, string> & { tool_calls?: ToolCall[] };
    text?: string;
    finish_reason?: string | null;
  }[];
  for (const { delta = {}, text = "", finish_reason: finish } of choices) {
    state.text += text;
    state.text += `${delta.reasoning ?? delta.reasoning_content ?? ""}${delta.content ?? ""}${delta.refusal ?? ""}`;
    state.text += callText(delta.tool_calls as ToolCall[] | undefined);
    if (finish) state.finished++;
  }
}

function readEvent(json: Fields, event: string | undefined, state: State): void {
  switch (json.type) {
    case "error":
      if (event !== "error") throw new Error("an error without its event name");
      state.error = json.error as unknown as NonNullable<Told["error"]>;
      return;
    case "ping":
      state.keepAlives = (state.keepAlives ?? 0) + 1;
      state.frames = (state.frames ?? 1) - 1;
      return;
    case "content_block_start": {
      const { type, name = "" } = (json.content_block ?? {}) as { type?: string; name?: string };
      state.call = type === "tool_use" ? "silent" : "none";
      if (type === "tool_use") state.text += name;
      return;
    }
    case "content_block_delta": {
      const delta = (json.delta ?? {}) as { text?: string; thinking?: string; partial_json?: string };
      state.text += `${delta.text ?? ""}${delta.thinking ?? ""}`;
      if (state.call === "none" || !delta.partial_json) return;
      state.call = "told";
      state.text += delta.partial_json;
      return;
    }
    case "content_block_stop":
      if (state.call === "silent") state.text += "{}";
      state.call = "none";
      return;
    case "message_delta":
      if ((json.delta as { stop_reason?: string | null } | undefined)?.stop_reason) state.finished++;
      if (json.usage) state.usage = json.usage as Record<string, unknown>;
      return;
    case "message_stop":
      state.closed = true;
  }
}

function readResponseEvent(json: Fields, event: string | undefined, state: State): void {
  if (event !== undefined && json.type !== event) throw new Error("an event under another's name");
  switch (json.type) {
    case "error":
      state.error = json.error as unknown as NonNullable<Told["error"]>;
      return;
    case "response.output_item.added":
      state.text += (json.item as ResponseItem | undefined)?.name ?? "";
      return;
    case "response.output_text.delta":
    case "response.refusal.delta":
    case "response.function_call_arguments.delta":
    case "response.reasoning_summary_text.delta":
    case "response.reasoning_text.delta":
      state.text += json.delta as string;
      return;
    case "response.completed":
    case "response.incomplete": {
      const { usage } = json.response as unknown as { usage?: Record<string, unknown> };
      state.finished++;
      state.closed = true;
      if (usage) state.usage = usage;
    }
  }
}

/** A failure told as a JSON body in the caller's format; throws where it is not that. */
export function readFailure(format: AnyFormat, body: string): { readonly type: string; readonly message: string } {
  const json = JSON.parse(body) as { type?: string; error?: { type?: unknown; message?: unknown; code?: unknown } };
  const { type, message, code } = json.error ?? {};
  if (typeof type !== "string" || typeof message !== "string") throw new Error(`no error of ${format}: ${body}`);
  const fits = format !== "anthropic-messages" ? json.type === undefined && code !== undefined : json.type === "error";
  if (!fits) throw new Error(`an error, but not of ${format}: ${body}`);
  return { type, message };
}

/** A chat request of the format. `more` goes over it. */
export function chatRequest(
  format: AnyFormat,
  model: string,
  prompt: string,
  stream: boolean,
  more: Readonly<Record<string, unknown>> = {},
): { readonly path: string; readonly body: Readonly<Record<string, unknown>> } {
  const messages = [{ role: "user", content: prompt }];
  if (format === "openai-responses") {
    return { path: "/v1/responses", body: { model, input: prompt, max_output_tokens: 512, stream, ...more } };
  }
  if (format === "openai-completions") {
    const withUsage = stream && { stream_options: { include_usage: true } };
    return { path: "/v1/completions", body: { model, prompt, max_tokens: 512, stream, ...withUsage, ...more } };
  }
  return format === "openai-chat"
    ? {
        path: "/v1/chat/completions",
        body: { model, messages, stream, ...(stream && { stream_options: { include_usage: true } }), ...more },
      }
    : { path: "/v1/messages", body: { model, messages, max_tokens: 512, stream, ...more } };
}

/** Text, reasoning, refusals and calls of tools of a JSON answer, in order. */
export function textOfAnswer(format: AnyFormat, body: string): string {
  const json = JSON.parse(body) as {
    choices?: { text?: string; message: Record<string, string | null> & { tool_calls?: ToolCall[] } }[];
    content?: { text?: string; thinking?: string; type: string; name?: string; input?: unknown }[];
    output?: ResponseItem[];
  };
  if (format === "openai-responses") {
    return (json.output ?? [])
      .map(({ summary = [], content = [], name = "", arguments: json = "" }) => {
        const parts = [...summary, ...content].map(({ text, refusal }) => text ?? refusal ?? "");
        return `${parts.join("")}${name}${json}`;
      })
      .join("");
  }
  if (format === "openai-completions") return (json.choices ?? []).map(({ text = "" }) => text).join("");
  return format === "openai-chat"
    ? (json.choices ?? [])
        .map(({ message }) => {
          const said = `${message.reasoning ?? message.reasoning_content ?? ""}${message.content ?? ""}`;
          return `${said}${message.refusal ?? ""}${callText(message.tool_calls as ToolCall[] | undefined)}`;
        })
        .join("")
    : (json.content ?? [])
        .map(({ type, text, thinking, name, input }) =>
          type === "tool_use" ? `${name}${JSON.stringify(input)}` : (thinking ?? text ?? ""),
        )
        .join("");
}
