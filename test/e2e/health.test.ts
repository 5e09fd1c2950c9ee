import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestStack, type TestStack } from "../support/stack.ts";

const CONFIG = new URL("../fixtures/config/health.yaml", import.meta.url).pathname;
let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ configFile: CONFIG, cron: false, key: { tier: "standard" } });
});
afterAll(() => stack?.stop());

const UP = 'gateway_backend_load{backend="home",kind="up"}';
async function up(): Promise<string | undefined> {
  const headers = { authorization: `Bearer ${stack.metricsToken}` };
  const text = await (await fetch(`${stack.gateway}/metrics`, { headers })).text();
  return text
    .split("\n")
    .find((line) => line.startsWith(UP))
    ?.slice(UP.length + 1);
}
async function untilUpIs(wished: string): Promise<void> {
  for (let waited = 0; (await up()) !== wished; waited++) {
    if (waited > 200) throw new Error(`up is ${await up()}`);
    await pause(100);
  }
}
async function ask(): Promise<Response> {
  const messages = [{ role: "user", content: "?" }];
  const response = await stack.post("/v1/chat/completions", { model: "home", messages });
  expect(response.status).toBe(200);
  await response.text();
  return response;
}
/** Whom the request asked. */
async function asked(): Promise<readonly string[]> {
  const calls = await stack.tally((await ask()).headers.get("x-request-id") ?? "");
  return calls.map(({ backend }) => backend);
}

// planted: the gateway does not read the load; the desk sets no alarm; an attempt that fails tells nobody
test("a GPU that hangs is passed over without being asked, and is back once it answers, though nobody came to it", async () => {
  await stack.runCron();
  expect(await up()).toBe("1");
  expect(await asked()).toHaveLength(1);
  const pid = stack.process("home").pid() ?? 0;
  process.kill(pid, "SIGSTOP");
  try {
    // Nothing but that attempt, which has no seat, has it asked.
    expect((await ask()).headers.get("x-gateway-attempts")).toBe("2");
    await untilUpIs("0");
    const startedAt = Date.now();
    expect([(await ask()).headers.get("x-gateway-attempts"), Date.now() - startedAt < 2_000]).toEqual(["1", true]);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await untilUpIs("1");
  expect(await asked()).toHaveLength(1);
});
