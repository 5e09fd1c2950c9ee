import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ChatDraft } from "../../../src/core/draft.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import type { Result } from "../../../src/core/result.ts";
import type { AttemptRequest, Quirk, WireName } from "../../../src/core/wire.ts";
import { parseBody } from "../../../src/lib/json.ts";
import { build as inAnthropicsWords } from "../../../src/wire/anthropic-messages/upstream-request.ts";
import { build as inOpenAisWords } from "../../../src/wire/openai-chat/upstream-request.ts";
import { wires } from "../../../src/wire/registry.ts";
import { Translations } from "../../../src/wire/translations.ts";
import { inAnthropicMessages, inOpenAiChat, placeless, throughAnthropic, throughOpenAi } from "../../support/drafts.ts";

type Building = (attempt: AttemptRequest, draft: ChatDraft, translations: Translations) => Result<JsonObject>;

interface Format {
  readonly name: WireName;
  readonly build: Building;
  readonly sayable: fc.Arbitrary<ChatDraft>;
  /** What a caller of this format may say that arrives unchanged through the other. */
  readonly carried: fc.Arbitrary<ChatDraft>;
  readonly other: WireName;
}

const FORMATS: readonly Format[] = [
  {
    name: "openai-chat",
    build: inOpenAisWords,
    sayable: inOpenAiChat,
    carried: throughAnthropic,
    other: "anthropic-messages",
  },
  {
    name: "anthropic-messages",
    build: inAnthropicsWords,
    sayable: inAnthropicMessages,
    carried: throughOpenAi,
    other: "openai-chat",
  },
];

const QUIRKS: ReadonlySet<Quirk> = new Set(["vllm"]);

function bodyOf(text: string) {
  const parsed = parseBody(new TextEncoder().encode(text));
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.body;
}

function attemptOf(draft: ChatDraft, clientWire: WireName, body = bodyOf("{}")): AttemptRequest {
  return { draft, body, clientWire, model: "target", stream: draft.stream, quirks: QUIRKS };
}

function decoded(wire: WireName, text: string): ChatDraft {
  const draft = wires[wire].decodeRequest(bodyOf(text));
  if (!draft.ok) throw new Error(`${draft.failure.message} of ${text}`);
  if (draft.value.operation !== "chat") throw new Error("no chat");
  const messages = draft.value.messages.map((message) => ({ ...message, content: placeless(message.content) }));
  return { ...draft.value, messages };
}

function encoded(wire: WireName, draft: ChatDraft, from: WireName, text = "{}") {
  const request = wires[wire].encodeRequest(attemptOf(draft, from, bodyOf(text)));
  if (!request.ok) throw new Error(`${request.failure.message} of ${JSON.stringify(draft)}`);
  return request.value;
}

describe.each(FORMATS.map((format) => [format.name, format] as const))(
  "%s",
  (name, { build, sayable, carried, other }) => {
    // planted: `disable_parallel_tool_use` not turned round; `is_error` not read; `strict` of a tool not written
    it("reads the request that it writes: nothing that it can say is lost", () => {
      fc.assert(
        fc.property(sayable, (draft) => {
          const body = build(attemptOf(draft, name), draft, new Translations());
          if (!body.ok) throw new Error(body.failure.message);
          expect(decoded(name, JSON.stringify(body.value))).toEqual(draft);
        }),
        { numRuns: 500 },
      );
    });

    // planted: results of tools behind the user's words; arguments that are no JSON left wrapped; results and words in two messages of the user
    it(`gives back through ${other} all that both can say, and names nothing as lost`, () => {
      fc.assert(
        fc.property(carried, (draft) => {
          const there = encoded(other, draft, name);
          const back = encoded(name, decoded(other, there.body), other, there.body);
          expect(decoded(name, back.body)).toEqual(draft);
          for (const { translations } of [there, back]) {
            expect(translations.filter(({ what }) => what === "dropped" || what === "refused")).toEqual([]);
          }
        }),
        { numRuns: 500 },
      );
    });

    // planted: the id of a file taken for a URL
    it(`says whatever it can say to ${other}, or names the field that cannot be said`, () => {
      fc.assert(
        fc.property(sayable, (draft) => {
          const request = wires[other].encodeRequest(attemptOf(draft, name));
          if (!request.ok) expect(request.failure.param).toBeTruthy();
          else expect(decoded(other, request.value.body).untranslatable).toEqual([]);
        }),
      );
    });
  },
);
