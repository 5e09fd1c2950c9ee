import { expect, it } from "vitest";
import { play } from "../../support/pipeline.ts";

const answer = {
  id: "cmpl-1",
  object: "text_completion",
  created: 1,
  model: "played",
  choices: [{ index: 0, text: "Yes", logprobs: null, finish_reason: "stop" }],
};

const ask = (body: object, answering = () => Response.json(answer)) =>
  play(
    {
      caller: "openai-completions",
      backend: "openai-completions",
      stream: false,
      asks: { wire: "openai-completions", body: { model: "openai-completions", prompt: "a", ...body } },
    },
    answering,
  );

// planted: prompts left out of the sequences; `best_of` left out of them
it.each([
  ["one text, short without a limit", {}, 16],
  ["two prompts of three choices", { prompt: ["a", "b"], n: 3, max_tokens: 10 }, 60],
  ["five made of which two are returned", { n: 2, best_of: 5, max_tokens: 10 }, 50],
  ["nothing but the prompt repeated", { max_tokens: 0, echo: true }, 0],
])("a completion reserves for all that it makes: %s", async (_, body, outputTokens) => {
  const { settlements } = await ask(body);
  const costNanoUsd = settlements[0]?.reservation.costNanoUsd ?? 0;
  const tokens = settlements[0]?.reservation.tokens ?? 0;
  // A dollar for a million of input, two for a million of output.
  expect(costNanoUsd - (tokens - outputTokens) * 1_000).toBe(outputTokens * 2_000);
});

it("is sent the cap that was reserved, and its own text otherwise", async () => {
  const { calls, event } = await ask({ stream: false, seed: 12, suffix: "z", min_p: 0.1 });
  expect(calls.map(({ request }) => [request.path, JSON.parse(request.body)])).toEqual([
    [
      "/completions",
      {
        model: "played",
        prompt: "a",
        stream: true,
        seed: 12,
        suffix: "z",
        min_p: 0.1,
        max_tokens: 16,
        stream_options: { include_usage: true },
      },
    ],
  ]);
  expect(event).toMatchObject({ operation: "complete", outcome: "completed", estimated: true });
});

// planted: an answer with fewer choices than prompts taken for whole
it("with the finish of one prompt missing is a failure, whole or streamed", async () => {
  const frame = (index: number, finish: string | null) =>
    `data: ${JSON.stringify({ ...answer, choices: [{ index, text: finish ? "" : "x", finish_reason: finish }] })}\n\n`;
  const text = `${frame(0, null)}${frame(1, null)}${frame(0, "stop")}data: [DONE]\n\n`;
  const { status, event } = await ask(
    { prompt: ["a", "b"] },
    () => new Response(text, { headers: { "content-type": "text/event-stream" } }),
  );
  expect([status, event.failure]).toEqual([502, "backend_cut"]);
});

// planted: the alias of a chat taken for one of completions
it("is not made of a chat: the caller is told what the alias is for, and where", async () => {
  await expect(ask({ model: "openai-chat" })).rejects.toThrow(
    /400.*does not support this operation \(it is for: chat\); use \/v1\/chat\/completions or \/v1\/messages/,
  );
});
