import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SimulatedBackend, startBackend } from "../../../dev/backends/main.ts";
import { FEATURES } from "../../../dev/record/features.ts";
import { record } from "../../../dev/record/record.ts";
import { redact } from "../../../dev/record/redact.ts";
import { compileFile } from "../../../scripts/compile-config.ts";
import { wires } from "../../../src/wire/registry.ts";

const KEY = "sk-simulated-0123456789abcdef";
const root = new URL("../../../", import.meta.url).pathname;
const config = compileFile(join(root, "config", "homelab.yaml"));
const into = mkdtempSync(join(tmpdir(), "llm-gateway-record-"));
let backend: SimulatedBackend;

beforeAll(async () => {
  backend = await startBackend({ ttftMs: 0, tokensPerSecond: 0, apiKey: KEY });
});
afterAll(async () => {
  await backend.close();
  rmSync(into, { recursive: true, force: true });
});

const places = () => ({
  OPENAI_BASE_URL: backend.url,
  OPENAI_API_KEY: KEY,
  ANTHROPIC_BASE_URL: backend.anthropicUrl,
  ANTHROPIC_API_KEY: KEY,
});

// planted: ids not replaced
test.each([
  ["openai", "openai-chat"],
  ["anthropic", "anthropic-messages"],
] as const)("a stream of each feature of %s, and what it means, become fixtures", async (name, format) => {
  const order = { backend: name, config, environment: places(), model: "simulated-small", into };
  const recorded = await record(order);
  expect(recorded.map(({ feature }) => feature)).toEqual(Object.keys(FEATURES));
  for (const { feature, outcome } of recorded) {
    expect({ feature, outcome }).toEqual({ feature, outcome: { files: [expect.any(String), expect.any(String)] } });
    const [bytes = "", meaning = ""] = ("files" in outcome ? outcome.files : []).map((file) =>
      readFileSync(file, "utf8"),
    );
    expect(bytes).toContain("recorded1");
    for (const known of [KEY, new URL(backend.url).host, "msg_0", "req_"]) expect(bytes).not.toContain(known);
    const { events, answer, terminals } = JSON.parse(meaning);
    const frames = wires[format].decodeStream().push(new TextEncoder().encode(bytes));
    expect(events).toEqual(frames.flatMap((frame) => [...frame.events()]));
    expect(terminals).toBe(1);
    expect(answer.choices[0].blocks.length).toBeGreaterThan(0);
  }
  expect(readdirSync(join(into, format)).sort()).toEqual(
    Object.keys(FEATURES)
      .flatMap((feature) => [`${name}-${feature}.json`, `${name}-${feature}.sse`])
      .sort(),
  );
});

// planted: an id that comes again named anew; white space between a name and its value lost
test("what says whose a stream is goes, and every other byte stays", () => {
  const host = "gpu.home.example:8000";
  const stream = [
    'data: {"id":"chatcmpl-AbC123","created":1764000000,"n":1.50,"choices":[{"delta":{"tool_calls":[{"id":"call_Zz9"}]}}]}\r\n\r\n',
    'data: {"id": "chatcmpl-AbC123", "organization":"org-XyZ","text":"é🌊 see http://gpu.home.example:8000/x or sk-abcdefghijklmnop"}\n\n: hi\n\ndata: [DONE]\n\n',
  ].join("");
  expect(redact(stream, { host, secrets: ["abc-def"] })).toBe(
    [
      'data: {"id":"chatcmpl-recorded1","created":1764000000,"n":1.50,"choices":[{"delta":{"tool_calls":[{"id":"call_recorded2"}]}}]}\r\n\r\n',
      'data: {"id": "chatcmpl-recorded1", "organization":"org-recorded3","text":"é🌊 see https://host.invalid or [masked]"}\n\n: hi\n\ndata: [DONE]\n\n',
    ].join(""),
  );
});

test("a backend that refuses is told of, and nothing is written", async () => {
  const order = { backend: "openai", config, model: "no-such-model", features: ["text"], into };
  const before = readdirSync(join(into, "openai-chat"));
  const [told] = await record({ ...order, environment: places() });
  expect(told?.outcome).toEqual({ problem: expect.stringMatching(/^answered 404: /) });
  expect(readdirSync(join(into, "openai-chat"))).toEqual(before);
});

// planted: a backend without its key asked all the same
test.each([
  [{ backend: "openai" }, /^OPENAI_API_KEY is not set: backend openai cannot be asked$/],
  [{ backend: "home" }, /^VLLM_BASE_URL is not set: backend home cannot be asked$/],
  [{ backend: "nobody" }, /^no backend nobody in the configuration: home, openai, anthropic$/],
  [{ backend: "home", features: ["odd"] }, /^no feature odd: text, /],
])("%j without an environment is refused in one line", async (order, says) => {
  await expect(record({ config, environment: {}, into, ...order })).rejects.toThrow(says);
});

test("the command says so, and nothing else", () => {
  const words = [join(root, "scripts", "record.ts"), "openai", "--into", into];
  const { status, stderr, stdout } = spawnSync(process.execPath, words, {
    env: { PATH: process.env.PATH },
    encoding: "utf8",
  });
  expect({ status, stdout, stderr }).toEqual({
    status: 1,
    stdout: "",
    stderr: "record: OPENAI_API_KEY is not set: backend openai cannot be asked\n",
  });
});
