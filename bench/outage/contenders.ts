import type { Stack } from "../../dev/stack.ts";
import { type Contender, gatewayContender } from "../contenders.ts";
import { startLiteLlm } from "../peers/litellm.ts";
import { startPortkey } from "../peers/portkey.ts";
import type { PlayedBackends, Situation } from "./backends.ts";
import { SITUATIONS } from "./backends.ts";

/** What every contender gives the first backend until its answer begins; the gateway's stands in config.yaml. */
const DEADLINE_MS = 500;
/** How long a backend that failed is left alone: the gateway's default, given to LiteLLM too. Portkey's gateway knows no such thing. */
const APART_SECONDS = 10;

/** Somebody who answers for a first backend by a second. */
export interface OutageContender {
  readonly name: string;
  in(situation: Situation): Omit<Contender, "name" | "pid">;
  stop(): void | Promise<void>;
}

export function ours(stack: Stack): OutageContender {
  const { url, headers } = gatewayContender(stack);
  return { name: "llm-gateway", in: (situation) => ({ url, headers, model: situation }), stop: () => undefined };
}

/** Its `fallback` mode, told on each request as its users do. */
export async function portkey(
  stack: Stack,
  workDir: string,
  backends: PlayedBackends,
): Promise<OutageContender | undefined> {
  const started = await startPortkey(stack, workDir);
  if (!started) return undefined;
  const target = (url: string) => ({
    provider: "openai",
    api_key: "none",
    custom_host: `${url}/v1`,
    request_timeout: DEADLINE_MS,
  });
  return {
    name: started.name,
    in: (situation) => ({
      url: started.url,
      headers: {
        "content-type": "application/json",
        "x-portkey-config": JSON.stringify({
          strategy: { mode: "fallback" },
          targets: [target(backends.first[situation]), target(backends.second)],
        }),
      },
      model: "played",
    }),
    stop: () => started.stop(),
  };
}

/**
 * Two deployments of one model in their order: the form in which it leaves a failing deployment alone for a while. (Between two models, its
 * `fallbacks`, the first is asked every time until a thousand requests of a minute have failed.)
 */
export async function liteLlm(workDir: string, backends: PlayedBackends): Promise<OutageContender | undefined> {
  const deployment = (situation: Situation, url: string, order: number) => ({
    model_name: situation,
    litellm_params: {
      model: "openai/played",
      api_base: `${url}/v1`,
      api_key: "none",
      timeout: DEADLINE_MS / 1_000,
      stream_timeout: DEADLINE_MS / 1_000,
      order,
    },
  });
  const started = await startLiteLlm(workDir, {
    model_list: SITUATIONS.flatMap((situation) => [
      deployment(situation, backends.first[situation], 1),
      deployment(situation, backends.second, 2),
    ]),
    router_settings: { num_retries: 1, cooldown_time: APART_SECONDS },
    general_settings: { master_key: "sk-bench" },
  });
  if (!started) return undefined;
  const headers = { "content-type": "application/json", authorization: "Bearer sk-bench" };
  return {
    name: started.name,
    in: (situation) => ({ url: started.url, headers, model: situation }),
    stop: () => started.stop(),
  };
}
