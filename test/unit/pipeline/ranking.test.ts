import { describe, expect, it } from "vitest";
import { play } from "../../support/pipeline.ts";

const DOCUMENTS = ["a", { text: "b" }, "c"];
const RANKED = {
  id: "rerank-1",
  model: "played",
  usage: { prompt_tokens: 21, total_tokens: 21 },
  results: [
    { index: 2, relevance_score: 0.9, document: { text: "c" } },
    { index: 0, relevance_score: 0.1, document: { text: "a" } },
  ],
};

const ask = (more: object = {}, answer: unknown = RANKED) =>
  play(
    {
      caller: "openai-chat",
      backend: "openai-chat",
      stream: false,
      asks: { wire: "rerank", body: { model: "rerank", query: "q", documents: DOCUMENTS, ...more } },
    },
    () => Response.json(answer),
  );

describe("a ranking", () => {
  // planted: the cache only for embeddings
  it("passes as the backend wrote it, is charged by its input alone, and kept like vectors", async () => {
    const { status, body, event, calls, settlements } = await ask({ top_n: 2 });
    expect([status, JSON.parse(body)]).toEqual([200, RANKED]);
    expect(calls.map(({ request }) => [request.path, JSON.parse(request.body)])).toEqual([
      ["/rerank", { model: "played", query: "q", documents: DOCUMENTS, top_n: 2 }],
    ]);
    expect(event).toMatchObject({
      operation: "rerank",
      outcome: "completed",
      usage: { inputTokens: 21 },
      estimated: false,
    });
    expect(event.usage).not.toHaveProperty("outputTokens");
    expect(settlements[0]?.actual).toEqual({ tokens: 21, costNanoUsd: 21_000 });
    expect(settlements[0]?.cacheWrite).toBeDefined();
  });

  // planted: `asAsked` that changes nothing
  it("repeats the documents where the caller wants them and nowhere else, and no more than were asked for", async () => {
    const bare = { results: RANKED.results.map(({ index, relevance_score }) => ({ index, relevance_score })) };
    const wanted = await ask({ return_documents: true }, bare);
    expect(JSON.parse(wanted.body).results).toEqual(RANKED.results);
    const unwanted = await ask({ return_documents: false });
    expect(JSON.parse(unwanted.body)).toEqual({ ...RANKED, results: bare.results });
    const fewer = await ask({ top_n: 1 });
    expect(JSON.parse(fewer.body).results).toEqual(RANKED.results.slice(0, 1));
  });

  // planted: the test of the index left out
  it("that ranks a document which was not sent, or one twice, is no answer", async () => {
    for (const results of [
      [{ index: 3, relevance_score: 1 }],
      [{ index: -1, relevance_score: 1 }],
      [
        { index: 1, relevance_score: 1 },
        { index: 1, relevance_score: 0 },
      ],
      [{ index: 1 }],
    ]) {
      const { status, event, settlements } = await ask({}, { ...RANKED, results });
      expect([status >= 500, event.failure, settlements[0]?.cacheWrite]).toEqual([
        true,
        expect.stringMatching(/^backend_/),
        undefined,
      ]);
    }
  });

  it("whose tokens nobody counted is booked as an estimate: each document beside the query", async () => {
    const { event } = await ask({}, { results: [] });
    expect(event.estimated).toBe(true);
    expect(event.usage?.inputTokens).toBeGreaterThanOrEqual(6);
  });
});
