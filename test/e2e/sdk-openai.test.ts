/**
 * The official `openai` package, unmodified, against the whole stack: what it returns, and what the backends received. Long, because one stack serves
 * all of it in one file.
 */
import Anthropic from "@anthropic-ai/sdk";
import OpenAI, { type ClientOptions } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { carriesContent, FORMATS } from "../support/client-suite.ts";
import { officialOpenAi } from "../support/official-clients.ts";
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
let openai: OpenAI;

beforeAll(async () => {
  stack = await startTestStack({
    cron: false,
    gatewayEnv: { CF_ACCESS_CLIENT_ID: "the-access-client", CF_ACCESS_CLIENT_SECRET: "the-access-secret" },
  });
  relay = await startRelay(stack.gateway);
  openai = stack.openai;
});
afterAll(async () => {
  await relay?.close();
  await stack?.stop();
});

const SYSTEM = "Answer as a harbour pilot would. 港";
const asked = (kind: BackendKind, text: string) => ({
  model: kind.alias,
  messages: [
    { role: "system" as const, content: SYSTEM },
    { role: "user" as const, content: text },
  ],
  max_tokens: 50,
  temperature: 0.25,
  top_p: 0.5,
  stop: ["§§"],
});

/** What a vLLM hears beside what the client said. */
const SALTED = { cache_salt: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) };

/** The body that a backend of this kind must have received for `asked`. */
function expectedBody(kind: BackendKind, text: string, stream: boolean): object {
  if (kind.format === "anthropic") {
    return {
      model: kind.model,
      system: SYSTEM,
      messages: [{ role: "user", content: text }],
      max_tokens: 50,
      temperature: 0.25,
      top_p: 0.5,
      stop_sequences: ["§§"],
      ...(stream && { stream: true }),
    };
  }
  const upstream = stream || kind.collects;
  return {
    ...asked(kind, text),
    model: kind.model,
    ...(upstream && { stream: true, stream_options: { include_usage: true } }),
    ...(kind.process === "home" && SALTED),
  };
}

/** What the backend itself answers to the same question: its answers depend on model and prompt alone. */
async function truth(kind: BackendKind, text: string): Promise<string> {
  const service = stack[kind.process];
  if (kind.format === "anthropic") {
    const direct = new Anthropic({ baseURL: `${service?.url}/anthropic`, apiKey: "direct" });
    const messages = [{ role: "user" as const, content: text }];
    const answer = await direct.messages.create({ model: kind.model, system: SYSTEM, messages, max_tokens: 50 });
    return answer.content.map((block) => (block.type === "text" ? block.text : "")).join("");
  }
  const direct = new OpenAI({ baseURL: `${service?.url}/v1`, apiKey: "direct" });
  const answer = await direct.chat.completions.create({ ...asked(kind, text), model: kind.model });
  return answer.choices[0]?.message.content ?? "";
}

describe.each(KINDS)("a backend like $alias", (kind) => {
  // planted: `temperature` left out of the translated body
  test("a chat is what the backend said, and the backend was asked what the client asked", async () => {
    const text = prompt("Which way to the open sea?");
    const completion = await openai.chat.completions.create(asked(kind, text));
    const call = await receivedCall(stack, completion._request_id);
    expect(call.body).toEqual(expectedBody(kind, text, false));
    expect(completion).toMatchObject({ object: "chat.completion", model: kind.model });
    expect(completion.choices).toHaveLength(1);
    expect(completion.choices[0]?.message).toMatchObject({ role: "assistant", content: await truth(kind, text) });
    expect(["stop", "length"]).toContain(completion.choices[0]?.finish_reason);
    expect(completion.usage).toMatchObject({
      prompt_tokens: call.usageReported?.promptTokens,
      completion_tokens: call.usageReported?.completionTokens,
    });
    expect(call.tokensGenerated).toBe(completion.usage?.completion_tokens);
  });

  // planted: the alias as the model of a translated stream; its usage frame not written; a usage frame passed on to who did not ask
  test("a stream says the same as the backend, with usage last, and only to who asked for it", async () => {
    const text = prompt("What do the buoys say?");
    for (const wanted of [true, false]) {
      const { data: stream, request_id } = await openai.chat.completions
        .create({ ...asked(kind, text), stream: true, ...(wanted && { stream_options: { include_usage: true } }) })
        .withResponse();
      const chunks = [];
      for await (const chunk of stream) chunks.push(chunk);
      const call = await receivedCall(stack, request_id);
      expect(call.body).toEqual(expectedBody(kind, text, true));
      expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).toBe(await truth(kind, text));
      expect(chunks.filter(({ choices }) => choices[0]?.finish_reason)).toHaveLength(1);
      expect(new Set(chunks.map(({ model }) => model))).toEqual(new Set([kind.model]));
      const usages = chunks.filter(({ usage }) => usage);
      if (!wanted) {
        expect(usages).toEqual([]);
        continue;
      }
      expect(usages).toHaveLength(1);
      expect(chunks.at(-1)).toMatchObject({
        choices: [],
        usage: {
          prompt_tokens: call.usageReported?.promptTokens,
          completion_tokens: call.usageReported?.completionTokens,
        },
      });
    }
  });

  // planted: one more header on outbound calls
  test("no header of the client's reaches the backend", async () => {
    const nosy = new OpenAI({ ...clientOptions(), defaultHeaders: NOSY_HEADERS, organization: `${CANARY}-org` });
    for (const alias of kind.alias === "home" ? ["home", "tunnelled"] : [kind.alias]) {
      const completion = await nosy.chat.completions.create(asked({ ...kind, alias }, prompt("Who is asking?")));
      const { headers, bodyText } = await receivedCall(stack, completion._request_id);
      expect(new Set(Object.keys(headers))).toEqual(allowedHeaders(alias));
      const everything = `${Object.values(headers).join("\n")}\n${bodyText}`;
      expect(everything).not.toContain(CANARY);
      expect(everything).not.toContain(stack.apiKey.slice(-8));
      expect(headers["user-agent"]).toBe("llm-gateway");
      expect(headers["x-request-id"]).toBe(completion._request_id);
      if (alias === "cloud") expect(headers.authorization).toBe("…ated");
      if (alias === "tunnelled") {
        expect(headers["cf-access-client-id"]).toBe("…ient");
        expect(headers["cf-access-client-secret"]).toBe("…cret");
      }
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
          ? readThree(body, aborting)
          : relayed().chat.completions.create(
              { ...body, stream: moment.startsWith("stream") },
              { signal: aborting.signal },
            );
      running.catch(() => undefined);
      if (moment !== "mid-stream") await eventually(3_000, () => arrived(text));
      else await running;
      const leftAt = Date.now();
      aborting.abort();
      if (moment !== "mid-stream") await expect(running).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
      const call = await endedCall(stack, text, 2_000 - (Date.now() - leftAt));
      expect(call.outcome).toBe("aborted");
      expect(call.tokensGenerated).toBeLessThan(moment === "mid-stream" ? 150 : 1);
      const { request } = await stack.stored(call.requestId);
      expect(request).toMatchObject({ outcome: "cancelled", httpStatus: 0 });
    },
  );
});

describe.each(FORMATS)("content, with a backend like $alias", (kind) => {
  carriesContent(() => stack, officialOpenAi, kind);

  // planted: `reasoning` written as text
  test("reasoning comes in its own field, before the text, whole and streamed", async () => {
    const text = prompt("Think first. [[sim:reasoning=8]]");
    const body = { model: kind.alias, messages: [{ role: "user" as const, content: text }], max_tokens: 2_000 };
    const whole = await openai.chat.completions.create({ ...body, reasoning_effort: "low" });
    const said: string[] = [];
    for await (const { choices } of await openai.chat.completions.create({
      ...body,
      reasoning_effort: "low",
      stream: true,
    })) {
      // The SDK's types do not know the field.
      const { content, reasoning }: { content?: string | null; reasoning?: string } = choices[0]?.delta ?? {};
      if (reasoning) said.push(`reasoning ${reasoning}`);
      if (content) said.push(`text ${content}`);
    }
    const { content, reasoning }: { content?: string | null; reasoning?: string } = whole.choices[0]?.message ?? {};
    const heard = (kindOf: string) =>
      said.flatMap((piece) => (piece.startsWith(`${kindOf} `) ? [piece.slice(kindOf.length + 1)] : [])).join("");
    expect(reasoning).toBeTruthy();
    expect(content).toMatch(/^Simulated answer/);
    expect([heard("reasoning"), heard("text")]).toEqual([reasoning, content]);
    expect(said.findLastIndex((piece) => piece.startsWith("reasoning"))).toBeLessThan(
      said.findIndex((piece) => piece.startsWith("text")),
    );
  });
});

/** A client behind the relay, with the SDK's own retries. */
const relayed = (options: ClientOptions = {}) =>
  new OpenAI({ baseURL: `${relay.url}/v1`, apiKey: stack.apiKey, maxRetries: 0, ...options });
const clientOptions = () => ({ baseURL: `${stack.gateway}/v1`, apiKey: stack.apiKey, maxRetries: 0 });

async function arrived(text: string): Promise<void> {
  expect(await callsHolding(stack, text)).toHaveLength(1);
}

/** Reads three chunks of a stream and leaves it open. */
async function readThree(body: ReturnType<typeof asked>, aborting: AbortController): Promise<void> {
  const stream = await openai.chat.completions.create({ ...body, stream: true }, { signal: aborting.signal });
  const iterator = stream[Symbol.asyncIterator]();
  for (let chunk = 0; chunk < 3; chunk++) expect((await iterator.next()).done).toBe(false);
}

describe("requests on their way", () => {
  // planted: what the client names sent as it is
  test("the route's cap is sent where the client names none, or more", async () => {
    for (const [alias, wish, sent] of [
      ["home", undefined, 1024],
      ["capped", 500, 16],
      ["claude", undefined, 4096],
    ] as const) {
      const { max_tokens: _, ...rest } = asked({ ...CLAUDE, alias }, prompt("How long is a rope?"));
      const completion = await openai.chat.completions.create({
        ...rest,
        ...(wish !== undefined && { max_completion_tokens: wish }),
      });
      const { body } = await receivedCall(stack, completion._request_id);
      expect(body.max_tokens).toBe(sent);
      expect(body.max_completion_tokens).toBeUndefined();
      expect(completion.usage?.completion_tokens).toBeLessThanOrEqual(sent);
    }
  });

  // planted: the body re-serialised from the parsed value; vLLM's fields not removed
  test("digits and unknown fields arrive as they were written, vLLM's own fields do not arrive", async () => {
    const digits = `"seed":12345678901234567890,"temperature":0.30000000000000000001,"top_p":1.0,"frequency_penalty":1E-7`;
    const unknown = `"x_unknown":{"big":9007199254740993,"deep":[1e400,-0.0,{"é":"\\u00e9"}]},"metadata":{"a":"b"}`;
    const own = `"priority":-5,"cache_salt":"mine","kv_transfer_params":{},"vllm_xargs":{},"request_id":"mine","chat_template":"{{x}}","chat_template_kwargs":{}`;
    for (const alias of ["home", "cloud"]) {
      const text = prompt("How deep is it here?");
      const messages = JSON.stringify([{ role: "user", content: text }]);
      const body = `{"model":"${alias}",${own},"messages":${messages},${digits},${unknown},"max_tokens":20}`;
      const { response } = await openai
        .post("/chat/completions", {
          body,
          headers: { "content-type": "application/json", "x-gateway-debug": "translation" },
        })
        .withResponse();
      const { bodyText } = await receivedCall(stack, response.headers.get("x-request-id"));
      expect(bodyText).toContain(digits);
      expect(bodyText).toContain(unknown);
      expect(bodyText.includes(`"cache_salt":"mine"`)).toBe(alias === "cloud");
      for (const name of [
        "priority",
        "cache_salt",
        "kv_transfer_params",
        "vllm_xargs",
        "request_id",
        "chat_template",
      ]) {
        // Another provider may know such a name for something of its own: only vLLM's backends are spared. The salt is the gateway's own there.
        const mayArrive = alias === "cloud" || name === "cache_salt";
        expect(bodyText.includes(`"${name}`)).toBe(mayArrive);
        expect((response.headers.get("x-gateway-translation") ?? "").includes(`stripped:${name}`)).toBe(
          alias === "home",
        );
      }
    }
  });

  // planted: the preset's quirks not filled in
  test("a provider under a preset answers, without what its API does not take", async () => {
    const text = prompt("Who are you?");
    const messages = [{ role: "user" as const, name: "ann", content: text }];
    const body = { model: "preset", messages, max_tokens: 20 };
    const completion = await openai.chat.completions.create(body);
    expect(completion.choices[0]?.message.content).toContain("Simulated answer");
    const received = await receivedCall(stack, completion._request_id);
    expect(received.body.messages).toEqual([{ role: "user", content: text }]);
    await expect(openai.chat.completions.create({ ...body, n: 2 })).rejects.toMatchObject({ status: 400, param: "n" });
  });

  // planted: the rule of the backend not asked on the way of a caller of the same format
  test("a picture's address does not reach the machine at home, its bytes do", async () => {
    const ask = (url: string) =>
      openai.chat.completions.create({
        model: "home",
        max_tokens: 20,
        messages: [
          {
            role: "user",
            content: [
              { type: "image_url", image_url: { url } },
              { type: "text", text: "?" },
            ],
          },
        ],
      });
    for (const url of ["https://example.com/a.png", "http://169.254.169.254/latest"]) {
      await expect(ask(url)).rejects.toMatchObject({ status: 400, param: "messages[0].content[0]" });
    }
    expect((await ask("data:image/png;base64,iVBORw0KGgo=")).choices).toHaveLength(1);
  });

  // planted: `noteLosses` without the unknown fields
  test("what the other format has no word for is dropped and named, what it cannot do without is refused", async () => {
    const text = prompt("Translate me.");
    const { response } = await openai.chat.completions
      .create(
        // One field is none that OpenAI knows.
        Object.assign(asked(CLAUDE, text), { seed: 7, frequency_penalty: 0.5, x_unknown: 1, user: "end-user-7" }),
        { headers: { "x-gateway-debug": "translation" } },
      )
      .withResponse();
    const { body } = await receivedCall(stack, response.headers.get("x-request-id"));
    expect(body).toEqual({ ...expectedBody(CLAUDE, text, false), metadata: { user_id: "end-user-7" } });
    const named = (response.headers.get("x-gateway-translation") ?? "").split(",");
    expect(named).toEqual(
      expect.arrayContaining([
        "dropped:x_unknown",
        "dropped:seed",
        "dropped:frequency_penalty",
        "mapped:stop",
        "mapped:user",
      ]),
    );
    const refused = openai.chat.completions.create({
      ...asked(CLAUDE, text),
      response_format: { type: "json_object" },
    });
    await expect(refused).rejects.toMatchObject({
      status: 400,
      param: "response_format",
      code: "unsupported_parameter",
    });
  });

  // planted: `cannotSay` never true
  test("what the first backend's format cannot say goes to the next one, which can", async () => {
    const completion = await openai.chat.completions.create({
      ...asked(CLAUDE, prompt("As JSON, please.")),
      model: "claude-home",
      response_format: { type: "json_object" },
    });
    const call = await receivedCall(stack, completion._request_id);
    expect(call).toMatchObject({ backend: "home", body: { response_format: { type: "json_object" } } });
  });

  // planted: `isFallbackWorthy` false for `backend_unavailable`
  test.each([
    { alias: "home-claude", broken: "openai", first: "home", answers: "claude" },
    { alias: "claude-home", broken: "anthropic", first: "cloud", answers: "home" },
    { alias: "home-cloud", broken: "home", first: "home", answers: "cloud" },
    { alias: "dead-claude", broken: "none", first: undefined, answers: "claude" },
  ])("$alias: an answer from the fallback, whole and as a stream", async ({ alias, broken, first, answers }) => {
    for (const stream of [false, true]) {
      const text = prompt(
        broken === "none" ? "Is anyone there?" : `Is anyone there? [[sim:fault=server-error,only=${broken}]]`,
      );
      const { data, response } = await openai.chat.completions
        .create({ ...asked(CLAUDE, text), model: alias, stream })
        .withResponse();
      expect(response.headers.get("x-gateway-backend")).toBe(answers);
      expect(Number(response.headers.get("x-gateway-attempts"))).toBeGreaterThan(1);
      expect(await contentOf(data)).toMatch(/^Simulated answer/);
      const calls = await stack.tally(response.headers.get("x-request-id") ?? "");
      const expected = [
        ...(first === undefined ? [] : [[first, "refused"]]),
        [answers === "claude" ? "cloud" : answers, "completed"],
      ];
      expect(Object.fromEntries(calls.map(({ backend, outcome }) => [backend, outcome]))).toEqual(
        Object.fromEntries(expected),
      );
    }
  });
});

describe("models and embeddings", () => {
  // planted: `mayUse` left out of the list
  test("models are the aliases that the key may use", async () => {
    const all = [];
    for await (const model of openai.models.list()) all.push(model);
    expect(all.map(({ id }) => id)).toEqual(Object.keys(stack.config.routes));
    expect(await openai.models.retrieve("home-claude")).toMatchObject({ id: "home-claude", object: "model" });
    await expect(openai.models.retrieve("no-such-alias")).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    const narrow = openaiWith(await stack.mint({ allowedModels: ["home", "embed"] }));
    expect((await narrow.models.list()).data.map(({ id }) => id)).toEqual(["home", "embed"]);
    await expect(narrow.models.retrieve("claude")).rejects.toBeInstanceOf(OpenAI.PermissionDeniedError);
  });

  // planted: `encoding_format` dropped from the body
  test.each(["embed", "cloud-embed", "dead-embed"])(
    "%s: vectors as the backend made them, as floats and as base64",
    async (model) => {
      const input = [prompt("a boat on the river"), prompt("ein Boot auf dem Fluss")];
      // The SDK asks for base64 on its own and decodes it; named, either comes as it was asked for.
      const uncached = { headers: { "x-gateway-cache": "off" } };
      const decoded = await openai.embeddings.create({ model, input }, uncached).withResponse();
      const floats = await openai.embeddings
        .create({ model, input, encoding_format: "float" }, uncached)
        .withResponse();
      const base64 = await openai.embeddings
        .create({ model, input, encoding_format: "base64" }, uncached)
        .withResponse();
      for (const [answer, format] of [
        [decoded, "base64"],
        [floats, "float"],
        [base64, "base64"],
      ] as const) {
        const call = await receivedCall(stack, answer.request_id);
        expect(call.body).toEqual({ model: "simulated-embed", input, encoding_format: format });
        expect(answer.data.usage.prompt_tokens).toBe(call.usageReported?.promptTokens);
      }
      const vectors = floats.data.data.map(({ embedding }) => embedding);
      expect(vectors.map((vector) => vector.length)).toEqual([1024, 1024]);
      expect(decoded.data.data.map(({ embedding }) => embedding.map(Math.fround))).toEqual(
        vectors.map((vector) => vector.map(Math.fround)),
      );
      expect(base64.data.data.map(({ embedding }) => floatsOf(embedding as unknown as string))).toEqual(
        vectors.map((vector) => vector.map(Math.fround)),
      );
    },
  );
});

describe("failures, in the SDK's own classes", () => {
  const create = (client: OpenAI, model: string, text: string, more: object = {}) =>
    client.chat.completions.create({ model, messages: [{ role: "user", content: prompt(text) }], ...more });

  // planted: a timeout told as 502; the message of a backend's 400 not passed on
  test.each([
    {
      what: "a wrong field",
      status: 400,
      kind: OpenAI.BadRequestError,
      code: "invalid_value",
      param: "temperature",
      run: () => create(openai, "home", "x", { temperature: 9 }),
    },
    {
      what: "no messages",
      status: 400,
      kind: OpenAI.BadRequestError,
      param: "messages",
      run: () => openai.chat.completions.create({ model: "home", messages: [] }),
    },
    {
      what: "too much input",
      status: 400,
      kind: OpenAI.BadRequestError,
      code: "context_length_exceeded",
      param: "messages",
      run: () => create(openai, "brief", "word ".repeat(400)),
    },
    {
      what: "a chat of an embedding model",
      status: 400,
      kind: OpenAI.BadRequestError,
      param: "model",
      run: () => create(openai, "embed", "x"),
    },
    {
      what: "a backend's own 400",
      status: 400,
      kind: OpenAI.BadRequestError,
      code: "context_length_exceeded",
      says: /context length/,
      run: () => create(openai, "home", "[[sim:fault=context-length]]"),
    },
    {
      what: "the other format's own 400",
      status: 400,
      kind: OpenAI.BadRequestError,
      code: "context_length_exceeded",
      says: /prompt is too long/,
      run: () => create(openai, "claude", "[[sim:fault=context-length]]"),
    },
    {
      what: "no such key",
      status: 401,
      kind: OpenAI.AuthenticationError,
      code: "invalid_api_key",
      run: () => create(openaiWith(`gw_${"a".repeat(16)}_${"A".repeat(43)}`), "home", "x"),
    },
    {
      what: "no key of ours at all",
      status: 401,
      kind: OpenAI.AuthenticationError,
      code: "invalid_api_key",
      run: () => create(openaiWith("sk-proj-something-else"), "home", "x"),
    },
    {
      what: "a right id with a wrong secret",
      status: 401,
      kind: OpenAI.AuthenticationError,
      code: "invalid_api_key",
      run: () => create(openaiWith(`${stack.apiKey.slice(0, -4)}0000`), "home", "x"),
    },
    {
      what: "a model that the key may not use",
      status: 403,
      kind: OpenAI.PermissionDeniedError,
      code: "model_forbidden",
      param: "model",
      run: async () => create(openaiWith(await stack.mint({ allowedModels: ["home"] })), "claude", "x"),
    },
    {
      what: "a key that may not run anything",
      status: 403,
      kind: OpenAI.PermissionDeniedError,
      run: async () => create(openaiWith(await stack.mint({ scopes: ["usage:read"] })), "home", "x"),
    },
    {
      what: "an unknown model",
      status: 404,
      kind: OpenAI.NotFoundError,
      code: "model_not_found",
      param: "model",
      run: () => create(openai, "gpt-nowhere", "x"),
    },
    { what: "an unknown route", status: 404, kind: OpenAI.NotFoundError, run: () => openai.get("/no/such/route") },
    {
      what: "a body above 20 MiB",
      status: 413,
      kind: OpenAI.APIError,
      code: "request_too_large",
      run: () => create(openai, "home", "x".repeat(21 * 1024 * 1024)),
    },
    {
      what: "a spent rate",
      status: 429,
      kind: OpenAI.RateLimitError,
      code: "rate_limit_exceeded",
      run: async () => twice(openaiWith(await stack.mint({ tier: "one-request" })), create),
    },
    {
      what: "a spent budget",
      status: 429,
      kind: OpenAI.RateLimitError,
      code: "insufficient_quota",
      run: async () => create(openaiWith(await stack.mint({ tier: "pennies", limits: {} })), "claude", "x"),
    },
    {
      what: "a backend's 500",
      status: 503,
      kind: OpenAI.InternalServerError,
      code: "backend_unavailable",
      run: () => create(openai, "home", "[[sim:fault=server-error]]"),
    },
    {
      what: "a backend that is down",
      status: 503,
      kind: OpenAI.InternalServerError,
      code: "backend_unavailable",
      run: () => create(openai, "dead", "x"),
    },
    {
      what: "a full queue",
      status: 503,
      kind: OpenAI.InternalServerError,
      code: "backend_overloaded",
      run: () => create(openai, "home", "[[sim:fault=queue-full]]"),
    },
    {
      what: "an overloaded provider of the other format",
      status: 503,
      kind: OpenAI.InternalServerError,
      code: "backend_overloaded",
      run: () => create(openai, "claude", "[[sim:fault=server-error,status=529]]"),
    },
    {
      what: "a backend that does not know us",
      status: 502,
      kind: OpenAI.InternalServerError,
      code: "backend_unauthorized",
      run: () => create(openai, "cloud", "[[sim:fault=unauthorized]]"),
    },
    {
      what: "a login page before the backend",
      status: 503,
      kind: OpenAI.InternalServerError,
      code: "backend_unavailable",
      run: () => create(openai, "home", "[[sim:fault=access-login]]"),
    },
    {
      what: "a backend that never answers",
      status: 504,
      kind: OpenAI.InternalServerError,
      code: "backend_timeout",
      run: () => create(openai, "hasty", "[[sim:fault=never-answers]]"),
    },
    {
      what: "a cut answer",
      status: 502,
      kind: OpenAI.InternalServerError,
      code: "backend_cut",
      run: () => create(openai, "home", "[[sim:fault=truncate,after=3,by=reset]]"),
    },
    {
      what: "a route that is not offered",
      status: 501,
      kind: OpenAI.InternalServerError,
      code: "not_implemented",
      run: () => openai.post("/images/generations", { body: {} }),
    },
  ])("$what is $status", async ({ status, kind, run, says, ...told }) => {
    const error = await run().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({
      status,
      ...(told.code && { code: told.code }),
      ...(told.param && { param: told.param }),
    });
    const { message, requestID } = error as InstanceType<typeof OpenAI.APIError>;
    expect(requestID).toMatch(/^req_[0-9A-Z]{26}$/);
    if (says) expect(message).toMatch(says);
    expect(message).not.toMatch(/127\.0\.0\.1|localhost|<html|simulated backend/i);
  });

  // planted: the failure frame left out (`Pump.#last`)
  test.each(["home", "cloud", "claude"])(
    "%s: a stream that is cut throws in the middle, in the SDK's own class",
    async (model) => {
      for (const fault of ["truncate,after=3,by=fin", "error-frame,after=3", "no-finish"]) {
        const stream = await create(openai, model, `[[sim:tokens=30]] [[sim:fault=${fault}]]`, { stream: true });
        const read = contentOf(stream);
        await expect(read).rejects.toBeInstanceOf(OpenAI.APIError);
        await expect(read).rejects.toMatchObject({
          code: fault.startsWith("error") ? "backend_stream_error" : "backend_cut",
        });
      }
    },
  );
});

describe("the SDK's own retries, counted at the door", () => {
  const ask = (client: OpenAI, model: string, text: string) =>
    client.chat.completions.create({ model, messages: [{ role: "user", content: text }], max_tokens: 400 });

  // planted: `retry-after-ms` in seconds
  test("a spent rate is tried again when Retry-After says so, and passes", async () => {
    const apiKey = await stack.mint({
      tier: "unlimited",
      limits: { key: { requestsPerMinute: 1, refillPeriodMs: 1_500 } },
    });
    const client = relayed({ apiKey, maxRetries: 2 });
    const from = relay.calls.length;
    await ask(client, "home", prompt("one"));
    await ask(client, "home", prompt("two"));
    const [, refused, passed, ...more] = relay.calls.slice(from);
    expect(more).toEqual([]);
    expect([refused?.status, passed?.status]).toEqual([429, 200]);
    const waitMs = Number(refused?.replyHeaders?.["retry-after-ms"]);
    expect(waitMs).toBeGreaterThan(700);
    expect(waitMs).toBeLessThanOrEqual(1_500);
    expect(refused?.replyHeaders?.["retry-after"]).toBe(String(Math.ceil(waitMs / 1_000)));
    expect((passed?.atMs ?? 0) - (refused?.answeredAtMs ?? 0)).toBeGreaterThanOrEqual(waitMs - 5);
  });

  // planted: a spent budget told as retryable; a long wait not told as hopeless
  test.each([
    { what: "a spent budget", wish: { tier: "pennies", limits: {} }, model: "claude", status: 429 },
    {
      what: "a rate that is spent for an hour",
      wish: { tier: "one-request" },
      model: "home",
      status: 429,
      spend: true,
    },
    { what: "an unknown model", wish: {}, model: "nowhere", status: 404 },
    { what: "a forbidden model", wish: { allowedModels: ["home"] }, model: "claude", status: 403 },
    {
      what: "a request that is larger than the limit ever is",
      wish: { limits: { key: { tokensPerMinute: 5 } } },
      model: "home",
      status: 429,
    },
  ])("$what is not tried again", async ({ wish, model, status, spend }) => {
    const client = relayed({ apiKey: await stack.mint(wish), maxRetries: 3 });
    if (spend) await ask(client, model, prompt("the only one"));
    const from = relay.calls.length;
    await expect(ask(client, model, prompt("again?"))).rejects.toMatchObject({ status });
    expect(relay.calls.slice(from).map((call) => call.status)).toEqual([status]);
    if (status === 429) expect(relay.calls.at(-1)?.replyHeaders?.["x-should-retry"]).toBe("false");
  });

  // planted: the backend's Retry-After not kept in the failure
  test("an overloaded backend's own Retry-After reaches the SDK, which waits for it", async () => {
    await stack.fault("home", { match: { model: "simulated-small", next: 1 }, fault: "rate-limited,seconds=1" });
    const from = relay.calls.length;
    await ask(relayed({ maxRetries: 1 }), "hasty", prompt("busy?"));
    const [busy, passed, ...more] = relay.calls.slice(from);
    expect(more).toEqual([]);
    expect([busy?.status, passed?.status]).toEqual([503, 200]);
    expect(busy?.replyHeaders?.["retry-after"]).toBe("1");
    expect((passed?.atMs ?? 0) - (busy?.answeredAtMs ?? 0)).toBeGreaterThanOrEqual(995);
  });
});

const CLAUDE = KINDS[2] as BackendKind;
const openaiWith = (apiKey: string) => new OpenAI({ ...clientOptions(), apiKey });

async function twice(client: OpenAI, create: (client: OpenAI, model: string, text: string) => Promise<unknown>) {
  await create(client, "home", "first");
  return create(client, "home", "second");
}

type Streamed = AsyncIterable<OpenAI.ChatCompletionChunk>;

/** The text of a completion or of a stream of one. */
async function contentOf(answer: OpenAI.ChatCompletion | Streamed): Promise<string> {
  if ("choices" in answer) return answer.choices[0]?.message.content ?? "";
  let text = "";
  for await (const { choices } of answer) text += choices[0]?.delta.content ?? "";
  return text;
}

function floatsOf(base64: string): number[] {
  const bytes = Buffer.from(base64, "base64");
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
}
