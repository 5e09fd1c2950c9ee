import { describe, expect, test } from "vitest";
import { compileConfig } from "../../../src/config/compile.ts";
import { resolve } from "../../../src/config/resolve.ts";
import { chargeRowsOf, eventFrom, requestRow } from "../../../src/stores/neon/event-rows.ts";
import { readEvent } from "../../../workers/ledger/src/event.ts";
import { type CallerFormat, readFailure, readStream } from "../../support/caller.ts";
import { type Answering, begin, eventStream, type Playing, play } from "../../support/pipeline.ts";

const CONFIG = `
backends:
  openai:
    formats: [openai-chat]
    baseUrl: {url: "http://127.0.0.1:2"}
    collectJson: never
    price: &price {inputPerMillion: 1, outputPerMillion: 2}
  claude: {formats: [anthropic-messages], baseUrl: {url: "http://127.0.0.1:2"}, collectJson: never, price: *price}
routes:
  openai-chat: {targets: [{backend: openai, model: m}], maxOutputTokens: 100, validateStructured: {repairs: 1}, cache: {mode: "on"}}
  anthropic-messages: {targets: [{backend: claude, model: m}], maxOutputTokens: 100, validateStructured: {repairs: 2}}
  twice: {targets: [{backend: openai, model: m}], maxOutputTokens: 100, validateStructured: {repairs: 2}}
  never: {targets: [{backend: openai, model: m}], maxOutputTokens: 100, validateStructured: {repairs: 0}}
  plain: {targets: [{backend: openai, model: m}], maxOutputTokens: 100}
tiers:
  open: {}
defaultTier: open
`;

const compiled = compileConfig(CONFIG, "structured.yaml");
if (!compiled.ok) throw new Error(compiled.problems.map(({ text }) => text).join("\n"));
const { config } = resolve(compiled.config, undefined);
const gateway = { config: () => config, availableBackends: new Set(Object.keys(config.backends)) };

const SCHEMA = {
  type: "object",
  properties: { age: { type: "integer" } },
  required: ["age"],
  additionalProperties: false,
};
const GOOD = '{"age":7}';
const BAD = '{"age":"seven"}';
const OPENAI_WISH = { response_format: { type: "json_schema", json_schema: { name: "p", schema: SCHEMA } } };
const ANTHROPIC_WISH = { output_config: { format: { type: "json_schema", schema: SCHEMA } } };

/** Answers with one text after the other, each in the backend's format, streamed where that is asked for. */
function answering(format: CallerFormat, texts: readonly string[], finish?: string): Answering {
  let calls = 0;
  return ({ stream }) => {
    const text = texts[Math.min(calls++, texts.length - 1)] ?? "";
    if (format === "anthropic-messages") {
      return Response.json({
        id: `msg_${calls}`,
        type: "message",
        role: "assistant",
        model: "m",
        content: [{ type: "text", text }],
        stop_reason: finish ?? "end_turn",
        usage: { input_tokens: 10, output_tokens: 5 },
      });
    }
    const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
    const head = { id: `c_${calls}`, created: 1, model: "m" };
    const finish_reason = finish ?? "stop";
    if (!stream) {
      const choices = [{ index: 0, message: { role: "assistant", content: text }, finish_reason }];
      return Response.json({ ...head, object: "chat.completion", choices, usage });
    }
    const chunk = (fields: object) =>
      new TextEncoder().encode(`data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", ...fields })}\n\n`);
    const pieces = [text.slice(0, 4), text.slice(4)].map((content) =>
      chunk({ choices: [{ index: 0, delta: { content }, finish_reason: null }] }),
    );
    const last = chunk({ choices: [{ index: 0, delta: {}, finish_reason }] });
    return eventStream(
      [...pieces, last, chunk({ choices: [], usage }), new TextEncoder().encode("data: [DONE]\n\n")],
      "fin",
    );
  };
}

interface Wish {
  readonly alias?: string;
  readonly stream?: boolean;
  readonly finish?: string;
  readonly more?: Readonly<Record<string, unknown>>;
}

const ask = (
  texts: readonly string[],
  { alias = "openai-chat", stream = false, finish, more = OPENAI_WISH }: Wish = {},
) =>
  play(
    { caller: "openai-chat", backend: "openai-chat", alias, stream, more },
    answering("openai-chat", texts, finish),
    gateway,
  );

const decisions = ({ event }: Awaited<ReturnType<typeof ask>>) =>
  event.decisions.filter(({ step }) => step === "validate").map(({ decision }) => decision);

describe("a route that promises valid structure", () => {
  // planted: the first answer given back whatever the check says
  test("asks again with the complaint, and gives the answer that is valid", async () => {
    const played = await ask([BAD, GOOD]);
    expect([played.status, JSON.parse(played.body).choices[0].message.content]).toEqual([200, GOOD]);
    const { messages, response_format } = JSON.parse(played.calls[1]?.request.body ?? "");
    expect(response_format).toEqual(OPENAI_WISH.response_format);
    expect(messages.slice(-2)).toEqual([
      { role: "assistant", content: BAD },
      { role: "user", content: expect.stringContaining("#/age") },
    ]);
    expect(JSON.parse(played.calls[0]?.request.body ?? "").messages).toEqual(messages.slice(0, -2));
    expect(decisions(played)).toEqual(["invalid", "valid"]);
  });

  // planted: the complaint in the first member of either name
  test("complains in the conversation, whatever else the body has before it", async () => {
    const messages = [{ role: "user", content: "Say it." }];
    const body = { model: "openai-chat", input: "mine", messages, ...OPENAI_WISH };
    const asked = { caller: "openai-chat", backend: "openai-chat", stream: false } as const;
    const played = await play(
      { ...asked, asks: { wire: "openai-chat", body } },
      answering("openai-chat", [BAD, GOOD]),
      gateway,
    );
    const again = JSON.parse(played.calls[1]?.request.body ?? "");
    expect([again.input, again.messages.length]).toEqual(["mine", 3]);
  });

  // planted: the repair as a plain attempt; the reservation of one attempt
  test("books each repair as its own charge, within what was reserved", async () => {
    const played = await ask([BAD, BAD, GOOD], { alias: "twice" });
    expect(played.event.attempts.map(({ ordinal, kind, outcome }) => [ordinal, kind, outcome])).toEqual([
      [0, undefined, "completed"],
      [1, "repair", "completed"],
      [2, "repair", "completed"],
    ]);
    expect(played.event.usage).toMatchObject({ inputTokens: 30, outputTokens: 15 });
    const [settlement] = played.settlements;
    const plain = await ask([GOOD], { alias: "plain" });
    // Three rounds of output, and in the later two the answers before them as input.
    expect(settlement?.reservation.tokens).toBeGreaterThan(
      3 * (plain.settlements[0]?.reservation.tokens ?? 0) + 3 * 100,
    );
    expect(settlement?.actual.costNanoUsd).toBe(3 * (10 * 1_000 + 5 * 2_000));
    const read = readEvent(JSON.parse(JSON.stringify(played.event)));
    expect(read).toMatchObject({ ok: true, event: { attempts: [{}, { kind: "repair" }, { kind: "repair" }] } });
    expect(chargeRowsOf(played.event).map(({ kind }) => kind)).toEqual(["attempt", "repair", "repair"]);
    const row = { ...requestRow(played.event), endedAt: new Date(0) };
    expect(eventFrom(row as never, chargeRowsOf(played.event) as never)).toMatchObject({
      attempts: [expect.not.objectContaining({ kind: "repair" }), { kind: "repair" }, { kind: "repair" }],
    });
  });

  // planted: the last invalid answer passed
  test("gives no invalid answer: a typed failure that nobody is to repeat by himself", async () => {
    for (const [alias, calls] of [
      ["openai-chat", 2],
      ["never", 1],
    ] as const) {
      const played = await ask([BAD, "not JSON", GOOD], { alias });
      expect(played.calls).toHaveLength(calls);
      expect(played.status).toBe(502);
      expect(played.headers["x-should-retry"]).toBe("false");
      expect(JSON.parse(played.body).error.code).toBe("structured_output_invalid");
      expect(played.event).toMatchObject({ outcome: "failed", failure: "backend_protocol" });
      expect(played.body).not.toContain("seven");
      // The backend did its work: it is not ill.
      expect(played.settlements[0]?.breakers).toEqual([]);
      expect(played.settlements[0]?.cacheWrite).toBeUndefined();
    }
  });

  // planted: the stream passed through
  test("collects a stream first, and tells the valid answer as a stream", async () => {
    const played = await ask([BAD, GOOD], { stream: true });
    expect(played.headers["content-type"]).toContain("text/event-stream");
    expect(readStream("openai-chat", played.body)).toMatchObject({ text: GOOD, finished: 1, closed: true });
    expect(played.calls.map(({ stream }) => stream)).toEqual([true, false]);
    const failed = await ask([BAD], { stream: true });
    expect([failed.status, readFailure("openai-chat", failed.body).message]).toEqual([
      502,
      expect.stringContaining("JSON schema"),
    ]);
  });

  test("keeps what it has checked, and only that, in the cache", async () => {
    const played = await ask([BAD, GOOD]);
    expect(played.settlements[0]?.cacheWrite?.value).toContain(JSON.stringify(GOOD).slice(1, -1));
    expect(played.settlements[0]?.cacheWrite?.value).not.toContain("seven");
  });

  // planted: the answer of a tool call held against the schema
  test.each(["length", "content_filter", "tool_calls"])(
    "passes an answer that says itself that it is none: %s",
    async (finish) => {
      const played = await ask([BAD], { finish });
      expect([played.status, played.calls.length]).toEqual([200, 1]);
    },
  );

  test("checks that a JSON object is one", async () => {
    const more = { response_format: { type: "json_object" } };
    expect((await ask(["[1]", "{}"], { more })).calls).toHaveLength(2);
    expect((await ask(["{}"], { more })).calls).toHaveLength(1);
  });

  test("says so where the caller's schema cannot be used", async () => {
    const more = { response_format: { type: "json_schema", json_schema: { name: "p", schema: { $ref: "#/none" } } } };
    const played = await ask([GOOD], { more });
    expect([played.status, JSON.parse(played.body).error.param]).toEqual([400, "response_format"]);
  });

  // planted: the field looked for in OpenAI's body alone
  test("does the same for a caller and a backend of Anthropic's format", async () => {
    const played = await play(
      { caller: "anthropic-messages", backend: "anthropic-messages", stream: false, more: ANTHROPIC_WISH },
      answering("anthropic-messages", [BAD, "?", GOOD]),
      gateway,
    );
    expect([played.status, JSON.parse(played.body).content[0].text]).toEqual([200, GOOD]);
    expect(JSON.parse(played.calls[2]?.request.body ?? "").messages).toHaveLength(5);
  });
});

// planted: the departure not looked at between two rounds
test("nobody is asked again once the client has left; what was made is booked", async () => {
  const answers = answering("openai-chat", [BAD, GOOD]);
  const request = {
    caller: "openai-chat",
    backend: "openai-chat",
    alias: "twice",
    stream: false,
    more: OPENAI_WISH,
  } as const;
  const playing: Playing = begin(
    request,
    (call, signal) => {
      playing.leave();
      return answers(call, signal);
    },
    gateway,
  );
  await playing.reply;
  await playing.settled();
  expect(playing.calls).toHaveLength(1);
  expect(playing.settlements[0]?.event).toMatchObject({ outcome: "cancelled", usage: { outputTokens: 5 } });
});

// planted: the lease of one answer
test("the lease is long enough for every round", async () => {
  const leases: number[] = [];
  for (const alias of ["plain", "twice"]) {
    await play(
      { caller: "openai-chat", backend: "openai-chat", alias, stream: false, more: OPENAI_WISH },
      answering("openai-chat", [GOOD]),
      {
        ...gateway,
        admission: {
          admit: async ({ leaseMs }) => {
            leases.push(leaseMs);
            return { kind: "admitted", ioMs: 0, rate: {}, shared: { breakers: {} } };
          },
          settle: async () => ({ kind: "settled", ioMs: 0 }),
        },
      },
    ).catch(() => undefined);
  }
  const [plain = 0, twice = 0] = leases;
  expect(twice - plain).toBe(2 * (config.backends.openai?.deadlines.totalMs ?? 0));
});

// planted: the check on every route
test("other requests and other routes are left alone", async () => {
  for (const wish of [{ alias: "plain" }, { more: {} }, { more: { n: 2, ...OPENAI_WISH }, alias: "plain" }] as const) {
    const played = await ask([BAD], wish);
    expect([played.status, played.calls.length, decisions(played)]).toEqual([200, 1, []]);
  }
  const [one, other] = [await ask([BAD], { more: {} }), await ask([BAD], { alias: "plain", more: {} })];
  expect(one.settlements[0]?.reservation).toEqual(other.settlements[0]?.reservation);
});
