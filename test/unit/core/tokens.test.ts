import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { promptTokens, simulatedTokens } from "../../../dev/backends/text/tokens.ts";
import type { Body, ChatDraft, ContentBlock } from "../../../src/core/draft.ts";
import { estimateInputTokens, estimateTextTokens } from "../../../src/core/tokens.ts";

/** The largest count of the tokenizers cl100k, o200k and Llama 3 for each text, counted once with their published vocabularies. */
const COUNTED: readonly [script: string, text: string, tokens: number][] = [
  [
    "prose",
    "The gateway sits between the callers and the machine at home. It counts what they ask for, keeps what it may keep, and says in plain words when something cannot be done.",
    36,
  ],
  [
    "code",
    "export function within(deadlines: Deadlines, leftMs: number): Deadlines {\n  const firstTokenMs = Math.min(deadlines.firstTokenMs, Math.max(0, leftMs));\n  return { ...deadlines, firstTokenMs };\n}\n",
    51,
  ],
  [
    "json",
    '{"id":"req_01JX","tenant":"acme","tokens":{"input":1204,"output":88},"tags":["a","b"],"ok":true,"cost":0.000125}',
    43,
  ],
  ["numbers", "3.14159 2.71828 1.41421 1.73205 0.57721 1.61803", 29],
  [
    "german",
    "Die Geschwindigkeitsbegrenzung auf Bundesautobahnen wurde gestern im Bundestag besprochen; eine Entscheidung fällt übermorgen.",
    36,
  ],
  [
    "french",
    "L'été dernier, nous avons traversé les Pyrénées à pied, malgré la chaleur et quelques orages inattendus.",
    30,
  ],
  ["chinese", "昨天下午我们在图书馆里读书,后来一起去河边散步,看到了很多美丽的花。", 41],
  ["japanese", "昨日の午後は図書館で本を読んでから、川沿いを散歩して、たくさんの花を見ました。", 44],
  ["korean", "어제 오후에 우리는 도서관에서 책을 읽고 강가를 산책하며 많은 꽃을 보았습니다.", 48],
  ["russian", "Вчера днём мы читали в библиотеке, а потом гуляли по берегу реки и видели много цветов.", 44],
  ["arabic", "قرأنا أمس في المكتبة ثم مشينا على ضفة النهر ورأينا أزهارا كثيرة.", 48],
  ["hindi", "कल दोपहर हमने पुस्तकालय में किताबें पढ़ीं और फिर नदी के किनारे टहलते हुए बहुत सारे फूल देखे।", 90],
  ["emoji", "🌻🚀🎉 done 👩‍🚀 ✅", 19],
];

// planted: digits at a quarter of a token (numbers); words of any length one token (german)
test.each(COUNTED)("%s: not below what real tokenizers count, and at most 1.75 times that", (_, text, counted) => {
  const estimate = estimateTextTokens(text);
  expect(estimate).toBeGreaterThanOrEqual(counted);
  expect(estimate).toBeLessThanOrEqual(1.75 * counted);
});

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ unit: "grapheme", maxLength: 300 }),
  fc.string({ unit: "grapheme-ascii", maxLength: 300 }),
  fc.string({ unit: fc.constantFrom("a", "Z", " ", "\n", "é", "中", "😀", "\ud83d", " ".repeat(40)), maxLength: 60 }),
);

// planted: `beyond` left out of the byte bound
test("never below a quarter of the UTF-8 bytes, nor below the simulated backend's own count, for any text", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const estimate = estimateTextTokens(text);
      expect(estimate).toBeGreaterThanOrEqual(Math.ceil(new TextEncoder().encode(text).length / 4));
      expect(estimate).toBeGreaterThanOrEqual(simulatedTokens(text));
    }),
    { numRuns: 2_000 },
  );
});

test("more text is never fewer tokens by more than the joint, and no text is none", () => {
  expect(estimateTextTokens("")).toBe(0);
  fc.assert(
    fc.property(anyText, anyText, (one, other) => {
      const joined = estimateTextTokens(one + other);
      expect(joined).toBeGreaterThanOrEqual(Math.max(estimateTextTokens(one), estimateTextTokens(other)) - 1);
    }),
  );
});

describe("drafts", () => {
  const chat = (...contents: readonly ContentBlock[][]): ChatDraft => ({
    operation: "chat",
    model: "home",
    stream: false,
    streamUsage: false,
    messages: contents.map((content) => ({ role: "user", content })),
    unknownFields: [],
    untranslatable: [],
  });

  // planted: TOKENS_PER_MESSAGE = 0
  test("a chat is never below the simulated backend's prompt count", () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyText, { maxLength: 3 }), { maxLength: 5 }), (messages) => {
        const draft = chat(...messages.map((texts) => texts.map((text) => ({ type: "text" as const, text }))));
        const counted = promptTokens({ texts: messages.flat(), messages: messages.length, toolsJson: "" });
        expect(estimateInputTokens(draft)).toBeGreaterThanOrEqual(counted);
      }),
    );
  });

  // planted: `unreadTokens` that returns 0; `tools[1]` looked for as a member; a member called as a conversation left out
  test("what a draft only names is read from the body, by the member that it stands in", () => {
    const text = `{"tools": ${JSON.stringify([{ type: "custom", custom: { name: "look_up", description: "x".repeat(4_000) } }])}}`;
    const body: Body = {
      text,
      value: {},
      bytes: text.length,
      members: [{ key: "tools", start: 1, valueStart: 10, end: text.length - 1 }],
    };
    for (const named of ["tools", "tools[1]", "tools[0].custom"]) {
      const draft: ChatDraft = { ...chat([]), untranslatable: [named] };
      expect(estimateInputTokens(draft, body) - estimateInputTokens(draft)).toBeGreaterThan(1_000);
    }
    expect(estimateInputTokens(chat([]), body)).toBe(estimateInputTokens(chat([])));
    // A format that has no conversation, or calls it otherwise, has not read it.
    const unknown: Body = { ...body, members: [{ key: "system", start: 1, valueStart: 10, end: text.length - 1 }] };
    const foreign: ChatDraft = { ...chat([]), unknownFields: ["system"] };
    expect(estimateInputTokens(foreign, unknown) - estimateInputTokens(foreign)).toBeGreaterThan(1_000);
    // Messages are in the draft, whatever of them it has no word for.
    const messages: Body = { ...body, members: [{ key: "messages", start: 1, valueStart: 10, end: text.length - 1 }] };
    const draft: ChatDraft = { ...chat([]), untranslatable: ["messages[0].content[0]"] };
    expect(estimateInputTokens(draft, messages)).toBe(estimateInputTokens(draft));
  });

  // planted: descriptions not counted; schemas not counted
  test("tools and schemas are counted as the JSON that templates spell out, and never below the simulated backend's count", () => {
    const name = fc.stringMatching(/^[a-z_]{1,20}$/);
    const schema = fc.dictionary(name, fc.oneof(anyText, fc.integer(), fc.array(anyText, { maxLength: 3 })));
    const tool = fc.record({ name, description: anyText, schema });
    fc.assert(
      fc.property(fc.array(tool, { minLength: 1, maxLength: 4 }), schema, (tools, form) => {
        const toolsJson = JSON.stringify(
          tools.map((one) => ({
            type: "function",
            function: { name: one.name, description: one.description, parameters: one.schema },
          })),
        );
        const counted = promptTokens({ texts: ["Hi"], messages: 1, toolsJson });
        const asked = { ...chat([{ type: "text", text: "Hi" }]), tools };
        expect(estimateInputTokens(asked)).toBeGreaterThanOrEqual(counted);
        const formed = estimateInputTokens({
          ...asked,
          responseFormat: { kind: "json-schema", name: "out", schema: form },
        });
        expect(formed - estimateInputTokens(asked)).toBeGreaterThanOrEqual(simulatedTokens(JSON.stringify(form)));
      }),
    );
    const described = (description: string) =>
      estimateInputTokens({ ...chat([]), tools: [{ name: "f", description, schema: {} }] });
    expect(described("x".repeat(4_000)) - described("")).toBeGreaterThanOrEqual(1_000);
  });

  test("an image costs what images cost, not what its base64 would", () => {
    const image: ContentBlock = {
      type: "other",
      kind: "image_url",
      path: "messages[0].content[0]",
      data: { url: `data:image/png;base64,${"A".repeat(1_000_000)}` },
    };
    expect(estimateInputTokens(chat([image]))).toBeLessThan(5_000);
    expect(estimateInputTokens(chat([{ ...image, kind: "input_text" }]))).toBeGreaterThan(250_000);
  });

  test("token lists count as they are, texts with the marks around them", () => {
    const embed = { operation: "embed", model: "e", encoding: "float", unknownFields: [] } as const;
    expect(estimateInputTokens({ ...embed, inputs: [[1, 2, 3]] })).toBe(5);
    expect(estimateInputTokens({ ...embed, inputs: ["one", "two"] })).toBe(6);
  });
});
