import { expect, it } from "vitest";
import { PLAYED_CONFIG, play } from "../../support/pipeline.ts";

const answer = () => {
  const message = { role: "assistant", content: "Whole." };
  return Response.json({
    id: "c",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, message, finish_reason: "stop", text: "Whole." }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  });
};

/** Whether the backend, which has another behind it, is asked for a stream by a caller who wants JSON and says this. */
async function isStreamed(more: Readonly<Record<string, unknown>>): Promise<boolean> {
  let streamed: unknown;
  await play(
    { caller: "openai-chat", backend: "openai-chat", alias: "spare", stream: false, more },
    ({ request }) => {
      streamed ??= JSON.parse(String(request.body)).stream;
      return answer();
    },
    { config: () => PLAYED_CONFIG },
  );
  return streamed === true;
}

// planted: each of them asked for as a stream all the same
it("what no stream can hold is asked for whole, though another stands behind", async () => {
  expect(await isStreamed({})).toBe(true);
  expect(await isStreamed({ prompt_logprobs: 0 })).toBe(false);
  expect(await isStreamed({ modalities: ["text", "audio"], audio: { voice: "alloy", format: "mp3" } })).toBe(false);
  expect(await isStreamed({ use_beam_search: true })).toBe(false);
  expect(await isStreamed({ best_of: 3 })).toBe(false);
  expect(await isStreamed({ best_of: 1 })).toBe(true);
});
