import { type Check, type CheckContext, failed, pass, type Verdict } from "./check.ts";
import type { Reply } from "./door.ts";
import { diagnose, speakerOf } from "./who.ts";

/** The whole way, once: with everything that the gateway sends, vLLM answers. */
export const reachable: Check = {
  name: "reachable",
  async run({ door, accessId, accessSecret }) {
    if (!accessId || !accessSecret) return failed("CF_ACCESS_CLIENT_ID and CF_ACCESS_CLIENT_SECRET are not set here");
    const reply = await door.ask("/health");
    return reply.status === 200 ? pass("vLLM is healthy") : failed(diagnose(reply));
  },
};

/** Nobody comes in without the gateway's service token, nor with its id alone. */
export const serviceToken: Check = {
  name: "service token",
  async run({ door }) {
    const seen: number[] = [];
    for (const access of ["none", "wrong"] as const) {
      for (const path of ["/health", "/v1/models"]) {
        const reply = await door.ask(path, { access });
        if (!isTurnedAway(reply)) {
          const how = access === "none" ? "without a service token" : "with a wrong secret";
          return failed(
            `${path} ${how} was answered ${reply.status} by ${speakerOf(reply)}: Access does not guard this hostname; give its application one policy with the action Service Auth`,
          );
        }
        seen.push(reply.status);
      }
    }
    return pass(`without it ${[...new Set(seen)].join(", ")}, with it 200`);
  },
};

function isTurnedAway(reply: Reply): boolean {
  return speakerOf(reply) === "access" && (reply.status === 302 || reply.status === 401 || reply.status === 403);
}

/** What vLLM serves and no gateway asks for. Most of it asks for no key either. */
const FORBIDDEN: readonly (readonly ["GET" | "POST", string])[] = [
  ["GET", "/docs"],
  ["GET", "/openapi.json"],
  ["GET", "/version"],
  ["GET", "/server_info"],
  ["POST", "/v1/load_lora_adapter"],
  ["POST", "/v1/unload_lora_adapter"],
  ["POST", "/invocations"],
  ["POST", "/detokenize"],
  ["POST", "/reset_prefix_cache"],
  ["POST", "/sleep"],
  ["POST", "/collective_rpc"],
  ["POST", "/start_profile"],
  // Paths that only look allowed.
  ["GET", "/v1/models/home"],
  ["GET", "/health/x"],
];

export const pathAllowList: Check = {
  name: "allow-list of paths",
  run: ({ door }) =>
    allTurnedAway(
      FORBIDDEN,
      async (method, path) => door.ask(path, { method, ...(method === "POST" && { body: {} }) }),
      {
        reached:
          "the list of paths lets it through: put the `path` of tunnels/config.yml into the ingress rule that runs",
      },
    ),
};

/** Paths that pass, by a method that no gateway uses. */
const WRONG_METHODS: readonly (readonly ["GET" | "POST", string])[] = [
  ["GET", "/v1/chat/completions"],
  ["GET", "/v1/embeddings"],
  ["POST", "/v1/models"],
  ["POST", "/metrics"],
];

export const methodAllowList: Check = {
  name: "allow-list of methods",
  run: ({ door }) =>
    allTurnedAway(WRONG_METHODS, (method, path) => door.ask(path, { method, ...(method === "POST" && { body: {} }) }), {
      reached: "the second allow-list is not in the way: the ingress rule must name Caddy's address, not vLLM's",
    }),
};

async function allTurnedAway(
  calls: readonly (readonly ["GET" | "POST", string])[],
  ask: (method: "GET" | "POST", path: string) => Promise<Reply>,
  { reached }: { readonly reached: string },
): Promise<Verdict> {
  for (const [method, path] of calls) {
    const reply = await ask(method, path);
    const speaker = speakerOf(reply);
    if (speaker === "vllm") return failed(`${method} ${path} was answered ${reply.status} by vLLM itself; ${reached}`);
    if (reply.status !== 404) return failed(`${method} ${path} should be 404: ${diagnose(reply)}`);
  }
  return pass(`${calls.length} calls, all 404 before vLLM`);
}

/** vLLM's own key, behind everything else. */
export const vllmKey: Check = {
  name: "vLLM's key",
  async run({ door, apiKey }) {
    for (const key of ["none", "wrong"] as const) {
      const reply = await door.ask("/v1/models", { key });
      if (reply.status !== 401 || speakerOf(reply) !== "vllm")
        return failed(
          `/v1/models ${key === "none" ? "without a key" : "with a wrong key"} was answered ${reply.status}, not 401: start vLLM with --api-key (or VLLM_API_KEY in its environment)`,
        );
    }
    if (!apiKey) return failed("VLLM_API_KEY is not set here");
    const reply = await door.ask("/v1/models");
    if (reply.status === 401) return failed("vLLM refuses VLLM_API_KEY: it was started with another");
    return reply.status === 200 ? pass("without it 401, with it 200") : failed(diagnose(reply));
  },
};

/** The models that the gateway will ask for. */
export const models: Check = {
  name: "models",
  async run(context) {
    const listed = await context.door.ask("/v1/models");
    if (listed.status !== 200) return failed(diagnose(listed));
    if (!listed.body.includes(JSON.stringify(context.model)))
      return failed(`vLLM serves no "${context.model}": compare --served-model-name with VLLM_MODEL (--model)`);
    const others = await Promise.all([embeds(context), reranks(context)]);
    const wrong = others.find((one) => one !== undefined && !one.ok);
    const saw = others.flatMap((one) => (one?.ok ? [one.saw] : []));
    return wrong ?? pass([context.model, ...saw].join(", "));
  },
};

async function embeds({ door, embedModel: model }: CheckContext): Promise<Verdict | undefined> {
  if (model === undefined) return undefined;
  const reply = await door.ask("/v1/embeddings", { body: { model, input: "smoke" } });
  if (reply.status !== 200 || !reply.body.includes('"embedding"'))
    return failed(`embeddings of "${model}": ${diagnose(reply)}`);
  return pass(model);
}

async function reranks({ door, rerankModel: model }: CheckContext): Promise<Verdict | undefined> {
  if (model === undefined) return undefined;
  const body = { model, query: "smoke", documents: ["fire", "water"] };
  const reply = await door.ask("/v1/rerank", { body });
  if (reply.status !== 200 || !reply.body.includes('"relevance_score"'))
    return failed(`reranking by "${model}": ${diagnose(reply)}`);
  return pass(model);
}
