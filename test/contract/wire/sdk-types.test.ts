import { describe, expect, it } from "vitest";
import { type Answer, isText } from "../../../src/core/answer.ts";
import type { Failure } from "../../../src/core/failure.ts";
import type { Wire, WriterContext } from "../../../src/core/wire.ts";
import { replay } from "../../../src/wire/collect.ts";
import { wires } from "../../../src/wire/registry.ts";
import { answerViolations, errorViolations, FORMS, streamViolations } from "../../support/sdk-forms.ts";
import { violations } from "../../support/sdk-schemas.ts";
import { FAILURE_TYPES, type StreamFixture, streamFixtures, table } from "./fixtures.ts";

const all = Object.values(wires);
const clients = all.filter(({ name }) => FORMS[name] !== undefined);
const contextOf = (answer?: Answer): WriterContext => ({
  id: answer && isText(answer) ? answer.id : "id-1",
  model: answer?.model ?? "m",
  createdAt: 1764000000,
  includeUsage: true,
});

/** Every answer that a backend of the format was seen to give. */
const answersOf = (wire: Wire): readonly { readonly name: string; readonly answer: Answer }[] => [
  ...table(wire.name, "answers"),
  ...(wire.streams ? streamFixtures(wire.name) : []).flatMap(({ name, answer }) => (answer ? [{ name, answer }] : [])),
];

/** What a client of the format is written where the backend streams this. */
function written(wire: Wire, { events, failure, answer }: StreamFixture): string {
  const writer = wire.encodeStream(contextOf(answer));
  const text = events.map((event) => writer.write(event) + writer.keepAlive).join("");
  return text + (failure ? "" : writer.end());
}

/** What a backend says that no SDK has a type for is passed on to callers of its own format as it is. */
const UNTYPED = "unknown-fields";

/** These formats have one choice: their clients never ask for more. */
const ONE_CHOICE = new Set(["anthropic-messages", "openai-responses"]);
const isSaidIn = (wire: Wire, choices: number) => !ONE_CHOICE.has(wire.name) || choices === 1;

describe("the types of the SDKs", () => {
  it("would not let pass what an answer lacks, nor a word that is none", async () => {
    expect(await violations("openai ChatCompletion", { id: "x", choices: [] })).toContain(
      "/ must have required property 'created'",
    );
    const error = { type: "error", request_id: null, error: { type: "no_such_error", message: "m" } };
    expect(await violations("anthropic ErrorResponse", error)).toContain(
      "/error/type must be equal to one of the allowed values",
    );
  });
});

describe.each(clients.map((wire) => [wire.name, wire] as const))("a client of %s", (name, wire) => {
  const sources = all.filter((source) => source.operation === wire.operation);

  describe.each(sources.map((source) => [source.name, source] as const))("with a backend of %s", (backend, spoken) => {
    const isTyped = (fixture: string) => name !== backend || fixture !== UNTYPED;
    const answers = answersOf(spoken).filter(
      (row) => isTyped(row.name) && (!isText(row.answer) || isSaidIn(wire, row.answer.choices.length)),
    );

    // planted: `logprobs` left out of a choice; a usage of Anthropic's without its cache counts
    it.each(answers)("is sent what the type of the SDK promises: $name", async ({ answer }) => {
      expect(await answerViolations(name, wire.encodeAnswer(answer, contextOf(answer)))).toEqual([]);
    });

    if (!wire.streams || !spoken.streams) return;
    const fixtures = streamFixtures(backend).filter((row) => isTyped(row.name) && isSaidIn(wire, row.choices));

    // planted: `finish_reason` left out of a delta's choice; the index left out of a block
    it.each(fixtures)("is streamed what the type of the SDK promises: $name", async (fixture) => {
      expect(await streamViolations(name, written(wire, fixture))).toEqual([]);
      if (!fixture.answer) return;
      const replayed = replay(fixture.answer);
      expect(await streamViolations(name, written(wire, { ...fixture, events: replayed }))).toEqual([]);
    });
  });

  const failures: readonly Failure[] = [
    ...FAILURE_TYPES.map((type) => ({ type, message: "m" })),
    { type: "caller_bad_request", message: "m", param: "messages[0].content" },
    { type: "backend_rejected", message: "m", status: 422 },
  ];
  // planted: `request_id` left out of Anthropic's; an error type that its SDK does not have
  it.each(failures)("is told of $type as the type of the SDK promises", async (failure) => {
    expect(await errorViolations(name, JSON.parse(wire.encodeFailure(failure, "req_1").body))).toEqual([]);
    if (!wire.streams) return;
    const stream = wire.encodeStream(contextOf()).failure(failure, "req_1");
    expect(await streamViolations(name, stream)).toEqual([]);
  });
});
