/** One round trip: what a request costs at Redis and Postgres, counted at their sockets by the credential that called. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { prompt } from "../support/received.ts";
import { startTestStack, type TestStack } from "../support/stack.ts";

/** Until the first token: long enough to tell a call before the upstream call from one after it. */
const FIRST_TOKEN_MS = 250;
/** After a reply its settlement has been called; what comes later than this was not part of it. */
const QUIET_MS = 250;

interface Counted {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** HTTP calls of the gateway to Redis: before the first upstream call arrived, while upstream calls ran, and after. */
  readonly before: number;
  readonly between: number;
  readonly after: number;
  readonly redis: number;
  readonly postgres: number;
}

interface RedisState {
  readonly httpCallsByToken: Readonly<Record<string, number>>;
  readonly lastCalls: readonly { readonly token: string; readonly atMs: number }[];
}

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ cron: false });
  // Warm: connections, scripts, the key and its snapshot, and the sum of each budget: the stack's key has one at every level.
  for (const model of ["home", "cloud", "claude", "cached", "dead-home", "home-cloud", "home-claude"]) {
    await ask(model, prompt("warm"));
  }
  await stack.post("/v1/embeddings", { model: "embed", input: prompt("warm") });
});
afterAll(() => stack?.stop());
beforeEach(async () => {
  // This configuration lets an idle key's snapshot serve for five seconds only: looking it up again is not what is counted here.
  await (await ask("home", prompt("warm"))).text();
  await quiet();
});

const ask = (model: string, text: string, more: object = {}, headers: Readonly<Record<string, string>> = {}) =>
  stack.post(
    "/v1/chat/completions",
    { model, messages: [{ role: "user", content: text }], max_tokens: 20, ...more },
    headers,
  );

const slow = (text: string) => prompt(`${text} [[sim:ttft=${FIRST_TOKEN_MS}]]`);

async function redisState(): Promise<RedisState> {
  const response = await fetch(`${stack.redis?.url}/__control`);
  return (await response.json()) as RedisState;
}

/** The gateway's own calls: the ledger has another token. */
async function gatewayCalls(): Promise<number> {
  return (await redisState()).httpCallsByToken[stack.redis?.gatewayToken ?? ""] ?? 0;
}

/** Resolves when the gateway has made no call for a while. */
async function quiet(): Promise<void> {
  for (let last = -1, calls = await gatewayCalls(); calls !== last; calls = await gatewayCalls()) {
    last = calls;
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  }
}

async function counted(act: () => Promise<Response>): Promise<Counted> {
  await Promise.all([stack.redisControl({ resetCounters: true }), stack.postgresControl({ resetCounters: true })]);
  const response = await act();
  const text = await response.text();
  await quiet();
  const state = await redisState();
  const calls = state.lastCalls.filter(({ token }) => token === stack.redis?.gatewayToken);
  const upstream = (await stack.tally(response.headers.get("x-request-id") ?? "")).map(
    ({ arrivedAtMs }) => arrivedAtMs,
  );
  const [first, last] = [Math.min(...upstream), Math.max(...upstream)];
  const { counters } = (await (await fetch(`${stack.postgres?.url.replace(/\/sql$/, "")}/__control`)).json()) as {
    counters: { calls: Readonly<Record<string, number>> };
  };
  return {
    status: response.status,
    headers: response.headers,
    text,
    before: calls.filter(({ atMs }) => atMs <= first).length,
    between: calls.filter(({ atMs }) => atMs > first && atMs <= last + FIRST_TOKEN_MS / 2).length,
    after: calls.filter(({ atMs }) => atMs > last + FIRST_TOKEN_MS / 2).length,
    redis: state.httpCallsByToken[stack.redis?.gatewayToken ?? ""] ?? 0,
    // Every role of the gateway; the ledger writes its rows as another.
    postgres: (counters.calls.app ?? 0) + (counters.calls.admin ?? 0),
  };
}

const ONE_EACH_WAY = { before: 1, between: 0, after: 1, redis: 2, postgres: 0 };

// planted: a second call to Redis in `authenticate` for keys that are known; `settle` called twice
describe("one call before the upstream call, one after it", () => {
  test.each(["home", "cloud", "claude"])("%s: a JSON answer", async (model) => {
    expect(await counted(() => ask(model, slow("plain")))).toMatchObject({ status: 200, ...ONE_EACH_WAY });
  });

  test.each(["home", "cloud", "claude"])("%s: a stream", async (model) => {
    const seen = await counted(() => ask(model, slow("streamed"), { stream: true }));
    expect(seen).toMatchObject({ status: 200, ...ONE_EACH_WAY });
    expect(seen.text).toMatch(/\[DONE\]\s+$/);
  });

  test("a message in Anthropic's format", async () => {
    const body = { model: "claude", max_tokens: 20, messages: [{ role: "user", content: slow("message") }] };
    expect(await counted(() => stack.post("/v1/messages", body))).toMatchObject({ status: 200, ...ONE_EACH_WAY });
  });

  test("an answer that is put into the cache", async () => {
    const seen = await counted(() => ask("cached", slow("kept")));
    expect(seen).toMatchObject({ status: 200, ...ONE_EACH_WAY });
    expect(seen.headers.get("x-gateway-cache")).toBe("MISS");
  });

  test.each([
    { alias: "home-cloud", fault: "[[sim:fault=server-error,only=home]]" },
    { alias: "home-claude", fault: "[[sim:fault=server-error,only=home]]" },
    { alias: "dead-home", fault: "" },
  ])("$alias: a fallback, none between the attempts", async ({ alias, fault }) => {
    for (const stream of [false, true]) {
      const seen = await counted(() => ask(alias, slow(`fallback ${fault}`), { stream }));
      expect(seen).toMatchObject({ status: 200, ...ONE_EACH_WAY });
      expect(Number(seen.headers.get("x-gateway-attempts"))).toBeGreaterThan(1);
    }
  });

  test("an answer that fails, and one that is cut", async () => {
    const failed = await counted(() => ask("home", slow("[[sim:fault=server-error]]")));
    expect(failed).toMatchObject({ status: 503, redis: 2, postgres: 0, before: 1 });
    const cut = await counted(() => ask("home", slow("[[sim:fault=truncate,after=3]]"), { stream: true }));
    expect(cut).toMatchObject({ status: 200, redis: 2, postgres: 0, before: 1 });
  });

  test("vectors", async () => {
    const body = { model: "embed", input: prompt("vector") };
    const seen = await counted(() => stack.post("/v1/embeddings", body, { "x-gateway-cache": "off" }));
    expect(seen).toMatchObject({ status: 200, redis: 2, postgres: 0 });
  });
});

// planted: a look-up for each level
test("the first use of a budget costs one look-up in Postgres for all of its levels, the second none", async () => {
  const authorization = `Bearer ${await stack.mint({ tier: "budgeted", user: "newcomer" })}`;
  const first = await counted(() => ask("claude-home", prompt("first"), {}, { authorization }));
  // The key itself is new too: one look-up is its own.
  expect(first).toMatchObject({ status: 200, postgres: 2 });
  const second = await counted(() => ask("claude-home", prompt("second"), {}, { authorization }));
  expect(second).toMatchObject({ status: 200, redis: 2, postgres: 0 });
});

// planted: a call of its own in `recall`
test("a cached answer costs one call before it and one after, JSON and stream", async () => {
  const text = prompt("cached");
  expect((await counted(() => ask("cached", text))).headers.get("x-gateway-cache")).toBe("MISS");
  for (const stream of [false, true]) {
    // The admission is on the way to the reply; the settlement waits behind it, as its delay shows.
    await stack.redisControl({ faults: [{ fault: "delay", delayMs: FIRST_TOKEN_MS, skip: 1 }] });
    const from = Date.now();
    let repliedMs = 0;
    const seen = await counted(async () => {
      const response = await ask("cached", text, { stream });
      repliedMs = Date.now() - from;
      return response;
    });
    await stack.redisControl({ faults: [] });
    expect(seen.headers.get("x-gateway-cache")).toBe("HIT");
    expect(seen).toMatchObject({ status: 200, redis: 2, postgres: 0 });
    expect(repliedMs).toBeLessThan(FIRST_TOKEN_MS);
  }
});

// planted: a call of its own in `refuse`
test.each([
  { what: "requests", wish: { limits: { key: { requestsPerMinute: 1, refillPeriodMs: 3_600_000 } } }, status: 429 },
  { what: "tokens", wish: { limits: { key: { tokensPerMinute: 60, refillPeriodMs: 3_600_000 } } }, status: 429 },
  { what: "money", wish: { tier: "pennies", limits: {} }, status: 429, more: { max_tokens: 4_000 } },
])("a refusal for $what costs one call, and none after it: nothing was reserved", async ({ wish, status, more }) => {
  const authorization = `Bearer ${await stack.mint(wish)}`;
  for (let request = 0; request < 6; request++) await (await ask("claude", "warm", more, { authorization })).text();
  await quiet();
  const seen = await counted(() => ask("claude", prompt("refused"), more, { authorization }));
  expect(seen).toMatchObject({ status, redis: 1, postgres: 0 });
});

// planted: the key looked up in `resolve`
test("what is refused before admission costs no call at all", async () => {
  for (const [model, more, status] of [
    ["no-such-model", {}, 404],
    ["home", { temperature: 9 }, 400],
    ["brief", { messages: [{ role: "user", content: "long ".repeat(500) }] }, 400],
  ] as const) {
    expect(await counted(() => ask(model, "x", more))).toMatchObject({ status, redis: 0, postgres: 0 });
  }
});

// planted: a second call to Redis in `authenticate` for keys that are known; settlements that never go together
test("under load it makes one call before each request and less than one behind it, none to Postgres", async () => {
  const requests = 60;
  let failed = 0;
  const seen = await counted(async () => {
    const kinds = ["home", "claude", "cached", "dead-home"] as const;
    const all = await Promise.all(
      Array.from({ length: requests }, async (_, index) => {
        const response = await ask(kinds[index % kinds.length] ?? "home", prompt("load"), { stream: index % 2 === 0 });
        await response.text();
        return response;
      }),
    );
    failed = all.filter(({ status }) => status !== 200).length;
    return new Response();
  });
  expect({ failed, postgres: seen.postgres }).toEqual({ failed: 0, postgres: 0 });
  // Settlements that are due while another's call is under way go together.
  expect(seen.redis).toBeGreaterThan(requests);
  expect(seen.redis).toBeLessThan(2 * requests);
});
