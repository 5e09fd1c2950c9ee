import { afterAll, beforeAll, expect, test } from "vitest";
import { parseOptions, type SimulatedBackend, startBackend } from "../../../dev/backends/main.ts";

let backend: SimulatedBackend;
beforeAll(async () => {
  const options = parseOptions(["--also-serve", "gpt-real,text-embedding-real"]);
  backend = await startBackend({ ...options, ttftMs: 0, tokensPerSecond: 0 });
});
afterAll(() => backend.close());

const post = async (path: string, body: object) => {
  const response = await fetch(`${backend.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", "anthropic-version": "2023-06-01" },
    body: JSON.stringify(body),
  });
  return { status: response.status, simulated: response.headers.get("server"), text: await response.text() };
};
const chat = (model: string) => ({ model, max_tokens: 20, messages: [{ role: "user", content: "Hello" }] });

// planted: a name that was not told answered as well; the lists left the names out
test("a backend answers under the names that it was told, and says that it is simulated", async () => {
  for (const path of ["/v1/chat/completions", "/anthropic/v1/messages"]) {
    const answer = await post(path, chat("gpt-real"));
    expect(answer).toMatchObject({ status: 200, simulated: "simulated-vllm" });
    expect(answer.text).toContain("Simulated answer");
    expect((await post(path, chat("gpt-unknown"))).status).toBe(404);
  }
  const vectors = await post("/v1/embeddings", { model: "text-embedding-real", input: "Hello" });
  expect(JSON.parse(vectors.text).data[0].embedding).toHaveLength(1_024);
  const listed = (await (await fetch(`${backend.url}/v1/models`)).json()) as {
    data: { id: string; owned_by: string }[];
  };
  expect(listed.data.filter(({ id }) => id === "gpt-real")).toMatchObject([{ owned_by: "vllm-simulated" }]);
  expect((await fetch(`${backend.url}/anthropic/v1/models/gpt-real`)).status).toBe(200);
});
