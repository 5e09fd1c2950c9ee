import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { chatRequest } from "../support/caller.ts";
import { startTestStack, type TestStack } from "../support/stack.ts";

/** Each keeps a budget of its own, from which it may borrow one. */
const GATEWAYS = 2;
/** Breakers of this configuration open after a million failures: what bounds the calls here is the chain and its retry budget alone. */
const PARALLEL = 25;

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ cron: false, gateways: GATEWAYS });
});
afterAll(() => stack?.stop());
afterEach(() => stack.resetBackends());

/** So many clients' calls, to these aliases and to each gateway in turn; how many ended how, and the calls that each backend counted. */
async function storm(models: readonly string[], calls: number) {
  const statuses: Record<number, number> = {};
  let left = calls;
  const client = async () => {
    for (let turn = left--; turn > 0; turn = left--) {
      const model = models[Math.floor(turn / GATEWAYS) % models.length] ?? "";
      const { path, body } = chatRequest("openai-chat", model, "hello", false, { max_tokens: 2 });
      const response = await fetch(`${stack.gateways[turn % GATEWAYS]}${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${stack.apiKey}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      await response.text();
      statuses[response.status] = (statuses[response.status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, client));
  const counted = async (url: string | undefined) =>
    ((await (await fetch(`${url}/sim/tally`)).json()) as { calls: unknown[] }).calls.length;
  return { statuses, home: await counted(stack.home?.url), cloud: await counted(stack.cloud?.url) };
}

const most = (calls: number) => 1.1 * calls + GATEWAYS;

// planted: the retry budget not asked; a retry although another step is left; a gateway that borrows whenever it has nothing saved up
test("1,000 calls while a backend fails all of its own: 1.1 calls to it at most, and one more a step", async () => {
  await stack.fault("home", { fault: "refuse" });
  const chained = await storm(["home-cloud"], 800);
  expect(chained.statuses).toEqual({ 200: 800 });
  expect(chained.home).toBeLessThanOrEqual(most(800));
  expect(chained.home + chained.cloud).toBeLessThanOrEqual(1_600);
  await stack.resetBackends();
  await stack.fault("home", { fault: "refuse" });
  const alone = await storm(["home"], 200);
  expect(alone.statuses).toEqual({ 503: 200 });
  // Retries there are, or the bound would prove nothing.
  expect(alone.home).toBeGreaterThan(205);
  expect(alone.home).toBeLessThanOrEqual(most(200));
});

// planted: who names a time is asked again without the budget
test("200 calls while a backend has no room and says when it will: 1.1 calls to it at most", async () => {
  await stack.fault("home", { fault: "rate-limited,retry-after-ms=50" });
  const { statuses, home } = await storm(["home"], 200);
  expect(Object.values(statuses)).toEqual([200]);
  expect(statuses[200]).toBeUndefined();
  expect(home).toBeGreaterThan(205);
  expect(home).toBeLessThanOrEqual(most(200));
});

// planted: the hedge budget not asked, so that each is asked for all of the other's too
test("two backends that are slow at once and hedge to each other: 1.1 calls for each client's at most, of both together", async () => {
  for (const backend of ["home", "cloud"] as const) await stack.fault(backend, { markers: { ttft: 500 } });
  const { statuses, home, cloud } = await storm(["hedged-home", "hedged-cloud"], 200);
  expect(statuses).toEqual({ 200: 200 });
  expect(home + cloud).toBeGreaterThan(205);
  // A budget a route and gateway.
  expect(home + cloud).toBeLessThanOrEqual(1.1 * 200 + 2 * GATEWAYS);
});
