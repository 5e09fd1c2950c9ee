import { describe, expect, it } from "vitest";
import { readEvent } from "../../../workers/ledger/src/event.ts";
import { abandonedOf, attempt, settledEvent } from "../../support/events.ts";

describe("an event at the ledger's door", () => {
  // planted: the level of a route left behind
  it("comes in as it is, settled or abandoned", () => {
    const routing = { rule: "r", by: "hash", experiment: "e", arm: "a", complexity: 0.4, level: "reduced" } as const;
    const event = settledEvent({ user: "ada", failure: "backend_cut", outcome: "failed", unleased: true, routing });
    expect(readEvent(structuredClone(event))).toEqual({ ok: true, event });
    expect(readEvent(abandonedOf(event))).toEqual({ ok: true, event: abandonedOf(event) });
  });

  // planted: unknown fields were kept
  it("leaves behind what this version does not know, so that nothing unforeseen reaches a row", () => {
    const reading = readEvent({ ...settledEvent(), prompt: "secret", attempts: [{ ...attempt(), body: "secret" }] });
    expect(reading.ok).toBe(true);
    expect(JSON.stringify(reading)).not.toContain("secret");
  });

  // planted: text was refused where it could have been mended
  it("has text mended that Postgres cannot hold, and cut that is too long", () => {
    const reading = readEvent(settledEvent({ alias: "a\u0000b\ud800c", tier: "x".repeat(5_000) }));
    expect(reading.ok && [reading.event.alias, reading.event.tier.length]).toEqual(["a\ufffdb\ufffdc", 2_048]);
  });

  it.each([
    [null, "(event)"],
    ["text", "(event)"],
    [{ ...settledEvent(), v: 2 }, "v"],
    [{ ...settledEvent(), requestId: "" }, "requestId"],
    [{ ...settledEvent(), tenant: "a\u0000" }, "tenant"],
    [{ ...settledEvent(), costNanoUsd: -1 }, "costNanoUsd"],
    [{ ...settledEvent(), costNanoUsd: 2 ** 53 }, "costNanoUsd"],
    [{ ...settledEvent(), outcome: "done" }, "outcome"],
    [{ ...settledEvent(), attempts: [attempt(), attempt()] }, "attempts"],
    [{ ...settledEvent(), attempts: [attempt({ usage: { inputTokens: -1 } })] }, "attempts.0.usage.inputTokens"],
  ])("is refused with the field that is wrong: %#", (value, path) => {
    expect(readEvent(value)).toMatchObject({ ok: false, path });
  });
});
