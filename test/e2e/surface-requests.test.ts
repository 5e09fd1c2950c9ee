/**
 * What a request can say beside its body, and what a reply tells beside its own: credentials, traces, ids, timing, limits, the exact cache, the
 * decisions kept in the ledger. Two gateway processes share the stores. Long because one
 * stack serves all of it in one file.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, prompt, receivedCall } from "../support/received.ts";
import { startTestStack, type TestStack, textOf } from "../support/stack.ts";

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ cron: false, gateways: 2 });
});
afterAll(() => stack?.stop());

type Named = Readonly<Record<string, string>>;

const JSON_TYPE = { "content-type": "application/json" };
const bearer = (token: string): Named => ({ authorization: `Bearer ${token}` });
const chat = (model: string, text: string, more: object = {}) => ({
  model,
  messages: [{ role: "user", content: text }],
  max_tokens: 24,
  ...more,
});
const ask = (body: object, headers: Named = {}) => stack.post("/v1/chat/completions", body, headers);
const idOf = (response: Response) => response.headers.get("x-request-id") ?? "";

/** At one of the two gateways, with any credentials. */
const askAt = (gateway: number, headers: Named, body: object = chat("home", prompt("hello"))) =>
  fetch(`${stack.gateways[gateway]}/v1/chat/completions`, {
    method: "POST",
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify(body),
  });

describe("credentials", () => {
  // planted: the second credential not looked at
  test("two different ones at once are refused, the same one twice is not", async () => {
    const other = await stack.mint({});
    const both = { ...bearer(stack.apiKey), "x-api-key": other };
    const refused = await askAt(0, both);
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({
      error: { message: expect.stringMatching(/two different credentials/i) },
    });
    for (const path of ["/v1/models", "/v1/models/home"]) {
      expect((await fetch(`${stack.gateway}${path}`, { headers: both })).status).toBe(401);
    }
    const message = { ...chat("claude", "x"), max_tokens: 5 };
    const anthropic = await stack.post("/v1/messages", message, { "x-api-key": other });
    expect([anthropic.status, await anthropic.json()]).toMatchObject([
      401,
      { type: "error", error: { type: "authentication_error" } },
    ]);
    expect((await askAt(0, { ...bearer(stack.apiKey), "x-api-key": stack.apiKey })).status).toBe(200);
    expect((await askAt(0, { "x-api-key": stack.apiKey })).status).toBe(200);
    expect((await askAt(0, { authorization: `bearer   ${stack.apiKey}` })).status).toBe(200);
    for (const wrong of [
      {},
      { authorization: stack.apiKey },
      { authorization: `Basic ${stack.apiKey}` },
      { authorization: "Bearer" },
      { "x-api-key": "" },
      { authorization: `Basic ${stack.apiKey}`, "x-api-key": stack.apiKey },
    ] as Named[]) {
      expect({ wrong, status: (await askAt(0, wrong)).status }).toEqual({ wrong, status: 401 });
    }
  });

  // planted: the revocation not announced; models answered from what the isolate holds
  test("a revoked key stops within one second, at both processes, for requests and models", async () => {
    const models = (gateway: number, key: string) =>
      fetch(`${stack.gateways[gateway]}/v1/models`, { headers: bearer(key) });
    const slowest = { requests: 0, models: 0 };
    for (let round = 0; round < 5; round++) {
      const minted = (await (await stack.admin("POST", "/keys", { tenant: "local" })).json()) as {
        id: string;
        key: string;
      };
      for (const gateway of [0, 1]) {
        // Known to the isolate from now on: only the version can tell it.
        expect((await askAt(gateway, bearer(minted.key))).status).toBe(200);
        expect((await models(gateway, minted.key)).status).toBe(200);
      }
      const revokedAt = Date.now();
      expect((await stack.admin("DELETE", `/keys/${minted.id}`)).status).toBe(200);
      for (const gateway of [0, 1]) {
        // Models first: a request that is refused makes the isolate forget the key.
        for (const kind of ["models", "requests"] as const) {
          await eventually(1_000, async () => {
            const sentAt = Date.now();
            const reply = await (kind === "requests"
              ? askAt(gateway, bearer(minted.key))
              : models(gateway, minted.key));
            expect(reply.status).toBe(401);
            slowest[kind] = Math.max(slowest[kind], sentAt - revokedAt);
          });
        }
      }
      for (const gateway of [0, 1]) expect((await askAt(gateway, bearer(minted.key))).status).toBe(401);
    }
    console.log(
      `revoked: first refusal sent at most ${slowest.requests} ms (requests) and ${slowest.models} ms (models) after the order was given`,
    );
    expect(slowest.requests).toBeLessThan(1_000);
    expect(slowest.models).toBeLessThan(1_000);
  });

  // planted: expiry looked at only when a key is read
  test("a key stops when it expires, also where it is known", async () => {
    const key = await stack.mint({ expiresAt: new Date(Date.now() + 1_500).toISOString() });
    expect((await askAt(0, bearer(key))).status).toBe(200);
    await eventually(3_000, async () => expect((await askAt(0, bearer(key))).status).toBe(401));
    const late = await askAt(1, bearer(key));
    expect([late.status, await late.json()]).toMatchObject([
      401,
      { error: { message: expect.stringMatching(/expired/) } },
    ]);
  });

  // planted: `mayUse` left out of `resolve`
  test("a key for some models is for no other, in both formats", async () => {
    const key = await stack.mint({ allowedModels: ["home", "embed"] });
    expect((await askAt(0, bearer(key))).status).toBe(200);
    const refused = await askAt(0, bearer(key), chat("claude", "x"));
    expect([refused.status, await refused.json()]).toMatchObject([
      403,
      { error: { code: "model_forbidden", param: "model" } },
    ]);
    const message = await stack.post("/v1/messages", chat("cloud", "x"), { ...bearer(key) });
    expect([message.status, await message.json()]).toMatchObject([403, { error: { type: "permission_error" } }]);
    expect((await stack.tally(idOf(refused))).length).toBe(0);
  });
});

describe("traces and ids", () => {
  // planted: the caller's span passed on as the gateway's own
  test("a caller's traceparent is continued to the backend and in the row", async () => {
    const [traceId, spanId] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
    for (const [model, flags] of [
      ["home", "01"],
      ["claude", "00"],
    ]) {
      const reply = await ask(chat(model ?? "", prompt("trace")), { traceparent: `00-${traceId}-${spanId}-${flags}` });
      await reply.text();
      const { headers } = await receivedCall(stack, idOf(reply));
      const [version, trace, span, sent] = headers.traceparent?.split("-") ?? [];
      expect([version, trace, sent]).toEqual(["00", traceId, flags]);
      expect(span).toMatch(/^[0-9a-f]{16}$/);
      expect(span).not.toBe(spanId);
      expect((await stack.stored(idOf(reply))).request).toMatchObject({ traceId, spanId: span, parentSpanId: spanId });
    }
  });

  // planted: ids of zeros taken for ids
  test.each([
    "",
    "nonsense",
    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
    "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  ])("traceparent %j is no parent: a trace of its own begins", async (traceparent) => {
    const reply = await ask(chat("home", prompt("trace")), { traceparent });
    await reply.text();
    const { headers } = await receivedCall(stack, idOf(reply));
    expect(headers.traceparent).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01$/);
    expect(headers.traceparent?.toLowerCase()).not.toContain("0af7651916cd43dd8448eb211c80319c");
  });

  // planted: another id in the event of a refusal
  test("one request id in reply, backend's tally and row, for successes and failures", async () => {
    const bodies = [
      chat("home", prompt("id")),
      chat("claude", prompt("id"), { stream: true }),
      chat("home", prompt("[[sim:fault=server-error]]")),
    ];
    for (const body of bodies) {
      const reply = await ask(body, { "x-request-id": "req_MINE" });
      const text = await reply.text();
      const id = idOf(reply);
      expect(id).toMatch(/^req_[0-9A-HJKMNP-TV-Z]{26}$/);
      expect(reply.headers.get("request-id")).toBe(id);
      expect((await receivedCall(stack, id)).headers["x-request-id"]).toBe(id);
      const { request } = await stack.stored(id);
      expect(request).toMatchObject({ httpStatus: reply.status, outcome: reply.ok ? "completed" : "failed" });
      if (!reply.ok) expect(JSON.parse(text).request_id).toBe(id);
    }
    const refused = await ask(chat("nowhere", "x"));
    expect((await refused.json()) as object).toMatchObject({ request_id: idOf(refused) });
    expect((await stack.stored(idOf(refused))).request).toMatchObject({ outcome: "refused", httpStatus: 404 });
  });
});

describe("what a reply's headers tell", () => {
  // planted: `ioMs` left out of `dispatch`
  test("Server-Timing names the steps that did I/O; x-gateway headers who answered, from where and for how much", async () => {
    const text = prompt("[[sim:ttft=120]] timing");
    const whole = await ask(chat("cached", text));
    await whole.text();
    const timing = Object.fromEntries(
      (whole.headers.get("server-timing") ?? "").split(", ").map((entry) => entry.split(";dur=")),
    );
    expect(Object.keys(timing)).toEqual(expect.arrayContaining(["admit", "dispatch", "total"]));
    expect(Number(timing.dispatch)).toBeGreaterThanOrEqual(115);
    expect(Number(timing.total)).toBeGreaterThanOrEqual(Number(timing.dispatch) + Number(timing.admit));
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      "x-gateway-cache": "MISS",
      "x-gateway-backend": "home",
      "x-gateway-model": "simulated-small",
      "x-gateway-route": "cached",
      "x-gateway-attempts": "1",
    });
    const { request } = await stack.stored(idOf(whole));
    expect(Math.round(Number(whole.headers.get("x-gateway-cost")) * 1e9)).toBe(request.costNanoUsd);
    expect(request.costNanoUsd).toBeGreaterThan(0);

    const hit = await eventuallyHit(chat("cached", text));
    expect(Object.fromEntries(hit.headers)).toMatchObject({
      "x-gateway-backend": "home",
      "x-gateway-cost": "0.000000000",
    });
    expect(hit.headers.get("x-gateway-attempts")).toBeNull();
    expect(hit.headers.get("server-timing")).not.toContain("dispatch");

    const streamed = await ask(chat("dead-claude", prompt("s"), { stream: true }));
    await streamed.text();
    expect(Object.fromEntries(streamed.headers)).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-gateway-backend": "claude",
      "x-gateway-model": "simulated-large",
      "x-gateway-cache": "BYPASS",
      "server-timing": expect.stringMatching(/dispatch;dur=/),
    });
    expect(Number(streamed.headers.get("x-gateway-attempts"))).toBeGreaterThan(1);
  });

  // planted: one of OpenAI's names in Anthropic's format
  test("rate headers in each format's names count down, on refusals too", async () => {
    const limits = { key: { requestsPerMinute: 3, tokensPerMinute: 100_000, refillPeriodMs: 3_600_000 } };
    const key = await stack.mint({ limits });
    const openai = await askAt(0, bearer(key));
    expect(Object.fromEntries(openai.headers)).toMatchObject({
      "x-ratelimit-limit-requests": "3",
      "x-ratelimit-remaining-requests": "2",
      "x-ratelimit-limit-tokens": "100000",
      "x-ratelimit-reset-requests": expect.stringMatching(/^(\d+h)?\d+m[\d.]+s$/),
    });
    expect(Number(openai.headers.get("x-ratelimit-remaining-tokens"))).toBeLessThan(100_000);
    expect(openai.headers.get("anthropic-ratelimit-requests-limit")).toBeNull();
    const message = await stack.post("/v1/messages", chat("claude", prompt("rate")), bearer(key));
    expect(Object.fromEntries(message.headers)).toMatchObject({
      "anthropic-ratelimit-requests-limit": "3",
      "anthropic-ratelimit-requests-remaining": "1",
      "anthropic-ratelimit-tokens-limit": "100000",
      "anthropic-ratelimit-requests-reset": expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
    expect(Date.parse(message.headers.get("anthropic-ratelimit-requests-reset") ?? "")).toBeGreaterThan(
      Date.now() + 600_000,
    );
    expect(message.headers.get("x-ratelimit-limit-requests")).toBeNull();
    const stream = await askAt(1, bearer(key), chat("home", prompt("rate"), { stream: true }));
    await stream.text();
    expect(stream.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    const refused = await askAt(0, bearer(key));
    expect(Object.fromEntries(refused.headers)).toMatchObject({
      "x-ratelimit-limit-requests": "3",
      "x-ratelimit-remaining-requests": "0",
    });
    expect(refused.status).toBe(429);
    const told = await stack.post("/v1/messages", chat("claude", prompt("rate")), bearer(key));
    expect([told.status, told.headers.get("anthropic-ratelimit-requests-remaining")]).toEqual([429, "0"]);
  });
});

/** The same request until it hits: an answer is kept moments after it was given. */
async function eventuallyHit(body: object, headers: Named = {}, path = "/v1/chat/completions"): Promise<Response> {
  return eventually(2_000, async () => {
    const response = await stack.post(path, body, headers);
    expect([response.status, response.headers.get("x-gateway-cache")]).toEqual([200, "HIT"]);
    return response;
  });
}

const contentOf = async (response: Response): Promise<string> => {
  const text = await response.text();
  if (response.headers.get("content-type")?.startsWith("text/event-stream")) return textOf(text);
  const json = JSON.parse(text) as { choices?: { message: { content: string } }[]; content?: { text: string }[] };
  return json.choices?.[0]?.message.content ?? json.content?.[0]?.text ?? "";
};

describe("the exact cache", () => {
  // planted: `stream` counts in the key; the wire format counts in the key
  test.each([
    { alias: "cached", first: "openai" },
    { alias: "cached", first: "anthropic stream" },
    { alias: "cached-claude", first: "openai stream" },
    { alias: "cached-claude", first: "anthropic" },
  ])(
    "$alias, first asked by $first: one entry for streams and JSON, and for both formats",
    async ({ alias, first }) => {
      const body = chat(alias, prompt("share this 東京"));
      const ways = {
        openai: () => ask(body),
        "openai stream": () => ask({ ...body, stream: true, stream_options: { include_usage: true } }),
        anthropic: () => stack.post("/v1/messages", body),
        "anthropic stream": () => stack.post("/v1/messages", { ...body, stream: true }),
      };
      const miss = await ways[first as keyof typeof ways]();
      expect(miss.headers.get("x-gateway-cache")).toBe("MISS");
      const said = await contentOf(miss);
      expect(said).toMatch(/^Simulated answer/);
      await eventuallyHit(body);
      for (const [way, send] of Object.entries(ways)) {
        const hit = await send();
        expect({ way, cache: hit.headers.get("x-gateway-cache") }).toEqual({ way, cache: "HIT" });
        expect((await stack.tally(idOf(hit))).length).toBe(0);
        const text = await hit.clone().text();
        expect(await contentOf(hit)).toBe(said);
        if (way === "openai stream") expect(text).toMatch(/"usage":\{"prompt_tokens":\d+[\s\S]*data: \[DONE\]\n\n$/);
        if (way === "anthropic stream") expect(text).toMatch(/event: message_stop\ndata: [^\n]*\n\n$/);
        expect((await stack.stored(idOf(hit))).request).toMatchObject({
          cache: "hit",
          costNanoUsd: 0,
          outcome: "completed",
        });
      }
    },
  );

  // planted: `refresh` reads
  test("x-gateway-cache: on keeps and finds, refresh asks anew and keeps, off does neither", async () => {
    const body = chat("home", prompt("steer"));
    const send = async (mode: string) => {
      const reply = await ask(body, { "x-gateway-cache": mode });
      const said = await contentOf(reply);
      const [call] = await stack.tally(idOf(reply));
      return { word: reply.headers.get("x-gateway-cache"), asked: call !== undefined, said };
    };
    expect(await send("off")).toMatchObject({ word: "BYPASS", asked: true });
    expect(await send("on")).toMatchObject({ word: "MISS", asked: true });
    await eventuallyHit(body, { "x-gateway-cache": "on" });
    expect(await send("off")).toMatchObject({ word: "BYPASS", asked: true });
    // The rule makes the next answer another one, so that what is kept can be told apart.
    await stack.fault("home", { match: { model: "simulated-small", next: 1 }, markers: { text: "refreshed" } });
    expect(await send("refresh")).toEqual({ word: "MISS", asked: true, said: "refreshed" });
    await eventually(2_000, async () =>
      expect(await send("on")).toEqual({ word: "HIT", asked: false, said: "refreshed" }),
    );
    expect((await ask(chat("uncached", prompt("x")), { "x-gateway-cache": "on" })).headers.get("x-gateway-cache")).toBe(
      "BYPASS",
    );
  });

  // planted: the namespace left out of the key; the end user counted in it
  test("namespaces, tenants, aliases and every parameter that can change an answer keep apart", async () => {
    await stack.admin("POST", "/tenants", { tenant: "neighbour" });
    const text = prompt("apart");
    const body = chat("cached", text, { temperature: 0.5 });
    await (await ask(body)).text();
    await eventuallyHit(body);
    const others: readonly (readonly [object, Named?])[] = [
      [body, { "x-gateway-cache-namespace": "mine" }],
      [body, bearer(await stack.mint({ tenant: "neighbour" }))],
      [{ ...body, temperature: 0.6 }],
      [{ ...body, top_p: 0.9 }],
      [{ ...body, seed: 1 }],
      [{ ...body, max_tokens: 25 }],
      [{ ...body, stop: ["x"] }],
      [{ ...body, n: 2 }],
      [{ ...body, presence_penalty: 0.1 }],
      [{ ...body, x_unknown: 1 }],
      [{ ...body, response_format: { type: "json_object" } }],
      [{ ...body, messages: [...body.messages, { role: "user", content: "more" }] }],
      [{ ...body, messages: [{ role: "system", content: text }] }],
      [{ ...body, messages: [{ role: "system", content: "" }, ...body.messages] }],
      [{ ...body, model: "cached-home-cloud" }],
    ];
    for (const [other, headers] of others) {
      const reply = await ask(other, headers);
      await reply.text();
      expect({ other, cache: reply.headers.get("x-gateway-cache") }).toEqual({ other, cache: "MISS" });
    }
    // Who the end user is changes no answer.
    expect((await ask({ ...body, user: "ada" })).headers.get("x-gateway-cache")).toBe("HIT");
    await eventuallyHit(body, { "x-gateway-cache-namespace": "mine" });
  });

  // planted: the route's TTL in place of the header's
  test("an entry lives as long as the route or the header says", async () => {
    for (const [alias, headers] of [
      ["cached-briefly", {}],
      ["cached", { "x-gateway-cache-ttl": "1" }],
    ] as const) {
      const body = chat(alias, prompt("short-lived"));
      await (await ask(body, headers)).text();
      await eventuallyHit(body, headers);
      // 0 seconds: neither read nor kept, so that this look does not prolong it.
      const look = await ask(body, { ...headers, "x-gateway-cache-ttl": "0" });
      expect(look.headers.get("x-gateway-cache")).toBe("BYPASS");
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      expect((await ask(body, headers)).headers.get("x-gateway-cache")).toBe("MISS");
    }
  });

  // planted: `auto` taken for `on`
  test("by default only what asks for determinism is kept", async () => {
    for (const more of [{ temperature: 0 }, { seed: 3 }]) {
      const body = chat("home", prompt("auto"), more);
      expect((await ask(body)).headers.get("x-gateway-cache")).toBe("MISS");
      await eventuallyHit(body);
    }
    expect((await ask(chat("home", prompt("auto"), { temperature: 0.1 }))).headers.get("x-gateway-cache")).toBe(
      "BYPASS",
    );
  });

  // planted: `chosenTarget` not looked at when an answer is kept
  test("a fallback's answer is never served under the primary's name", async () => {
    for (const stream of [false, true]) {
      const body = chat("cached-home-cloud", prompt("whose?"), { stream });
      await stack.fault("home", { match: { model: "simulated-small", next: 1 }, fault: "server-error" });
      const first = await ask(body);
      await first.text();
      expect(first.headers.get("x-gateway-backend")).toBe("cloud");
      await stack.stored(idOf(first));
      const second = await ask(body);
      await second.text();
      expect([second.headers.get("x-gateway-cache"), second.headers.get("x-gateway-backend")]).toEqual([
        "MISS",
        "home",
      ]);
      expect((await eventuallyHit(body)).headers.get("x-gateway-backend")).toBe("home");
    }
    const body = chat("cached-dead-home", prompt("always the fallback"));
    for (let time = 0; time < 3; time++) {
      const reply = await ask(body);
      await reply.text();
      await stack.stored(idOf(reply));
      expect(reply.headers.get("x-gateway-cache")).toBe("MISS");
    }
  });

  // planted: a cut answer kept
  test("what was cut, refused or failed is not kept", async () => {
    for (const fault of ["truncate,after=4", "server-error", "no-finish", "error-frame,after=4"]) {
      const body = chat("cached", prompt("broken once"), { stream: true });
      await stack.fault("home", { match: { model: "simulated-small", next: 1 }, fault });
      const broken = await ask(body);
      expect(await broken.text()).toContain('"error"');
      await stack.stored(idOf(broken));
      const again = await ask(body);
      expect({ fault, cache: again.headers.get("x-gateway-cache") }).toEqual({ fault, cache: "MISS" });
      expect(await contentOf(again)).toMatch(/^Simulated answer/);
    }
  });

  // planted: a wrong `x-gateway-cache` ignored
  test.each([
    ["x-gateway-cache", "maybe"],
    ["x-gateway-cache-ttl", "-1"],
    ["x-gateway-cache-ttl", "99999999"],
    ["x-gateway-cache-namespace", "a b"],
    ["x-gateway-cache-namespace", "x".repeat(65)],
    ["x-gateway-no-fallback", "yes"],
    ["x-gateway-debug", "everything"],
  ])("%s: %s is a 400 that names it, in both formats", async (name, value) => {
    const openai = await ask(chat("home", "x"), { [name]: value });
    expect([openai.status, await openai.json()]).toMatchObject([400, { error: { param: name } }]);
    const message = await stack.post("/v1/messages", chat("home", "x"), { [name]: value });
    expect([message.status, await message.json()]).toMatchObject([
      400,
      { error: { message: expect.stringContaining(name) } },
    ]);
  });
});

// planted: `noFallback` not given to the plan
test("x-gateway-no-fallback keeps to the chosen backend", async () => {
  const body = chat("home-claude", prompt("[[sim:fault=server-error,only=home]]"));
  expect((await ask(body)).headers.get("x-gateway-backend")).toBe("claude");
  const kept = await ask(body, { "x-gateway-no-fallback": "true" });
  expect(kept.status).toBe(503);
  expect((await stack.tally(idOf(kept))).map(({ backend }) => backend)).toEqual(["home"]);
});

describe("requests/{id} tells what each step decided", () => {
  const stepsOf = async (reply: Response) => {
    await reply.text();
    const { decisions, charges } = await stack.stored(idOf(reply));
    const told = decisions as { step: string; decision: string; reason?: string; ioMs?: number }[];
    return {
      steps: told.map(({ step, decision, reason }) => [step, decision, reason].filter(Boolean).join(" ")),
      told,
      charges,
    };
  };

  // planted: a miss not told by `recall`
  test("of an answer, of a hit", async () => {
    await (await ask(chat("home", prompt("warm")))).text();
    const body = chat("cached", prompt("decide"));
    const { steps, told } = await stepsOf(await ask(body));
    expect(steps).toEqual([
      "authenticate known",
      "resolve cache route",
      "admit admitted",
      "recall miss",
      "plan home weighted-choice",
      "dispatch answered home",
    ]);
    for (const { step, ioMs } of told)
      expect({ step, io: ioMs !== undefined }).toEqual({ step, io: ["admit", "dispatch"].includes(step) });
    const hit = await stepsOf(await eventuallyHit(body));
    expect(hit.steps.slice(1)).toEqual(["resolve cache route", "admit admitted", "recall hit"]);
    expect(hit.charges).toEqual([]);
  });

  // planted: `auto` taken for `on`
  test("of a fallback, with each try and its price", async () => {
    const { steps, charges } = await stepsOf(
      await ask(chat("home-claude", prompt("[[sim:fault=server-error,only=home]]"))),
    );
    expect(steps.slice(1)).toEqual([
      "resolve no_cache not_deterministic",
      "admit admitted",
      "plan home weighted-choice",
      "plan claude fallback",
      "dispatch backend_unavailable home:status_500:InternalServerError",
      "dispatch next claude:error",
      "dispatch answered claude",
    ]);
    expect(charges).toMatchObject([
      { ordinal: 0, backend: "home", outcome: "failed", failure: "backend_unavailable", costNanoUsd: 0 },
      {
        ordinal: 1,
        backend: "claude",
        outcome: "completed",
        wire: "anthropic-messages",
        costNanoUsd: expect.any(Number),
      },
    ]);
  });

  // planted: `auto` taken for `on`
  test("of refusals: by a limit, by a policy, before admission", async () => {
    const key = await stack.mint({ tier: "one-request" });
    await (await askAt(0, bearer(key))).text();
    const limited = await stepsOf(await askAt(0, bearer(key)));
    expect(limited.steps).toEqual(["authenticate known", "resolve no_cache not_deterministic", "admit refused"]);

    const leaking = await ask(chat("home", `my key is ${key}`));
    expect(leaking.status).toBe(400);
    expect(await leaking.clone().text()).not.toContain(key.slice(-20));
    const policed = await stepsOf(leaking);
    expect(policed.steps.slice(1)).toEqual([
      "resolve no_cache not_deterministic",
      "admit admitted",
      "guard:own-keys refuse gateway_key_in_request",
    ]);
    expect((await stack.tally(idOf(leaking))).length).toBe(0);

    const unknown = await stepsOf(await ask(chat("nowhere", "x")));
    expect(unknown.steps).toEqual([expect.stringMatching(/^authenticate/), "resolve unknown_model nowhere"]);
    expect((await stack.admin("GET", `/requests/req_${"0".repeat(26)}`)).status).toBe(404);
  });
});
