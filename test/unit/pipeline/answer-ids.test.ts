import { describe, expect, it } from "vitest";
import { streamFixtures } from "../../contract/wire/fixtures.ts";
import type { AnyFormat } from "../../support/caller.ts";
import { eventStream, play } from "../../support/pipeline.ts";

const PREFIXES = { "openai-chat": "chatcmpl-", "anthropic-messages": "msg_", "openai-responses": "resp_" } as const;
type Format = keyof typeof PREFIXES & AnyFormat;
const FORMATS = Object.keys(PREFIXES) as Format[];
const EACH = FORMATS.flatMap((caller) =>
  FORMATS.flatMap((backend) => [true, false].map((stream) => ({ caller, backend, stream }))),
);

function said(backend: Format): { readonly bytes: Uint8Array; readonly id: string } {
  const fixture = streamFixtures(backend).find(({ answer }) => answer?.id);
  if (!fixture?.answer) throw new Error(`no fixture of ${backend}`);
  return { bytes: fixture.bytes, id: fixture.answer.id };
}

describe("the id of an answer", () => {
  // planted: the backend's own id told in another format; the request's id without the prefix
  it.each(EACH)("is of the form that $caller has, from $backend (streamed: $stream)", async (request) => {
    const { bytes, id } = said(request.backend);
    const { body } = await play(request, () => eventStream([bytes], "fin"));
    const expected = request.caller === request.backend ? id : `${PREFIXES[request.caller]}req_PLAYED`;
    expect(body).toContain(JSON.stringify(expected));
    if (expected !== id) expect(body).not.toContain(JSON.stringify(id));
  });
});
