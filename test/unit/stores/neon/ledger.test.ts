import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { WideEvent } from "../../../../src/core/wide-event.ts";
import { NeonLedger } from "../../../../src/stores/neon/ledger.ts";
import { startDatabase, type TestDatabase } from "../../../support/database.ts";
import { abandonedOf, attempt, settledEvent } from "../../../support/events.ts";

let database: TestDatabase;
let ledger: NeonLedger;

beforeAll(async () => {
  database = await startDatabase();
  ledger = new NeonLedger(database.as("ledger"));
});
afterAll(() => database.close());

async function rowsOf(event: WideEvent) {
  const requests = await database.query("select * from requests where id = $1", event.requestId);
  const charges = await database.query("select * from charges where request_id = $1 order by ordinal", event.requestId);
  return { requests, charges };
}

describe("the ledger's rows", () => {
  it("hold every field of an event, and give the event back", async () => {
    const event = settledEvent({
      user: "ada",
      endUserHash: "hash",
      outcome: "failed",
      failure: "backend_cut",
      limit: { unit: "money", level: "user" },
      status: 502,
      parentSpanId: "00f067aa0ba902b7",
      estimated: true,
      attempts: [
        attempt({ outcome: "failed", failure: "backend_timeout", detail: "first token", costNanoUsd: 0 }),
        attempt({
          ordinal: 1,
          backend: "openai",
          wire: "anthropic-messages",
          usage: { inputTokens: 0 },
          estimated: true,
        }),
      ],
    });
    expect(await ledger.write([event])).toEqual({ kind: "ok", value: { fresh: [event.requestId], settledBefore: [] } });
    expect(await ledger.settledEvents([event.requestId])).toEqual({ kind: "ok", value: [event] });
  });

  // planted: an unknown count was stored as 0
  it("keep an unknown count apart from a zero", async () => {
    const {
      usage: _usage,
      firstTokenMs: _first,
      ...rest
    } = settledEvent({ attempts: [attempt({ usage: { outputTokens: 0 } })] });
    await ledger.write([rest]);
    const { requests, charges } = await rowsOf(rest);
    expect(requests).toMatchObject([{ input_tokens: null, output_tokens: null, first_token_ms: null }]);
    expect(charges).toMatchObject([{ input_tokens: null, output_tokens: "0" }]);
  });

  // planted: an update without its condition; charges were written whether or not the request's row was
  it("are written once, however often and in whatever company an event comes", async () => {
    const [one, other] = [settledEvent(), settledEvent()];
    await ledger.write([one]);
    const again = await ledger.write([other, one]);
    expect(again).toMatchObject({ value: { fresh: [other.requestId] } });
    const altered = { ...one, costNanoUsd: 7, attempts: [attempt({ ordinal: 5, costNanoUsd: 7 })] };
    await ledger.write([altered]);
    const { requests, charges } = await rowsOf(one);
    expect(requests).toMatchObject([{ cost_nano_usd: "1400" }]);
    expect(charges).toMatchObject([{ ordinal: "0", cost_nano_usd: "1400" }]);
  });

  // planted: the update's condition was left out
  it("turn from abandoned to settled once, and never back", async () => {
    const event = settledEvent();
    const abandoned = abandonedOf(event);
    expect(await ledger.write([abandoned])).toMatchObject({ value: { fresh: [event.requestId], settledBefore: [] } });
    expect(await rowsOf(event)).toMatchObject({
      requests: [{ status: "abandoned", cost_nano_usd: "9000" }],
      charges: [],
    });
    expect(await ledger.write([event])).toMatchObject({ value: { fresh: [event.requestId] } });
    expect(await ledger.write([abandoned])).toEqual({
      kind: "ok",
      value: { fresh: [], settledBefore: [event.requestId] },
    });
    expect(await ledger.write([event])).toMatchObject({ value: { fresh: [] } });
    const { requests, charges } = await rowsOf(event);
    expect(requests).toMatchObject([{ status: "settled", cost_nano_usd: "1400", outcome: "completed" }]);
    expect(charges).toHaveLength(1);
  });

  // planted: the tenant was left out of the update's condition
  it("of one tenant cannot be replaced by another tenant's event", async () => {
    const event = settledEvent();
    await ledger.write([abandonedOf(event)]);
    await ledger.write([{ ...event, tenant: "globex" }]);
    expect(await rowsOf(event)).toMatchObject({ requests: [{ tenant_id: "acme", status: "abandoned" }], charges: [] });
  });

  it("are those of both writers when two write overlapping batches at once", async () => {
    const events = Array.from({ length: 30 }, () => settledEvent());
    const [forth, back] = await Promise.all([ledger.write(events), ledger.write(events.toReversed())]);
    const fresh = [forth, back].flatMap((outcome) => (outcome.kind === "ok" ? outcome.value.fresh : ["failed"]));
    expect(fresh).toHaveLength(events.length);
    expect(new Set(fresh)).toEqual(new Set(events.map((event) => event.requestId)));
  });

  it("say which data was refused, and write nothing of the batch", async () => {
    const [good, bad] = [settledEvent(), settledEvent({ costNanoUsd: -1 })];
    expect(await ledger.write([good, bad])).toMatchObject({ kind: "refused", code: "23514" });
    expect((await rowsOf(good)).requests).toEqual([]);
  });
});

describe("the ledger while the database is unwell", () => {
  // planted: the deadline's signal was made once for all calls
  it("gives up at its deadline, call after call, and works again afterwards", async () => {
    const hurried = new NeonLedger(database.as("ledger", 800));
    await database.endpoint.control({ hang: true });
    expect(await hurried.write([settledEvent()])).toEqual({ kind: "unavailable", detail: "timeout" });
    await database.endpoint.control({});
    expect(await hurried.write([settledEvent()])).toMatchObject({ kind: "ok" });
  });

  it.each([
    [{ refuse: true }, "network"],
    [{ status: 500 }, "network"],
  ])("calls %j unavailable", async (faults, detail) => {
    await database.endpoint.control(faults);
    const outcome = await ledger.write([settledEvent()]);
    await database.endpoint.control({});
    expect(outcome).toEqual({ kind: "unavailable", detail });
  });

  it("writes nothing twice when the reply to a committed write was lost", async () => {
    const event = settledEvent();
    await database.endpoint.control({ dropReply: true });
    expect(await ledger.write([event])).toEqual({ kind: "unavailable", detail: "network" });
    await database.endpoint.control({});
    expect(await ledger.write([event])).toMatchObject({ kind: "ok", value: { fresh: [] } });
    const { requests, charges } = await rowsOf(event);
    expect([requests.length, charges.length]).toEqual([1, 1]);
  });

  it("is not taken for refused data when the login or the schema is wrong", async () => {
    const wrongRole = new NeonLedger(database.as("app"));
    expect(await wrongRole.write([settledEvent()])).toEqual({ kind: "unavailable", detail: "sqlstate 42501" });
  });
});
