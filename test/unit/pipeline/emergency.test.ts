import { describe, expect, it } from "vitest";
import { Isolate, other, PROBE, withoutAny } from "../../support/degraded.ts";
import { NOW } from "../../support/pipeline.ts";

describe("a route in an emergency", () => {
  // planted: the answer kept in the cache; charged by an estimate; its level not told; a miss of the cache told of it
  it("gives the fixed answer, whole and free of charge, in the caller's format", async () => {
    const isolate = await withoutAny();
    const given = await isolate.ask("chat", { more: { n: 2, temperature: 0 } });
    expect([given.status, given.models, given.degraded, given.written]).toEqual([200, [], "emergency", false]);
    expect(given.headers["x-gateway-cache"]).toBe("BYPASS");
    expect(
      JSON.parse(given.text).choices.map((choice: { message: { content: string }; finish_reason: string }) => [
        choice.message.content,
        choice.finish_reason,
      ]),
    ).toEqual([
      ["We are away.", "stop"],
      ["We are away.", "stop"],
    ]);
    const { event, said } = given;
    expect([event.outcome, event.costNanoUsd, event.attempts, event.routing?.level]).toEqual([
      "completed",
      0,
      [],
      "emergency",
    ]);
    expect(said.map(([word]) => word)).toEqual(["emergency", "probe", "fixed_answer"]);
    const streamed = await isolate.ask("chat", { stream: true });
    expect(streamed.text).toContain("We are away.");
    expect(streamed.text.trimEnd().endsWith("[DONE]")).toBe(true);
    const claude = await isolate.ask("chat", { caller: "anthropic-messages" });
    expect(JSON.parse(claude.text)).toMatchObject({
      stop_reason: "end_turn",
      content: [{ type: "text", text: "We are away." }],
    });
  });

  // planted: prose for who asked for JSON or a call
  it.each([
    { response_format: { type: "json_object" } },
    { tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }], tool_choice: "required" },
  ])("gives none where text is no answer (%j)", async (more) => {
    const isolate = await withoutAny();
    const given = await isolate.ask("chat", { more });
    expect([given.status, given.degraded, given.models]).toEqual([503, "emergency", []]);
  });

  // planted: what nothing may follow not counted as shed; such a failure answered in place of the fixed words
  it("comes of requests that got no seat, and answers the one that finds out as the rest", async () => {
    const isolate = new Isolate();
    isolate.isFull = true;
    for (const says of ["One.", "Two.", "Three.", "Four."]) {
      const shed = await isolate.ask("crowded", { says });
      expect([shed.status, shed.event.failure, shed.degraded]).toEqual([503, "backend_overloaded", undefined]);
    }
    const asks = await isolate.ask("crowded", other("Five."));
    expect([asks.status, asks.degraded, asks.models]).toEqual([200, "emergency", []]);
    expect(asks.said.map(([word]) => word)).toEqual(["emergency", "probe", "asked", "fixed_answer"]);
    expect(asks.event.decisions).toContainEqual(expect.objectContaining({ step: "seat", decision: "refused" }));
  });

  // planted: Retry-After a constant; the failure counted as the backends'
  it("says 503 without one, and when the first breaker may close", async () => {
    const isolate = new Isolate();
    isolate.fails.set("large", 500);
    await isolate.ask("mute");
    isolate.pass(3_000);
    const { status, headers, event, said } = await isolate.ask("mute");
    expect([status, headers["retry-after"], event.failure]).toEqual([503, "7", "backend_unavailable"]);
    expect(said).toEqual([
      ["emergency", "breakers"],
      ["probe", undefined],
      ["unavailable", undefined],
    ]);
  });

  // planted: the breaker alone asked; a word that is no longer fresh still counts
  it("says not to come before the backend is asked again how it is", async () => {
    for (const [freshMs, retryAfter] of [
      [45_000, "14"],
      [2_500, "7"],
    ] as const) {
      const isolate = new Isolate();
      isolate.fails.set("large", 500);
      isolate.says = { loads: { home: { up: false, readAt: NOW + 2_000, freshUntil: NOW + freshMs } } };
      await isolate.ask("mute");
      isolate.pass(3_000);
      expect((await isolate.ask("mute")).headers["retry-after"]).toBe(retryAfter);
    }
  });

  // planted: what the queue says is told to nobody but who asked; told as it is, however long
  it.each([
    [45_000, "45"],
    [3_600_000, "120"],
    [undefined, "20"],
  ])("says when there will be a seat, where the queue knows (%s ms)", async (freeInMs, retryAfter) => {
    const isolate = new Isolate();
    isolate.isFull = true;
    isolate.freeInMs = freeInMs;
    for (const says of ["One.", "Two.", "Three.", "Four."]) await isolate.ask("hushed", { says });
    const replies = [await isolate.ask("hushed", other("Five."))];
    // One that goes without a seat takes the turn.
    isolate.isFull = false;
    isolate.fails.set("large", 500);
    for (const says of ["Six.", "Seven."]) replies.push(await isolate.ask("hushed", { says }));
    expect(replies.map(({ status, said }) => [status, said.some(([word]) => word === "asked")])).toEqual([
      [503, true],
      [503, true],
      [503, false],
    ]);
    expect(replies.map(({ headers }) => headers["retry-after"])).toEqual(Array(3).fill(retryAfter));
  });

  // planted: entries read by those alone who asked for a cache; by those too who said off; written for those who did not ask
  it("gives what the cache has, also to who did not ask for it, and says how old it is", async () => {
    const isolate = new Isolate();
    await isolate.ask("mute", { controls: { cache: "on" } });
    isolate.fails.set("large", 500);
    await isolate.ask("mute", other("Another."));
    isolate.pass(5_000);
    const hit = await isolate.ask("mute");
    expect([hit.status, hit.headers["x-gateway-cache"], hit.headers["x-gateway-cache-age"], hit.degraded]).toEqual([
      200,
      "HIT",
      "5",
      "emergency",
    ]);
    expect((await isolate.ask("mute", { controls: { cache: "refresh" } })).headers["x-gateway-cache"]).toBe("HIT");
    expect((await isolate.ask("mute", { controls: { cache: "off" } })).status).toBe(503);
    isolate.fails.clear();
    isolate.says = PROBE;
    const asked = await isolate.ask("mute", other("Not there."));
    expect([asked.models, asked.written, asked.degraded]).toEqual([["large"], false, undefined]);
  });

  // planted: the request that holds the breaker's probe answered like the others
  it("lets the breaker's own probe through, and answers one that fails like the rest", async () => {
    const isolate = await withoutAny();
    await isolate.ask("chat", other("Takes the turn."));
    expect((await isolate.ask("chat")).models).toEqual([]);
    isolate.pass(4_000);
    isolate.says = PROBE;
    const failed = await isolate.ask("chat");
    expect([failed.models, failed.status, failed.degraded]).toEqual([["large"], 200, "emergency"]);
    expect(failed.said.map(([word]) => word)).toEqual(["emergency", "probe", "asked", "fixed_answer"]);
  });

  // planted: shed requests count for nothing; the level left while probes fail
  it("begins where too many requests are shed though no breaker opens, and ends when a probe is answered", async () => {
    const isolate = new Isolate();
    isolate.fails.set("large", 429);
    for (let index = 0; index < 4; index++) expect((await isolate.ask("mute")).status).toBe(503);
    const probe = await isolate.ask("mute");
    expect([probe.models, probe.said]).toEqual([
      ["large"],
      [
        ["emergency", "failures"],
        ["probe", undefined],
        ["asked", undefined],
        ["unavailable", undefined],
      ],
    ]);
    const { models, said, headers } = await isolate.ask("mute");
    expect([models, said[0], headers["retry-after"]]).toEqual([[], ["emergency", "failures"], "20"]);
    isolate.pass(19_000);
    await isolate.ask("mute");
    isolate.fails.clear();
    isolate.pass(5_000);
    expect((await isolate.ask("mute")).models).toEqual(["large"]);
    expect((await isolate.ask("mute")).models).toEqual([]);
    isolate.pass(15_000);
    expect((await isolate.ask("mute")).said).toEqual([]);
  });
});
