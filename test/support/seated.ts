import { setTimeout as pause } from "node:timers/promises";
import { open, type PendingReply } from "./leaver.ts";
import type { TestStack } from "./stack.ts";

/** A caller of a model with seats, and what it was told. */
export interface Visit {
  readonly tenant: string;
  readonly tier: string;
  readonly askedAt: number;
  readonly pending: PendingReply;
  /** Resolves when the reply is over; rejects where it breaks off or the caller left. */
  readonly over: Promise<Told>;
}

export interface Told {
  readonly requestId: string;
  readonly status: number;
  readonly text: string;
  /** The places of the comments, in order. */
  readonly places: readonly number[];
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface Visitor {
  readonly tenant: string;
  readonly tier: string;
  readonly key: string;
}

export interface Wish {
  readonly model?: string;
  readonly prompt?: string;
  readonly stream?: boolean;
  readonly gateway?: number;
  readonly more?: Readonly<Record<string, unknown>>;
}

/** A sixth of a second at 100 tokens a second. */
export const BRIEFLY = "[[sim:tokens=14]]";

export function visit(stack: TestStack, visitor: Visitor, wish: Wish = {}): Visit {
  const { model = "home", prompt = BRIEFLY, stream = true, gateway = 0, more = {} } = wish;
  const { tenant, tier, key } = visitor;
  const url = `${stack.gateways[gateway % stack.gateways.length]}/v1/chat/completions`;
  const body = { model, stream, max_tokens: 400, messages: [{ role: "user", content: prompt }], ...more };
  const askedAt = Date.now();
  const pending = open(url, body, { authorization: `Bearer ${key}` });
  const over = pending.reply.then(async (reply) => {
    const text = await reply.rest();
    const { requestId, status, headers } = reply;
    return { requestId, status, text, places: placesOf(text), headers };
  });
  over.catch(() => undefined);
  return { tenant, tier, askedAt, pending, over };
}

export function placesOf(text: string): readonly number[] {
  return [...text.matchAll(/^: place (\d+)/gm)].map(([, place]) => Number(place));
}

/** A tenant with a key of this tier. */
export async function visitor(stack: TestStack, tenant: string, tier: string): Promise<Visitor> {
  const response = await stack.admin("POST", "/tenants", { tenant });
  if (response.status !== 201 && response.status !== 409) throw new Error(`tenant: ${response.status}`);
  await response.body?.cancel();
  return { tenant, tier, key: await stack.mint({ tenant, tier }) };
}

/** How the desk of a backend stands. */
export interface DeskState {
  readonly count: number;
  /** Seats that there are now. */
  readonly limit: number;
  readonly taken: number;
  readonly waiting: number;
  /** How many wait, by rank. */
  readonly byRank: Readonly<Record<string, number>>;
  readonly cold: boolean;
  /** By rank: the most seats that were given back while one of it waited. */
  readonly outwaited: Readonly<Record<string, number>>;
  readonly serviceMs?: number;
}

export async function deskOf(stack: TestStack, backend: string): Promise<DeskState> {
  return (await fetch(`${stack.seats?.url}/${backend}`)).json() as Promise<DeskState>;
}

/** Waits until the desk stands as wished. */
export async function untilDesk(
  stack: TestStack,
  backend: string,
  wished: (state: DeskState) => boolean,
  withinMs = 15_000,
): Promise<DeskState> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const state = await deskOf(stack, backend);
    if (wished(state)) return state;
    if (Date.now() > deadline) throw new Error(`the desk of ${backend} stands at ${JSON.stringify(state)}`);
    await pause(50);
  }
}

/** The simulated GPU's own count. */
export async function gpuOf(stack: TestStack) {
  const response = await fetch(`${stack.home?.url}/sim/seats`);
  return (await response.json()) as {
    readonly running: number;
    readonly waiting: number;
    readonly most: { readonly running: number; readonly waiting: number };
  };
}
