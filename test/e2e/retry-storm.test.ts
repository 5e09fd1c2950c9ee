import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { chatRequest } from "../support/caller.ts";
import { startTestStack, type TestStack } from "../support/stack.ts";

/** Breakers of this configuration open after a million failures: what bounds the calls here is the chain and its retry budget alone. */
const PARALLEL = 25;

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ cron: false });
});
afterAll(() => stack?.stop());
afterEach(() => stack.resetBackends());

/** So many clients' calls; how many ended how, and the calls that each backend counted. */
async function storm(model: string, calls: number) {
  const statuses: Record<number, number> = {};
  let left = calls;
  const { path, body } = chatRequest("openai-chat", model, "hello", false, { max_tokens: 2 });
  const client = async () => {
    while (left-- > 0) {
      const response = await stack.post(path, body);
      await response.text();
      statuses[response.status] = (statuses[response.status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, client));
  const counted = async (url: string | undefined) =>
    ((await (await fetch(`${url}/sim/tally`)).json()) as { calls: unknown[] }).calls.length;
  return { statuses, home: await counted(stack.home?.url), cloud: await counted(stack.cloud?.url) };
}

// planted: the retry budget not asked; a retry although another step is left
test("1,000 calls while a backend fails all of its own: 1.1 calls to it at most, and one more a step", async () => {
  await stack.fault("home", { fault: "refuse" });
  const chained = await storm("home-cloud", 800);
  expect(chained.statuses).toEqual({ 200: 800 });
  expect(chained.home).toBeLessThanOrEqual(880);
  expect(chained.home + chained.cloud).toBeLessThanOrEqual(1_600);
  await stack.resetBackends();
  await stack.fault("home", { fault: "refuse" });
  const alone = await storm("home", 200);
  expect(alone.statuses).toEqual({ 503: 200 });
  // Retries there are, or the bound would prove nothing.
  expect(alone.home).toBeGreaterThan(205);
  expect(alone.home).toBeLessThanOrEqual(220);
});
