import { describe, expect, it } from "vitest";
import type { AdmissionReply } from "../../../src/core/ports.ts";
import type { WideEvent } from "../../../src/core/wide-event.ts";
import { RECORDED_A_MINUTE, refusalTally } from "../../../src/stores/isolate/refusals.ts";
import { countersOf } from "../../../src/telemetry/counters.ts";
import { readEvent } from "../../../workers/ledger/src/event.ts";
import { begin } from "../../support/pipeline.ts";

const NOW = Date.UTC(2026, 10, 21, 12);
const ADMITTED: AdmissionReply = { kind: "admitted", ioMs: 0, rate: {}, shared: { breakers: {} } };
const REFUSED: AdmissionReply = { kind: "refused", ioMs: 0, unit: "requests", level: "key", retryAfterMs: 9, rate: {} };
const unavailable = (detail: string): AdmissionReply => ({ kind: "unavailable", detail, ioMs: 0 });

/** One isolate: what its queue is given, as the ledger reads it. */
function isolate() {
  const refusals = refusalTally(10);
  const events: WideEvent[] = [];
  const ask = async (reply: AdmissionReply, { now = NOW, alias = "openai-chat" } = {}) => {
    const request = { caller: "openai-chat", backend: "openai-chat", alias, stream: false } as const;
    const playing = begin(request, () => Response.json({}, { status: 400 }), {
      clock: { now: () => now },
      refusals,
      localLimits: { take: () => ({ allowed: false, retryAfterMs: 1_000 }) },
      admission: { admit: async () => reply, settle: async () => ({ kind: "settled", ioMs: 0 }) },
      enqueue: (text) => {
        const reading = readEvent(JSON.parse(text));
        if (!reading.ok) throw new Error(`${reading.path}: ${reading.reason}`);
        events.push(reading.event);
      },
    });
    const { status } = await playing.reply;
    await playing.settled();
    return status;
  };
  const counted = (prefix: string) =>
    events
      .flatMap((event) => countersOf(event))
      .filter(({ field }) => field.startsWith(prefix))
      .reduce((sum, { by }) => sum + by, 0);
  return { ask, events, counted };
}

describe("a key that hammers over its limit", () => {
  // planted: every refusal has an event; the counts stay behind; the ledger's door drops them; the counters leave them out
  it("leaves a few events a minute, and counters that have seen every request", async () => {
    const { ask, events, counted } = isolate();
    for (let index = 0; index < 25; index++) expect(await ask(REFUSED)).toBe(429);
    for (let index = 0; index < 5; index++) expect(await ask(REFUSED, { alias: "nobody" })).toBe(404);
    expect(events).toHaveLength(RECORDED_A_MINUTE);
    await ask(REFUSED, { now: NOW + 60_000 });
    expect(events).toHaveLength(RECORDED_A_MINUTE + 1);
    expect(counted("gateway_requests_total|chat|openai-chat|openai-chat|open|refused|")).toBe(26);
    expect(counted("gateway_requests_total|chat|openai-chat|none|open|refused|")).toBe(5);
    expect(counted("gateway_limit_refusals_total|requests|key|open")).toBe(26);
    expect(counted("gateway_failures_total|openai-chat|caller_rate_limited")).toBe(26);
  });

  // planted: the settlement does not take the counts
  it("is told of by the event of its next request that is let in, once", async () => {
    const { ask, events, counted } = isolate();
    for (let index = 0; index < 12; index++) await ask(REFUSED);
    await ask(ADMITTED);
    await ask(ADMITTED);
    expect(events.slice(RECORDED_A_MINUTE).map(({ unrecorded }) => unrecorded?.map(({ count }) => count))).toEqual([
      [2],
      undefined,
    ]);
    expect(counted("gateway_limit_refusals_total|requests|key|open")).toBe(12);
  });

  // planted: refusals after a call that Redis did not answer are counted like others
  it("has an event for each refusal behind which Redis may hold a lease, and not for those of which it never heard", async () => {
    const { ask, events, counted } = isolate();
    for (let index = 0; index < 15; index++) await ask(unavailable("timeout"));
    expect(events).toHaveLength(15);
    for (let index = 0; index < 15; index++) await ask(unavailable("resting"));
    expect(events).toHaveLength(15 + RECORDED_A_MINUTE);
    await ask(ADMITTED);
    expect(counted("gateway_failures_total|openai-chat|caller_rate_limited")).toBe(30);
  });
});
