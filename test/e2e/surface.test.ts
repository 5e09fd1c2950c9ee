/** The HTTP face of the whole stack: its routes, their methods, its own description, CORS. Long because one stack serves it in one file. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createApp, type HttpDependencies } from "../../src/http/app.ts";
import { eventually, prompt } from "../support/received.ts";
import { answerViolations, errorViolations } from "../support/sdk-forms.ts";
import { startTestStack, type TestStack } from "../support/stack.ts";
import { chatViolations, readingViolations, SUBJECT_NAMES } from "../support/typed-replies.ts";

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ cron: false });
});
afterAll(() => stack?.stop());

type Named = Readonly<Record<string, string>>;

const call = (method: string, path: string, headers: Named = {}, body?: string) =>
  fetch(`${stack.gateway}${path}`, { method, headers, ...(body !== undefined && { body }), redirect: "manual" });
const bearer = (token: string): Named => ({ authorization: `Bearer ${token}` });
const json = { "content-type": "application/json" };
const chat = (model: string, text = "hello", more: object = {}) =>
  JSON.stringify({ model, messages: [{ role: "user", content: prompt(text) }], max_tokens: 16, ...more });

/** What the router itself has handlers for: `GET /v1/models/{id}`. It asks nothing of its dependencies until it is called. */
function routerOperations(): readonly string[] {
  const app = createApp({ gateway: {}, admin: {}, operations: {}, origins: {} } as unknown as HttpDependencies);
  const handled = app.routes.filter(({ method }) => method !== "ALL" && method !== "OPTIONS");
  return [...new Set(handled.map(({ method, path }) => `${method} ${path.replace(/:(\w+)(\{[^}]*\})?/g, "{$1}")}`))];
}

interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
}
interface OpenApiOperation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: object }[];
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
}

async function openApi(): Promise<OpenApi> {
  const response = await call("GET", "/openapi.json");
  expect(response.headers.get("content-type")).toContain("application/json");
  return (await response.json()) as OpenApi;
}

describe("/openapi.json", () => {
  // planted: a path's parameter that is not described
  test("is a valid document of OpenAPI 3.1", async () => {
    const document = await openApi();
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    const ids = new Set<string>();
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, { operationId, parameters = [], responses, requestBody }] of Object.entries(operations)) {
        expect(["get", "post", "put", "patch", "delete"]).toContain(method);
        expect(ids.has(operationId)).toBe(false);
        ids.add(operationId);
        const inPath = parameters.filter((parameter) => parameter.in === "path").map(({ name }) => `{${name}}`);
        expect(inPath).toEqual(path.match(/\{[^}]+\}/g) ?? []);
        expect(Object.keys(responses).length).toBeGreaterThan(0);
        for (const [status, { description }] of Object.entries(responses)) {
          expect(status).toMatch(/^[2-5]\d\d$/);
          expect(description).not.toBe("");
        }
        if (requestBody) expect(requestBody.content["application/json"]?.schema).toMatchObject({ type: "object" });
      }
    }
    for (const [, pointer] of JSON.stringify(document).matchAll(/"\$ref":"#([^"]*)"/g)) {
      const found = (pointer ?? "")
        .split("/")
        .slice(1)
        .reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], document);
      expect(found).toBeDefined();
    }
  });

  // planted: an operation left out of the document
  test("holds every route that answers, and every route of it answers", async () => {
    const { paths } = await openApi();
    const described = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(new Set(described)).toEqual(new Set(routerOperations()));
    const { id } = (await (await stack.admin("POST", "/keys", { tenant: "local", name: "to be revoked" })).json()) as {
      id: string;
    };
    const chatted = await stack.post("/v1/chat/completions", chat("home"));
    const requestId = chatted.headers.get("x-request-id") ?? "";
    await stack.stored(requestId);
    const ids: Named = {
      "/v1/models/{id}": "home",
      "/v1/responses/{id}": "resp_0",
      "/v1/responses/{id}/input_items": "resp_0",
      "/admin/v1/tenants/{id}": "local",
      "/admin/v1/keys/{id}": id,
      "/admin/v1/requests/{id}": requestId,
    };
    for (const operation of described) {
      const [method = "", path = ""] = operation.split(" ");
      const token = path.startsWith("/v1/") ? stack.apiKey : stack.adminKey;
      const asked = path.replace(/\{id\}/, ids[path] ?? "") + (path === "/admin/v1/usage" ? "?tenant=local" : "");
      const response = await call(method, asked, { ...bearer(token), ...json }, method === "GET" ? undefined : "{}");
      await response.text();
      // An empty body is wrong in most places, and says so: that is an answer.
      expect({ operation, status: response.status }).toEqual({
        operation,
        // The tenant lets nothing be kept.
        status: path.startsWith("/v1/responses/")
          ? 404
          : ["POST", "PUT", "PATCH"].includes(method)
            ? expect.toBeOneOf([200, 400])
            : 200,
      });
    }
  });
});

describe("methods", () => {
  const allows: readonly (readonly [path: string, allow: string, anthropic: boolean])[] = [
    ["/v1/chat/completions", "POST, OPTIONS", false],
    ["/v1/messages", "POST, OPTIONS", true],
    ["/v1/embeddings", "POST, OPTIONS", false],
    ["/v1/models", "GET, HEAD, OPTIONS", false],
    ["/v1/models/home", "GET, HEAD, OPTIONS", false],
    ["/healthz", "GET, HEAD, OPTIONS", false],
    ["/readyz", "GET, HEAD, OPTIONS", false],
    ["/metrics", "GET, HEAD, OPTIONS", false],
    ["/openapi.json", "GET, HEAD, OPTIONS", false],
    ["/admin/v1/keys", "GET, HEAD, POST, OPTIONS", false],
    ["/admin/v1/keys/abcdefghijklmnop", "DELETE, OPTIONS", false],
    ["/admin/v1/tenants", "GET, HEAD, POST, OPTIONS", false],
    ["/admin/v1/tenants/local", "PATCH, OPTIONS", false],
    ["/admin/v1/usage", "GET, HEAD, OPTIONS", false],
    ["/admin/v1/requests/req_x", "GET, HEAD, OPTIONS", false],
    ["/admin/v1/overlay", "GET, HEAD, PUT, OPTIONS", false],
  ];

  // planted: one `Allow` for all paths
  test.each(allows)("%s: OPTIONS and 405 name %s", async (path, allow, anthropic) => {
    for (const slash of ["", "/"]) {
      const options = await call("OPTIONS", path + slash);
      expect({ status: options.status, allow: options.headers.get("allow") }).toEqual({ status: 204, allow });
      expect(options.headers.get("access-control-allow-origin")).toBeNull();
      for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]) {
        if (allow.split(", ").includes(method)) continue;
        const token = path.startsWith("/admin") ? stack.adminKey : stack.apiKey;
        const wrong = await call(method, path + slash, bearer(token));
        expect({ method, status: wrong.status, allow: wrong.headers.get("allow") }).toEqual({
          method,
          status: 405,
          allow,
        });
        const text = await wrong.text();
        if (method === "HEAD") expect(text).toBe("");
        else expect(JSON.parse(text).type).toBe(anthropic ? "error" : undefined);
      }
    }
  });

  // planted: HEAD answered as an unknown route
  test.each([
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/v1/models",
    "/v1/models/home",
    "/admin/v1/keys",
    "/admin/v1/usage?tenant=local",
  ])("HEAD %s is GET without a body", async (path) => {
    const headers = bearer(path.startsWith("/v1") ? stack.apiKey : stack.adminKey);
    const [head, get] = [await call("HEAD", path, headers), await call("GET", path, headers)];
    expect(head.status).toBe(200);
    expect(get.status).toBe(200);
    expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
    expect(await head.text()).toBe("");
    expect(await get.text()).not.toBe("");
  });

  // planted: `strict: true`
  test("a trailing slash leads to the same place", async () => {
    const direct = await stack.post("/v1/chat/completions/", chat("home"));
    expect(direct.status).toBe(200);
    expect((await stack.post("/v1/messages/", chat("claude"))).status).toBe(200);
    expect((await call("GET", "/v1/models/", bearer(stack.apiKey))).status).toBe(200);
    expect((await call("GET", "/healthz/")).status).toBe(200);
    expect((await stack.admin("GET", "/keys/")).status).toBe(200);
  });

  // planted: `failed` always in OpenAI's form; what is not offered told as 404
  test("what is unknown or out of scope is said in the caller's own format", async () => {
    const anthropic = { "anthropic-version": "2023-06-01" };
    for (const method of ["GET", "POST", "OPTIONS", "DELETE"]) {
      for (const path of ["/", "/v1", "/v1/nope", "/v2/chat/completions", "/favicon.ico", "/v1/chat"]) {
        const response = await call(method, path, bearer(stack.apiKey));
        expect({ path, status: response.status }).toEqual({ path, status: 404 });
        expect(response.headers.get("x-request-id")).toMatch(/^req_/);
        expect(await response.json()).toMatchObject({
          error: { type: "invalid_request_error", code: "not_found", param: null },
        });
      }
      for (const [path, headers] of [
        ["/v1/messages/nope", {}],
        ["/v1/nope", anthropic],
      ] as const) {
        const response = await call(method, path, headers);
        expect(response.status).toBe(404);
        expect(await response.json()).toMatchObject({
          type: "error",
          error: { type: "not_found_error" },
          request_id: expect.stringMatching(/^req_/),
        });
      }
    }
    for (const path of [
      "/v1/audio/speech",
      "/v1/images/generations",
      "/v1/realtime",
      "/v1/files",
      "/v1/files/file-1/content",
      "/v1/batches/b",
      "/v1/assistants",
      "/v1/videos",
    ]) {
      const response = await call("POST", path, { ...bearer(stack.apiKey), ...json }, "{}");
      expect({ path, status: response.status, retry: response.headers.get("x-should-retry") }).toEqual({
        path,
        status: 501,
        retry: "false",
      });
      expect(await response.json()).toMatchObject({ error: { code: "not_implemented" } });
    }
    const batches = await call("POST", "/v1/messages/batches", json, "{}");
    expect([batches.status, await batches.json()]).toMatchObject([
      501,
      { type: "error", error: { type: "api_error" } },
    ]);
  });
});

describe("CORS", () => {
  const PAGE = "https://chat.example.com";
  const preflight = (origin: string, path = "/v1/chat/completions") =>
    call("OPTIONS", path, {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type,x-stainless-lang",
    });
  let keyOfPage: string;

  beforeAll(async () => {
    // Nobody has named an origin before.
    expect((await preflight(PAGE)).headers.get("access-control-allow-origin")).toBeNull();
    const created = await stack.admin("POST", "/tenants", { tenant: "page", corsOrigins: [PAGE] });
    expect(created.status).toBe(201);
    keyOfPage = await stack.mint({ tenant: "page" });
  });

  // planted: `isNamed` always true
  test("a preflight passes for an origin that a tenant names, on the paths of clients alone", async () => {
    for (const path of ["/v1/chat/completions", "/v1/messages", "/v1/embeddings", "/v1/models"]) {
      const named = await preflight(PAGE, path);
      expect(named.status).toBe(204);
      expect(Object.fromEntries(named.headers)).toMatchObject({
        "access-control-allow-origin": PAGE,
        "access-control-allow-headers": "authorization,content-type,x-stainless-lang",
        "access-control-allow-methods": expect.stringMatching(/POST|GET/),
        vary: expect.stringContaining("Origin"),
      });
      expect(named.headers.get("access-control-allow-credentials")).toBeNull();
      for (const stranger of [
        "https://evil.example.com",
        "null",
        "*",
        "filled",
        `${PAGE}.evil.com`,
        "http://chat.example.com",
      ]) {
        expect((await preflight(stranger, path)).headers.get("access-control-allow-origin")).toBeNull();
      }
    }
    for (const path of ["/admin/v1/keys", "/metrics", "/readyz", "/healthz", "/openapi.json"]) {
      expect((await preflight(PAGE, path)).headers.get("access-control-allow-origin")).toBeNull();
    }
  });

  // planted: any origin for a key whose tenant names one
  test("a reply may be read by a page whose own tenant names it, and by no other", async () => {
    const ask = (apiKey: string, origin: string, body = chat("home")) =>
      call("POST", "/v1/chat/completions", { ...bearer(apiKey), ...json, origin }, body);
    await (await ask(keyOfPage, PAGE)).text();
    for (const body of [
      chat("home"),
      chat("home", "stream", { stream: true }),
      chat("nowhere"),
      chat("home", "bad", { temperature: 9 }),
    ]) {
      const mine = await ask(keyOfPage, PAGE, body);
      await mine.text();
      expect(mine.headers.get("access-control-allow-origin")).toBe(PAGE);
      expect(mine.headers.get("access-control-expose-headers")).toMatch(
        /x-request-id.*retry-after-ms.*x-ratelimit-remaining-requests/,
      );
      expect(mine.headers.get("vary")).toContain("Origin");
    }
    for (const [apiKey, origin] of [
      [keyOfPage, "https://evil.example.com"],
      [stack.apiKey, PAGE],
      ["gw_wrong", PAGE],
    ] as const) {
      const other = await ask(apiKey, origin);
      await other.text();
      expect(other.headers.get("access-control-allow-origin")).toBeNull();
    }
    const models = await call("GET", "/v1/models", { ...bearer(keyOfPage), origin: PAGE });
    expect(models.headers.get("access-control-allow-origin")).toBe(PAGE);
    const admin = await call("GET", "/admin/v1/keys", { ...bearer(stack.adminKey), origin: PAGE });
    expect(admin.headers.get("access-control-allow-origin")).toBeNull();
  });

  // planted: a tenant's `*` not looked at in replies
  test("a tenant that names every origin gets every origin", async () => {
    await stack.admin("POST", "/tenants", { tenant: "open", corsOrigins: ["*"] });
    const anywhere = "https://anywhere.example.net";
    await eventually(1_000, async () => {
      expect((await preflight(anywhere)).headers.get("access-control-allow-origin")).toBe(anywhere);
    });
    const headers = { ...bearer(await stack.mint({ tenant: "open" })), ...json, origin: anywhere };
    const reply = await call("POST", "/v1/chat/completions", headers, chat("home"));
    expect(reply.headers.get("access-control-allow-origin")).toBe(anywhere);
  });
});

describe.each(["openai-chat", "anthropic-messages"] as const)("what a client of %s is sent", (format) => {
  // planted: `stop_details` left out of a message
  test.each(["home", "cloud", "claude"])(
    "from a backend like %s is what the types of its SDK promise",
    async (alias) => {
      for (const subject of SUBJECT_NAMES)
        expect({ subject, found: await chatViolations(stack, format, alias, subject) }).toEqual({ subject, found: [] });
    },
  );

  // planted: `lifecycle` left out of a model in Anthropic's form
  test("before any backend is what the types of its SDK promise", async () => {
    const isAnthropic = format === "anthropic-messages";
    const path = isAnthropic ? "/v1/messages" : "/v1/chat/completions";
    const headers = { ...bearer(stack.apiKey), ...(isAnthropic && { "anthropic-version": "2023-06-01" }) };
    const refusals = await Promise.all([
      call("POST", path, { ...headers, ...json }, "{"),
      call("POST", path, { ...headers, ...json }, chat("nowhere")),
      call("POST", path, { ...headers, "content-type": "text/plain" }, "x"),
      call("POST", path, json, chat("home")),
      call("PUT", path, headers),
      call("GET", "/v1/no/such/route", headers),
    ]);
    for (const refusal of refusals) {
      expect(refusal.ok).toBe(false);
      expect([refusal.status, await errorViolations(format, await refusal.json())]).toEqual([refusal.status, []]);
    }
    const type = isAnthropic ? "anthropic ModelInfo" : "openai Model";
    for (const models of ["/v1/models", "/v1/models/home"])
      expect(await readingViolations(`${stack.gateway}${models}`, headers, type)).toEqual([]);
  });
});

test("embeddings are what the types of OpenAI's SDK promise", async () => {
  for (const encoding_format of ["float", "base64"]) {
    const reply = await stack.post("/v1/embeddings", { model: "embed", input: [prompt("a boat")], encoding_format });
    expect(await answerViolations("openai-embeddings", await reply.json())).toEqual([]);
  }
});
