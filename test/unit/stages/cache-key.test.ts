import { describe, expect, it } from "vitest";
import type { WireName } from "../../../src/core/wire.ts";
import { parseBody } from "../../../src/lib/json.ts";
import { cacheKeyOf } from "../../../src/stages/cache-key.ts";
import { wires } from "../../../src/wire/registry.ts";

const encoder = new TextEncoder();

async function keyOf(wire: WireName, text: string, tenant = "a"): Promise<string> {
  const parsed = parseBody(encoder.encode(text), { maxDepth: 64 });
  if (!parsed.ok) throw new Error(parsed.problem);
  const draft = wires[wire].decodeRequest(parsed.body);
  if (!draft.ok) throw new Error(draft.failure.message);
  const scope = { tenant, namespace: "", alias: "m", versions: [1], maxOutputTokens: 50, wire };
  return cacheKeyOf(draft.value, parsed.body, scope);
}

const chat = (more: string) =>
  `{"model":"m","max_tokens":50,"temperature":0,"messages":[{"role":"user","content":"hi"}]${more}}`;

describe("the key of the exact cache", () => {
  // planted: the wire's name always in the key
  it("is one for both formats where the request says the same", async () => {
    expect(await keyOf("openai-chat", chat(""))).toBe(await keyOf("anthropic-messages", chat("")));
  });

  // planted: fields without a word keyed without the caller's format
  it("is another for each format where a field has no word: one may pass it on and the other drop it", async () => {
    const odd = chat(',"thinking":{"type":"enabled","budget_tokens":1024}');
    expect(await keyOf("openai-chat", odd)).not.toBe(await keyOf("anthropic-messages", odd));
  });

  // planted: the seed keyed as a double
  it("tells numbers apart that a double cannot", async () => {
    const seed = (digits: string) => keyOf("openai-chat", chat(`,"seed":${digits}`));
    expect(await seed("9007199254740992")).not.toBe(await seed("9007199254740993"));
  });

  // planted: tools, and calls, keyed by the draft alone
  it("tells such numbers apart in schemas and in what tools were called with", async () => {
    const schema = (digits: string) =>
      keyOf("openai-chat", chat(`,"tools":[{"function":{"name":"f","parameters":{"maximum":${digits}}}}]`));
    expect(await schema("9007199254740992")).not.toBe(await schema("9007199254740993"));
    const called = (digits: string) =>
      keyOf(
        "anthropic-messages",
        `{"model":"m","max_tokens":50,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"id":${digits}}}]}]}`,
      );
    expect(await called("9007199254740992")).not.toBe(await called("9007199254740993"));
  });

  // planted: what a document holds beside its text not named as unread
  it("tells documents to rank apart by what the draft does not hold of them", async () => {
    const rank = (title: string) =>
      keyOf("rerank", `{"model":"m","query":"q","documents":[{"text":"a","title":"${title}"}]}`);
    expect(await rank("one")).not.toBe(await rank("other"));
  });

  // planted: `stream` left in the meaning; the tenant left out of the key
  it("does not ask how the answer is delivered, but whose it is", async () => {
    expect(await keyOf("openai-chat", chat(',"stream":true'))).toBe(await keyOf("openai-chat", chat("")));
    expect(await keyOf("openai-chat", chat(""), "b")).not.toBe(await keyOf("openai-chat", chat(""), "a"));
  });
});
