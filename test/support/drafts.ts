/** Chat requests in no format's words, as far as each format can say them; and as far as both can. Long because it spells out two formats. */
import fc from "fast-check";
import type { ChatDraft, ContentBlock, Message, Tool } from "../../src/core/draft.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { given } from "../../src/wire/read.ts";

type BlockOf<T extends ContentBlock["type"]> = Extract<ContentBlock, { type: T }>;

const someText = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
const id = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/);
const name = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/);
const schema: fc.Arbitrary<JsonObject> = fc.constantFrom<JsonObject[]>(
  { type: "object", properties: {} },
  {
    type: "object",
    properties: { city: { type: "string" }, days: { type: "integer", maximum: 9 } },
    required: ["city"],
  },
);
const argumentsJson = fc.oneof(
  fc.constantFrom("{}", '{"city":"Ulm"}', '{"q":"a \\"b\\" é🌊"}', '{"deep":{"list":[1,null,true]}}'),
  // What a model wrote that is no JSON object arrives as it was written.
  fc.constantFrom('{"city":', "[1]", "Ulm", '"Ulm"'),
);
const mark = fc.constantFrom<JsonObject[]>({ type: "ephemeral" }, { type: "ephemeral", ttl: "1h" });
const base64 = fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString("base64"));
const url = fc.constantFrom("https://example.com/a.png", "http://127.0.0.1:9/b?c=d#e");

const text = someText.map((said): BlockOf<"text"> => ({ type: "text", text: said }));
/** Stands for where a block stood. */
const PLACE = "place";
const imageSource = fc.oneof(
  url.map((where) => ({ kind: "url" as const, url: where })),
  base64.map((data) => ({ kind: "base64" as const, mediaType: "image/png", data })),
);
const image = imageSource.map((source): BlockOf<"image"> => ({ type: "image", source, path: PLACE }));
const pdf = fc.tuple(base64, fc.option(name, { nil: undefined })).map(
  ([data, title]): BlockOf<"file"> => ({
    type: "file",
    source: { kind: "base64", mediaType: "application/pdf", data },
    path: PLACE,
    ...given({ name: title }),
  }),
);
const call = fc.record({ type: fc.constant("tool-call" as const), id, name, json: argumentsJson });

const tool: fc.Arbitrary<Tool> = fc.record(
  { name, description: someText, schema, strict: fc.boolean() },
  { requiredKeys: ["name", "schema"] },
);
const tools = fc.array(tool, { minLength: 1, maxLength: 3 });
const choice = fc.oneof(
  fc.constantFrom({ kind: "auto" as const }, { kind: "required" as const }),
  name.map((wanted) => ({ kind: "named" as const, name: wanted })),
);
const toolWishes = fc.oneof(
  fc.constant({}),
  fc.record({ tools }),
  fc.record({ tools, toolChoice: choice }),
  fc.record({ tools, toolChoice: choice, parallelToolCalls: fc.boolean() }),
  fc.record({ tools, toolChoice: fc.constant({ kind: "none" as const }) }),
);

/** What both formats say in the same way. */
const shared = fc.record(
  {
    maxOutputTokens: fc.integer({ min: 1, max: 100_000 }),
    temperature: fc.constantFrom(0, 0.5, 1),
    topP: fc.constantFrom(0, 0.25, 1),
    stop: fc.array(fc.constantFrom("END", "\n\nHuman:", "é"), { minLength: 1, maxLength: 2 }),
    endUser: fc.constantFrom("u-1", "Ann"),
    responseFormat: schema.map((form) => ({
      kind: "json-schema" as const,
      name: "response",
      schema: form,
      strict: true,
    })),
  },
  { requiredKeys: ["maxOutputTokens"] },
);

/** The blocks as if all stood in one place: each format has its own places, and what is said is the same in all of them. */
export function placeless(blocks: readonly ContentBlock[]): readonly ContentBlock[] {
  return blocks.map((block) => {
    if (block.type === "tool-result") return { ...block, content: placeless(block.content) };
    return "path" in block ? { ...block, path: PLACE } : block;
  });
}

type Said = Partial<ChatDraft> & { readonly messages: readonly Message[] };

function draft(said: fc.Arbitrary<Said>): fc.Arbitrary<ChatDraft> {
  return fc.tuple(said, fc.boolean()).map(([fields, stream]) => ({
    operation: "chat",
    model: "target",
    stream,
    streamUsage: stream,
    ...fields,
    unknownFields: [],
    untranslatable: [],
  }));
}

const system = (block: fc.Arbitrary<ContentBlock>) =>
  fc.array(
    fc.array(block, { minLength: 1, maxLength: 3 }).map((content): Message => ({ role: "system", content })),
    { maxLength: 1 },
  );

interface Turn {
  readonly asked: readonly ContentBlock[];
  readonly answered: readonly ContentBlock[];
  readonly results: readonly (readonly ContentBlock[])[];
}

/** A question, an answer that may call tools, and what each of the calls gave. */
function turns(
  asked: fc.Arbitrary<ContentBlock>,
  answered: fc.Arbitrary<readonly ContentBlock[]>,
  result: fc.Arbitrary<readonly ContentBlock[]>,
): fc.Arbitrary<readonly Turn[]> {
  const turn = fc.record({
    asked: fc.array(asked, { minLength: 1, maxLength: 3 }),
    answered,
    results: fc.array(result, { minLength: 4, maxLength: 4 }),
  });
  return fc.array(turn, { minLength: 1, maxLength: 4 });
}

const callsOf = (blocks: readonly ContentBlock[]) =>
  blocks.filter((block): block is BlockOf<"tool-call"> => block.type === "tool-call");

/** Each result in a message of its own. */
function inOpenAi(list: readonly Turn[], last: readonly ContentBlock[]): Message[] {
  const messages: Message[] = list.flatMap(({ asked, answered, results }) => [
    { role: "user", content: asked },
    { role: "assistant", content: answered },
    ...callsOf(answered).map(
      (made, index): Message => ({
        role: "tool",
        content: [{ type: "tool-result", id: made.id, content: results[index] ?? [] }],
      }),
    ),
  ]);
  return [...messages, { role: "user", content: last }];
}

/** The results open the user's next message. */
function inAnthropic(
  list: readonly Turn[],
  last: readonly ContentBlock[],
  beside: Partial<BlockOf<"tool-result">>,
): Message[] {
  const messages: Message[] = [];
  let opening: ContentBlock[] = [];
  for (const { asked, answered, results } of list) {
    messages.push({ role: "user", content: [...opening, ...asked] }, { role: "assistant", content: answered });
    opening = callsOf(answered).map(({ id: of }, index) => ({
      type: "tool-result",
      id: of,
      content: results[index] ?? [],
      ...beside,
    }));
  }
  return [...messages, { role: "user", content: [...opening, ...last] }];
}

const spoken = fc.array(text, { maxLength: 2 });
const calls = fc.array(call, { maxLength: 4 });
const answer = fc
  .tuple(spoken, calls)
  .map(([said, made]) => [...said, ...made])
  .filter((blocks) => blocks.length > 0);
const someTexts = fc.array(text, { minLength: 1, maxLength: 2 });

/** What arrives as it was through OpenAI's format, Anthropic's and back: all that the table of docs/compatibility.md calls carried, and what is mapped both ways. */
export const throughAnthropic: fc.Arbitrary<ChatDraft> = draft(
  fc
    .tuple(system(text), turns(fc.oneof(text, image, pdf), answer, someTexts), someTexts, shared, toolWishes)
    .map(([prompt, list, last, fields, wishes]) => ({
      ...fields,
      ...wishes,
      messages: [...prompt, ...inOpenAi(list, last)],
    })),
);

/** The other way. */
export const throughOpenAi: fc.Arbitrary<ChatDraft> = draft(
  fc
    .tuple(system(text), turns(fc.oneof(text, image, pdf), answer, someTexts), someTexts, shared, toolWishes)
    .map(([prompt, list, last, fields, wishes]) => ({
      ...fields,
      ...wishes,
      messages: [...prompt, ...inAnthropic(list, last, {})],
    })),
);

/** All that a request of OpenAI's format to vLLM can say. */
export const inOpenAiChat: fc.Arbitrary<ChatDraft> = draft(
  fc
    .tuple(
      system(text),
      turns(
        fc.oneof(
          text,
          fc
            .tuple(imageSource, fc.constantFrom("low", "high"))
            .map(([source, detail]) => ({ type: "image" as const, source, path: PLACE, detail })),
          pdf,
          id.map((file) => ({ type: "file" as const, source: { kind: "id" as const, id: file }, path: PLACE })),
        ),
        fc
          .tuple(
            fc.option(
              someText.map((said) => ({ type: "reasoning" as const, text: said })),
              { nil: undefined },
            ),
            spoken,
            fc.option(
              someText.map((said) => ({ type: "refusal" as const, text: said })),
              { nil: undefined },
            ),
            calls,
          )
          .map(([thought, said, refused, made]) =>
            [thought, ...said, refused, ...made].filter((block) => block !== undefined),
          )
          .filter((blocks) => blocks.some(({ type }) => type !== "reasoning")),
        someTexts,
      ),
      someTexts,
      shared,
      fc.record(
        {
          topK: fc.integer({ min: -1, max: 50 }),
          seed: fc.integer(),
          choices: fc.integer({ min: 1, max: 4 }),
          frequencyPenalty: fc.constantFrom(-1, 0.5),
          presencePenalty: fc.constantFrom(0, 2),
          logprobs: fc.record({ top: fc.integer({ min: 0, max: 20 }) }),
          serviceTier: fc.constantFrom("auto", "default", "flex"),
          promptCacheKey: someText,
          reasoning: fc.record({
            effort: fc.constantFrom("off", "minimal", "low", "medium", "high", "xhigh", "max"),
          }),
        },
        { requiredKeys: [] },
      ),
      toolWishes,
      fc.option(fc.constant({ responseFormat: { kind: "json-object" as const } }), { nil: {} }),
    )
    .map(([prompt, list, last, fields, more, wishes, format]) => ({
      ...fields,
      ...more,
      ...wishes,
      ...format,
      messages: [...prompt, ...inOpenAi(list, last)],
    })),
);

const marked = <B extends ContentBlock>(block: fc.Arbitrary<B>): fc.Arbitrary<B> =>
  fc
    .tuple(block, fc.option(mark, { nil: undefined }))
    .map(([one, cacheControl]) => ({ ...one, ...given({ cacheControl }) }));

/** All that a request of Anthropic's format can say. */
export const inAnthropicMessages: fc.Arbitrary<ChatDraft> = draft(
  fc
    .tuple(
      system(marked(text)),
      turns(
        marked(
          fc.oneof(
            text,
            image,
            pdf,
            id.map((file) => ({ type: "image" as const, source: { kind: "id" as const, id: file }, path: PLACE })),
            url.map((where) => ({ type: "file" as const, source: { kind: "url" as const, url: where }, path: PLACE })),
          ),
        ),
        fc
          .tuple(
            fc.array(
              fc.oneof(
                fc.record({ type: fc.constant("reasoning" as const), text: someText, signature: someText }),
                fc.record({ type: fc.constant("redacted-reasoning" as const), data: someText }),
              ),
              { maxLength: 2 },
            ),
            fc.array(marked(text), { maxLength: 2 }),
            fc.option(
              text.map((said) => ({ ...said, citations: [{ type: "char_location", cited_text: "x" }] })),
              {
                nil: undefined,
              },
            ),
            fc.array(marked(call), { maxLength: 4 }),
          )
          .map(([thoughts, said, cited, made]) =>
            [...thoughts, ...said, cited, ...made].filter((block) => block !== undefined),
          )
          .filter((blocks) => blocks.length > 0),
        fc.array(fc.oneof(marked(text), image), { maxLength: 2 }),
      ),
      someTexts,
      shared,
      fc.record(
        {
          topK: fc.integer({ min: 1, max: 50 }),
          serviceTier: fc.constantFrom("auto", "standard_only"),
          reasoning: fc.oneof(
            fc.constant({ effort: "off" as const }),
            fc.record({ budgetTokens: fc.integer({ min: 1_024, max: 60_000 }) }),
            fc.constant({ summary: "omitted" }),
          ),
        },
        { requiredKeys: [] },
      ),
      toolWishes,
      fc.record({ isError: fc.boolean(), cacheControl: mark }, { requiredKeys: [] }),
    )
    .map(([prompt, list, last, fields, more, wishes, beside]) => ({
      ...fields,
      ...more,
      ...wishes,
      messages: [...prompt, ...inAnthropic(list, last, beside)],
    })),
);
