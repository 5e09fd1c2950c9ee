import { afterAll, beforeAll, expect, test } from "vitest";
import { type SimulatedBackend, startBackend } from "../../../dev/backends/main.ts";

let backend: SimulatedBackend;

beforeAll(async () => {
  backend = await startBackend({ ttftMs: 0, tokensPerSecond: 0 });
});
afterAll(() => backend.close());

interface Ranked {
  readonly results: readonly { index: number; relevance_score: number; document?: { text: string } }[];
  readonly usage: { prompt_tokens: number; total_tokens: number };
}

async function post(path: string, body: object): Promise<{ status: number; json: unknown }> {
  const response = await fetch(`${backend.url}${path}`, { method: "POST", body: JSON.stringify(body) });
  return { status: response.status, json: await response.json() };
}

const QUERY = "where is my parcel";
const DOCUMENTS = ["the opening hours of the museum", "your parcel is on its way", "bread and butter"];

// planted: sorted by index; top_n of 0 gave nothing
test.each(["/v1/rerank", "/v2/rerank", "/rerank"])("%s sorts documents by likeness to the query", async (path) => {
  const { status, json } = await post(path, {
    model: "simulated-rerank",
    query: QUERY,
    documents: DOCUMENTS,
    top_n: 2,
  });
  expect(status).toBe(200);
  const { results, usage } = json as Ranked;
  expect(results).toHaveLength(2);
  expect(results[0]).toMatchObject({ index: 1, document: { text: DOCUMENTS[1] } });
  expect(results[0]?.relevance_score).toBeGreaterThan(results[1]?.relevance_score ?? 1);
  expect(usage.prompt_tokens).toBe(usage.total_tokens);
  const all = await post(path, { model: "simulated-embed", query: QUERY, documents: DOCUMENTS, top_n: 0 });
  expect((all.json as Ranked).results).toHaveLength(3);
});

// planted: an empty list was answered with an empty list
test("what cannot be ranked is refused in vLLM's words", async () => {
  expect(await post("/v1/rerank", { query: QUERY, documents: [] })).toMatchObject({ status: 400 });
  expect(await post("/v1/rerank", { documents: DOCUMENTS })).toMatchObject({
    status: 400,
    json: { error: { message: expect.stringContaining("'loc': ('body', 'query')") } },
  });
  expect(await post("/v1/rerank", { query: QUERY, documents: [1] })).toMatchObject({ status: 400 });
  const chat = { model: "simulated-small", query: QUERY, documents: DOCUMENTS };
  expect(await post("/v1/rerank", chat)).toMatchObject({ status: 404 });
});

// planted: N:N compared every text with the first one
test("score compares one with many, or pair by pair", async () => {
  const one = await post("/v1/score", { text_1: QUERY, text_2: DOCUMENTS });
  expect(one.json).toMatchObject({ object: "list", data: [{ index: 0 }, { index: 1 }, { index: 2 }] });
  const pairs = await post("/score", { text_1: DOCUMENTS, text_2: DOCUMENTS });
  expect((pairs.json as { data: { score: number }[] }).data.map(({ score }) => score)).toEqual([1, 1, 1]);
  expect((await post("/score", { text_1: DOCUMENTS, text_2: [QUERY] })).status).toBe(400);
});
