import { afterEach, beforeEach, expect, test } from "vitest";
import { type SimulatedBackend, startBackend } from "../../../dev/backends/main.ts";
import { rawPost } from "./raw-client.ts";

let backend: SimulatedBackend;
beforeEach(async () => {
  backend = await startBackend({ ttftMs: 0, tokensPerSecond: 0, name: "home" });
});
afterEach(() => backend.close());

async function send(
  method: string,
  path: string,
  body?: unknown,
  base = backend.url,
): Promise<{ status: number; json: Record<string, unknown> }> {
  const response = await fetch(`${base}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

async function statusOf(
  model = "simulated-small",
  requestId?: string,
  path = "/v1/chat/completions",
): Promise<number | undefined> {
  const headers = {
    "anthropic-version": "2023-06-01",
    ...(requestId === undefined ? {} : { "x-request-id": requestId }),
  };
  return (
    await rawPost(backend.url, {
      path,
      headers,
      body: { model, max_tokens: 20, messages: [{ role: "user", content: "hi" }] },
    })
  ).status;
}

// planted: `next` was not counted down
test("a rule hits the next n matching calls and no others", async () => {
  await send("POST", "/sim/faults", {
    match: { next: 2, model: "simulated-*", format: "openai" },
    fault: { name: "server-error", status: 503 },
  });
  expect(await statusOf("simulated-small", undefined, "/anthropic/v1/messages")).toBe(200);
  expect([await statusOf(), await statusOf("simulated-large"), await statusOf()]).toEqual([503, 503, 200]);
  expect((await send("GET", "/sim/faults")).json).toMatchObject({ rules: [{ hits: 2, remaining: 0 }] });
});

// planted: a rule without a path was used up by health checks
test("a rule concerns model calls unless it names a path", async () => {
  await send("POST", "/sim/faults", { match: { next: 1 }, fault: "server-error" });
  expect((await fetch(`${backend.url}/health`)).status).toBe(200);
  expect(await statusOf()).toBe(500);
  await send("POST", "/sim/faults", { match: { path: "/health" }, fault: "tunnel-down" });
  expect((await fetch(`${backend.url}/health`)).status).toBe(530);
});

// planted: probability drew from a shared generator
test("a probability picks the same request ids whatever their order", async () => {
  const picked = async (ids: readonly string[]) => {
    backend.reset();
    backend.addRule({ match: { probability: 0.5 }, fault: "server-error" });
    const hit: string[] = [];
    for (const id of ids) if ((await statusOf("simulated-small", id)) === 500) hit.push(id);
    return new Set(hit);
  };
  const ids = Array.from({ length: 40 }, (_, index) => `request-${index}`);
  const first = await picked(ids);
  expect(first.size).toBeGreaterThan(8);
  expect(first.size).toBeLessThan(32);
  // Rule ids go on counting, so the second backend starts fresh as the first one did.
  await backend.close();
  backend = await startBackend({ ttftMs: 0, tokensPerSecond: 0 });
  expect(await picked(ids.toReversed())).toEqual(first);
});

// planted: `only` compared with the model's full name including faults
test("a fault can be meant for one backend, one format or one model", async () => {
  for (const only of ["home", "openai", "simulated-small"])
    expect(await statusOf(`simulated-small!server-error,only=${only}`)).toBe(500);
  for (const only of ["cloud", "anthropic", "simulated-large"])
    expect(await statusOf(`simulated-small!server-error,only=${only}`)).toBe(200);
});

// planted: unknown names were ignored
test("a typing error is refused, in markers, model names and rules", async () => {
  expect(await statusOf("simulated-small!trunkate,at=3")).toBe(400);
  expect(await statusOf("simulated-small!truncate,att=3")).toBe(400);
  expect(await statusOf("simulated-small!tokens=many")).toBe(400);
  for (const rule of [
    { fault: "trunkate" },
    { match: { modle: "x" }, fault: "gzip" },
    { markers: { tokns: 3 } },
    { faults: [] },
    7,
  ]) {
    expect((await send("POST", "/sim/faults", rule)).status).toBe(400);
  }
  expect((await send("GET", "/sim/faults")).json).toEqual({ rules: [] });
  expect((await send("POST", "/sim/pacing", { ttft: 3 })).status).toBe(400);
});

// planted: markers of a rule were not applied
test("a rule can set any marker, and the prompt's own wins", async () => {
  backend.addRule({ match: {}, markers: { text: "from the rule" } });
  const contentOf = async (content: string) => {
    const answer = await rawPost(backend.url, {
      body: { model: "simulated-small", messages: [{ role: "user", content }] },
    });
    return JSON.parse(answer.body.toString()).choices[0].message.content;
  };
  expect(await contentOf("hi")).toBe("from the rule");
  expect(await contentOf("hi [[sim:text=from, the = prompt]]")).toBe("from, the = prompt");
});

// planted: reset kept the rules
test("reset forgets rules, tally and changed pacing", async () => {
  await send("POST", "/sim/faults", { fault: "server-error" });
  await send("POST", "/sim/pacing", { ttftMs: 5, maxQueued: 1 });
  await statusOf("simulated-small", "before");
  await send("POST", "/sim/reset");
  expect(await statusOf()).toBe(200);
  expect((await send("GET", "/sim/tally?request=before")).json).toEqual({ calls: [] });
  expect((await send("GET", "/sim/pacing")).json).toEqual({
    ttftMs: 0,
    tokensPerSecond: 0,
    maxNumSeqs: 8,
    maxQueued: 64,
  });
});

// planted: the closed door left the listener open
test("the door shuts the listener or resets at accept, and opens again on the same port", async () => {
  for (const mode of ["closed", "reset"]) {
    expect((await send("POST", "/sim/door", { mode }, backend.controlUrl)).status).toBe(200);
    await expect(fetch(`${backend.url}/health`)).rejects.toThrow();
    expect((await send("POST", "/sim/door", { mode: "open" }, backend.controlUrl)).status).toBe(200);
    expect((await fetch(`${backend.url}/health`)).status).toBe(200);
  }
  await send("POST", "/sim/door", { mode: "closed" }, backend.controlUrl);
  await send("POST", "/sim/reset", undefined, backend.controlUrl);
  expect((await fetch(`${backend.url}/health`)).status).toBe(200);
  await backend.setDoor("closed", 30);
  await expect(fetch(`${backend.url}/health`)).rejects.toThrow();
  await expect
    .poll(() =>
      fetch(`${backend.url}/health`).then(
        (response) => response.status,
        () => 0,
      ),
    )
    .toBe(200);
});
