/** What holds for every format. Long, because the answers that each of them can say without loss are described here. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AnswerBlock, ChatAnswer, FinishReason } from "../../../src/core/answer.ts";
import type { WireName, WriterContext } from "../../../src/core/wire.ts";
import { collector, replay } from "../../../src/wire/collect.ts";
import { wires } from "../../../src/wire/registry.ts";

const text = fc.string({ unit: "grapheme" });
const someText = fc.string({ unit: "grapheme", minLength: 1 });
const tokens = fc.nat(1_000_000);
const fields = fc.dictionary(fc.constantFrom("service_tier", "system_fingerprint", "x"), fc.oneof(someText, tokens), {
  minKeys: 1,
});

const tool = fc.record({
  type: fc.constant("tool" as const),
  id: someText,
  name: someText,
  json: fc.constantFrom("", "{}", '{"a":"é"}'),
});

/** Any answer that the vocabulary can hold. */
const anyBlock: fc.Arbitrary<AnswerBlock> = fc.oneof(
  fc.record(
    {
      type: fc.constantFrom("text" as const, "reasoning" as const, "refusal" as const),
      text,
      signature: someText,
      citations: fc.array(fields, { minLength: 1 }),
    },
    { requiredKeys: ["type", "text"] },
  ),
  tool,
  fc.record({ type: fc.constant("other" as const), data: fields }),
);
const finish: fc.Arbitrary<FinishReason> = fc.record({
  kind: fc.constantFrom("stop" as const, "length" as const, "tool" as const, "other" as const),
  raw: someText,
});
const usage = fc.record(
  {
    inputTokens: tokens,
    outputTokens: tokens,
    cachedInputTokens: tokens,
    cacheWriteTokens: tokens,
    reasoningTokens: tokens,
  },
  { requiredKeys: [] },
);

function answers(
  block: fc.Arbitrary<readonly AnswerBlock[]>,
  choices: { maxLength: number },
  ends = finish,
): fc.Arbitrary<ChatAnswer> {
  const choice = fc.record({ blocks: block, finish: ends });
  return fc.record(
    {
      operation: fc.constant("chat" as const),
      id: text,
      model: text,
      createdAt: tokens,
      choices: fc
        .array(choice, { minLength: 1, ...choices })
        .map((list) => list.map((one, index) => ({ index, ...one }))),
      usage: usage.filter((counts) => Object.keys(counts).length > 0),
      extra: fc.record({ wire: fc.constantFrom("openai-chat", "anthropic-messages"), fields }),
    },
    { requiredKeys: ["operation", "id", "model", "choices"] },
  );
}

function collect(
  events: Iterable<Parameters<ReturnType<typeof collector>["push"]>[0]>,
  choices: number,
  operation: ChatAnswer["operation"] = "chat",
) {
  const collected = collector(choices, operation);
  for (const event of events) collected.push(event);
  return collected.result();
}

describe("collect", () => {
  // planted: blocks of one type joined whatever their position
  it("gives back what replay tells: collect(replay(x)) = x", () => {
    fc.assert(
      fc.property(answers(fc.array(anyBlock, { maxLength: 6 }), { maxLength: 3 }), (answer) => {
        expect(collect(replay(answer), answer.choices.length)).toEqual({ ok: true, value: answer });
      }),
      { numRuns: 500 },
    );
  });

  it("gives nothing where one finish of several is missing", () => {
    fc.assert(
      fc.property(answers(fc.array(anyBlock, { maxLength: 3 }), { maxLength: 3 }), fc.nat(2), (answer, which) => {
        const missing = which % answer.choices.length;
        const events = replay(answer).filter((event) => event.type !== "finish" || event.choice !== missing);
        expect(collect(events, answer.choices.length)).toMatchObject({ ok: false, failure: { type: "backend_cut" } });
      }),
    );
  });
});

const openAiAnswers = answers(
  fc
    .tuple(
      fc.option(fc.record({ type: fc.constant("reasoning" as const), text: someText })),
      fc.option(fc.record({ type: fc.constant("text" as const), text: someText })),
      fc.option(fc.record({ type: fc.constant("refusal" as const), text: someText })),
      fc.array(tool, { maxLength: 3 }),
    )
    .map(([reasoning, said, refusal, tools]) => [reasoning, said, refusal, ...tools].filter((block) => block !== null)),
  { maxLength: 3 },
  fc.constantFrom<FinishReason[]>(
    { kind: "stop", raw: "stop" },
    { kind: "length", raw: "length" },
    { kind: "tool", raw: "tool_calls" },
    { kind: "other", raw: "eos" },
  ),
).map(({ extra: _, ...answer }) => ({ createdAt: 7, ...answer }));

const citation = fields.map((more) => ({ ...more, type: "char_location" }));

/** What each format can say without loss: its own order of blocks, its own words for a finish. */
const sayable: Partial<Record<WireName, fc.Arbitrary<ChatAnswer>>> = {
  "openai-chat": openAiAnswers,
  // What is written is OpenAI's shape, which its newer models answer in.
  "workers-ai": openAiAnswers,
  "openai-completions": answers(
    someText.map((said) => [{ type: "text" as const, text: said }]),
    { maxLength: 4 },
    fc.constantFrom<FinishReason[]>({ kind: "stop", raw: "stop" }, { kind: "length", raw: "length" }),
  ).map(({ extra: _, ...answer }) => ({ createdAt: 7, ...answer, operation: "complete" as const })),
  "anthropic-messages": answers(
    fc.array(
      fc.oneof(
        fc.record(
          { type: fc.constant("text" as const), text: someText, citations: fc.array(citation, { minLength: 1 }) },
          { requiredKeys: ["type", "text"] },
        ),
        fc.record({ type: fc.constant("reasoning" as const), text: someText, signature: someText }),
        tool.map((call) => ({ ...call, json: call.json || "{}" })),
        fields.map((input) => ({
          type: "other" as const,
          data: { wire: "anthropic-messages", block: { type: "server_tool_use", input } },
        })),
      ),
      { maxLength: 5 },
    ),
    { maxLength: 1 },
    fc.constantFrom<FinishReason[]>(
      { kind: "stop", raw: "end_turn" },
      { kind: "length", raw: "max_tokens" },
      { kind: "refusal", raw: "refusal" },
    ),
  ).map(({ extra: _, createdAt: __, ...answer }) => {
    const {
      cachedInputTokens = 0,
      cacheWriteTokens = 0,
      inputTokens = 0,
      outputTokens = 0,
      ...counts
    } = answer.usage ?? {};
    const whole = {
      ...counts,
      cachedInputTokens,
      cacheWriteTokens,
      outputTokens,
      inputTokens: inputTokens + cachedInputTokens + cacheWriteTokens,
    };
    return { ...answer, usage: whole };
  }),
  "openai-responses": responsesAnswers(),
};

/** A text or refusal behind another is the next part of the same message; the status says of the end what the format has words for. */
function responsesAnswers(): fc.Arbitrary<ChatAnswer> {
  const annotation = fc.record({ type: fc.constant("url_citation"), url: someText, title: text });
  const block: fc.Arbitrary<AnswerBlock> = fc.oneof(
    fc.record(
      { type: fc.constant("text" as const), text: someText, citations: fc.array(annotation, { minLength: 1 }) },
      { requiredKeys: ["type", "text"] },
    ),
    fc.record({ type: fc.constant("refusal" as const), text: someText }),
    fc.record(
      {
        type: fc.constant("reasoning" as const),
        text: someText,
        signature: fc.oneof(
          someText,
          someText.map((own) => `openai-responses:${own}`),
        ),
      },
      { requiredKeys: ["type", "text"] },
    ),
    tool,
    fields.map((action) => ({
      type: "other" as const,
      data: { wire: "openai-responses", block: { type: "web_search_call", id: "ws", action } },
    })),
  );
  const ends = fc.constantFrom<FinishReason[]>(
    { kind: "stop", raw: "completed" },
    { kind: "length", raw: "max_output_tokens" },
    { kind: "filter", raw: "content_filter" },
  );
  return answers(fc.array(block, { maxLength: 5 }), { maxLength: 1 }, ends).map(({ extra: _, ...answer }) => {
    const zeros = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
    const choices = answer.choices.map((choice) => {
      const called = choice.finish.raw === "completed" && choice.blocks.some(({ type }) => type === "tool");
      return { ...choice, finish: called ? { kind: "tool" as const, raw: "completed" } : choice.finish };
    });
    const { createdAt = 7, usage: counts } = answer;
    return { ...answer, createdAt, choices, ...(counts && { usage: { ...zeros, ...counts } }) };
  });
}

const chats = Object.values(wires).filter((wire) => wire.operation === "chat");

const streaming = Object.values(wires).filter((wire) => wire.streams);

describe.each(streaming.map((wire) => [wire.name, wire] as const))("%s", (name, wire) => {
  const arbitrary = sayable[name];
  const contextOf = ({ id, model, createdAt = 0 }: ChatAnswer): WriterContext => ({
    id,
    model,
    createdAt,
    includeUsage: true,
  });

  it("says what it can say without loss here", () => {
    expect(arbitrary).toBeDefined();
  });

  // planted: the index of a new tool call one too high
  it("reads the stream that it writes, however it is cut", () => {
    fc.assert(
      fc.property(arbitrary ?? fc.constant(undefined), fc.integer({ min: 1, max: 50 }), (answer, size) => {
        if (!answer) return;
        const writer = wire.encodeStream(contextOf(answer));
        const bytes = new TextEncoder().encode(
          replay(answer)
            .map((event) => writer.write(event))
            .join("") + writer.end(),
        );
        const reader = wire.decodeStream();
        const events = [];
        for (let at = 0; at < bytes.length; at += size) {
          for (const frame of reader.push(bytes.subarray(at, at + size))) events.push(...frame.events());
        }
        expect(reader.hasTail()).toBe(false);
        expect(collect(events, answer.choices.length, answer.operation)).toEqual({ ok: true, value: answer });
      }),
      { numRuns: 300 },
    );
  });

  // planted: text blocks joined by a space
  it("reads the answer that it writes", () => {
    fc.assert(
      fc.property(arbitrary ?? fc.constant(undefined), (answer) => {
        if (!answer) return;
        const json = JSON.parse(JSON.stringify(wire.encodeAnswer(answer, contextOf(answer))));
        expect(wire.decodeAnswer(json)).toEqual({ ok: true, value: answer });
      }),
      { numRuns: 300 },
    );
  });

  // planted: `end()` without its test
  it("cannot be made to close a stream that has not finished as if it had", () => {
    fc.assert(
      fc.property(arbitrary ?? fc.constant(undefined), (answer) => {
        if (!answer) return;
        const events = replay(answer).filter((event) => event.type !== "finish");
        const writer = wire.encodeStream(contextOf(answer));
        const written = events.map((event) => writer.write(event)).join("") + writer.end();
        expect(written).toContain("error");
        if (wire.terminator !== "") expect(written).not.toContain(wire.terminator);
        const read = wire.decodeStream().push(new TextEncoder().encode(written));
        const told = collect(
          read.flatMap((frame) => [...frame.events()]),
          answer.choices.length,
        );
        expect(told.ok).toBe(false);
      }),
    );
  });
});

// planted: the model's name not carried; thinking written as text
it("carries text and reasoning through any chain of formats unchanged", () => {
  const spoken = answers(
    fc.tuple(someText, someText).map(([reasoning, said]) => [
      { type: "reasoning" as const, text: reasoning },
      { type: "text" as const, text: said },
    ]),
    { maxLength: 1 },
    fc.constantFrom<FinishReason[]>({ kind: "stop", raw: "stop" }, { kind: "length", raw: "max_tokens" }),
  );
  fc.assert(
    fc.property(spoken, fc.array(fc.constantFrom(...chats), { minLength: 1, maxLength: 4 }), (answer, chain) => {
      let told = answer;
      for (const wire of chain) {
        const writer = wire.encodeStream({ id: "i", model: "m", createdAt: 1, includeUsage: true });
        const bytes = new TextEncoder().encode(
          replay(told)
            .map((event) => writer.write(event))
            .join("") + writer.end(),
        );
        const result = collect(
          wire
            .decodeStream()
            .push(bytes)
            .flatMap((frame) => [...frame.events()]),
          1,
        );
        if (!result.ok) throw new Error(result.failure.detail);
        told = result.value;
      }
      expect(told.choices[0]?.blocks.map((block) => [block.type, "text" in block && block.text])).toEqual(
        answer.choices[0]?.blocks.map((block) => [block.type, "text" in block && block.text]),
      );
      expect(told.choices[0]?.finish.kind).toBe(answer.choices[0]?.finish.kind);
      expect(told.usage?.outputTokens ?? 0).toBe(answer.usage?.outputTokens ?? 0);
    }),
  );
});
