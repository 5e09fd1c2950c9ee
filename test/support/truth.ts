import type { StreamFixture } from "../contract/wire/fixtures.ts";
import type { AnyFormat } from "./caller.ts";

/** What the bytes of a fixture prove, read without the gateway's own code. Offsets are ends of frames, blank line included. */
export interface Truth {
  /** From here on every choice has finished; undefined where that never comes. */
  readonly completeAt: number | undefined;
  /** From here on both counts of usage are known; undefined where they never are. */
  readonly usageAt: number | undefined;
  /** Text, reasoning, refusals and calls of tools (name and arguments) that the whole fixture holds, in order. */
  readonly text: string;
}

interface Json {
  readonly [name: string]: Json & string;
}

export function truthOf(format: AnyFormat, { bytes, choices }: StreamFixture): Truth {
  const latin = Buffer.from(bytes).toString("latin1");
  const counts = new Set<string>();
  let finished = 0;
  let failed = false;
  let text = "";
  let call: "none" | "silent" | "told" = "none";
  let completeAt: number | undefined;
  let usageAt: number | undefined;
  let from = 0;
  for (const blank of latin.matchAll(/\r\n\r\n|\n\n|\r\r/g)) {
    const end = blank.index + blank[0].length;
    const frame = Buffer.from(latin.slice(from, end), "latin1").toString("utf8");
    from = end;
    const data = frame
      .split(/[\r\n]+/)
      .filter((line) => line.startsWith("data:"))
      .map((line) => line.slice("data:".length))
      .join("\n");
    if (data.trim() === "" || data.trim() === "[DONE]") continue;
    const json = JSON.parse(data) as Json;
    failed ||= json.error !== undefined || json.type === "error" || json.type === "response.failed";
    if (/^response\.(?:\w+_text|refusal|function_call_arguments)\.delta$/.test(json.type ?? "")) text += json.delta;
    if (json.type === "response.output_item.added") text += json.item?.name ?? "";
    if (json.type === "response.completed" || json.type === "response.incomplete") finished++;
    for (const choice of ((json.choices as unknown) ?? []) as Json[]) {
      text += choice.text ?? "";
      text += `${choice.delta?.reasoning ?? choice.delta?.reasoning_content ?? ""}${choice.delta?.content ?? ""}`;
      text += choice.delta?.refusal ?? "";
      for (const { function: called } of ((choice.delta?.tool_calls as unknown) ?? []) as Json[]) {
        text += `${called?.name ?? ""}${called?.arguments ?? ""}`;
      }
      if (choice.finish_reason) finished++;
    }
    if (json.type === "content_block_delta") {
      text += `${json.delta?.text ?? ""}${json.delta?.thinking ?? ""}`;
      if (call !== "none" && json.delta?.partial_json) {
        call = "told";
        text += json.delta.partial_json;
      }
    }
    if (json.type === "content_block_start") {
      call = json.content_block?.type === "tool_use" ? "silent" : "none";
      text += `${json.content_block?.text ?? ""}${call === "silent" ? json.content_block?.name : ""}`;
    }
    if (json.type === "content_block_stop") {
      if (call === "silent") text += "{}";
      call = "none";
    }
    if (json.type === "message_delta" && json.delta?.stop_reason) finished++;
    for (const usage of [json.usage, json.message?.usage, json.response?.usage]) {
      if (!usage) continue;
      const isOpenAi = format === "openai-chat" || format === "openai-completions";
      if ((isOpenAi ? usage.prompt_tokens : usage.input_tokens) !== undefined) counts.add("input");
      if ((isOpenAi ? usage.completion_tokens : usage.output_tokens) !== undefined) counts.add("output");
    }
    if (finished >= choices && !failed) completeAt ??= end;
    if (counts.size === 2) usageAt ??= end;
  }
  return { completeAt, usageAt, text };
}
