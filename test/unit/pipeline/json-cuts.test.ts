import { describe, expect, it } from "vitest";
import { isText } from "../../../src/core/answer.ts";
import { table } from "../../contract/wire/fixtures.ts";
import { type AnyFormat, readFailure, readStream } from "../../support/caller.ts";
import { type PlayedRequest, play } from "../../support/pipeline.ts";
import { together } from "../../support/together.ts";

/** A backend's whole JSON answer, cut at every byte: half an answer is no answer, whoever asked for what. */

const CHATS = ["openai-chat", "anthropic-messages"] as const;
const COMPLETIONS = ["openai-completions"] as const;
/** Completions are carried by no other format. */
const FAMILIES: readonly (readonly AnyFormat[])[] = [CHATS, COMPLETIONS];

function jsonResponse(bytes: Uint8Array, ending: "fin" | "reset"): Response {
  let given = false;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (!given && bytes.length > 0) controller.enqueue(bytes);
        else if (ending === "fin") controller.close();
        else controller.error(new Error("connection reset by a test"));
        given = true;
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { "content-type": "application/json" } });
}

const cases = FAMILIES.flatMap((formats) =>
  formats.flatMap((backend) =>
    table(backend, "answers").flatMap(({ name, json, answer }) =>
      formats.flatMap((caller) =>
        // Two choices are asked for in OpenAI's formats alone.
        isText(answer) && (answer.choices.length === 1 || caller !== "anthropic-messages")
          ? [
              {
                backend,
                caller,
                name,
                bytes: new TextEncoder().encode(JSON.stringify(json)),
                choices: answer.choices.length,
              },
            ]
          : [],
      ),
    ),
  ),
);

describe.each(cases)("$backend/$name for a caller of $caller", ({ backend, caller, bytes, choices }) => {
  // planted: JSON that does not parse booked as nothing
  it.each([true, false])(
    "is a failure at every cut, booked as an estimate, and complete uncut (streamed: %s)",
    async (stream) => {
      const request: PlayedRequest = { caller, backend, stream, ...(choices > 1 && { more: { n: choices } }) };
      const cuts = [...bytes.keys()].flatMap((cut) => (["fin", "reset"] as const).map((ending) => ({ cut, ending })));
      const wrong = await together(cuts, 16, async ({ cut, ending }) => {
        const { status, body, event, settlements } = await play(request, () =>
          jsonResponse(bytes.subarray(0, cut), ending),
        );
        if (status >= 500) readFailure(caller, body);
        const isTold = status >= 500 && event.outcome === "failed" && settlements.length === 1;
        const isBooked = cut === 0 || (event.estimated && event.costNanoUsd > 0);
        return isTold && isBooked && !settlements[0]?.cacheWrite
          ? []
          : [`cut at byte ${cut} by ${ending}: ${status} ${body}`];
      });
      expect(wrong.flat().slice(0, 3)).toEqual([]);

      const whole = await play(request, () => jsonResponse(bytes, "fin"));
      expect([whole.status, whole.event.outcome, whole.settlements.length]).toEqual([200, "completed", 1]);
      expect(whole.settlements[0]?.cacheWrite).toBeDefined();
      if (stream) expect(readStream(caller, whole.body)).toMatchObject({ closed: true, finished: choices });
    },
  );
});
