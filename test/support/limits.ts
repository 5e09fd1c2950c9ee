import { setTimeout as pause } from "node:timers/promises";
import { dump, type RedisValue } from "./books.ts";
import type { TestStack } from "./stack.ts";

/** What a burst of equal requests came to. */
export interface Burst {
  /** Ids of the requests that got a whole answer. */
  readonly passed: readonly string[];
  /** How many were told of a limit (429 or the budget's status). */
  readonly refused: number;
  /** Anything else, in words; none is expected. */
  readonly strange: readonly string[];
}

/** One prompt: equal requests reserve and cost the same. */
const PROMPT = "the same for all [[sim:tokens=20]]";
/** The same with an answer that takes half a second. */
export const SLOW_PROMPT = "the same for all [[sim:tokens=20]] [[sim:tps=40]]";

let tenants = 0;

/** A tenant that nobody has used before, with its money open. */
export async function freshTenant(stack: TestStack): Promise<string> {
  const tenant = `limits-${++tenants}`;
  const response = await stack.admin("POST", "/tenants", { tenant });
  if (response.status !== 201) throw new Error(`tenant: ${response.status} ${await response.text()}`);
  return tenant;
}

export function chat(stack: TestStack, gateway: number, key: string, prompt: string = PROMPT): Promise<Response> {
  return fetch(`${stack.gateways[gateway % stack.gateways.length]}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "home", max_tokens: 40, messages: [{ role: "user", content: prompt }] }),
  });
}

/** Sends so many requests at once, in turns to each gateway. */
export async function burst(stack: TestStack, key: string, parallel: number, prompt?: string): Promise<Burst> {
  const passed: string[] = [];
  const strange: string[] = [];
  let refused = 0;
  const one = async (index: number): Promise<void> => {
    const response = await chat(stack, index, key, prompt);
    const text = await response.text();
    const id = response.headers.get("x-request-id") ?? "";
    if (response.status === 200) passed.push(id);
    else if (response.status === 429) refused++;
    else strange.push(`${response.status} ${text}`);
  };
  await Promise.all(Array.from({ length: parallel }, (_, index) => one(index)));
  return { passed, refused, strange };
}

/** What Redis holds of a tenant once none of its requests is under way. */
export async function settledState(
  stack: TestStack,
  tenant: string,
  withinMs = 20_000,
): Promise<ReadonlyMap<string, RedisValue>> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const state = await dump(stack, tenant);
    const open = [...state].filter(([name, value]) => name.startsWith("rec:") && value.state === "leased");
    if (open.length === 0) return state;
    if (Date.now() > deadline) throw new Error(`still under way: ${open.map(([name]) => name).join()}`);
    await pause(100);
  }
}

/** What one chat reserves and what it then takes, as Redis' record and the backend's tally have it. */
export interface Size {
  readonly reservedTokens: number;
  readonly reservedNanoUsd: number;
  readonly tokens: number;
  readonly nanoUsd: number;
}

export async function sizeOfChat(stack: TestStack, prompt?: string): Promise<Size> {
  const tenant = await freshTenant(stack);
  const key = await stack.mint({ tenant, tier: "roomy" });
  const { passed, strange } = await burst(stack, key, 1, prompt);
  const [id] = passed;
  if (id === undefined) throw new Error(`the probe was not answered: ${strange.join()}`);
  const state = await settledState(stack, tenant);
  const { tokens, cost } = state.get(`rec:${id}`) ?? {};
  return {
    reservedTokens: Number(tokens),
    reservedNanoUsd: Number(cost),
    tokens: await tokensOf(stack, passed),
    nanoUsd: await costOf(stack, passed),
  };
}

/** Tokens that the backend reported for these requests. */
export async function tokensOf(stack: TestStack, ids: readonly string[]): Promise<number> {
  const usages = await usagesOf(stack, ids);
  return usages.reduce((sum, { promptTokens, completionTokens }) => sum + promptTokens + completionTokens, 0);
}

/** Their cost in nano-dollars at 0.1 and 0.4 dollars a million: 100 and 400 nano-dollars a token. */
export async function costOf(stack: TestStack, ids: readonly string[]): Promise<number> {
  const usages = await usagesOf(stack, ids);
  return usages.reduce(
    (sum, { promptTokens, completionTokens }) => sum + 100 * promptTokens + 400 * completionTokens,
    0,
  );
}

async function usagesOf(stack: TestStack, ids: readonly string[]) {
  const calls = (await Promise.all(ids.map((id) => stack.tally(id)))).flat();
  if (calls.length !== ids.length) throw new Error(`${ids.length} requests, ${calls.length} calls of backends`);
  return calls.map(({ usageReported }) => usageReported as { promptTokens: number; completionTokens: number });
}

/** Empties Redis through its control endpoint. */
export const flush = (stack: TestStack): Promise<void> => stack.redisControl({ flush: true });
