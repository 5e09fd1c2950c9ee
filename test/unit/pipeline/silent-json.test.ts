import { describe, expect, it } from "vitest";
import type { Config, Route } from "../../../src/core/config.ts";
import { ok } from "../../../src/core/result.ts";
import { answers, ask, type Behaviour, breaksOff, configOf, hangs, waited } from "../../support/chain.ts";

/** A backend that keeps silent, and a caller who wants JSON: whoever may answer in its place is asked in time. */

const JSON_ANSWER = `{"id":"c1",  "object":"chat.completion","created":1,"model":"m","service_note":"kept",
  "choices":[{"index":0,"message":{"role":"assistant","content":"whole"},"finish_reason":"stop"}],
  "usage":{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6}}`;
const wholeJson: Behaviour = async () =>
  ok(new Response(JSON_ANSWER, { headers: { "content-type": "application/json" } }));
/** Headers, half an answer, and nothing more. */
const stalls: Behaviour = async (signal) =>
  ok(
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(JSON_ANSWER.slice(0, 90)));
          signal.addEventListener("abort", () => controller.error(new Error("aborted")));
        },
      }),
      { headers: { "content-type": "application/json" } },
    ),
  );

const chat = (first: string, behind: string, more = "") =>
  configOf(`
  chat:
    targets: [{backend: ${first}, model: small}]
    fallbacks: [${behind}]
    delayBudgetMs: 1000
${more}`);
const b = "{backend: b, model: large}";
const json = { stream: false } as const;

describe("a backend that is silent, before a step that may answer", () => {
  // planted: JSON asked for, as before; no bound but `totalMs`
  it("is asked for a stream though JSON is wanted, and left as a stream is", async () => {
    const played = await ask(chat("hosted", b), { hosted: hangs, b: answers("b") }, json);
    expect([played.status, played.asked, played.streamed]).toEqual([200, ["hosted", "b"], [true, true]]);
    expect(JSON.parse(played.body).choices[0].message.content).toBe("b");
    expect(played.event.attempts[0]).toMatchObject({ failure: "backend_timeout", detail: "headers", costNanoUsd: 0 });
    expect(played.steps).toEqual(["backend_timeout hosted:headers", "next b:connect", "answered b"]);
  });

  // planted: `never` not obeyed; half an answer waited for to the end
  it.each([
    ["says nothing", hangs],
    ["stalls", stalls],
  ])("has half of the delay budget where it never streams, and %s", async (_, silent) => {
    const played = await ask(chat("json", b), { json: silent, b: answers("b") }, json);
    expect([played.status, played.asked, played.streamed]).toEqual([200, ["json", "b"], [false, true]]);
    expect(played.event.attempts[0]).toMatchObject({ failure: "backend_timeout", detail: "share" });
    expect(played.steps).toEqual(["backend_timeout json:share", "next b:first-token", "answered b"]);
    // Its own 20 s are not over: a breaker learns nothing of it.
    expect(played.settlements[0]?.breakers).toEqual([]);
  });

  // planted: only what generates is bounded
  it("is left in time for vectors too, and that does count", async () => {
    const config = configOf(`
  vectors:
    operation: embed
    targets: [{backend: hosted, model: small}]
    fallbacks: [{backend: spare, model: large}]
    delayBudgetMs: 1000`);
    const vectors: Behaviour = async () =>
      ok(
        Response.json({
          object: "list",
          data: [{ object: "embedding", index: 0, embedding: [1] }],
          model: "m",
          usage: { prompt_tokens: 1, total_tokens: 1 },
        }),
      );
    const played = await ask(
      config,
      { hosted: hangs, spare: vectors },
      {
        ...json,
        asks: { wire: "openai-embeddings", body: { model: "vectors", input: "hi" } },
      },
    );
    expect([played.status, played.asked]).toEqual([200, ["hosted", "spare"]]);
    expect(played.event.attempts[0]).toMatchObject({ failure: "backend_timeout", detail: "first_token" });
    expect(played.settlements[0]?.breakers).toMatchObject([{ name: "hosted/small", healthy: false }]);
  });
});

describe("JSON that is asked for as JSON", () => {
  // planted: every chain streams; a step that stands for something else does; attempts that are used up do not count
  it.each([
    ["nobody follows", chat("hosted", "")],
    ["who follows is there for a filter", chat("hosted", "{backend: b, model: large, on: [filter]}")],
    ["who follows is there for a context", chat("hosted", "{backend: b, model: large, on: [context]}")],
    ["no attempt is left", chat("hosted", b, "    maxAttempts: 1")],
  ])("reaches the caller byte for byte where %s", async (_, config) => {
    const played = await ask(config, { hosted: wholeJson }, json);
    expect([played.status, played.streamed, played.body]).toEqual([200, [false], JSON_ANSWER]);
  });

  it("reaches one who refuses fallbacks so, and comes from the last of a chain so", async () => {
    const refused = await ask(chat("hosted", b), { hosted: wholeJson }, { ...json, noFallback: true });
    expect([refused.streamed, refused.body]).toEqual([[false], JSON_ANSWER]);
    const last = await ask(chat("a", "{backend: hosted, model: m}"), { a: hangs, hosted: wholeJson }, json);
    expect([last.streamed, last.body]).toEqual([[true, false], JSON_ANSWER]);
  });

  // planted: bounded by the delay budget though nobody follows
  it("has all of its own time where nobody follows", async () => {
    const slow: Behaviour = async (signal, call) => {
      return (await waited(450, signal)) ? wholeJson(signal, call) : hangs(signal, call);
    };
    const quick = (config: Config): Config => {
      const { chat: route } = config.routes;
      return { ...config, routes: { chat: { ...(route as Route), delayBudgetMs: 200 } } };
    };
    const played = await ask(quick(chat("hosted", "")), { hosted: slow }, json);
    expect([played.status, played.body]).toEqual([200, JSON_ANSWER]);
  });
});

describe("what is reserved", () => {
  const reserved = async (config: Config, name: string) =>
    (await ask(config, { [name]: answers(name) }, { ...json, says: "word ".repeat(500), more: { max_tokens: 4 } }))
      .event.reservedNanoUsd;

  // planted: a step that is asked for a stream reserved for like one that is not
  it("is one answer where the step that may be left streams, and two where it does not", async () => {
    const once = await reserved(chat("hosted", ""), "hosted");
    expect(await reserved(chat("hosted", b), "hosted")).toBe(once);
    expect(await reserved(chat("json", b), "json")).toBe(2 * once);
  });

  // planted: half a JSON answer charged for that came in place of a stream
  it("covers JSON that comes in place of the stream and breaks off", async () => {
    const asks = { ...json, says: "word ".repeat(500), more: { max_tokens: 4 } };
    const left = await ask(chat("hosted", b), { hosted: breaksOff, b: answers("b") }, asks);
    expect([left.status, left.event.attempts[0]?.costNanoUsd]).toEqual([200, 0]);
  });
});
