/** What operators ask of the whole stack: health, metrics, and the admin API. Over 300 lines because one stack serves all of it. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { parsePrometheus, sumOf } from "../support/prometheus.ts";
import { eventually, prompt } from "../support/received.ts";
import { startTestStack, type TestStack } from "../support/stack.ts";

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ cron: false });
});
afterEach(async () => {
  await Promise.all([stack.postgresControl({}), eventually(5_000, () => stack.redisControl({ faults: [] }))]);
});
afterAll(() => stack?.stop());

type Named = Readonly<Record<string, string>>;

const call = (method: string, path: string, headers: Named = {}, body?: string) =>
  fetch(`${stack.gateway}${path}`, { method, headers, ...(body !== undefined && { body }), redirect: "manual" });
const bearer = (token: string): Named => ({ authorization: `Bearer ${token}` });
const json = { "content-type": "application/json" };
const chat = (model: string, text = "hello", more: object = {}) =>
  JSON.stringify({ model, messages: [{ role: "user", content: prompt(text) }], max_tokens: 16, ...more });

describe("what operators ask", () => {
  const SECRETS = () => [
    stack.adminKey,
    stack.metricsToken,
    stack.apiKey,
    stack.redis?.gatewayToken ?? "",
    "127.0.0.1",
    "postgres:",
    "http:",
  ];
  const ready = () => call("GET", "/readyz", bearer(stack.metricsToken));

  // planted: `/readyz` without its door; Redis' URL in `reason`
  test("/readyz names the dependency that is unwell, to who may know, and no secret", async () => {
    for (const headers of [{}, bearer("wrong"), bearer(stack.apiKey), { "x-api-key": stack.adminKey }] as Named[]) {
      const closed = await call("GET", "/readyz", headers);
      expect(closed.status).toBe(401);
      expect(await closed.text()).not.toMatch(/redis|postgres/);
    }
    // A key that Redis knows: only the first look at a key needs Postgres.
    expect((await stack.post("/v1/chat/completions", chat("home"))).status).toBe(200);
    const well = await ready();
    expect([well.status, await well.json()]).toMatchObject([
      200,
      {
        status: "ready",
        dependencies: [
          { name: "redis", healthy: true },
          { name: "postgres", healthy: true },
        ],
      },
    ]);

    await stack.postgresControl({ refuse: true });
    const asleep = await ready();
    const said = await asleep.text();
    expect([asleep.status, JSON.parse(said)]).toMatchObject([
      503,
      {
        status: "unwell",
        dependencies: [
          { name: "redis", healthy: true },
          { name: "postgres", healthy: false },
        ],
      },
    ]);
    expect((await call("GET", "/healthz")).status).toBe(200);
    expect((await stack.admin("GET", "/keys")).status).toBe(503);
    expect((await stack.post("/v1/chat/completions", chat("home"))).status).toBe(200);
    await stack.postgresControl({});

    await stack.redisControl({ refuseMs: 2_500 });
    const away = await ready();
    const told = await away.text();
    expect([away.status, JSON.parse(told)]).toMatchObject([
      503,
      {
        status: "unwell",
        dependencies: [
          { name: "redis", healthy: false },
          { name: "postgres", healthy: true },
        ],
      },
    ]);
    expect((await call("GET", "/metrics", bearer(stack.metricsToken))).status).toBe(503);
    const health = await call("GET", "/healthz");
    expect([health.status, await health.json()]).toMatchObject([200, { status: "ok" }]);
    for (const text of [said, told]) for (const secret of SECRETS()) expect(text).not.toContain(secret);
    await eventually(10_000, async () => expect((await ready()).status).toBe(200));
  });

  // planted: `/metrics` without its door
  test("/metrics is closed to who has no token", async () => {
    for (const headers of [{}, bearer("wrong"), bearer(stack.apiKey)] as Named[]) {
      const closed = await call("GET", "/metrics", headers);
      expect(closed.status).toBe(401);
      expect(await closed.text()).not.toContain("gateway_requests_total");
    }
    expect((await call("GET", "/metrics", bearer(stack.adminKey))).status).toBe(200);
  });

  // planted: an unknown alias' requests under labels of their own; a counter raised by two
  test("/metrics parses, has closed labels, and counts exactly the requests that were made", async () => {
    const before = parsePrometheus(await metricsText());
    const invented = `invented-${Date.now()}`;
    const total = { completed: 4, streamed: 2, failed: 2, refused: 3 };
    for (let made = 0; made < total.completed; made++)
      await (await stack.post("/v1/chat/completions", chat("capped"))).text();
    for (let made = 0; made < total.streamed; made++)
      await (await stack.post("/v1/messages", chat("capped", "s", { stream: true }))).text();
    for (let made = 0; made < total.failed; made++)
      await (await stack.post("/v1/chat/completions", chat("capped", "[[sim:fault=server-error]]"))).text();
    for (let made = 0; made < total.refused; made++)
      await (await stack.post("/v1/chat/completions", chat(`${invented}-${made}`))).text();
    const text = await eventually(20_000, async () => {
      const now = await metricsText();
      const count = (labels: Named) =>
        sumOf(parsePrometheus(now), "gateway_requests_total", labels) - sumOf(before, "gateway_requests_total", labels);
      expect({
        completed: count({ route: "capped", wire: "openai-chat", outcome: "completed" }),
        streamed: count({ route: "capped", wire: "anthropic-messages", outcome: "completed" }),
        failed: count({ route: "capped", outcome: "failed" }),
        refused: count({ route: "none", outcome: "refused" }),
      }).toEqual(total);
      return now;
    });
    expect(text).not.toContain(invented);
    const after = parsePrometheus(text);
    expect(sumOf(after, "gateway_request_duration_seconds_count", { route: "capped" })).toBe(8);
    expect(
      sumOf(after, "gateway_tokens_total", { kind: "output" }) -
        sumOf(before, "gateway_tokens_total", { kind: "output" }),
    ).toBeGreaterThan(0);
    const routes = new Set(["none", ...Object.keys(stack.config.routes)]);
    const backends = new Set(Object.keys(stack.config.backends));
    for (const { labels } of after) {
      if (labels.route !== undefined) expect(routes).toContain(labels.route);
      if (labels.backend !== undefined) expect(backends).toContain(labels.backend);
      expect([
        "operation",
        "wire",
        "route",
        "tier",
        "outcome",
        "cache",
        "error_type",
        "unit",
        "level",
        "backend",
        "model",
        "kind",
        "cause",
        "le",
      ]).toEqual(expect.arrayContaining(Object.keys(labels)));
    }
  });

  async function metricsText(): Promise<string> {
    const response = await call("GET", "/metrics", bearer(stack.metricsToken));
    expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    return response.text();
  }
});

describe("the admin API", () => {
  // planted: the door takes the beginning of the key
  test("opens to the admin key alone", async () => {
    for (const headers of [
      {},
      bearer(stack.apiKey),
      bearer(stack.metricsToken),
      bearer(stack.adminKey.slice(0, -1)),
      { "x-api-key": stack.adminKey },
      { authorization: stack.adminKey },
    ] as Named[]) {
      const closed = await call("GET", "/admin/v1/keys", headers);
      expect(closed.status).toBe(401);
      expect(closed.headers.get("www-authenticate")).toContain("Bearer");
      await closed.text();
    }
  });

  // planted: the hash listed
  test("mints a key that works, shows it once, lists it without its secret, revokes it", async () => {
    const wish = {
      tenant: "local",
      name: "for a page",
      user: "ada@example.com",
      allowedModels: ["home"],
      scopes: ["inference"],
      limits: { key: { requestsPerMinute: 500 } },
    };
    const minted = await stack.admin("POST", "/keys", wish);
    expect(minted.status).toBe(201);
    expect(minted.headers.get("cache-control")).toBe("no-store");
    const { key, id, ...rest } = (await minted.json()) as { key: string; id: string };
    expect(key).toMatch(new RegExp(`^gw_${id}_[0-9A-Za-z]{43}$`));
    expect(rest).toMatchObject({ object: "api_key", ...wish, revokedAt: null, expiresAt: null });
    const ask = () => call("POST", "/v1/chat/completions", { ...bearer(key), ...json }, chat("home"));
    expect((await ask()).status).toBe(200);

    const listed = await (await stack.admin("GET", "/keys?tenant=local&limit=200")).text();
    expect(listed).toContain(id);
    expect(listed).not.toContain(key.slice(-43));
    expect(listed).not.toMatch(/hash|pepper/i);

    const revoked = await stack.admin("DELETE", `/keys/${id}`);
    expect([revoked.status, await revoked.json()]).toMatchObject([200, { id, revoked: true, pending: [] }]);
    expect((await ask()).status).toBe(401);
    expect((await stack.admin("DELETE", `/keys/${id}`)).status).toBe(200);
    expect((await stack.admin("DELETE", `/keys/${"a".repeat(16)}`)).status).toBe(404);
  });

  // planted: Redis is not told
  test("a tenant that is disabled is out at once with all its keys, on every route, and in again when it is enabled", async () => {
    await stack.admin("POST", "/tenants", { tenant: "closing" });
    const keys = [await stack.mint({ tenant: "closing" }), await stack.mint({ tenant: "closing" })];
    const statuses = () =>
      Promise.all(
        keys.flatMap((key) => [
          call("POST", "/v1/chat/completions", { ...bearer(key), ...json }, chat("home")).then(({ status }) => status),
          call("GET", "/v1/models", bearer(key)).then(({ status }) => status),
        ]),
      );
    expect(await statuses()).toEqual([200, 200, 200, 200]);
    const disabled = await stack.admin("PATCH", "/tenants/closing", { disabled: true });
    expect([disabled.status, await disabled.json()]).toMatchObject([200, { tenant: "closing", keys: 2, pending: [] }]);
    expect(await statuses()).toEqual([401, 401, 401, 401]);
    expect((await stack.admin("PATCH", "/tenants/closing", { disabled: false })).status).toBe(200);
    expect(await statuses()).toEqual([200, 200, 200, 200]);
  });

  // planted: a page that begins with the last key of the one before
  test("lists in pages without a gap or a repetition", async () => {
    await stack.admin("POST", "/tenants", { tenant: "pages" });
    for (let made = 0; made < 5; made++) await stack.mint({ tenant: "pages" });
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = `/keys?tenant=pages&limit=2${cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`}`;
      const page = (await (await stack.admin("GET", query)).json()) as {
        data: { id: string }[];
        nextCursor: string | null;
      };
      ids.push(...page.data.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect([ids.length, new Set(ids).size]).toEqual([5, 5]);
  });

  // planted: the schema loose
  test.each([
    [{ name: "x" }, "tenant"],
    [{ tenant: "nobody-has-this" }, "tenant"],
    [{ tenant: "local", tier: "imaginary" }, "tier"],
    [{ tenant: "local", allowedModels: ["home", "imaginary"] }, "allowedModels[1]"],
    [{ tenant: "local", scopes: ["root"] }, "scopes[0]"],
    [{ tenant: "local", expiresAt: "2001-01-01T00:00:00Z" }, "expiresAt"],
    [{ tenant: "local", limits: { key: { requestsPerMinute: -1 } } }, "limits.key.requestsPerMinute"],
    [{ tenant: "local", unknown: true }, "unknown"],
  ])("refuses a wish for a key by the field that is wrong: %j", async (wish, param) => {
    const refused = await stack.admin("POST", "/keys", wish);
    expect(refused.status).toBe(param === "tenant" && "tenant" in wish ? 404 : 400);
    expect(await refused.json()).toMatchObject({ error: { param } });
  });

  // planted: the cost of estimated rows left out
  test("usage sums are the sums of the rows", async () => {
    await stack.admin("POST", "/tenants", { tenant: "sums" });
    const keys = [await stack.mint({ tenant: "sums" }), await stack.mint({ tenant: "sums" })];
    const ids: string[] = [];
    const bodies = [
      chat("home"),
      chat("claude"),
      chat("home-claude", "[[sim:fault=server-error,only=home]]"),
      chat("home", "[[sim:fault=truncate,after=5]]", { stream: true }),
      chat("cached", "twice"),
      chat("home", "s", { stream: true }),
    ];
    for (const [index, body] of [...bodies, ...bodies].entries()) {
      const reply = await call("POST", "/v1/chat/completions", { ...bearer(keys[index % 2] ?? ""), ...json }, body);
      await reply.text();
      ids.push(reply.headers.get("x-request-id") ?? "");
    }
    const rows: Record<string, unknown>[] = [];
    for (const id of ids) rows.push({ ...(await stack.stored(id)).request });
    const total = (field: string) => rows.reduce((all, row) => all + Number(row[field] ?? 0), 0);
    const sums = {
      requests: rows.length,
      inputTokens: total("inputTokens"),
      outputTokens: total("outputTokens"),
      cachedInputTokens: total("cachedInputTokens"),
      costNanoUsd: total("costNanoUsd"),
      estimated: total("estimated"),
    };
    expect(sums.costNanoUsd).toBeGreaterThan(0);
    for (const by of ["day", "alias", "key", "backend"]) {
      const { data } = (await (await stack.admin("GET", `/usage?tenant=sums&by=${by}`)).json()) as {
        data: Record<string, number>[];
      };
      const summed = Object.fromEntries(
        Object.keys(sums).map((field) => [field, data.reduce((all, group) => all + (group[field] ?? 0), 0)]),
      );
      // By backend a request counts once an attempt, so only what attempts share out adds up to the same.
      const { requests, estimated, ...shared } = sums;
      expect({ by, ...summed }).toMatchObject(by === "backend" ? shared : { requests, estimated, ...shared });
    }
    expect(
      (await (await stack.admin("GET", "/usage?tenant=sums&from=2001-01-01&to=2001-02-01")).json()) as object,
    ).toMatchObject({ data: [] });
  });
});
