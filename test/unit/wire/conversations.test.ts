import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../src/core/json.ts";
import type { Quirk, WireName } from "../../../src/core/wire.ts";
import { parseBody } from "../../../src/lib/json.ts";
import { wires } from "../../../src/wire/registry.ts";
import {
  anthropicConversation,
  complaintsOfAnthropic,
  complaintsOfOpenAi,
  openAiConversation,
} from "../../support/conversations.ts";

function sent(body: JsonObject, from: WireName, to: WireName, quirks: readonly Quirk[] = []) {
  const parsed = parseBody(new TextEncoder().encode(JSON.stringify(body)));
  if (!parsed.ok) throw new Error(parsed.problem);
  const draft = wires[from].decodeRequest(parsed.body);
  if (!draft.ok) throw new Error(draft.failure.message);
  const request = wires[to].encodeRequest({
    draft: draft.value,
    body: parsed.body,
    clientWire: from,
    model: "target",
    stream: false,
    maxOutputTokens: 4_096,
    quirks: new Set(quirks),
  });
  if (!request.ok) throw new Error(request.failure.message);
  const lost = request.value.translations.filter(({ what }) => what === "dropped").map(({ field }) => field);
  return { text: request.value.body, json: JSON.parse(request.value.body) as JsonObject, lost };
}

/** All values under a key, in order, wherever they stand. */
function under(key: string, value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => (name === key ? [inner] : under(key, inner)));
}

const OPENAI = "openai-chat";
const ANTHROPIC = "anthropic-messages";

describe("a conversation of ten turns with tools and thinking", () => {
  it.each([
    [ANTHROPIC, anthropicConversation],
    [OPENAI, openAiConversation],
  ] as const)("of %s arrives at a backend of the same format as it was sent, but for the model", (wire, body) => {
    expect(sent(body, wire, wire).text).toBe(JSON.stringify(body).replace('"chat"', '"target"'));
  });

  // planted: results behind the user's words
  it("of Anthropic's format is one that a strict OpenAI takes: ids, prompts and order kept, losses named", () => {
    const { json, lost } = sent(anthropicConversation, ANTHROPIC, OPENAI);
    expect(complaintsOfOpenAi(json)).toEqual([]);
    expect(under("tool_call_id", json)).toEqual(under("tool_use_id", anthropicConversation));
    expect(under("id", json)).toEqual(under("id", anthropicConversation));
    expect(under("arguments", json)).toEqual(
      under("input", anthropicConversation).map((input) => JSON.stringify(input)),
    );
    expect((json.messages as JsonObject[])[0]?.content).toEqual([
      { type: "text", text: "Be brief." },
      { type: "text", text: "Be kind." },
    ]);
    expect(under("signature", json)).toEqual([]);
    expect(JSON.stringify(json)).not.toContain("hidden/");
    expect(lost).toEqual([
      "tools[].cache_control",
      "system[].cache_control",
      "messages[].content[].thinking",
      "messages[].content[].signature",
      "messages[].content[].redacted_thinking",
      "messages[].content[].cache_control",
    ]);
  });

  it("keeps its reasoning where a vLLM reads it", () => {
    const { json, lost } = sent(anthropicConversation, ANTHROPIC, OPENAI, ["vllm"]);
    expect(complaintsOfOpenAi(json)).toEqual([]);
    expect(under("reasoning", json)).toEqual(under("thinking", anthropicConversation.messages));
    expect(lost).not.toContain("messages[].content[].thinking");
  });

  // planted: reasoning without a signature sent as thinking; results in a message of their own; the first of several texts alone
  it("of OpenAI's format is one that a strict Anthropic takes: ids, prompts, cache marks and order kept, losses named", () => {
    const { json, lost } = sent(openAiConversation, OPENAI, ANTHROPIC);
    expect(complaintsOfAnthropic(json)).toEqual([]);
    expect(under("tool_use_id", json)).toEqual(under("tool_call_id", openAiConversation));
    expect(under("id", json)).toEqual(under("id", openAiConversation));
    expect(under("input", json).map((input) => JSON.stringify(input))).toEqual(under("arguments", openAiConversation));
    expect(json.system).toEqual([
      { type: "text", text: "Be brief.", cache_control: { type: "ephemeral", ttl: "1h" } },
      { type: "text", text: "Be kind." },
    ]);
    expect(lost).toEqual(["messages[].reasoning"]);
  });

  // planted: thinking asked for in the middle of calls
  it("asks Anthropic for no thinking where it would refuse it: behind results whose calls were reasoned elsewhere, beside a forced tool", () => {
    const messages = openAiConversation.messages as JsonObject[];
    const wish = { ...openAiConversation, reasoning_effort: "medium" };
    expect(sent(wish, OPENAI, ANTHROPIC).json.thinking).toEqual({ type: "enabled", budget_tokens: 2_048 });
    for (const body of [
      { ...wish, messages: messages.slice(0, -1) },
      { ...wish, tool_choice: "required" },
    ]) {
      const { json, lost } = sent(body, OPENAI, ANTHROPIC);
      expect(json.thinking).toBeUndefined();
      expect(lost).toContain("reasoning_effort");
    }
  });

  // planted: ids sent as they are
  it("with ids that Anthropic refuses goes by ids that it takes, the same for a call and its result", () => {
    const text = JSON.stringify(openAiConversation).replaceAll(/call_(\d)_(\d)/g, "functions.f:$1$2");
    const { json } = sent(JSON.parse(text) as JsonObject, OPENAI, ANTHROPIC);
    expect(complaintsOfAnthropic(json)).toEqual([]);
    expect(new Set(under("id", json)).size).toBe(18);
  });
});
