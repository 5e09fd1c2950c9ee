import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { TestStack } from "./stack.ts";
import { type Random, type StormPlan, type StormWords, seeded, stormPlans } from "./storm-plan.ts";

export interface StormOptions {
  readonly requests: number;
  /** SIGKILLs, spread over the storm: gateways and the ledger in turns that the seed decides. */
  readonly kills: number;
  readonly seed: number;
  /** Clients at once. */
  readonly clients?: number;
  /** API keys; a plan names one by its place. */
  readonly keys: readonly string[];
  readonly words: StormWords;
}

/** What a client saw. */
export interface StormResult {
  readonly plan: StormPlan;
  /** Place among the stack's gateways. */
  readonly gateway: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /**
   * `whole`: the body was read to its end. `left`: the client hung up first. `died`: the connection broke; the gateway
   * may or may not have heard of the request.
   */
  readonly end: "whole" | "left" | "died";
  readonly status?: number;
  readonly requestId?: string;
  readonly cache?: string;
  /** All headers of the reply as JSON; empty where none came. */
  readonly headers: string;
  /** What came of the body, up to whatever ended it. */
  readonly text: string;
}

export interface Kill {
  readonly process: "gateway" | "ledger";
  readonly gateway: number;
  readonly at: number;
}

export interface Storm {
  readonly results: readonly StormResult[];
  readonly kills: readonly Kill[];
  readonly tookMs: number;
}

/** Runs a seeded mix of requests against all gateways of a stack while its processes are killed, and waits until they are back. */
export async function storm(stack: TestStack, options: StormOptions): Promise<Storm> {
  const { requests, clients = 32, keys } = options;
  const random = seeded(options.seed);
  const plans = stormPlans(requests, random, randomBytes(8).toString("hex"), options.words);
  const killAt = new Set<number>();
  while (killAt.size < options.kills) killAt.add(Math.floor((0.05 + 0.85 * random()) * requests));
  const killer = new Killer(stack, random);
  const startedAt = Date.now();
  const results: StormResult[] = [];
  const queue = plans.values();
  const cron = new Cron(stack);
  const client = async (): Promise<void> => {
    for (const plan of queue) {
      if (killAt.has(plan.index)) killer.strikeSoon();
      // A victim may be slow to come back: the storm does not run away from its kills.
      while (killer.waiting > 1) await pause(20);
      results.push(await ask(stack, plan, keys[plan.caller] ?? ""));
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  await killer.settled();
  await cron.stop();
  return { results, kills: killer.kills, tookMs: Date.now() - startedAt };
}

/** Kills one after the other; a kill waits until its victim runs again, so that each is a kill of something. */
class Killer {
  readonly kills: Kill[] = [];
  /** Kills that are due and have not struck. */
  waiting = 0;
  readonly #stack: TestStack;
  readonly #random: Random;
  #chain: Promise<void> = Promise.resolve();

  constructor(stack: TestStack, random: Random) {
    this.#stack = stack;
    this.#random = random;
  }

  strikeSoon(): void {
    const name = this.#random() < 0.65 ? "gateway" : "ledger";
    const gateway = name === "gateway" ? Math.floor(this.#random() * this.#stack.gateways.length) : 0;
    const delayMs = this.#random() * 150;
    this.waiting++;
    this.#chain = this.#chain.then(async () => {
      const victim = this.#stack.process(name, gateway);
      await victim.whenReady();
      await pause(delayMs);
      this.kills.push({ process: name, gateway, at: Date.now() });
      this.waiting--;
      await victim.kill("SIGKILL");
    });
  }

  async settled(): Promise<void> {
    await this.#chain;
    await this.#stack.process("ledger").whenReady();
    for (const index of this.#stack.gateways.keys()) await this.#stack.process("gateway", index).whenReady();
  }
}

/** The ledger's trigger, more often than each minute. A ledger that was just killed misses one. */
class Cron {
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;

  constructor(stack: TestStack) {
    this.#running = (async () => {
      while (!this.#stopping.signal.aborted) {
        await stack.runCron().catch(() => undefined);
        await pause(1_500, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      }
    })();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }
}

/** One client. It asks again only where nobody listened: such a request never reached a gateway. */
async function ask(stack: TestStack, plan: StormPlan, key: string): Promise<StormResult> {
  for (let turn = plan.index; ; turn++) {
    const gateway = turn % stack.gateways.length;
    const result = await tryOnce(`${stack.gateways[gateway]}${plan.path}`, plan, key);
    if (result !== "nobody listens") return { ...result, gateway };
    await pause(100);
  }
}

async function tryOnce(
  url: string,
  plan: StormPlan,
  key: string,
): Promise<Omit<StormResult, "gateway"> | "nobody listens"> {
  const leaving = new AbortController();
  const timer = plan.leavesAfterMs === undefined ? undefined : setTimeout(() => leaving.abort(), plan.leavesAfterMs);
  const startedAt = Date.now();
  let text = "";
  let headers = "";
  let head: Pick<StormResult, "status" | "requestId" | "cache"> = {};
  const seen = (end: StormResult["end"]) => ({ plan, startedAt, endedAt: Date.now(), end, headers, text, ...head });
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        authorization: `Bearer ${key}`,
        "content-type": "application/json",
        traceparent: `00-${plan.traceId}-00000000000000${((plan.index % 255) + 1).toString(16).padStart(2, "0")}-01`,
      },
      body: JSON.stringify(plan.body),
      signal: leaving.signal,
    });
    headers = JSON.stringify([...response.headers]);
    const requestId = response.headers.get("x-request-id");
    const cache = response.headers.get("x-gateway-cache");
    head = { status: response.status, ...(requestId !== null && { requestId }), ...(cache !== null && { cache }) };
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
    return seen("whole");
  } catch (error) {
    if (leaving.signal.aborted) return seen("left");
    return codeOf(error) === "ECONNREFUSED" ? "nobody listens" : seen("died");
  } finally {
    clearTimeout(timer);
  }
}

/** The operating system's word, where fetch hides it. */
function codeOf(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
}
