import { expect } from "vitest";
import type { Tally, TestStack } from "./stack.ts";

/** One kind of backend, by an alias that leads to it alone. */
export interface BackendKind {
  readonly alias: string;
  /** The process that answers; the Anthropic-format one shares `cloud`'s. */
  readonly process: "home" | "cloud";
  readonly model: string;
  readonly format: "openai" | "anthropic" | "responses";
  /** Whether it is asked to stream when the caller wants JSON. */
  readonly collects: boolean;
}

export const KINDS: readonly BackendKind[] = [
  { alias: "home", process: "home", model: "simulated-small", format: "openai", collects: true },
  { alias: "cloud", process: "cloud", model: "simulated-large", format: "openai", collects: false },
  { alias: "claude", process: "cloud", model: "simulated-large", format: "anthropic", collects: false },
];

/** What every call to a backend may carry, and what each kind adds to it. Nothing else may leave. */
const EVERY_CALL = [
  "accept",
  "accept-encoding",
  "content-length",
  "content-type",
  "host",
  "traceparent",
  "user-agent",
  "x-request-id",
];
const OF_ALIAS: Readonly<Record<string, readonly string[]>> = {
  home: [],
  cloud: ["authorization"],
  claude: ["anthropic-version", "x-api-key"],
  tunnelled: ["cf-access-client-id", "cf-access-client-secret"],
};

export function allowedHeaders(alias: string): ReadonlySet<string> {
  return new Set([...EVERY_CALL, ...(OF_ALIAS[alias] ?? [])]);
}

/** Part of every value that `NOSY_HEADERS` sends. */
export const CANARY = "canary-of-the-client";

/** Headers of a client that no backend may see: identities, addresses, credentials, and names that backends obey. */
export const NOSY_HEADERS: Readonly<Record<string, string>> = Object.fromEntries(
  [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "true-client-ip",
    "forwarded",
    "via",
    "cookie",
    "referer",
    "origin",
    "proxy-authorization",
    "openai-organization",
    "openai-project",
    "anthropic-beta",
    "cf-access-client-id",
    "cf-access-client-secret",
    "cf-access-jwt-assertion",
    "x-user-id",
    "x-tenant",
    "x-request-id",
    "x-client-request-id",
    "tracestate",
    "baggage",
    "x-gateway-task",
    "x-gateway-session",
    "x-gateway-metadata",
    "x-vllm-anything",
  ].map((name) => [name, name === "x-gateway-metadata" ? `{"canary":"${CANARY}"}` : `${CANARY}-${name}`]),
);

/** All calls, at either backend, whose body holds `text`: for requests whose id their client never heard. */
export async function callsHolding(
  stack: TestStack,
  text: string,
): Promise<readonly (Tally & { requestId: string })[]> {
  const calls = await Promise.all(
    [stack.home, stack.cloud].map(async (backend) => {
      const response = await fetch(`${backend?.url}/sim/tally`);
      return ((await response.json()) as { calls: (Tally & { requestId: string })[] }).calls;
    }),
  );
  return calls.flat().filter(({ bodyText }) => bodyText.includes(text));
}

/** The one call that holds `text`, once it is over. Throws after `withinMs`. */
export async function endedCall(
  stack: TestStack,
  text: string,
  withinMs: number,
): Promise<Tally & { requestId: string }> {
  return eventually(withinMs, async () => {
    const [call, ...more] = await callsHolding(stack, text);
    expect(more).toEqual([]);
    expect(call?.outcome).toMatch(/^(?!running)/);
    return call as Tally & { requestId: string };
  });
}

/** Tries until nothing is thrown; throws the last error after `withinMs`. */
export async function eventually<Value>(withinMs: number, attempt: () => Promise<Value>): Promise<Value> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

/** The one call under a request id. */
export async function receivedCall(stack: TestStack, requestId: string | null | undefined): Promise<Tally> {
  const calls = await stack.tally(requestId ?? "");
  expect(calls).toHaveLength(1);
  return calls[0] as Tally;
}

let unique = 0;

/** A prompt that no other request has. */
export function prompt(text: string): string {
  unique++;
  return `${text} (prompt ${unique} of ${process.pid})`;
}
