/**
 * The official `@anthropic-ai/sdk` package, unmodified, against the whole stack: what it returns, and what the backends received. Long, because one stack serves
 * all of it in one file.
 */
import Anthropic, { type ClientOptions } from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { carriesContent, FORMATS, receivedChats } from "../support/client-suite.ts";
import { officialAnthropic } from "../support/official-clients.ts";
import {
  allowedHeaders,
  type BackendKind,
  CANARY,
  callsHolding,
  endedCall,
  eventually,
  KINDS,
  NOSY_HEADERS,
  prompt,
  receivedCall,
} from "../support/received.ts";
import { type Relay, startRelay } from "../support/relay.ts";
import { startTestStack, type TestStack } from "../support/stack.ts";

let stack: TestStack;
let relay: Relay;
let anthropic: Anthropic;

beforeAll(async () => {
  stack = await startTestStack({
    cron: false,
    gatewayEnv: { CF_ACCESS_CLIENT_ID: "the-access-client", CF_ACCESS_CLIENT_SECRET: "the-access-secret" },
  });
  relay = await startRelay(stack.gateway);
  anthropic = stack.anthropic;
});
afterAll(async () => {
  await relay?.close();
  await stack?.stop();
});

const SYSTEM = "Answer as a harbour pilot would. 港";
const asked = (kind: BackendKind, text: string) => ({
  model: kind.alias,
  system: SYSTEM,
  messages: [{ role: "user" as const, content: text }],
  max_tokens: 50,
  temperature: 0.25,
  top_p: 0.5,
  stop_sequences: ["§§"],
});

/** What a vLLM hears beside what the client said. */
const SALTED = { cache_salt: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) };

/** The body that a backend of this kind must have received for `asked`. */
function expectedBody(kind: BackendKind, text: string, stream: boolean): object {
  if (kind.format === "anthropic") return { ...asked(kind, text), model: kind.model, ...(stream && { stream: true }) };
  const { system, stop_sequences: stop, messages, ...rest } = asked(kind, text);
  return {
    ...rest,
    model: kind.model,
    messages: [{ role: "system", content: system }, ...messages],
    stop,
    ...((stream || kind.collects) && { stream: true, stream_options: { include_usage: true } }),
    ...(kind.process === "home" && SALTED),
  };
}

/** What the backend itself answers to the same question: its answers depend on model and prompt alone. */
async function truth(kind: BackendKind, text: string): Promise<string> {
  const service = stack[kind.process];
  if (kind.format === "anthropic") {
    const direct = new Anthropic({ baseURL: `${service?.url}/anthropic`, apiKey: "direct" });
    return textOf(await direct.messages.create({ ...asked(kind, text), model: kind.model }));
  }
  const direct = new OpenAI({ baseURL: `${service?.url}/v1`, apiKey: "direct" });
  const answer = await direct.chat.completions.create({
    model: kind.model,
    messages: [
      { role: "system", content: SYSTEM },
      { role: "user", content: text },
    ],
    max_tokens: 50,
  });
  return answer.choices[0]?.message.content ?? "";
}

describe.each(FORMATS)("content, with a backend like $alias", (kind) => {
  carriesContent(() => stack, officialAnthropic, kind);

  // planted: the reasoning of an earlier turn left out of the body for vLLM
  test("thinking comes as blocks, and arrives in the next turn as it was sent", async () => {
    const text = prompt("Think first. [[sim:reasoning=8]]");
    const body = {
      model: kind.alias,
      max_tokens: 4_000,
      thinking: { type: "enabled" as const, budget_tokens: 1_024 },
    };
    const opening = { role: "user" as const, content: text };
    const message = await anthropic.messages.stream({ ...body, messages: [opening] }).finalMessage();
    expect(message.content.map(({ type }) => type)).toEqual(["thinking", "text"]);
    const [thinking] = message.content;
    if (thinking?.type !== "thinking") throw new Error("no thinking");
    expect(thinking.thinking).not.toBe("");
    const next = { role: "user" as const, content: "And then?" };
    await anthropic.messages.create({
      ...body,
      messages: [opening, { role: "assistant", content: message.content }, next],
    });
    const [, second] = await receivedChats(stack, kind, text);
    const thought = second?.chat.told.find((told) => "thought" in told);
    const sent = { by: "assistant", thought: thinking.thinking };
    expect(thought).toEqual(kind.format === "anthropic" ? { ...sent, signature: thinking.signature } : sent);
  });
});

describe.each(KINDS)("a backend like $alias", (kind) => {
  // planted: the system prompt left out of the translated body
  test("a message is what the backend said, and the backend was asked what the client asked", async () => {
    const text = prompt("Which way to the open sea?");
    const message = await anthropic.messages.create(asked(kind, text));
    const call = await receivedCall(stack, message._request_id);
    expect(call.body).toEqual(expectedBody(kind, text, false));
    expect(message).toMatchObject({ type: "message", role: "assistant", model: kind.model, stop_sequence: null });
    expect(textOf(message)).toBe(await truth(kind, text));
    expect(["end_turn", "max_tokens"]).toContain(message.stop_reason);
    expect(message.usage).toMatchObject({
      input_tokens: call.usageReported?.promptTokens,
      output_tokens: call.usageReported?.completionTokens,
    });
  });

  // planted: in a translated stream the block never closed, and `message_delta` without usage
  test("a stream says the same as the backend, in the order of the format, with usage", async () => {
    const text = prompt("What do the buoys say?");
    const { data: stream, request_id } = await anthropic.messages
      .create({ ...asked(kind, text), stream: true })
      .withResponse();
    const events: Anthropic.RawMessageStreamEvent[] = [];
    for await (const event of stream) events.push(event);
    const call = await receivedCall(stack, request_id);
    expect(call.body).toEqual(expectedBody(kind, text, true));
    const order = events.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);
    expect(order).toEqual([
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    const deltas = events.flatMap((event) =>
      event.type === "content_block_delta" && event.delta.type === "text_delta" ? [event.delta.text] : [],
    );
    expect(deltas.length).toBeGreaterThan(5);
    expect(deltas.join("")).toBe(await truth(kind, text));
    const last = events.find((event) => event.type === "message_delta");
    expect(last?.usage.output_tokens).toBe(call.usageReported?.completionTokens);
    const [start] = events;
    expect(start).toMatchObject({ message: { model: kind.model } });
    const inputTokens =
      last?.usage.input_tokens ?? (start?.type === "message_start" && start.message.usage.input_tokens);
    expect(inputTokens).toBe(call.usageReported?.promptTokens);
  });

  // planted: `message_delta` without usage
  test("the SDK's helper gathers a stream into the same message", async () => {
    const text = prompt("Gather it all.");
    const gathered = await anthropic.messages.stream(asked(kind, text)).finalMessage();
    expect(textOf(gathered)).toBe(await truth(kind, text));
    expect(gathered.stop_reason).toMatch(/end_turn|max_tokens/);
    expect(gathered.usage.output_tokens).toBeGreaterThan(5);
  });

  // planted: one more header on outbound calls
  test("no header of the client's reaches the backend", async () => {
    const nosy = new Anthropic({ ...clientOptions(), defaultHeaders: NOSY_HEADERS });
    for (const alias of kind.alias === "home" ? ["home", "tunnelled"] : [kind.alias]) {
      const message = await nosy.messages.create(asked({ ...kind, alias }, prompt("Who is asking?")));
      const { headers, bodyText } = await receivedCall(stack, message._request_id);
      expect(new Set(Object.keys(headers))).toEqual(allowedHeaders(alias));
      const everything = `${Object.values(headers).join("\n")}\n${bodyText}`;
      expect(everything).not.toContain(CANARY);
      expect(everything).not.toContain(stack.apiKey.slice(-8));
      expect(headers["x-request-id"]).toBe(message._request_id);
      if (alias === "claude") expect(headers["x-api-key"]).toBe("…ated");
    }
  });

  // planted: nobody listens to the departure, and the body's `cancel` does nothing
  test.each(["mid-stream", "stream before its first token", "JSON before its first token"])(
    "abort: %s stops the generation within two seconds",
    async (moment) => {
      const late = moment === "mid-stream" ? "[[sim:tps=40]]" : "[[sim:ttft=4000]]";
      const text = prompt(`Tell me everything. [[sim:tokens=900]] ${late}`);
      const aborting = new AbortController();
      const body = { ...asked(kind, text), max_tokens: 900 };
      const running =
        moment === "mid-stream"
          ? readSome(body, aborting)
          : relayed().messages.create({ ...body, stream: moment.startsWith("stream") }, { signal: aborting.signal });
      running.catch(() => undefined);
      if (moment === "mid-stream") await running;
      else await eventually(3_000, async () => expect(await callsHolding(stack, text)).toHaveLength(1));
      const leftAt = Date.now();
      aborting.abort();
      if (moment !== "mid-stream") await expect(running).rejects.toBeInstanceOf(Anthropic.APIUserAbortError);
      const call = await endedCall(stack, text, 2_000 - (Date.now() - leftAt));
      expect(call.outcome).toBe("aborted");
      expect(call.tokensGenerated).toBeLessThan(moment === "mid-stream" ? 150 : 1);
      const { request } = await stack.stored(call.requestId);
      expect(request).toMatchObject({ outcome: "cancelled", httpStatus: 0 });
    },
  );
});

/** A tool that Anthropic itself runs. */
const SEARCH = { type: "web_search_20250305" as const, name: "web_search" as const };

describe("requests on their way", () => {
  // planted: the body re-serialised from the parsed value
  test("digits, unknown fields and hints to the prompt cache arrive as they were written", async () => {
    const text = prompt("How deep is it here?");
    const system = `"system":[{"type":"text","text":"Pilot.","cache_control":{"type":"ephemeral"}}]`;
    const rest = `"temperature":0.30000000000000000001,"top_k":7,"x_unknown":{"big":9007199254740993,"deep":[1e400,-0.0,{"é":"\\u00e9"}]},"service_tier":"auto"`;
    const body = `{"model":"claude",${system},"messages":[{"role":"user","content":${JSON.stringify(text)}}],${rest},"max_tokens":20}`;
    // Anthropic takes no field that it does not know, and says so itself: that is not for the gateway to decide.
    const refused = await anthropic
      .post("/v1/messages", { body: new TextEncoder().encode(body), headers: { "content-type": "application/json" } })
      .then(
        () => undefined,
        (error: unknown) => error as InstanceType<typeof Anthropic.APIError>,
      );
    expect(refused).toMatchObject({ status: 400, message: expect.stringContaining("x_unknown") });
    const { bodyText } = await receivedCall(stack, refused?.requestID);
    expect(bodyText).toBe(body.replace(`"model":"claude"`, `"model":"simulated-large"`));
  });

  // planted: the unknown fields of a translated body not noted
  test("what the other format has no word for is dropped and named, what it cannot do without is refused", async () => {
    const text = prompt("Translate me.");
    const system = [{ type: "text" as const, text: SYSTEM, cache_control: { type: "ephemeral" as const } }];
    const { response } = await anthropic.messages
      .create(
        // Two fields that Anthropic does not know.
        Object.assign(asked(HOME, text), {
          system,
          top_k: 7,
          metadata: { user_id: "end-user-7" },
          x_unknown: 1,
          priority: 9,
        }),
        { headers: { "x-gateway-debug": "translation" } },
      )
      .withResponse();
    const { body } = await receivedCall(stack, response.headers.get("request-id"));
    expect(body).toEqual({ ...expectedBody(HOME, text, false), top_k: 7, user: "end-user-7" });
    const named = (response.headers.get("x-gateway-translation") ?? "").split(",");
    expect(named).toEqual(
      expect.arrayContaining([
        "dropped:x_unknown",
        "dropped:priority",
        "dropped:system[].cache_control",
        "mapped:stop_sequences",
        "mapped:top_k",
        "mapped:metadata.user_id",
      ]),
    );
    const refused = anthropic.messages.create({ ...asked(HOME, text), tools: [SEARCH] });
    await expect(refused).rejects.toBeInstanceOf(Anthropic.BadRequestError);
    await expect(refused).rejects.toThrow(/tools/);
  });

  // planted: `cannotSay` never true
  test("what the first backend's format cannot say goes to the next one, which can", async () => {
    const message = await anthropic.messages.create({
      ...asked(HOME, prompt("Use a tool.")),
      model: "home-claude",
      tools: [SEARCH],
    });
    const call = await receivedCall(stack, message._request_id);
    expect(call).toMatchObject({ backend: "cloud", path: "/anthropic/v1/messages", body: { tools: [SEARCH] } });
  });

  // planted: `isFallbackWorthy` false for `backend_unavailable`
  test.each([
    { alias: "home-claude", broken: "openai", first: "home", answers: "claude" },
    { alias: "claude-home", broken: "anthropic", first: "cloud", answers: "home" },
    { alias: "dead-home", broken: "none", first: undefined, answers: "home" },
  ])("$alias: an answer from the fallback, whole and as a stream", async ({ alias, broken, first, answers }) => {
    for (const stream of [false, true]) {
      const fault = broken === "none" ? "" : ` [[sim:fault=server-error,only=${broken}]]`;
      const { data, response } = await anthropic.messages
        .create({ ...asked(HOME, prompt(`Is anyone there?${fault}`)), model: alias, stream })
        .withResponse();
      expect(response.headers.get("x-gateway-backend")).toBe(answers);
      expect(Number(response.headers.get("x-gateway-attempts"))).toBeGreaterThan(1);
      expect(await contentOf(data)).toMatch(/^Simulated answer/);
      const calls = await stack.tally(response.headers.get("request-id") ?? "");
      expect(Object.fromEntries(calls.map(({ backend, outcome }) => [backend, outcome]))).toEqual({
        ...(first !== undefined && { [first]: "refused" }),
        [answers === "claude" ? "cloud" : answers]: "completed",
      });
    }
  });
});

// planted: `anthropic-version` not looked at
test("models are listed and read in Anthropic's form, those that the key may use", async () => {
  const chats = Object.values(stack.config.routes).filter(({ operation }) => operation === "chat");
  const all = [];
  for await (const model of anthropic.models.list()) all.push(model);
  expect(all.map(({ id }) => id)).toEqual(chats.map(({ alias }) => alias));
  expect(await anthropic.models.retrieve("home-claude")).toMatchObject({ id: "home-claude", type: "model" });
  await expect(anthropic.models.retrieve("no-such-alias")).rejects.toBeInstanceOf(Anthropic.NotFoundError);
  const narrow = anthropicWith(await stack.mint({ allowedModels: ["home", "claude"] }));
  expect((await narrow.models.list()).data.map(({ id }) => id)).toEqual(["home", "claude"]);
  await expect(narrow.models.retrieve("cloud")).rejects.toBeInstanceOf(Anthropic.PermissionDeniedError);
});

// planted: only `x-api-key` read
test("a key as Bearer token is the same key", async () => {
  const bearer = new Anthropic({ baseURL: stack.gateway, authToken: stack.apiKey, apiKey: null, maxRetries: 0 });
  expect(textOf(await bearer.messages.create(asked(HOME, prompt("Who am I?"))))).toMatch(/^Simulated/);
});

describe("failures, in the SDK's own classes", () => {
  const create = (client: Anthropic, model: string, text: string, more: object = {}) =>
    client.messages.create({ model, max_tokens: 400, messages: [{ role: "user", content: prompt(text) }], ...more });
  const { BadRequestError, AuthenticationError, PermissionDeniedError, NotFoundError, InternalServerError } = Anthropic;

  // planted: a spent budget told as 429; the message of a backend's 400 not passed on
  test.each([
    {
      what: "a wrong field",
      status: 400,
      kind: BadRequestError,
      type: "invalid_request_error",
      says: /temperature/,
      run: () => create(anthropic, "claude", "x", { temperature: 9 }),
    },
    {
      what: "no messages",
      status: 400,
      kind: BadRequestError,
      type: "invalid_request_error",
      says: /messages/,
      run: () => create(anthropic, "home", "x", { messages: [] }),
    },
    {
      what: "no max_tokens",
      status: 400,
      kind: BadRequestError,
      type: "invalid_request_error",
      says: /max_tokens/,
      run: () => create(anthropic, "home", "x", { max_tokens: undefined }),
    },
    {
      what: "a backend's own 400",
      status: 400,
      kind: BadRequestError,
      type: "invalid_request_error",
      says: /prompt is too long/,
      run: () => create(anthropic, "claude", "[[sim:fault=context-length]]"),
    },
    {
      what: "the other format's own 400",
      status: 400,
      kind: BadRequestError,
      type: "invalid_request_error",
      says: /context length/,
      run: () => create(anthropic, "home", "[[sim:fault=context-length]]"),
    },
    {
      what: "no such key",
      status: 401,
      kind: AuthenticationError,
      type: "authentication_error",
      run: () => create(anthropicWith(`gw_${"a".repeat(16)}_${"A".repeat(43)}`), "home", "x"),
    },
    {
      what: "no key of ours at all",
      status: 401,
      kind: AuthenticationError,
      type: "authentication_error",
      run: () => create(anthropicWith("sk-ant-something"), "home", "x"),
    },
    {
      what: "a spent budget",
      status: 402,
      kind: Anthropic.PaymentRequiredError,
      type: "billing_error",
      run: async () => create(anthropicWith(await stack.mint({ tier: "pennies", limits: {} })), "claude", "x"),
    },
    {
      what: "a model that the key may not use",
      status: 403,
      kind: PermissionDeniedError,
      type: "permission_error",
      run: async () => create(anthropicWith(await stack.mint({ allowedModels: ["home"] })), "claude", "x"),
    },
    {
      what: "an unknown model",
      status: 404,
      kind: NotFoundError,
      type: "not_found_error",
      says: /no-such-model/,
      run: () => create(anthropic, "no-such-model", "x"),
    },
    {
      what: "an unknown route",
      status: 404,
      kind: NotFoundError,
      type: "not_found_error",
      run: () => anthropic.get("/v1/no/such/route"),
    },
    {
      what: "a body above 20 MiB",
      status: 413,
      kind: Anthropic.ContentTooLargeError,
      type: "invalid_request_error",
      run: () => create(anthropic, "home", "x".repeat(21 * 1024 * 1024)),
    },
    {
      what: "a spent rate",
      status: 429,
      kind: Anthropic.RateLimitError,
      type: "rate_limit_error",
      run: async () => twice(anthropicWith(await stack.mint({ tier: "one-request" })), create),
    },
    {
      what: "a backend's 500",
      status: 503,
      kind: Anthropic.ServiceUnavailableError,
      type: "api_error",
      run: () => create(anthropic, "claude", "[[sim:fault=server-error]]"),
    },
    {
      what: "a backend that is down",
      status: 503,
      kind: Anthropic.ServiceUnavailableError,
      type: "api_error",
      run: () => create(anthropic, "dead", "x"),
    },
    {
      what: "an overloaded provider",
      status: 529,
      kind: Anthropic.OverloadedError,
      type: "overloaded_error",
      run: () => create(anthropic, "claude", "[[sim:fault=server-error,status=529]]"),
    },
    {
      what: "a full queue at the backend of the other format",
      status: 529,
      kind: Anthropic.OverloadedError,
      type: "overloaded_error",
      run: () => create(anthropic, "home", "[[sim:fault=queue-full]]"),
    },
    {
      what: "a backend that does not know us",
      status: 502,
      kind: InternalServerError,
      type: "api_error",
      run: () => create(anthropic, "claude", "[[sim:fault=unauthorized]]"),
    },
    {
      what: "the tunnel's HTML",
      status: 503,
      kind: Anthropic.ServiceUnavailableError,
      type: "api_error",
      run: () => create(anthropic, "home", "[[sim:fault=tunnel-down]]"),
    },
    {
      what: "a backend that never answers",
      status: 504,
      kind: Anthropic.GatewayTimeoutError,
      type: "timeout_error",
      run: () => create(anthropic, "hasty-claude", "[[sim:fault=stall-mid-stream,after=0]]", { stream: true }),
    },
    {
      what: "a cut answer",
      status: 502,
      kind: InternalServerError,
      type: "api_error",
      run: () => create(anthropic, "claude", "[[sim:fault=truncate,by=reset]]"),
    },
    {
      what: "a route that is not offered",
      status: 501,
      kind: Anthropic.NotImplementedError,
      type: "api_error",
      run: () => anthropic.post("/v1/messages/batches", { body: {} }),
    },
  ])("$what is $status", async ({ status, kind, type, run, ...told }) => {
    const error = await run().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({
      status,
      error: { type: "error", error: { type }, request_id: expect.stringMatching(/^req_/) },
    });
    const { message, requestID } = error as InstanceType<typeof Anthropic.APIError>;
    expect(requestID).toMatch(/^req_[0-9A-Z]{26}$/);
    if (told.says) expect(message).toMatch(told.says);
    expect(message).not.toMatch(/127\.0\.0\.1|localhost|<html|simulated backend/i);
  });

  // planted: the failure event left out (`Pump.#last`)
  test.each(["home", "cloud", "claude"])(
    "%s: a stream that is cut throws in the middle, in the SDK's own class",
    async (model) => {
      for (const fault of ["truncate,after=3,by=fin", "error-frame,after=3", "no-finish"]) {
        const stream = await create(anthropic, model, `[[sim:tokens=30]] [[sim:fault=${fault}]]`, { stream: true });
        const read = contentOf(stream);
        await expect(read).rejects.toBeInstanceOf(Anthropic.APIError);
        await expect(read).rejects.toMatchObject({ error: { type: "error", error: { type: "api_error" } } });
      }
    },
  );
});

describe("the SDK's own retries, counted at the door", () => {
  const ask = (client: Anthropic, model: string, text: string) =>
    client.messages.create({ model, messages: [{ role: "user", content: text }], max_tokens: 400 });

  // planted: `retry-after-ms` in seconds
  test("a spent rate is tried again when Retry-After says so, and passes", async () => {
    const limits = { key: { requestsPerMinute: 1, refillPeriodMs: 1_500 } };
    const client = relayed({ apiKey: await stack.mint({ limits }), maxRetries: 2 });
    const from = relay.calls.length;
    await ask(client, "claude", prompt("one"));
    await ask(client, "claude", prompt("two"));
    const [, refused, passed, ...more] = relay.calls.slice(from);
    expect(more).toEqual([]);
    expect([refused?.status, passed?.status]).toEqual([429, 200]);
    const waitMs = Number(refused?.replyHeaders?.["retry-after-ms"]);
    expect(waitMs).toBeGreaterThan(700);
    expect(waitMs).toBeLessThanOrEqual(1_500);
    expect((passed?.atMs ?? 0) - (refused?.answeredAtMs ?? 0)).toBeGreaterThanOrEqual(waitMs - 5);
  });

  // planted: a spent budget told as 429, and as retryable
  test.each([
    { what: "a spent budget", wish: { tier: "pennies", limits: {} }, model: "claude", status: 402 },
    { what: "an unknown model", wish: {}, model: "nowhere", status: 404 },
    { what: "a forbidden model", wish: { allowedModels: ["home"] }, model: "claude", status: 403 },
    {
      what: "a request that is larger than the limit ever is",
      wish: { limits: { key: { tokensPerMinute: 5 } } },
      model: "home",
      status: 429,
    },
  ])("$what is not tried again", async ({ wish, model, status }) => {
    const client = relayed({ apiKey: await stack.mint(wish), maxRetries: 3 });
    const from = relay.calls.length;
    await expect(ask(client, model, prompt("again?"))).rejects.toMatchObject({ status });
    expect(relay.calls.slice(from).map((call) => call.status)).toEqual([status]);
  });

  // planted: the backend's Retry-After not kept in the failure
  test("an overloaded provider's own Retry-After reaches the SDK as 529, and it waits for it", async () => {
    await stack.fault("cloud", {
      match: { format: "anthropic", next: 1 },
      fault: "server-error,status=529,retry=seconds,seconds=1",
    });
    const from = relay.calls.length;
    await ask(relayed({ maxRetries: 1 }), "hasty-claude", prompt("busy?"));
    const [busy, passed, ...more] = relay.calls.slice(from);
    expect(more).toEqual([]);
    expect([busy?.status, passed?.status]).toEqual([529, 200]);
    expect(busy?.replyHeaders?.["retry-after"]).toBe("1");
    expect((passed?.atMs ?? 0) - (busy?.answeredAtMs ?? 0)).toBeGreaterThanOrEqual(995);
  });
});

const HOME = KINDS[0] as BackendKind;
const clientOptions = () => ({ baseURL: stack.gateway, apiKey: stack.apiKey, maxRetries: 0 });
const anthropicWith = (apiKey: string) => new Anthropic({ ...clientOptions(), apiKey });
/** A client behind the relay, with the SDK's own retries. */
const relayed = (options: ClientOptions = {}) => new Anthropic({ ...clientOptions(), baseURL: relay.url, ...options });

async function twice(client: Anthropic, create: (client: Anthropic, model: string, text: string) => Promise<unknown>) {
  await create(client, "home", "first");
  return create(client, "home", "second");
}

/** Reads the first events of a stream and leaves it open. */
async function readSome(body: ReturnType<typeof asked>, aborting: AbortController): Promise<void> {
  const stream = await anthropic.messages.create({ ...body, stream: true }, { signal: aborting.signal });
  const iterator = stream[Symbol.asyncIterator]();
  for (let event = 0; event < 5; event++) expect((await iterator.next()).done).toBe(false);
}

const textOf = ({ content }: Anthropic.Message) =>
  content.map((block) => (block.type === "text" ? block.text : "")).join("");

/** The text of a message or of a stream of one. */
async function contentOf(answer: Anthropic.Message | AsyncIterable<Anthropic.RawMessageStreamEvent>): Promise<string> {
  if ("content" in answer) return textOf(answer);
  let text = "";
  for await (const event of answer) {
    if (event.type === "content_block_delta" && event.delta.type === "text_delta") text += event.delta.text;
  }
  return text;
}
