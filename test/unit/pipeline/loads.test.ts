import { expect, test } from "vitest";
import type { AdmissionRequest, SharedState } from "../../../src/core/ports.ts";
import type { WideEvent } from "../../../src/core/wide-event.ts";
import { answers, watchedChain } from "../../support/chain.ts";
import { Isolate } from "../../support/degraded.ts";
import { begin, NOW } from "../../support/pipeline.ts";

const { bare, watched: config } = watchedChain();
const DOWN = { up: false, readAt: NOW, freshUntil: NOW + 45_000 };

/** What admission was asked for, and how the request was planned with what Redis said beside it. */
async function plannedWith(loads: NonNullable<SharedState["loads"]>, of = config) {
  const requests: AdmissionRequest[] = [];
  const events: WideEvent[] = [];
  const playing = begin(
    { caller: "openai-chat", backend: "openai-chat", alias: "chat", stream: true },
    () => Response.error(),
    {
      config: () => of,
      availableBackends: new Set(["a", "b"]),
      transport: { send: ({ backend: { name } }, signal) => answers(name)(signal, 1) },
      admission: {
        admit: async (request) => {
          requests.push(request);
          return { kind: "admitted", ioMs: 0, rate: {}, shared: { breakers: {}, loads } };
        },
        settle: async ({ event }) => {
          events.push(event);
          return { kind: "settled", ioMs: 0 };
        },
      },
    },
  );
  const { body } = await playing.reply;
  const text = typeof body === "string" ? body : await new Response(body).text();
  await playing.settled();
  const plan = events.flatMap(({ decisions }) => decisions.filter(({ step }) => step === "plan"));
  return { requests, text, plan: plan.map(({ decision, reason }) => `${decision} ${reason}`) };
}

// planted: every backend's load is read
test("only the loads of backends that are asked how they are, are read", async () => {
  expect((await plannedWith({})).requests[0]?.loads).toEqual(["a"]);
  expect((await plannedWith({}, bare)).requests[0]?.loads).toBeUndefined();
});

// planted: admission does not teach the view
test("a request goes past a backend that is known to be down, and the record says why", async () => {
  const { plan, text } = await plannedWith({ a: DOWN });
  expect(plan).toEqual(["b fallback", "skip a:unhealthy"]);
  expect(text).toContain('"b"');
  expect((await plannedWith({})).plan).toEqual(["a weighted-choice", "b fallback"]);
});

// planted: levels go by breakers alone; a backend that is full is unwell
test("a route goes down a level while its backend is known to be down, not while it is full", async () => {
  const full = new Isolate();
  full.says = { loads: { home: { ...DOWN, up: true, kvCache: 1 } } };
  const down = new Isolate();
  down.says = { loads: { home: DOWN } };
  for (const isolate of [full, down]) {
    // Nobody has told it yet: its one target is asked.
    expect((await isolate.ask("chat", { says: "First." })).models).toEqual(["large"]);
  }
  expect((await full.ask("chat", { says: "Second." })).degraded).toBeUndefined();
  expect(await down.ask("chat", { says: "Second." })).toMatchObject({ models: ["small"], degraded: "reduced" });
});
