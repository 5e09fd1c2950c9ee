import { describe, expect, it } from "vitest";
import { type BreakerState, CLOSED_BREAKER } from "../../../src/core/breaker.ts";
import type { AdmissionReply, SharedState } from "../../../src/core/ports.ts";
import { BreakerView } from "../../../src/routing/breaker-view.ts";
import type { Gateway } from "../../../src/stages/gateway.ts";
import { type Answering, begin, PLAYED_CONFIG } from "../../support/pipeline.ts";

const REQUEST = { caller: "openai-chat", backend: "openai-chat", stream: false } as const;
const NOW = Date.UTC(2026, 10, 21, 12);
const NAME = "openai/played";
const SPARE = "claude/played";
const HALF_OPEN: BreakerState = { ...CLOSED_BREAKER, failures: 3, openUntil: NOW - 1, openMs: 1_000 };
const OPEN: BreakerState = { ...HALF_OPEN, openUntil: NOW + 5_000 };

const answers = (status: number): Answering => {
  const body = { id: "c", model: "m", choices: [{ index: 0, message: { content: "Yes" }, finish_reason: "stop" }] };
  return () => Response.json(status === 200 ? body : {}, { status });
};

/** An admission store that admits with these breakers. */
const admitting = (shared: SharedState, cached?: string) => {
  const reply: AdmissionReply = { kind: "admitted", ioMs: 0, rate: {}, shared, ...(cached && { cached }) };
  return async () => reply;
};

/** What a request that holds the probe of `openai` says of it when it is settled. */
async function saidOf(answering: Answering, cached?: string) {
  const settlements: { reported: unknown[]; unused: readonly string[] | undefined }[] = [];
  const breakers = new BreakerView(
    () => undefined,
    () => NOW,
  );
  const playing = begin(REQUEST, answering, {
    breakers,
    admission: {
      admit: admitting({ breakers: { [NAME]: HALF_OPEN }, probes: [NAME] }, cached),
      settle: async (settlement) => {
        const reported = settlement.breakers.map(({ name, healthy }) => [name, healthy]);
        settlements.push({ reported, unused: settlement.unusedProbes });
        return { kind: "settled", ioMs: 0 };
      },
    },
  });
  await playing.reply;
  await playing.settled();
  return settlements;
}

describe("the probe that a request holds", () => {
  // planted: success is told only where the isolate's own view has failures
  it("is reported where the backend answered, well or not", async () => {
    expect(await saidOf(answers(200))).toEqual([{ reported: [[NAME, true]], unused: undefined }]);
    expect(await saidOf(answers(500))).toEqual([{ reported: [[NAME, false]], unused: undefined }]);
  });

  // planted: the settlement names no probe
  it("is given back where the answer came from the cache, or said nothing of the backend's health", async () => {
    const answer = { operation: "chat", id: "c", model: "m", createdAt: 1, choices: [] };
    const entry = { v: 1, answer, wire: "openai-chat", backend: "openai", model: "m", storedAt: 1 };
    const unasked: Answering = () => {
      throw new Error("the backend was asked");
    };
    expect(await saidOf(unasked, JSON.stringify(entry))).toEqual([{ reported: [], unused: [NAME] }]);
    expect(await saidOf(answers(429))).toEqual([{ reported: [], unused: [NAME] }]);
    expect(await saidOf(answers(400))).toEqual([{ reported: [], unused: [NAME] }]);
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

  // planted: the fallback's is asked for in any case; in none; one that is switched off counts as well
  it("is asked for of a fallback where the step before it is not well, and only then", async () => {
    const asked: unknown[] = [];
    const gone = { availableBackends: new Set(["claude"]) };
    const cases: [BreakerState, object][] = [
      [CLOSED_BREAKER, {}],
      [OPEN, {}],
      [HALF_OPEN, {}],
      [CLOSED_BREAKER, gone],
    ];
    for (const [state, more] of cases) {
      const breakers = new BreakerView(
        () => PLAYED_CONFIG.backends.openai?.breaker,
        () => NOW,
      );
      breakers.learn({ breakers: { [NAME]: state } });
      const playing = begin({ ...REQUEST, alias: "spare" }, answers(400), {
        breakers,
        ...more,
        admission: {
          admit: (request) => {
            asked.push([request.breakers.length, request.behind?.length]);
            return admitting({ breakers: {} })();
          },
          settle: async () => ({ kind: "settled", ioMs: 0 }),
        },
      });
      await playing.reply;
      await playing.settled();
    }
    expect(asked).toEqual([
      [1, 1],
      [2, undefined],
      [2, undefined],
      [2, undefined],
    ]);
  });

  // planted: without Redis the fallback's probe is taken behind a first step that is well
  it("leaves the fallback to whoever needs it, without Redis too", async () => {
    const breakers = new BreakerView(
      () => PLAYED_CONFIG.backends.openai?.breaker,
      () => NOW,
    );
    breakers.learn({ breakers: { [SPARE]: HALF_OPEN } });
    const begun = ["one", "two"].map((says) => {
      const asked: string[] = [];
      const fails: Answering = ({ backend }) => {
        asked.push(backend.name);
        return Response.json({}, { status: 500 });
      };
      const playing = begin({ ...REQUEST, alias: "spare", says }, fails, {
        breakers,
        admission: {
          admit: async () => ({ kind: "unavailable", detail: "timeout", ioMs: 0 }),
          settle: async () => ({ kind: "settled", ioMs: 0 }),
        },
      });
      return { asked, playing };
    });
    for (const { playing } of begun) await playing.reply;
    expect(begun.map(({ asked }) => asked[1])).toEqual(["claude", "claude"]);
    for (const { playing } of begun) await playing.settled();
  });
});
