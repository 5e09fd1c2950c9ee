import { describe, expect, it } from "vitest";
import { streamFixtures } from "../../contract/wire/fixtures.ts";
import { readStream } from "../../support/caller.ts";
import { eventStream, play } from "../../support/pipeline.ts";

/** The last event of Responses is finish, usage and end in one: nothing that a backend sends behind it is the caller's business. */

const [fixture] = streamFixtures("openai-responses").filter(({ name }) => name === "text");
const answer = new TextDecoder().decode(fixture?.bytes);
const frames = answer.split(/(?<=\n\n)/);
const LATE = {
  type: "response.output_text.delta",
  sequence_number: 99,
  item_id: "msg_late",
  output_index: 0,
  content_index: 0,
  delta: " and no",
};
const BEHIND: Readonly<Record<string, string>> = {
  nothing: "",
  "the same event again": frames.at(-1) ?? "",
  "more text": `event: ${LATE.type}\ndata: ${JSON.stringify(LATE)}\n\n`,
  "another API's last frame": "data: [DONE]\n\n",
};

// planted: the last event not taken for the closing frame; a closing frame that is also the finish kept from callers of its own format
describe.each(Object.entries(BEHIND))("a finished stream of Responses with %s behind it", (_, behind) => {
  it.each(["openai-responses", "openai-chat", "anthropic-messages"] as const)(
    "is complete to a caller of %s and closed once",
    async (caller) => {
      const played = await play({ caller, backend: "openai-responses", stream: true }, () =>
        eventStream([new TextEncoder().encode(answer + behind)], "fin"),
      );
      const told = readStream(caller, played.body);
      expect(told).toMatchObject({ closed: true, finished: 1 });
      expect(told.text).not.toContain("and no");
      expect(played.event).toMatchObject({ outcome: "completed", estimated: false });
    },
  );
});
