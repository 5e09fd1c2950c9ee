import { describe, expect, test } from "vitest";
import { UNTRANSLATABLE } from "../../../src/core/failure.ts";
import type { Json } from "../../../src/core/json.ts";
import type { AttemptRequest, Quirk, WireName } from "../../../src/core/wire.ts";
import { parseBody } from "../../../src/lib/json.ts";
import { beyondBackend } from "../../../src/wire/quirks.ts";
import { wires } from "../../../src/wire/registry.ts";

const HI = '"messages":[{"role":"user","name":"ann","content":"hi"}]';

function attemptOf(
  text: string,
  quirks: readonly Quirk[],
  from: WireName,
  ownMembers?: Readonly<Record<string, Json>>,
): AttemptRequest {
  const parsed = parseBody(new TextEncoder().encode(text));
  if (!parsed.ok) throw new Error(parsed.problem);
  const draft = wires[from].decodeRequest(parsed.body);
  if (!draft.ok) throw new Error(draft.failure.message);
  const request = { draft: draft.value, body: parsed.body, clientWire: from, model: "m", stream: false };
  return { ...request, quirks: new Set(quirks), ...(ownMembers && { ownMembers }) };
}

function sent(attempt: AttemptRequest) {
  const encoded = wires["openai-chat"].encodeRequest(attempt);
  if (!encoded.ok) throw new Error(encoded.failure.message);
  const notes = encoded.value.translations.map(({ field, what }) => `${field} ${what}`);
  return { text: encoded.value.body, json: JSON.parse(encoded.value.body), notes };
}

describe("what the gateway itself says to vLLM", () => {
  const own = { cache_salt: "salt", priority: -3 };

  // planted: the caller's value kept where it has one
  test("replaces what a caller says of it, and names that as stripped", () => {
    const text = `{"model":"chat","cache_salt":"mine","priority":9,"vllm_xargs":{},${HI}}`;
    const { json, notes } = sent(attemptOf(text, ["vllm"], "openai-chat", own));
    expect(json).toMatchObject(own);
    expect(json).not.toHaveProperty("vllm_xargs");
    expect(notes).toEqual(["priority stripped", "cache_salt stripped", "vllm_xargs stripped"]);
  });

  // planted: `withQuirks` without them
  test("stands in a body of either making, and is nobody's translation", () => {
    const same = sent(attemptOf(`{"model":"chat",${HI}}`, ["vllm"], "openai-chat", own));
    expect(same.json).toMatchObject(own);
    expect(same.notes).toEqual([]);
    const messages = '"messages":[{"role":"user","content":"hi"}]';
    const other = sent(attemptOf(`{"model":"chat","max_tokens":5,${messages}}`, ["vllm"], "anthropic-messages", own));
    expect(other.json).toMatchObject(own);
    expect(other.notes).toEqual([]);
  });

  test("goes to vLLM alone", () => {
    expect(sent(attemptOf(`{"model":"chat",${HI}}`, [], "openai-chat", own)).json).not.toHaveProperty("cache_salt");
  });
});

describe("quirks that two or more servers may share", () => {
  // planted: the seed read as a number
  test("random-seed: the seed under its other name, to the digit", () => {
    const { text, notes } = sent(
      attemptOf(`{"model":"chat","seed":12345678901234567890,${HI}}`, ["random-seed"], "openai-chat"),
    );
    expect(text).toContain('"random_seed":12345678901234567890');
    expect(text).not.toContain('"seed"');
    expect(notes).toEqual(["seed mapped"]);
  });

  // planted: `name` taken from a tool's message
  test("no-names, no-end-user: dropped and named", () => {
    const messages =
      '"messages":[{"role":"user","name":"ann","content":"hi"},{"role":"tool","tool_call_id":"c","name":"f","content":"1"}]';
    const text = `{"model":"chat","user":"u","safety_identifier":"s",${messages}}`;
    const { json, notes } = sent(attemptOf(text, ["no-names", "no-end-user"], "openai-chat"));
    expect(json).toEqual({
      model: "m",
      messages: [
        { role: "user", content: "hi" },
        { role: "tool", tool_call_id: "c", name: "f", content: "1" },
      ],
    });
    expect(notes).toEqual(["user dropped", "safety_identifier dropped", "messages[].name dropped"]);
  });

  // planted: the refusal without UNTRANSLATABLE
  test("no-n, no-logprobs: refused, and another backend may do it", () => {
    const refused = (members: string, quirk: Quirk) =>
      beyondBackend(attemptOf(`{"model":"chat",${members},${HI}}`, [quirk], "openai-chat"));
    expect(refused('"n":2', "no-n")).toMatchObject({ param: "n", detail: UNTRANSLATABLE });
    expect(refused('"n":1', "no-n")).toBeUndefined();
    expect(refused('"logprobs":true', "no-logprobs")).toMatchObject({ param: "logprobs", detail: UNTRANSLATABLE });
    expect(refused('"logit_bias":{"1":2}', "no-logprobs")).toMatchObject({ param: "logit_bias" });
    expect(refused('"logprobs":false,"logit_bias":{}', "no-logprobs")).toBeUndefined();
  });
});
