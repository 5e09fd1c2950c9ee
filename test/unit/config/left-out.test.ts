import { Hono } from "hono";
import { expect, test } from "vitest";
import { leftOut } from "../../../src/config/left-out.ts";
import { operations } from "../../../src/http/routes/operations.ts";
import { exampleBase } from "./base.ts";

const base = exampleBase();
const of = (available: readonly string[], absent: Readonly<Record<string, readonly string[]>>) =>
  leftOut(base, { availableBackends: new Set(available), absentBackends: new Map(Object.entries(absent)) });

// planted: fallbacks not looked at; the variables not named
test("what the environment leaves out is named with what it lacks, and so is a route that has nobody left", () => {
  expect(of(["claude"], { home: ["VLLM_BASE_URL"], openai: ["OPENAI_API_KEY", "X"] })).toMatchObject({
    routes: [],
    servesNothing: false,
    lines: [
      "the backend home is left out: VLLM_BASE_URL not set",
      "the backend openai is left out: OPENAI_API_KEY, X not set",
    ],
  });
  expect(of([], { home: ["VLLM_BASE_URL"] }).lines.at(-1)).toBe("the route chat has no backend");
  expect(of(["home", "openai", "claude"], {}).lines).toEqual([]);
});

// planted: one route without a backend is unwell; that there is none passed over; warnings left out of the reply
test("/readyz warns of backends and routes that are left out, and is unwell where no route has a backend", async () => {
  const answer = async (left: ReturnType<typeof of>) => {
    const app = new Hono();
    operations(app, {
      tokens: ["secret"],
      version: "1",
      leftOut: left,
      probe: () => Promise.resolve([{ name: "redis", healthy: true, ms: 1 }]),
      metrics: () => Promise.resolve(undefined),
    });
    const reply = await app.request("/readyz", { headers: { authorization: "Bearer secret" } });
    return [reply.status, await reply.json()];
  };
  expect(await answer(of(["home"], { openai: ["OPENAI_API_KEY"] }))).toMatchObject([
    200,
    { status: "ready", warnings: ["the backend openai is left out: OPENAI_API_KEY not set"] },
  ]);
  expect(await answer({ ...of([], {}), servesNothing: false })).toMatchObject([200, { status: "ready" }]);
  expect(await answer(of([], {}))).toMatchObject([
    503,
    { status: "unwell", warnings: ["the route chat has no backend"] },
  ]);
});
