import type { Finding } from "./finding.ts";
import type { BackendFile } from "./schema.ts";
import { missing } from "./suggest.ts";

/**
 * Servers and providers by name: what an entry with `preset:` says where it is silent. Data only; every member can be overridden, and
 * one that is given replaces the preset's whole (`headers` and `deadlines` are merged member by member). A quirk stands here only
 * where the provider documents the difference; docs/backends.md has the sources. No preset knows prices: they change, and a budget
 * cannot be kept on a wrong one.
 */
type Preset = Pick<
  BackendFile,
  "formats" | "transport" | "baseUrl" | "auth" | "headers" | "quirks" | "collectJson" | "imageUrls" | "deadlines"
>;

/** Response headers come with the first token here, or after a model was loaded: connecting has as long as the first token. */
const HEADERS_WITH_FIRST_TOKEN = { connectMs: 30_000 };

/** Servers on one's own machines: reached through a tunnel, which cuts silence; what they fetch, they fetch from inside. */
const ownServer: Pick<Preset, "collectJson" | "imageUrls"> = { collectJson: "always", imageUrls: "refuse" };

const hosted = (name: string, url: string): Pick<Preset, "baseUrl" | "auth" | "collectJson" | "imageUrls"> => ({
  baseUrl: { env: `${name}_BASE_URL`, default: url },
  auth: { scheme: "bearer", secret: `${name}_API_KEY` },
  collectJson: "whereFollowed",
  imageUrls: "https-only",
});

export const PRESETS: Readonly<Record<string, Preset>> = {
  vllm: {
    ...ownServer,
    formats: ["openai-chat", "openai-completions", "openai-embeddings", "rerank", "vllm-tokenize"],
    baseUrl: { env: "VLLM_BASE_URL" },
    auth: { scheme: "bearer", secret: "VLLM_API_KEY", optional: true },
    headers: {
      "CF-Access-Client-Id": { secret: "CF_ACCESS_CLIENT_ID" },
      "CF-Access-Client-Secret": { secret: "CF_ACCESS_CLIENT_SECRET" },
    },
    quirks: ["vllm"],
  },
  /** `n` is not among the fields that Ollama supports; its key is for proxies before it. */
  ollama: {
    ...ownServer,
    formats: ["openai-chat", "openai-completions", "openai-embeddings"],
    baseUrl: { env: "OLLAMA_BASE_URL" },
    auth: { scheme: "bearer", secret: "OLLAMA_API_KEY", optional: true },
    quirks: ["no-n"],
    deadlines: HEADERS_WITH_FIRST_TOKEN,
  },
  "llama.cpp": {
    ...ownServer,
    formats: ["openai-chat", "openai-completions", "openai-embeddings", "rerank"],
    baseUrl: { env: "LLAMA_CPP_BASE_URL" },
    auth: { scheme: "bearer", secret: "LLAMA_CPP_API_KEY", optional: true },
    deadlines: HEADERS_WITH_FIRST_TOKEN,
  },
  /** Answers 400 to `logprobs`, `logit_bias`, names of messages and an `n` other than 1. */
  groq: {
    ...hosted("GROQ", "https://api.groq.com/openai/v1"),
    formats: ["openai-chat"],
    quirks: ["no-n", "no-logprobs", "no-names"],
  },
  together: {
    ...hosted("TOGETHER", "https://api.together.xyz/v1"),
    formats: ["openai-chat", "openai-embeddings"],
  },
  /** Answers 422 to fields that it does not know; the seed has another name; usage comes by itself. */
  mistral: {
    ...hosted("MISTRAL", "https://api.mistral.ai/v1"),
    formats: ["openai-chat", "openai-embeddings"],
    quirks: ["no-stream-options", "random-seed", "no-logprobs", "no-end-user", "no-names"],
  },
  /** `n` is not among its parameters, and what a model's provider does not support is passed over in silence. */
  openrouter: {
    ...hosted("OPENROUTER", "https://openrouter.ai/api/v1"),
    formats: ["openai-chat"],
    quirks: ["no-n"],
  },
  /** Answers 400 to fields that it does not know, and its surface knows neither end users nor biases. */
  gemini: {
    ...hosted("GEMINI", "https://generativelanguage.googleapis.com/v1beta/openai"),
    formats: ["openai-chat", "openai-embeddings"],
    quirks: ["no-end-user", "no-logprobs"],
  },
  openai: {
    ...hosted("OPENAI", "https://api.openai.com/v1"),
    formats: ["openai-chat", "openai-completions", "openai-embeddings"],
    quirks: ["max-completion-tokens"],
    deadlines: HEADERS_WITH_FIRST_TOKEN,
  },
  /** Cloudflare's binding `AI`: no host and no key. Without the binding the backend is left out. */
  "workers-ai": {
    formats: ["workers-ai", "workers-ai-embeddings", "workers-ai-rerank"],
    transport: "workers-ai",
    collectJson: "whereFollowed",
    imageUrls: "https-only",
    deadlines: HEADERS_WITH_FIRST_TOKEN,
  },
  anthropic: {
    ...hosted("ANTHROPIC", "https://api.anthropic.com"),
    formats: ["anthropic-messages", "anthropic-count-tokens"],
    auth: { scheme: "x-api-key", secret: "ANTHROPIC_API_KEY" },
    deadlines: HEADERS_WITH_FIRST_TOKEN,
  },
};

const MERGED = ["headers", "deadlines"];

/** Presets that do not exist. What their backends lack is no finding of its own: the preset would have it. */
export function unknownPresets(file: unknown): readonly Finding[] {
  if (!isMap(file) || !isMap(file.backends)) return [];
  return Object.entries(file.backends).flatMap(([name, entry]) => {
    const preset = isMap(entry) ? entry.preset : undefined;
    if (typeof preset !== "string" || Object.hasOwn(PRESETS, preset)) return [];
    return [{ path: ["backends", name, "preset"], reason: missing("preset", preset, PRESETS) }];
  });
}

/** The file's value with presets filled in. What has no right shape passes as it is: the schema says what is wrong with it. */
export function withPresets(file: unknown): unknown {
  if (!isMap(file) || !isMap(file.backends)) return file;
  const backends = Object.entries(file.backends).map(([name, entry]) => [name, isMap(entry) ? filled(entry) : entry]);
  return { ...file, backends: Object.fromEntries(backends) };
}

function filled(entry: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { preset } = entry;
  if (typeof preset !== "string" || !Object.hasOwn(PRESETS, preset)) return entry;
  const known: Readonly<Record<string, unknown>> = PRESETS[preset] ?? {};
  const merged = MERGED.flatMap((member) => {
    const [below, above] = [known[member], entry[member]];
    return isMap(below) && isMap(above) ? [[member, { ...below, ...above }]] : [];
  });
  return { ...known, ...entry, ...Object.fromEntries(merged) };
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
