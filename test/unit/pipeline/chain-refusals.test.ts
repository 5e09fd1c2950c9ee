import { describe, expect, it } from "vitest";
import { ok } from "../../../src/core/result.ts";
import { answers, ask, type Behaviour, configOf, contextError, filters, says } from "../../support/chain.ts";

/** What a filter or a context said, and what is left of it while the chain goes on. */

const filtered = says(400, { message: "filtered", code: "content_filter" });
const chain = (second: string, third = "") =>
  configOf(`
  chat:
    targets: [{backend: a, model: small}]
    fallbacks: [{backend: b, model: large, on: [${second}]}${third}]
    delayBudgetMs: 6000
`);

describe("a refusal that led on", () => {
  // planted: the last failure is the caller's, whatever was said before
  it.each([
    ["a filter's", filtered, "filter", "content_filter"],
    ["a context's", contextError, "context", "context_length_exceeded"],
  ])("is %s, and the caller's where nobody mends it", async (_, refusal, trigger, code) => {
    for (const fault of [says(503, { message: "busy" }), says(500, {})]) {
      const played = await ask(chain(trigger), { a: refusal, b: fault });
      expect([played.asked, played.status, played.body.includes(code)]).toEqual([["a", "b"], 400, true]);
    }
    const third = `, {backend: c, model: large, on: [${trigger}, overloaded]}`;
    const busy = await ask(chain(trigger, third), {
      a: refusal,
      b: says(503, { message: "busy" }),
      c: says(500, {}),
    });
    expect([busy.asked, busy.status, busy.body.includes(code)]).toEqual([["a", "b", "c"], 400, true]);
  });

  // planted: what ends the walk at once is told, whatever was said before
  it("is not lost where the next refuses the request for another reason", async () => {
    const played = await ask(chain("filter"), { a: filtered, b: says(400, { message: "no such parameter" }) });
    expect([played.status, played.body.includes("content_filter")]).toEqual([400, true]);
  });
});

describe("what a filter stopped", () => {
  const ON = "on: [filter, overloaded, error, first-token]";
  const consented = (third: string, more = "") =>
    configOf(`
  chat:
    targets: [{backend: a, model: small}]
    fallbacks: [{backend: b, model: large, ${ON}}, {backend: c, model: large${third}}, {backend: d, model: large, ${ON}}]
    delayBudgetMs: 6000
    ${more}
`);
  const busy = says(503, { message: "busy" });
  const stops: readonly [string, Behaviour][] = [
    ["an answer's finish", filters],
    ["a refusal", filtered],
  ];

  // planted: the last failure alone says who is asked next
  it.each(stops)(
    "by %s goes past a step that does not stand for it, whatever befell the one between",
    async (_, stop) => {
      const world = { a: stop, b: busy, c: answers("c"), d: answers("d") };
      for (const stream of [true, false]) {
        const played = await ask(consented(""), world, { stream });
        expect([played.asked, played.body.includes('"d"')]).toEqual([["a", "b", "d"], true]);
        expect(played.steps).toContain("passed-over c:overloaded");
        expect((await ask(consented(`, ${ON}`), world, { stream })).asked).toEqual(["a", "b", "c"]);
        expect((await ask(consented(""), { ...world, a: busy }, { stream })).asked).toEqual(["a", "b", "c"]);
      }
    },
  );

  // planted: a hedge is asked of whoever stands for a slow first token
  it.each(stops)("by %s is not asked of such a step beside a slow one either", async (_, stop) => {
    const world = { a: stop, b: answers("b", 150), c: answers("c"), d: answers("d") };
    const played = await ask(consented("", "hedge: {afterMs: 40}"), world);
    expect([played.asked, played.body.includes('"d"')]).toEqual([["a", "b", "d"], true]);
  });
});

describe("a filtered stream that is held", () => {
  /** The filter's finish, and a connection that stays open behind it. */
  const lingers: Behaviour = async (signal) => {
    const answered = await filters(signal, 1);
    const text = answered.ok ? await answered.value.text() : "";
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(text.slice(0, text.indexOf("data: [DONE]"))));
        signal.addEventListener("abort", () => controller.error(new Error("aborted")));
      },
    });
    return ok(new Response(body, { headers: { "content-type": "text/event-stream" } }));
  };

  // planted: the stream is kept as it is
  it.each([
    ["ends", filters, "completed"],
    ["lingers", lingers, "cancelled"],
  ])("and %s has let go of its backend before the next is asked", async (_, first, outcome) => {
    for (const stream of [true, false]) {
      const world = { a: first, b: answers("b") };
      const played = await ask(chain("filter"), world, { stream });
      expect([played.body.includes('"b"'), played.attempts]).toEqual([
        true,
        [`a attempt ${outcome}`, "b attempt completed"],
      ]);
      const [held, next] = played.event.attempts;
      expect((held?.startedAt ?? 0) + (held?.durationMs ?? 0)).toBeLessThanOrEqual(next?.startedAt ?? 0);
      const nobody = await ask(chain("filter"), { ...world, b: says(500, {}) }, { stream });
      expect([nobody.status, nobody.body.includes("content_filter"), nobody.event.outcome]).toEqual([
        200,
        true,
        "completed",
      ]);
    }
  });
});
