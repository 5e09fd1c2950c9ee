import { expect, test } from "vitest";
import { compileConfig } from "../../../src/config/compile.ts";
import { resolve } from "../../../src/config/resolve.ts";
import { hmacKeyOf } from "../../../src/lib/hash.ts";
import { tenantSalts } from "../../../src/stores/isolate/tenant-salts.ts";
import { begin, play } from "../../support/pipeline.ts";

const CONFIG = `
backends:
  home: {preset: vllm, baseUrl: {url: "http://127.0.0.1:2"}, collectJson: never, priorityScheduling: true, price: &free {inputPerMillion: 0, outputPerMillion: 0}}
  flat: {preset: vllm, baseUrl: {url: "http://127.0.0.1:2"}, collectJson: never, price: *free}
  fast: {preset: groq, baseUrl: {url: "http://127.0.0.1:2"}, price: *free}
routes:
  openai-chat: {targets: [{backend: home, model: m}]}
  vectors: {operation: embed, targets: [{backend: home, model: m}]}
  ranks: {operation: rerank, targets: [{backend: home, model: m}]}
  words: {operation: complete, targets: [{backend: home, model: m}]}
  brief: {targets: [{backend: fast, model: f}], maxInputTokens: 5}
  brief-words: {operation: complete, targets: [{backend: home, model: m}], maxInputTokens: 5}
  unscheduled: {targets: [{backend: flat, model: m}]}
  seen-elsewhere: {targets: [{backend: home, model: m}], fallbacks: [{backend: fast, model: f}]}
  added: {targets: [{backend: fast, model: f}]}
tiers:
  open: {vllmPriority: -2}
defaultTier: open
`;

const compiled = compileConfig(CONFIG, "outbound.yaml");
if (!compiled.ok) throw new Error(compiled.problems.map(({ text }) => text).join("\n"));
const { config } = resolve(compiled.config, undefined);
const gateway = { config: () => config, availableBackends: new Set(Object.keys(config.backends)) };

const answer = () =>
  Response.json({
    id: "c",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  });

const ask = (alias: string, more: Readonly<Record<string, unknown>> = {}) =>
  play({ caller: "openai-chat", backend: "openai-chat", alias, stream: false, more }, answer, gateway);

const bodyOf = ({ calls }: Awaited<ReturnType<typeof ask>>) => JSON.parse(calls[0]?.request.body ?? "{}");
const picture = (url: string) => ({
  messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }],
});

// planted: the priority sent to every vLLM
test("a vLLM hears the tenant's salt, and the tier's priority where it schedules by it", async () => {
  expect(bodyOf(await ask("openai-chat", { priority: -100, cache_salt: "x" }))).toMatchObject({
    cache_salt: "salt of played",
    priority: -2,
  });
  const flat = bodyOf(await ask("unscheduled", { priority: -100 }));
  expect(flat.cache_salt).toBe("salt of played");
  expect(flat).not.toHaveProperty("priority");
  expect(bodyOf(await ask("added"))).not.toHaveProperty("cache_salt");
});

// planted: the pepper itself as part of what is hashed first; a promise for every request
test("a tenant's salt is its own, stable, and made once in an isolate", async () => {
  const salts = tenantSalts(hmacKeyOf("pepper-a"));
  const made = await salts("acme");
  expect(made).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(salts("acme")).toBe(made);
  expect(await tenantSalts(hmacKeyOf("pepper-a"))("acme")).toBe(made);
  expect(await salts("acme2")).not.toBe(made);
  expect(await tenantSalts(hmacKeyOf("pepper-b"))("acme")).not.toBe(made);
});

// planted: the address judged only where the body is built from the draft
test("a picture's address never reaches a vLLM; a 400 names the field", async () => {
  for (const url of ["https://example.com/a.png", "http://192.168.1.1/admin"]) {
    const played = await ask("openai-chat", picture(url));
    expect(played.calls).toHaveLength(0);
    expect(played.status).toBe(400);
    expect(JSON.parse(played.body).error).toMatchObject({
      param: "messages[0].content[0]",
      code: "unsupported_image_url",
    });
    expect(played.event.attempts).toEqual([]);
  }
  expect((await ask("openai-chat", picture("data:image/png;base64,AAAA"))).status).toBe(200);
});

// planted: the body not given to the rule
test.each([
  ["openai-embeddings", "messages[0]", { model: "vectors", input: "x", ...picture("https://10.0.0.1/") }],
  [
    "rerank",
    "documents[0]",
    { model: "ranks", query: "q", documents: [{ text: "t", ...picture("http://nas.local/") }] },
  ],
  ["openai-completions", "image_url", { model: "words", prompt: "x", image_url: "https://example.com/a.png" }],
  [
    "openai-chat",
    "extra",
    { model: "openai-chat", messages: [{ role: "user", content: "x" }], extra: picture("https://e.com/") },
  ],
] as const)("nor in a member that passes as it is: %s", async (wire, param, body) => {
  const asked = { caller: "openai-chat", backend: "openai-chat", stream: false, asks: { wire, body } } as const;
  const played = await play(asked, answer, gateway);
  expect([played.status, played.calls.length]).toEqual([400, 0]);
  expect(JSON.parse(played.body).error).toMatchObject({ param, code: "unsupported_image_url" });
  expect(played.event.attempts).toEqual([]);
  expect(played.settlements[0]?.actual).toEqual({ tokens: 0, costNanoUsd: 0 });
});

// planted: `cannotSay` not asked
test("a fallback that may fetch it answers; a private address nobody may fetch", async () => {
  const played = await ask("seen-elsewhere", picture("https://example.com/a.png"));
  expect(played.status).toBe(200);
  expect(played.calls.map(({ backend }) => backend.name)).toEqual(["fast"]);
  const refused = await ask("seen-elsewhere", picture("https://10.0.0.1/"));
  expect([refused.status, refused.calls.length]).toEqual([400, 0]);
});

// planted: the field by the operation: `messages` for every chat
test.each([
  ["openai-responses", "input", { model: "brief", input: "word ".repeat(50) }],
  ["openai-chat", "messages", { model: "brief", messages: [{ role: "user", content: "word ".repeat(50) }] }],
  ["openai-completions", "prompt", { model: "brief-words", prompt: "word ".repeat(50) }],
] as const)("too much of %s is told by the name of its own field: %s", async (wire, param, body) => {
  const asked = { caller: "openai-chat", backend: "openai-chat", stream: false, asks: { wire, body } } as const;
  const reply = await begin(asked, answer, gateway).reply;
  expect([reply.status, JSON.parse(String(reply.body)).error]).toMatchObject([
    400,
    { param, code: "context_length_exceeded" },
  ]);
});

// planted: the backend's own word told; `temperature` told as `input`
test.each([
  ["input", "openai-responses", "messages[3].content[0]"],
  ["temperature", "openai-responses", "temperature"],
  ["messages[3].content[0]", "openai-chat", "messages[3].content[0]"],
] as const)("what a backend refuses is told as %s to a caller of %s", async (told, wire, param) => {
  const said = wire === "openai-chat" ? picture("https://example.com/") : { input: "hi" };
  const asked = {
    caller: "openai-chat",
    backend: "openai-chat",
    stream: false,
    asks: { wire, body: { model: "added", ...said } },
  } as const;
  const played = await play(asked, () => Response.json({ error: { message: "no", param } }, { status: 400 }), gateway);
  expect([played.status, JSON.parse(played.body).error.param]).toEqual([400, told]);
});

// planted: the preset's formats not read
test("a server that was added by a line of configuration answers, with its quirks", async () => {
  const played = await ask("added", { messages: [{ role: "user", name: "ann", content: "hi" }] });
  expect(played.status).toBe(200);
  expect(bodyOf(played).messages).toEqual([{ role: "user", content: "hi" }]);
  expect((await ask("added", { n: 2 })).status).toBe(400);
});
