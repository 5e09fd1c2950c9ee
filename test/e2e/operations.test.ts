import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestStack, type TestStack } from "../support/stack.ts";

/** Completions, rankings and counts over the whole stack, with the official SDKs where they have them. */

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack();
});
afterAll(async () => {
  await stack?.stop();
});

describe("completions, with the openai package", () => {
  test("are whole: as many choices as prompts times n, usage, and the books", async () => {
    const { data, request_id: id } = await stack.openai.completions
      .create({ model: "complete", prompt: ["One.", "Two."], n: 2, max_tokens: 8, logprobs: 1 })
      .withResponse();
    expect(data.object).toBe("text_completion");
    expect(data.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    for (const choice of data.choices) expect(choice.text.length).toBeGreaterThan(0);
    expect(data.usage?.completion_tokens).toBeGreaterThan(0);
    const [call] = await stack.tally(id ?? "");
    expect([call?.path, call?.streamed, call?.body.prompt]).toEqual(["/v1/completions", true, ["One.", "Two."]]);
    const { request, charges } = await stack.stored(id ?? "");
    expect(request).toMatchObject({ operation: "complete", outcome: "completed", estimated: false });
    expect(charges).toHaveLength(1);
  });

  test("are streamed: pieces of text, a finish, usage where it was asked for", async () => {
    const stream = await stack.openai.completions.create({
      model: "complete",
      prompt: "Say it.",
      max_tokens: 8,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let finished = 0;
    let completionTokens: number | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.text ?? "";
      if (chunk.choices[0]?.finish_reason) finished++;
      completionTokens = chunk.usage?.completion_tokens ?? completionTokens;
    }
    expect([text.length > 0, finished, completionTokens]).toEqual([true, 1, 8]);
  });

  test("that break off end with an error", async () => {
    const stream = await stack.openai.completions.create({
      model: "complete",
      prompt: "Say it. [[sim:fault=truncate,at=800]] [[sim:tokens=12]]",
      max_tokens: 12,
      stream: true,
    });
    await expect(
      (async () => {
        for await (const _ of stream);
      })(),
    ).rejects.toThrow(/broke off/);
  });

  test("are not made of chats, nor chats of completions", async () => {
    await expect(stack.openai.completions.create({ model: "home", prompt: "x" })).rejects.toMatchObject({
      status: 400,
      param: "model",
    });
    await expect(
      stack.openai.chat.completions.create({ model: "complete", messages: [{ role: "user", content: "x" }] }),
    ).rejects.toThrow(/use \/v1\/completions/);
  });
});

test("a ranking orders the documents, from the backend and again from the cache", async () => {
  const body = { model: "rerank", query: "a cable", documents: ["the winter", { text: "a better cable" }], top_n: 1 };
  const first = await stack.post("/v1/rerank", body);
  const ranked = (await first.json()) as { results: { index: number; relevance_score: number }[] };
  expect([first.status, ranked.results.length, ranked.results[0]?.index]).toEqual([200, 1, 1]);
  const id = first.headers.get("x-request-id") ?? "";
  expect((await stack.tally(id)).map(({ path }) => path)).toEqual(["/v1/rerank"]);
  expect((await stack.stored(id)).request).toMatchObject({ operation: "rerank", estimated: false });
  const again = await stack.post("/v1/rerank", body);
  expect([again.headers.get("x-gateway-cache"), await again.json()]).toEqual(["HIT", ranked]);
  const wrong = await stack.post("/v1/rerank", { ...body, documents: ["a", 7] });
  expect([wrong.status, ((await wrong.json()) as { error: { param: string } }).error.param]).toEqual([
    400,
    "documents[1]",
  ]);
});

describe("counting, with the @anthropic-ai/sdk package", () => {
  const ask = (model: string) =>
    stack.anthropic.messages
      .countTokens({ model, system: "Be brief.", messages: [{ role: "user", content: "How long is this?" }] })
      .withResponse();

  test.each([
    ["claude", "backend", 1],
    ["home", "backend", 1],
    ["cloud", "estimate", 0],
  ])("for %s: by the %s", async (model, by, attempts) => {
    const { data, response } = await ask(model);
    expect(data.input_tokens).toBeGreaterThan(5);
    expect(response.headers.get("x-gateway-count")).toBe(by);
    const id = response.headers.get("request-id") ?? "";
    const { request, charges } = await stack.stored(id);
    expect(request).toMatchObject({ operation: "tokenize", outcome: "completed", costNanoUsd: 0 });
    expect(charges.length).toBe(attempts);
  });
});

test("a route that wants to know exactly says who counted", async () => {
  const reply = await stack.post("/v1/chat/completions", {
    model: "exact",
    messages: [{ role: "user", content: "How long is this?" }],
    max_tokens: 4,
  });
  expect(reply.status).toBe(200);
  await reply.body?.cancel();
  const { decisions } = await stack.stored(reply.headers.get("x-request-id") ?? "");
  expect(decisions).toContainEqual(
    expect.objectContaining({ step: "resolve", decision: "exact_tokens", reason: "home" }),
  );
});
