import { compileConfig } from "../../../src/config/compile.ts";
import type { BaseConfig } from "../../../src/core/config.ts";

const FILE = `
backends:
  home:
    formats: [openai-chat, openai-embeddings]
    baseUrl: {env: VLLM_BASE_URL}
    auth: {scheme: bearer, secret: VLLM_API_KEY, optional: true}
    headers:
      CF-Access-Client-Id: {secret: CF_ACCESS_CLIENT_ID}
      X-Fixed: {value: "yes"}
    price: {inputPerMillion: 0, outputPerMillion: 0}
  openai:
    formats: [openai-chat]
    baseUrl: {env: OPENAI_BASE_URL, default: "https://api.openai.example/v1"}
    auth: {scheme: bearer, secret: OPENAI_API_KEY}
    models:
      gpt: {price: {inputPerMillion: 2, outputPerMillion: 8}}
  claude:
    formats: [anthropic-messages]
    baseUrl: {url: "https://claude.example"}
    auth: {scheme: x-api-key, secret: CLAUDE_KEY}
    models:
      haiku: {price: {inputPerMillion: 1, outputPerMillion: 5, cacheWritePerMillion: 3}}
routes:
  chat:
    targets:
      - {backend: home, model: {env: VLLM_MODEL, default: small}, weight: 3}
      - {backend: openai, model: gpt, weight: 1}
    fallbacks:
      - {backend: claude, model: haiku}
tiers:
  free:
    key: {requestsPerMinute: 10, budget: {limitUsd: 1, period: day}}
    tenant: {concurrency: 4}
defaultTier: free
`;

/** A base with three backends, two weighted targets and a fallback. */
export function exampleBase(): BaseConfig {
  const compiled = compileConfig(FILE, "example.yaml");
  if (!compiled.ok) throw new Error(compiled.problems.map((problem) => problem.text).join("\n"));
  return compiled.config;
}
