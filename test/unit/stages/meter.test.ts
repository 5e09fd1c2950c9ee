import { describe, expect, it } from "vitest";
import { Meter } from "../../../src/stages/meter.ts";
import { wires } from "../../../src/wire/registry.ts";

const encoder = new TextEncoder();

function watch(text: string, choices = 1): Meter {
  const meter = new Meter(choices);
  const reader = wires["openai-chat"].decodeStream();
  for (const frame of reader.push(encoder.encode(text))) meter.see(frame);
  return meter;
}

const chunk = (choice: object, more: object = {}) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [choice], ...more })}\n\n`;
const text = (content: string, index = 0) => chunk({ index, delta: { content }, finish_reason: null });
const finish = (index = 0) => chunk({ index, delta: {}, finish_reason: "stop" });
const usage = (prompt: number, completion: number) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [], usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion } })}\n\n`;

describe("the meter of a stream", () => {
  // planted: `complete` true after the first finish of several choices
  it("is complete only when every choice has finished", () => {
    expect(watch(text("a") + finish(0), 2).complete).toBe(false);
    expect(watch(text("a") + finish(0) + finish(1), 2).complete).toBe(true);
  });

  // planted: the role chunk with empty content counted as a token
  it("does not take the role chunk for a token", () => {
    const role = chunk({ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null });
    expect(watch(role).started).toBe(false);
    expect(watch(role + text("x")).started).toBe(true);
  });

  // planted: `[DONE]` counted as a finish
  it("does not believe [DONE]", () => {
    expect(watch(`${text("a")}data: [DONE]\n\n`).complete).toBe(false);
  });

  // planted: `usage ?? 0` replaced by an estimate for zero
  it("keeps an explicit zero, and estimates what is missing", () => {
    const zero = watch(text("hello") + finish() + usage(0, 0)).usage(99);
    expect(zero).toEqual({ usage: { inputTokens: 0, outputTokens: 0 }, estimated: false });
    const missing = watch(text("12345678") + text("12345678") + finish()).usage(7);
    expect(missing.estimated).toBe(true);
    expect(missing.usage).toEqual({ inputTokens: 7, outputTokens: 4 });
  });

  // planted: unparsed frames not counted
  it("counts frames that it never parsed, near their text's length", () => {
    const meter = watch(Array.from({ length: 50 }, () => text("12345678")).join(""));
    expect(meter.complete).toBe(false);
    expect(meter.usage(1).usage.outputTokens).toBe(100);
  });

  // planted: every plain frame counted by its length
  it("looks into a large frame before it takes its bytes for text", () => {
    const large = chunk({ index: 0, delta: { content: "four" }, finish_reason: null }, { padding: "x".repeat(60_000) });
    const meter = watch(text("four") + text("four") + large + text("four"));
    expect(meter.usage(1).usage.outputTokens).toBe(4);
    expect(watch(large + text("four") + text("four")).usage(1).usage.outputTokens).toBe(3);
  });

  // planted: the estimate not held to what was reserved
  it("never estimates more than the backend was told to stop at, and believes what was reported", () => {
    const long = text("a token of many bytes").repeat(3);
    expect(watch(long).usage(1, 3).usage.outputTokens).toBe(3);
    expect(watch(long + finish() + usage(2, 5)).usage(1, 3).usage.outputTokens).toBe(5);
  });

  // planted: an error frame after the last finish turned into a failure
  it("cannot be told otherwise after the last finish", () => {
    const error = `data: ${JSON.stringify({ error: { message: "late", type: "x", code: 500 } })}\n\n`;
    expect(watch(text("a") + finish() + error).failure).toBeUndefined();
    expect(watch(text("a") + error).failure?.type).toBe("backend_stream_error");
  });
});
