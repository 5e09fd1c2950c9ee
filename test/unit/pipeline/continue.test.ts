import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SimulatedBackend, startBackend } from "../../../dev/backends/main.ts";
import { DEFAULT_OPTIONS } from "../../../dev/backends/options.ts";
import { splitIntoTokens } from "../../../dev/backends/text/tokens.ts";
import { compileConfig } from "../../../src/config/compile.ts";
import { resolve } from "../../../src/config/resolve.ts";
import type { Config } from "../../../src/core/config.ts";
import type { OutboundCall } from "../../../src/core/ports.ts";
import { fetchTransport } from "../../../src/transports/fetch.ts";
import { type AnyFormat, readStream, textOfAnswer } from "../../support/caller.ts";
import { NOW, play } from "../../support/pipeline.ts";

const CONFIG = `
backends:
  first: &vllm
    formats: [openai-chat]
    baseUrl: {url: "http://127.0.0.1:2"}
    quirks: [vllm]
    collectJson: always
    deadlines: {connectMs: 5000, firstTokenMs: 5000, silenceMs: 300, totalMs: 60000}
    price: {inputPerMillion: 1, outputPerMillion: 2}
  second: *vllm
  third: *vllm
  cloud:
    formats: [openai-chat]
    baseUrl: {url: "http://127.0.0.1:2"}
    price: {inputPerMillion: 1, outputPerMillion: 2}
routes:
  steady:
    targets: [{backend: first, model: simulated-small}]
    fallbacks: [{backend: second, model: simulated-small}, {backend: cloud, model: simulated-small}]
    continueStreams: {attempts: 2}
    cache: {mode: "on"}
  alone:
    targets: [{backend: first, model: simulated-small}]
    continueStreams: {attempts: 1}
  single:
    targets: [{backend: first, model: simulated-small}]
    fallbacks: [{backend: second, model: simulated-small}]
    continueStreams: {attempts: 2}
    maxAttempts: 1
  picky:
    targets: [{backend: first, model: simulated-small}]
    fallbacks: [{backend: second, model: simulated-small, on: [context], contextTokens: 64000}, {backend: third, model: simulated-small}]
    continueStreams: {attempts: 1}
  pickier:
    targets: [{backend: first, model: simulated-small}]
    fallbacks: [{backend: second, model: simulated-small, on: [context], contextTokens: 64000}]
    continueStreams: {attempts: 1}
  unsteady:
    targets: [{backend: first, model: simulated-small}]
    fallbacks: [{backend: second, model: simulated-small}]
tiers:
  open: {}
defaultTier: open
`;

function configOf(): Config {
  const compiled = compileConfig(CONFIG, "steady.yaml");
  if (!compiled.ok) throw new Error(compiled.problems.map(({ text }) => text).join("\n"));
  return resolve(compiled.config, undefined).config;
}

const NAMES = ["first", "second", "third", "cloud"] as const;
const config = configOf();
const backends: Partial<Record<string, SimulatedBackend>> = {};
beforeAll(async () => {
  for (const name of NAMES)
    backends[name] = await startBackend({ ...DEFAULT_OPTIONS, name, ttftMs: 0, tokensPerSecond: 0 });
});
afterAll(async () => {
  for (const backend of Object.values(backends)) await backend?.close();
});

const TEXT = "The tide, the tide, the tide comes in; 潮は満ち, and 🌊 then it goes out again. ";

/** Through the real pipeline to simulated backends that answer over HTTP; `says` is the prompt, with its markers. */
async function ask(
  caller: AnyFormat,
  says: string,
  { alias = "steady", stream = true, more = {}, requestId = "req_PLAYED", mayRetry = true } = {},
) {
  const urls = new Map(NAMES.map((name) => [name as string, { baseUrl: `${backends[name]?.url}/v1`, headers: {} }]));
  const network = fetchTransport(urls);
  const calls: OutboundCall[] = [];
  const startedAt = Date.now();
  const played = await play({ caller, backend: caller, alias, stream, says, more, requestId }, () => Response.error(), {
    config: () => config,
    clock: { now: () => NOW + Date.now() - startedAt },
    availableBackends: new Set(NAMES),
    ...(!mayRetry && { retries: { deposit: () => undefined, take: () => false } }),
    transport: {
      send: (call, signal) => {
        calls.push(call);
        return network.send(call, signal);
      },
    },
  });
  const asked = calls.map(({ backend, request }) => ({ backend: backend.name, body: JSON.parse(request.body) }));
  return { ...played, asked, steps: played.event.decisions.filter(({ step }) => step === "continue") };
}

const TOKENS = splitIntoTokens(TEXT).length;
const marked = (markers: string, text = TEXT) => `Say it. [[sim:text=${text}]]${markers}`;
const dies = (after: number, only = "first") => `[[sim:fault=truncate,after=${after},by=reset,only=${only}]]`;
const CALLERS = ["openai-chat", "anthropic-messages", "openai-responses"] as const;
const kindsOf = ({ event }: Awaited<ReturnType<typeof ask>>) =>
  event.attempts.map(({ backend, kind, outcome }) => `${backend} ${kind ?? "attempt"} ${outcome}`);

describe.each(CALLERS)("a stream that breaks off, told to a caller of %s", (caller) => {
  // planted: the overlap told twice; no overlap asked for; the closing frame of the second told as well; the prefix given without being marked as unfinished
  it("is one answer, whole and once, at whichever token the backend died", async () => {
    // At last with every word said, and only the finish lost.
    for (let after = 1; after <= TOKENS; after++) {
      const fault = after < TOKENS ? dies(after) : "[[sim:fault=no-finish,only=first]]";
      const asked = await ask(caller, marked(fault));
      const told = readStream(caller, asked.body);
      expect([after, told.text, told.finished, told.closed, told.error]).toEqual([after, TEXT, 1, true, undefined]);
      expect([asked.event.outcome, asked.bugs, kindsOf(asked)]).toEqual([
        "completed",
        [],
        ["first attempt failed", "second continuation completed"],
      ]);
      expect(asked.steps.map(({ decision }) => decision)).toEqual(["continued"]);
      const [, second] = asked.asked;
      expect(second?.body.messages.length === 2).toBe(second?.body.continue_final_message === true);
    }
  });

  // planted: a seam that nobody checks
  it.each(["repeat", "drop", "ignore"])("ends in the error frame where the second would %s", async (seam) => {
    const ends = { whole: 0, broken: 0 };
    for (let after = 1; after < TOKENS; after++) {
      const asked = await ask(caller, marked(`${dies(after)}[[sim:seam=${seam}]]`));
      const told = readStream(caller, asked.body);
      if (told.error) {
        ends.broken++;
        expect(TEXT.startsWith(told.text)).toBe(true);
        expect([asked.event.outcome, asked.event.failure, told.finished]).toEqual(["failed", "backend_cut", 0]);
        expect(asked.steps.map(({ decision }) => decision)).toEqual(["continued", "seam_broken"]);
      } else {
        // So little was said that the whole answer was asked for again: nothing to err at.
        ends.whole++;
        expect([told.text, asked.asked[1]?.body.messages.length]).toEqual([TEXT, 1]);
      }
    }
    expect(ends.whole).toBeLessThan(6);
    expect(ends.broken).toBeGreaterThan(TOKENS - 7);
  });

  // planted: the answer's usage is the second's alone; the sum of both, with what the second had to say again
  it("reports what was written altogether, and charges each by itself", async () => {
    const whole = await ask(caller, marked(""));
    for (const after of [2, 9, 15, TOKENS - 1]) {
      const { body, event, settlements } = await ask(caller, marked(dies(after)));
      const outputs = event.attempts.map(({ usage }) => usage?.outputTokens ?? 0);
      const { usage = {} } = readStream(caller, body);
      const told = Number(usage.completion_tokens ?? usage.output_tokens);
      expect(outputs).toHaveLength(2);
      // What was said twice is known by its share of the text.
      expect(Math.abs(told - TOKENS)).toBeLessThanOrEqual(1);
      expect(outputs.reduce((sum, tokens) => sum + tokens, 0)).toBeGreaterThan(TOKENS + 1);
      expect(event.costNanoUsd).toBeGreaterThan(whole.event.costNanoUsd);
      expect(event.costNanoUsd).toBeLessThanOrEqual(event.reservedNanoUsd);
      expect(settlements.map(({ cacheWrite }) => cacheWrite)).toEqual([undefined]);
    }
  });
});

describe("an answer that breaks off", () => {
  // planted: nothing reserved for what may follow
  it("has had its continuations reserved for, whether it needs them or not", async () => {
    const reserved = async (alias: string, more = {}) =>
      (await ask("openai-chat", marked(""), { alias, more })).event.reservedNanoUsd;
    const once = await reserved("unsteady");
    expect(await reserved("alone")).toBeGreaterThan(2 * once);
    expect(await reserved("steady")).toBeGreaterThan(3 * once);
    expect(await reserved("steady", { n: 2 })).toBeLessThan(2 * once);
  });

  it("is whole for a caller who wants JSON too", async () => {
    const { status, body, event } = await ask("openai-chat", marked(dies(7)), { stream: false });
    expect([status, textOfAnswer("openai-chat", body), event.attempts.length]).toEqual([200, TEXT, 2]);
  });

  // planted: the id of the second
  it("keeps the id and the model under which it began", async () => {
    const { body } = await ask("openai-chat", marked(dies(7)));
    const chunks = body
      .split("\n\n")
      .flatMap((frame) => (frame.startsWith("data: {") ? [JSON.parse(frame.slice(6))] : []));
    expect(new Set(chunks.map(({ id, model, created }) => `${id} ${model} ${created}`)).size).toBe(1);
    expect(chunks.flatMap(({ choices }) => choices).filter(({ delta }) => delta.role !== undefined)).toHaveLength(1);
  });

  it.each([
    ["falls silent", "[[sim:fault=stall-mid-stream,after=5,only=first]]"],
    ["sends an error frame", "[[sim:fault=error-frame,after=5,only=first]]"],
    ["ends without an end", "[[sim:fault=truncate,after=5,by=clean,only=first]]"],
    ["sends no JSON", "[[sim:fault=malformed-frame,after=5,only=first]]"],
  ])("is continued where the backend %s", async (_, fault) => {
    const { body } = await ask("openai-chat", marked(fault));
    expect(readStream("openai-chat", body)).toMatchObject({ text: TEXT, finished: 1, closed: true });
  });

  // planted: the one that broke off first again; as often as there are backends
  it("is continued by others first, as often as the route says, and at last by the one that broke off", async () => {
    const twice = await ask("openai-chat", marked(`${dies(4)}[[sim:fault=truncate,after=3,only=second]]`));
    expect(kindsOf(twice)).toEqual(["first attempt failed", "second continuation failed", "first continuation failed"]);
    const told = readStream("openai-chat", twice.body);
    expect([told.error !== undefined, TEXT.startsWith(told.text)]).toEqual([true, true]);
    const again = await ask("openai-chat", marked("[[sim:fault=truncate,after=4,times=1]]"), {
      alias: "alone",
      requestId: "req_ALONE",
    });
    expect(readStream("openai-chat", again.body).text).toBe(TEXT);
    expect(kindsOf(again)).toEqual(["first attempt failed", "first continuation completed"]);
  });

  // planted: steps behind maxAttempts given to it as well
  it("is continued by no step that the route would not ask", async () => {
    const { asked } = await ask("openai-chat", marked(dies(7)), { alias: "single" });
    expect(asked.map(({ backend }) => backend)).toEqual(["first", "first"]);
  });

  // planted: any backend that can go on is asked; one that may not be asked takes the place of one that may
  it("is continued by no step that what befell it does not lead to", async () => {
    const picky = await ask("openai-chat", marked(dies(7)), { alias: "picky" });
    expect([kindsOf(picky), readStream("openai-chat", picky.body).text]).toEqual([
      ["first attempt failed", "third continuation completed"],
      TEXT,
    ]);
    expect(picky.steps.map(({ decision, reason }) => `${decision} ${reason}`)[0]).toBe("passed_over second:error");
    const again = await ask("openai-chat", marked("[[sim:fault=truncate,after=4,times=1]]"), {
      alias: "pickier",
      requestId: "req_PICKIER",
    });
    expect(kindsOf(again)).toEqual(["first attempt failed", "first continuation completed"]);
  });

  // planted: the retry budget not asked; asked for another backend too
  it("is continued by the one that broke off only where that may be retried", async () => {
    const alone = await ask("openai-chat", marked(dies(4)), { alias: "alone", mayRetry: false });
    expect([kindsOf(alone), alone.steps.map(({ decision }) => decision)]).toEqual([
      ["first attempt failed"],
      ["retry_refused", "nobody_left"],
    ]);
    expect(kindsOf(await ask("openai-chat", marked(dies(4)), { mayRetry: false }))).toHaveLength(2);
  });

  // planted: each of them continued
  it.each([
    [
      "may call a tool",
      { tools: [{ type: "function", function: { name: "tide", parameters: {} } }] },
      "steady",
      "[[sim:tools=]]",
    ],
    ["has a structure", { response_format: { type: "json_object" } }, "steady"],
    ["has two choices", { n: 2 }, "steady"],
    ["tells probabilities", { logprobs: true }, "steady"],
    ["thinks first", { reasoning_effort: "low" }, "steady", "[[sim:reasoning=4]]"],
    ["is on another route", {}, "unsteady"],
  ])("ends in the error frame where it %s", async (_, more, alias, marker = "") => {
    const { body, event } = await ask("openai-chat", marked(`${marker}[[sim:fault=truncate,after=2]]`), {
      alias,
      more,
    });
    expect(readStream("openai-chat", body).error).toBeDefined();
    expect(event.attempts.length).toBe(1);
  });
});
