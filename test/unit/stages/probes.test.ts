import { describe, expect, it } from "vitest";
import { CLOSED_BREAKER } from "../../../src/core/breaker.ts";
import type { Config, SeatsConfig } from "../../../src/core/config.ts";
import type { Gateway } from "../../../src/stages/gateway.ts";
import { type Answering, begin, PLAYED_CONFIG } from "../../support/pipeline.ts";
import { admitting, answers, HALF_OPEN, NAME, OPEN, probesAt, REQUEST, SPARE, view } from "../../support/probes.ts";

/** What a request that holds the probe of `openai` says of it, on its way and when it is settled. */
async function saidOf(answering: Answering, cached?: string) {
  const { words, probes } = probesAt();
  const settled: unknown[] = [];
  const playing = begin(REQUEST, answering, {
    probes,
    admission: {
      admit: admitting({ breakers: { [NAME]: HALF_OPEN }, probes: [NAME] }, cached),
      settle: async ({ breakers, unusedProbes }) => {
        settled.push([breakers.map(({ name, healthy }) => [name, healthy]), unusedProbes]);
        return { kind: "settled", ioMs: 0 };
      },
    },
  });
  await playing.reply;
  await playing.settled();
  return { words, settled };
}

describe("the probe that a request holds", () => {
  // planted: success is told only where the isolate's own view has failures; told twice; told when the request is settled
  it("is answered as soon as its attempt is over, well or not, and the settlement gives back what may not have been heard", async () => {
    const told = (healthy: boolean) => ({ words: [[NAME, healthy]], settled: [[[], [NAME]]] });
    expect(await saidOf(answers(200))).toEqual(told(true));
    expect(await saidOf(answers(500))).toEqual(told(false));
  });

  // planted: the settlement names no probe; what says nothing is kept until then
  it("is given back where the answer came from the cache, or said nothing of the backend's health", async () => {
    const answer = { operation: "chat", id: "c", model: "m", createdAt: 1, choices: [] };
    const entry = { v: 1, answer, wire: "openai-chat", backend: "openai", model: "m", storedAt: 1 };
    const unasked: Answering = () => {
      throw new Error("the backend was asked");
    };
    expect(await saidOf(unasked, JSON.stringify(entry))).toEqual({ words: [], settled: [[[], [NAME]]] });
    const nothing = { words: [[NAME, undefined]], settled: [[[], [NAME]]] };
    expect(await saidOf(answers(429))).toEqual(nothing);
    expect(await saidOf(answers(400))).toEqual(nothing);
  });

  // planted: told with the settlement, when the whole answer is over (this is how it was found); a cut behind the first token not told
  it.each([true, false])(
    "is answered by the first token of a stream, whose end comes later; cut off: %s",
    async (isCut) => {
      const { words, probes } = probesAt();
      const settled: unknown[] = [];
      let end = () => {};
      const ended = new Promise<void>((resolve) => {
        end = resolve;
      });
      const frame = (delta: unknown, finish: string | null) =>
        new TextEncoder().encode(
          `data: ${JSON.stringify({ id: "c", model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`,
        );
      const long: Answering = () =>
        new Response(
          new ReadableStream<Uint8Array>({
            async start(controller) {
              controller.enqueue(frame({ role: "assistant", content: "Yes" }, null));
              await ended;
              if (!isCut) controller.enqueue(frame({}, "stop"));
              controller.close();
            },
          }),
          { headers: { "content-type": "text/event-stream" } },
        );
      const playing = begin({ ...REQUEST, stream: true }, long, {
        probes,
        breakers: view(),
        admission: {
          admit: admitting({ breakers: { [NAME]: HALF_OPEN }, probes: [NAME] }),
          settle: async ({ breakers, unusedProbes }) => {
            settled.push([breakers.map(({ name, healthy }) => [name, healthy]), unusedProbes]);
            return { kind: "settled", ioMs: 0 };
          },
        },
      });
      const { body } = await playing.reply;
      expect([words, settled]).toEqual([[[NAME, true]], []]);
      end();
      await new Response(body).text();
      await playing.settled();
      expect([words, settled]).toEqual([[[NAME, true]], [isCut ? [[[NAME, false]], undefined] : [[], [NAME]]]]);
    },
  );

  // planted: kept until the request is over, which another's long answer may be minutes later
  it("is given back at once where there is no seat", async () => {
    const { openai } = PLAYED_CONFIG.backends;
    if (!openai) throw new Error("no backend");
    const seats: SeatsConfig = {
      count: 1,
      queue: 1,
      maxWaitMs: 1_000,
      spill: { afterMs: 0 },
      lowerShare: 0.1,
      tellFromMs: 1_000,
      coldAfterMs: 1_000,
    };
    const crowded: Config = { ...PLAYED_CONFIG, backends: { ...PLAYED_CONFIG.backends, openai: { ...openai, seats } } };
    const { words, probes } = probesAt();
    const full = Promise.resolve({ kind: "refused", why: "full" } as const);
    const playing = begin({ ...REQUEST, alias: "spare" }, answers(500), {
      config: () => crowded,
      seats: { take: () => ({ outcome: full, leave: () => undefined }), suspect: () => undefined },
      probes,
      breakers: view(),
      admission: {
        admit: admitting({ breakers: { [NAME]: HALF_OPEN }, probes: [NAME] }),
        settle: async () => ({ kind: "settled", ioMs: 0 }),
      },
    });
    await playing.reply;
    await playing.settled();
    expect([words, playing.calls.map(({ backend }) => backend.name)]).toEqual([[[NAME, undefined]], ["claude"]]);
  });

  // planted: the plan reads the isolate's view, where another request has left its probe
  it("is made by no other request of the isolate", async () => {
    const reasons: (string | undefined)[] = [];
    const breakers: Gateway["breakers"] = {
      learn: () => undefined,
      state: () => HALF_OPEN,
      claim: () => HALF_OPEN,
      giveBack: () => undefined,
      report: () => undefined,
    };
    const playing = begin(REQUEST, answers(200), {
      breakers,
      admission: {
        admit: admitting({ breakers: { [NAME]: OPEN } }),
        settle: async ({ event }) => {
          reasons.push(event.decisions.find(({ step }) => step === "plan")?.reason);
          return { kind: "settled", ioMs: 0 };
        },
      },
    });
    await playing.reply;
    await playing.settled();
    // The route has one target, so that it is tried all the same, and is no probe.
    expect(reasons).toEqual(["last-resort"]);
  });

  // planted: the fallbacks' breakers are asked for all the same
  it("is not asked for of a backend that the caller wants no answer of", async () => {
    const asked: unknown[] = [];
    for (const noFallback of [false, true]) {
      const playing = begin({ ...REQUEST, alias: "spare", noFallback }, answers(200), {
        admission: {
          admit: (request) => {
            asked.push([request.breakers, request.behind]);
            return admitting({ breakers: {} })();
          },
          settle: async () => ({ kind: "settled", ioMs: 0 }),
        },
      });
      await playing.reply;
      await playing.settled();
    }
    expect(asked).toEqual([
      [[NAME], [SPARE]],
      [[NAME], []],
    ]);
  });

  // planted: those of all steps are asked for with admission, where the first is not well
  it("is asked for with admission of the first step alone, whatever is known of it", async () => {
    const asked: unknown[] = [];
    for (const state of [CLOSED_BREAKER, OPEN, HALF_OPEN]) {
      const breakers = view();
      breakers.learn({ breakers: { [NAME]: state, [SPARE]: HALF_OPEN } });
      const playing = begin({ ...REQUEST, alias: "spare" }, answers(400), {
        breakers,
        admission: {
          admit: (request) => {
            asked.push([request.breakers, request.behind]);
            return admitting({ breakers: {} })();
          },
          settle: async () => ({ kind: "settled", ioMs: 0 }),
        },
      });
      await playing.reply;
      await playing.settled();
    }
    expect(asked).toEqual(Array(3).fill([[NAME], [SPARE]]));
  });
});
