import { describe, expect, test } from "vitest";
import type { ChatDraft } from "../../../src/core/draft.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import { estimateTextTokens } from "../../../src/core/tokens.ts";
import { parseBody } from "../../../src/lib/json.ts";
import { COMPLAINT_MAX_TOKENS, wantedStructure, withComplaint } from "../../../src/stages/structure.ts";

const draft: ChatDraft = {
  operation: "chat",
  model: "m",
  stream: true,
  streamUsage: false,
  messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }],
  unknownFields: [],
  untranslatable: [],
};

function bodyOf(text: string) {
  const parsed = parseBody(new TextEncoder().encode(text));
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.body;
}

const schema: JsonObject = { type: "object" };

describe("what a request wants", () => {
  // planted: the draft's own word not looked at; vLLM's two ways left out
  test.each<[string, JsonObject, Partial<ChatDraft>, object | undefined]>([
    ["OpenAI", { response_format: { type: "json_schema", json_schema: { name: "p", schema } } }, {}, { schema }],
    ["OpenAI, any object", { response_format: { type: "json_object" } }, {}, { field: "response_format" }],
    ["OpenAI, text", { response_format: { type: "text" } }, {}, undefined],
    [
      "Anthropic",
      { output_config: { format: { type: "json_schema", schema } } },
      {},
      { schema, field: "output_config" },
    ],
    ["Anthropic, before", { output_format: { type: "json_schema", schema } }, {}, { schema, field: "output_format" }],
    ["vLLM", { structured_outputs: { json: schema } }, {}, { schema, field: "structured_outputs" }],
    ["vLLM, before", { guided_json: schema }, {}, { schema, field: "guided_json" }],
    ["the draft", {}, { responseFormat: { kind: "json-schema", name: "p", schema } }, { schema }],
    ["nothing", {}, {}, undefined],
  ])("%s", (_, members, words, wanted) => {
    const found = wantedStructure({ ...draft, ...words }, bodyOf(JSON.stringify(members)));
    if (wanted) expect(found).toMatchObject(wanted);
    else expect(found).toBeUndefined();
  });
});

describe("a conversation with a complaint", () => {
  // planted: the draft's messages not appended to; the caller's text written anew
  test("says the same in the draft and in the caller's own text, which stays as it was written", () => {
    const text = '{"n": 1.0, "messages" : [ {"role":"user","content":"hi","x":12345678901234567890} ] , "seed":1e400}';
    const next = withComplaint({ draft, body: bodyOf(text) }, "[]", "#: wrong", "openai-chat");
    expect(next.draft.messages.map(({ role, content }) => [role, content[0]?.type])).toEqual([
      ["user", "text"],
      ["assistant", "text"],
      ["user", "text"],
    ]);
    expect(next.draft.stream).toBe(false);
    const said = next.draft.messages.slice(1).map(({ role, content: [block] }) => ({
      role,
      content: block?.type === "text" ? block.text : "",
    }));
    expect(next.body.text).toContain('{"role":"user","content":"hi","x":12345678901234567890}');
    expect(next.body.text).toMatch(/^\{"n": 1\.0, .*"seed":1e400\}$/);
    expect((next.body.value.messages as JsonObject[]).slice(1)).toEqual(said);
    expect(said[1]?.content).toContain("#: wrong");
  });

  test("may begin as one text", () => {
    const { body } = withComplaint({ draft, body: bodyOf('{"input":"hi"}') }, "[]", "wrong", "openai-responses");
    expect((body.value.input as JsonObject[]).map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
  });

  // planted: the first member of either name taken for the conversation
  test("grows where the caller's format has it, whatever else has a name like it", () => {
    const text = '{"input":"mine","messages":[{"role":"user","content":"hi"}]}';
    const { body } = withComplaint({ draft, body: bodyOf(text) }, "[]", "wrong", "openai-chat");
    expect(body.value.input).toBe("mine");
    expect(body.value.messages).toHaveLength(3);
  });

  // planted: the complaint not cut; the room of two characters a token
  test("never adds more than was reserved for it, whatever the fields are named", () => {
    for (const problem of ["港".repeat(5_000), "x1%".repeat(5_000), "Qz".repeat(5_000)]) {
      const { draft: next } = withComplaint({ draft, body: bodyOf('{"messages":[]}') }, "", problem, "openai-chat");
      const block = next.messages.at(-1)?.content[0];
      expect(estimateTextTokens(block?.type === "text" ? block.text : "")).toBeLessThan(COMPLAINT_MAX_TOKENS);
    }
  });
});
