import { describe, expect, it } from "vitest";
import { streamFixtures } from "../../contract/wire/fixtures.ts";
import { eventStream, type PlayedRequest, play } from "../../support/pipeline.ts";

function recorded(backend: PlayedRequest["backend"], name: string): Uint8Array {
  const fixture = streamFixtures(backend).find((one) => one.name === name);
  if (!fixture) throw new Error(`no fixture ${name}`);
  return fixture.bytes;
}

describe("what an answer loses on its way into the caller's format", () => {
  // planted: losses of whole answers noted behind their event; those of streams not at all
  it.each([
    ["anthropic-messages", "openai-chat", "citations", ["answer.citation"]],
    ["anthropic-messages", "openai-chat", "tools-reasoning", ["answer.signature"]],
    ["openai-chat", "anthropic-messages", "logprobs", ["answer.logprobs"]],
    ["openai-chat", "anthropic-messages", "refusal", ["answer.refusal"]],
  ] as const)("%s to %s, %s: is named in the request's record", async (backend, caller, name, fields) => {
    for (const stream of [true, false]) {
      const played = await play({ caller, backend, stream }, () => eventStream([recorded(backend, name)], "fin"));
      expect(played.bugs).toEqual([]);
      const named = played.event.translations.map(({ field }) => field);
      expect(named).toEqual(expect.arrayContaining([...fields]));
    }
  });

  it("is nothing between equal formats", async () => {
    for (const backend of ["openai-chat", "anthropic-messages"] as const) {
      const bytes = recorded(backend, "tools-reasoning");
      const played = await play({ caller: backend, backend, stream: true }, () => eventStream([bytes], "fin"));
      expect(played.event.translations.filter(({ field }) => field.startsWith("answer."))).toEqual([]);
    }
  });
});
