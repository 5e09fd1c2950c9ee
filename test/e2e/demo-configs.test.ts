import { afterAll, beforeAll, expect, test } from "vitest";
import { buildWorkers } from "../../scripts/build.ts";
import { pastStores, startTestStack, type TestStack } from "../support/stack.ts";

/** Each configuration that comes with the project, as `npm run serve -- --config …` starts it. */
const DEMOS = [
  { name: "homelab", backend: "home", perMinute: "20", plainTwice: ["BYPASS", "BYPASS"] },
  { name: "free", backend: "home", perMinute: "6", plainTwice: ["MISS", "HIT"] },
  { name: "premium", backend: "openai", perMinute: "1200", plainTwice: ["BYPASS", "BYPASS"] },
] as const;

const stacks = new Map<string, TestStack>();

beforeAll(async () => {
  const files = DEMOS.map(
    ({ name }) => [name, new URL(`../../config/${name}.yaml`, import.meta.url).pathname] as const,
  );
  // Builds share the machine badly, starts do not.
  for (const [, file] of files) await buildWorkers(file);
  await Promise.all(
    files.map(async ([name, configFile]) => stacks.set(name, await startTestStack({ configFile, key: {} }))),
  );
});
afterAll(async () => {
  await Promise.all([...stacks.values()].map((stack) => stack.stop()));
});

// planted: each file's expectations held against another's
test.each(DEMOS)(
  "$name runs, and says by its replies which one it is",
  async ({ name, backend, perMinute, plainTwice }) => {
    const stack = stacks.get(name);
    if (!stack) throw new Error("it does not run");
    const key = await stack.mint({ name: "visitor" });
    const body = { model: "home", messages: [{ role: "user", content: "Say hello." }], max_tokens: 16 };
    const headers = { authorization: `Bearer ${key}` };
    const ask = async () => (await pastStores(() => stack.post("/v1/chat/completions", body, headers))).response;
    const first = await ask();
    // What it leaves in the cache is there once it is settled.
    await stack.stored(first.headers.get("x-request-id") ?? "");
    const second = await ask();
    expect([first.status, second.status]).toEqual([200, 200]);
    expect([first, second].map((reply) => reply.headers.get("x-gateway-cache"))).toEqual(plainTwice);
    expect(first.headers.get("x-gateway-backend")).toBe(backend);
    expect(first.headers.get("x-ratelimit-limit-requests")).toBe(perMinute);
    const vectors = await pastStores(() => stack.post("/v1/embeddings", { model: "home-embed", input: "Hello." }));
    expect([vectors.response.status, vectors.response.headers.get("x-gateway-backend")]).toEqual([200, "home"]);
  },
);
