import { describe, expect, it } from "vitest";
import { CLOSED_BREAKER } from "../../../src/core/breaker.ts";
import type { SharedState } from "../../../src/core/ports.ts";
import type { Probes } from "../../../src/core/probes.ts";
import { begin } from "../../support/pipeline.ts";
import { admitting, answers, HALF_OPEN, NAME, OPEN, probesAt, REQUEST, SPARE, view } from "../../support/probes.ts";

/** Requests to `openai`, and behind it `claude`, whose opening is over: all under way together, and the backends that each asked. */
async function together(
  count: number,
  status: (backend: string) => number,
  shared: SharedState | undefined,
  probes: Probes,
) {
  const breakers = view();
  breakers.learn({ breakers: { [SPARE]: HALF_OPEN } });
  const unused: unknown[] = [];
  const begun = Array.from({ length: count }, (_, place) => {
    const asked: string[] = [];
    const playing = begin(
      { ...REQUEST, alias: "spare", requestId: `req_${place}` },
      (call, signal) => {
        asked.push(call.backend.name);
        return answers(status(call.backend.name))(call, signal);
      },
      {
        breakers,
        probes,
        admission: {
          admit: shared ? admitting(shared) : async () => ({ kind: "unavailable", detail: "timeout", ioMs: 0 }),
          settle: async ({ unusedProbes, event }) => {
            unused.push([
              unusedProbes,
              event.decisions.filter(({ reason }) => reason?.endsWith(":probe-taken")).length,
            ]);
            return { kind: "settled", ioMs: 0 };
          },
        },
      },
    );
    return { asked, playing };
  });
  const statuses = await Promise.all(begun.map(async ({ playing }) => (await playing.reply).status));
  for (const { playing } of begun) await playing.settled();
  return { asked: begun.map(({ asked }) => asked.join("+")), statuses, unused };
}

describe("a step behind one that is well", () => {
  const behind = { breakers: { [NAME]: CLOSED_BREAKER, [SPARE]: HALF_OPEN } };

  // planted: whoever gets there by a failure asks (this is how it was found); the probe asked for again where it is held
  it("is asked by one request at a time once its opening is over, and passed over by the others", async () => {
    const { claims, words, probes } = probesAt();
    const { asked, unused } = await together(5, (backend) => (backend === "openai" ? 429 : 500), behind, probes);
    expect([...asked].sort()).toEqual([...Array(4).fill("openai"), "openai+claude"]);
    expect(claims).toEqual(Array(5).fill(SPARE));
    expect(words).toEqual([[SPARE, false]]);
    expect([...unused].sort()).toEqual([...Array(4).fill([undefined, 1]), [[SPARE], 0]].sort());
  });

  // planted: refused as if it were still open
  it("is asked by all where it has closed since", async () => {
    const { words, probes } = probesAt([SPARE]);
    const { asked } = await together(3, (backend) => (backend === "openai" ? 500 : 429), behind, probes);
    expect([asked, words]).toEqual([Array(3).fill("openai+claude"), []]);
  });

  // planted: without Redis each that gets there probes
  it.each([
    ["from admission on", undefined],
    ["since", behind],
  ])("is asked by one of the isolate's requests at a time where Redis is away %s", async (_, shared) => {
    const probes: Probes = { claim: async () => ({ kind: "unavailable" }), answer: async () => undefined };
    const { asked } = await together(4, (backend) => (backend === "openai" ? 429 : 500), shared, probes);
    expect([...asked].sort()).toEqual([...Array(3).fill("openai"), "openai+claude"]);
  });

  // planted: nobody is asked, and the caller told that nobody can be had; the next step by its own list of failures
  it("is tried all the same by who could ask nobody else", async () => {
    const { claims, probes } = probesAt();
    const both = { breakers: { [NAME]: HALF_OPEN, [SPARE]: OPEN } };
    const { asked, statuses } = await together(2, () => 200, both, probes);
    expect([asked, statuses, claims]).toEqual([Array(2).fill("openai"), [200, 200], [NAME, NAME]]);
    const other = probesAt();
    const led = await together(
      2,
      () => 200,
      { breakers: { [NAME]: HALF_OPEN, [SPARE]: CLOSED_BREAKER } },
      other.probes,
    );
    expect(led.asked).toEqual(["openai", "claude"]);
  });
});
