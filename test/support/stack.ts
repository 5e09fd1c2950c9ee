import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { type Stack, type StackOptions, startStack } from "../../dev/stack.ts";

/** One call as a simulated backend tells it (`TallyCall` of dev/backends/tally.ts, the fields that tests read). */
export interface Tally {
  readonly backend: string;
  readonly path: string;
  readonly model: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** The body as received: the digits of numbers are still there. */
  readonly bodyText: string;
  /** By lower-case name; credentials keep their last four characters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly streamed: boolean;
  /** When the request was there, milliseconds since the epoch. */
  readonly arrivedAtMs: number;
  readonly outcome: "completed" | "aborted" | "failed" | "refused";
  readonly tokensGenerated: number;
  readonly tokensDelivered: number;
  readonly usageReported?: Readonly<Record<string, unknown>>;
}

type ReceivedTally = Omit<Tally, "headers"> & { readonly headers: readonly (readonly [string, string])[] };

export interface TestStack extends Stack {
  readonly openai: OpenAI;
  readonly anthropic: Anthropic;
  /** Mints a key by the admin API; gives the key's text. */
  mint(wish: Readonly<Record<string, unknown>>): Promise<string>;
  admin(method: string, path: string, body?: unknown): Promise<Response>;
  /** A raw request with the local key. */
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** What the backends were asked under a request id, in order. */
  tally(requestId: string): Promise<readonly Tally[]>;
  /** The ledger's row, waited for. */
  stored(
    requestId: string,
    withinMs?: number,
  ): Promise<{ request: Record<string, unknown>; charges: Record<string, unknown>[]; decisions: unknown[] }>;
  redisControl(order: unknown): Promise<void>;
  postgresControl(order: unknown): Promise<void>;
  /** Lets a simulated backend do something for every call that matches. */
  fault(backend: "home" | "cloud", rule: unknown): Promise<void>;
  resetBackends(): Promise<void>;
}

export const E2E_CONFIG = new URL("../fixtures/config/e2e.yaml", import.meta.url).pathname;
const FAST = ["--ttft-ms", "2", "--tokens-per-second", "2000"];

/** A stack of its own in a temporary folder: built bundles on workerd, simulated backends that hurry, an unlimited key. */
export async function startTestStack(options: StackOptions = {}): Promise<TestStack> {
  const dataDir = mkdtempSync(join(tmpdir(), "llm-gateway-test-"));
  const stack = await startStack({
    mode: "serve",
    dataDir,
    configFile: E2E_CONFIG,
    surroundings: surroundings(),
    backendFlags: FAST,
    key: { tier: "unlimited" },
    ...options,
  });
  const control = async (url: string | undefined, path: string, order: unknown) => {
    const response = await fetch(`${url}${path}`, {
      method: "POST",
      body: JSON.stringify(order),
      headers: { "content-type": "application/json" },
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    await response.body?.cancel();
  };
  const admin = (method: string, path: string, body?: unknown) =>
    fetch(`${stack.gateway}/admin/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${stack.adminKey}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  return {
    ...stack,
    // No retries of the SDKs' own: a test counts what the gateway does.
    openai: new OpenAI({ baseURL: `${stack.gateway}/v1`, apiKey: stack.apiKey, maxRetries: 0 }),
    anthropic: new Anthropic({ baseURL: stack.gateway, apiKey: stack.apiKey, maxRetries: 0 }),
    admin,
    async mint(wish) {
      const response = await admin("POST", "/keys", { tenant: "local", name: "test", ...wish });
      const text = await response.text();
      if (!response.ok) throw new Error(`minting answered ${response.status}: ${text}`);
      return (JSON.parse(text) as { key: string }).key;
    },
    post: (path, body, headers = {}) =>
      fetch(`${stack.gateway}${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${stack.apiKey}`, "content-type": "application/json", ...headers },
        body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body),
      }),
    async tally(requestId) {
      const calls = await Promise.all(
        (["home", "cloud"] as const).map(async (backend) => {
          const response = await fetch(`${stack[backend]?.url}/sim/tally?request=${requestId}`);
          const { calls: found } = (await response.json()) as { calls: ReceivedTally[] };
          return found.map((call) => ({
            ...call,
            headers: Object.fromEntries(call.headers.map(([name, value]) => [name.toLowerCase(), value])),
            backend,
          }));
        }),
      );
      return calls.flat();
    },
    async stored(requestId, withinMs = 15_000) {
      const deadline = Date.now() + withinMs;
      for (;;) {
        const response = await admin("GET", `/requests/${requestId}`);
        if (response.ok) {
          const { charges, decisions, ...request } = (await response.json()) as StoredReply;
          return { request, charges, decisions };
        }
        const text = await response.text();
        if (Date.now() > deadline) throw new Error(`no row of ${requestId}: ${response.status} ${text}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    redisControl: (order) => control(stack.redis?.url, "/__control", order),
    // Its URL is that of `/sql`.
    postgresControl: (order) => control(new URL("/", stack.postgres?.url).origin, "/__control", order),
    fault: (backend, rule) => control(stack[backend]?.url, "/sim/faults", rule),
    async resetBackends() {
      await Promise.all([control(stack.home?.url, "/sim/reset", {}), control(stack.cloud?.url, "/sim/reset", {})]);
    },
    async stop() {
      await stack.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

type StoredReply = Pick<Awaited<ReturnType<TestStack["stored"]>>, "charges" | "decisions"> & Record<string, unknown>;

/** The machine's own settings, but for real services: tests never leave the machine. */
function surroundings(): Record<string, string | undefined> {
  const { PATH, HOME, TMPDIR, REDIS_URL } = process.env;
  return { PATH, HOME, TMPDIR, REDIS_URL };
}

/**
 * For tests that are not about stores: on a busy machine a call to Redis may miss its deadline, and the gateway then says so (503). Asked again
 * twice at most.
 */
export async function pastStores(ask: () => Promise<Response>): Promise<{ response: Response; text: string }> {
  for (let tries = 1; ; tries++) {
    const response = await ask();
    const text = await response.text();
    if (tries > 2 || response.status !== 503 || !text.includes("cannot be checked right now"))
      return { response, text };
  }
}

/** What an OpenAI or Anthropic stream of text says, and how it ended. */
export function textOf(sse: string): string {
  return [...sse.matchAll(/^data: (\{.*\})$/gm)]
    .map(
      ([, json]) =>
        JSON.parse(json ?? "{}") as { choices?: { delta?: { content?: string } }[]; delta?: { text?: string } },
    )
    .map((frame) => frame.choices?.[0]?.delta?.content ?? frame.delta?.text ?? "")
    .join("");
}
