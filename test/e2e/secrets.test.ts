/** Long because one mix of traffic is made once and searched for every secret in one file. */
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runBatch } from "../../dev/neon/client.ts";
import { type CallerFormat, chatRequest } from "../support/caller.ts";
import { LEAKS, type Listener, startLeakyBackend, startTrap } from "../support/leaky-backend.ts";
import { rawRequest } from "../support/raw-http.ts";
import { redisCommands, redisDump } from "../support/redis-dump.ts";
import { startTestStack, type TestStack } from "../support/stack.ts";

const FORMATS = ["openai-chat", "anthropic-messages"] as const;
const hex = (bytes: number) => randomBytes(bytes).toString("hex");

/** Credentials in the shapes that they come in; each is looked for whole and in parts. */
const provider = {
  VLLM_API_KEY: `vllm-${hex(16)}`,
  OPENAI_API_KEY: `sk-proj-${randomBytes(36).toString("base64url")}`,
  ANTHROPIC_API_KEY: `sk-ant-api03-${randomBytes(36).toString("base64url")}`,
  CF_ACCESS_CLIENT_ID: `${hex(16)}.access`,
  CF_ACCESS_CLIENT_SECRET: hex(32),
};
/** Prompts and answers: words that occur nowhere else. */
const PROMPT = `prompt-canary-${hex(8)}`;
const ANSWER = `answer-canary-${hex(8)}`;
const END_USER = `end-user-canary-${hex(8)}`;

let stack: TestStack;
let trap: Listener;
let leaky: Listener;
let credentials: Readonly<Record<string, string>>;
/** All that callers were told, headers included. */
const replies: string[] = [];
const statuses: Record<string, number> = {};
const requestIds: string[] = [];

beforeAll(async () => {
  trap = await startTrap();
  leaky = await startLeakyBackend(trap.url);
  stack = await startTestStack({
    cron: false,
    gatewayEnv: { ...provider, OPENAI_BASE_URL: `${leaky.url}/v1`, ANTHROPIC_BASE_URL: leaky.url, LOG_REQUESTS: "all" },
  });
});
afterAll(async () => {
  await stack?.stop();
  await leaky?.close();
  await trap?.close();
});

async function heard(response: Response, note: string): Promise<string> {
  const text = await response.text().catch((error: unknown) => `broke off: ${String(error)}`);
  replies.push(`${note} → ${response.status} ${JSON.stringify([...response.headers])} ${text}`);
  statuses[response.status] = (statuses[response.status] ?? 0) + 1;
  const id = response.headers.get("x-request-id");
  if (id !== null) requestIds.push(id);
  return text;
}

async function ask(
  format: CallerFormat,
  model: string,
  prompt: string,
  stream: boolean,
  key: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const { path, body } = chatRequest(format, model, `${PROMPT} ${prompt}`, stream, more);
  return heard(await stack.post(path, body, { authorization: `Bearer ${key}` }), `${format} ${model} ${stream}`);
}

/** The whole, its halves, and how it would look behind the usual disguises. */
function shapesOf(secret: string): readonly string[] {
  const half = Math.max(12, Math.floor(secret.length / 2));
  return [
    ...new Set([
      secret.slice(0, half),
      secret.slice(-half),
      encodeURIComponent(secret),
      Buffer.from(secret).toString("base64").replace(/=+$/, "").slice(0, -2),
      Buffer.from(secret).toString("hex"),
      [...secret].toReversed().join(""),
    ]),
  ];
}

function expectNone(where: string, text: string, canaries: Readonly<Record<string, string>>): void {
  for (const [name, secret] of Object.entries(canaries)) {
    for (const shape of shapesOf(secret)) {
      const at = text.indexOf(shape);
      expect(at < 0 ? "nothing" : `${name}: …${text.slice(Math.max(0, at - 120), at + 40)}…`, where).toBe("nothing");
    }
  }
}

/** Successes, hits, faults, refusals, departures and bugs, in both formats, streamed and whole. */
async function everythingThatHappens(): Promise<void> {
  const key = await stack.mint({ tier: "unlimited", user: "somebody" });
  const spent = await stack.mint({ tier: "one-request" });
  const revoked = await stack.mint({ tier: "unlimited" });
  const secretsFile = JSON.parse(readFileSync(stack.secretsFile, "utf8")) as Record<string, string>;
  const keys = { key, spent, revoked, local: stack.apiKey };
  credentials = {
    ...provider,
    ...Object.fromEntries(Object.entries(keys).map(([name, text]) => [`gateway key ${name}`, text.slice(-43)])),
    pepper: (secretsFile.keyPepper ?? "").slice(2),
    adminKey: stack.adminKey,
    metricsToken: stack.metricsToken,
    gatewayRedisToken: stack.redis?.gatewayToken ?? "",
    ledgerRedisToken: stack.redis?.ledgerToken ?? "",
  };
  for (const [name, secret] of Object.entries(credentials)) expect(secret.length, name).toBeGreaterThan(20);

  for (const format of FORMATS) {
    for (const stream of [false, true]) {
      const say = `[[sim:text=${ANSWER}]]`;
      for (const model of ["home", "cached", "cached", "tunnelled", "dead", "dead-home"]) {
        await ask(
          format,
          model,
          say,
          stream,
          key,
          format === "openai-chat" ? { user: END_USER } : { metadata: { user_id: END_USER } },
        );
      }
      for (const fault of [
        "truncate,at=200",
        "error-frame",
        "server-error",
        "unauthorized",
        "redirect",
        "access-login",
        "tunnel-down",
        "malformed-frame",
        "giant-frame,bytes=200000",
      ]) {
        await ask(format, "home", `[[sim:fault=${fault}]] ${say}`, stream, key);
      }
      for (const leak of LEAKS)
        for (const model of ["cloud", "claude"]) await ask(format, model, `[[leak:${leak}]]`, stream, key);
      await ask(format, "claude-cloud", "[[leak:status-500]]", stream, key);
      // Refusals, some of which hold what they should not.
      await ask(format, "home", "", stream, key, { model: `no-${PROMPT}` });
      await ask(format, "home", "", stream, key, { messages: [{ role: PROMPT, content: PROMPT }] });
      await ask(format, "home", "", stream, key, { temperature: PROMPT, [`${PROMPT}-field`]: 1 });
      await ask(format, "home", "", stream, key, { n: 1_000, max_tokens: -1 });
      await ask(format, "home", `here is my key ${key}`, stream, key);
      await ask(format, "home", "", stream, `${key.slice(0, -4)}AAAA`);
      await ask(format, "home", "", stream, spent);
    }
    const { path, body } = chatRequest(format, "home", PROMPT, false);
    const wrong: readonly [string, unknown, Record<string, string>][] = [
      [path, body, { authorization: `Bearer ${key}`, "x-api-key": stack.apiKey }],
      [path, body, { authorization: `Basic ${key}` }],
      [`${path}?api_key=${key}`, body, { authorization: `Bearer ${key} ` }],
      [`${path}/${key}`, body, { authorization: `Bearer ${key}` }],
      [path, `{"model":"home","${PROMPT}`, { authorization: `Bearer ${key}` }],
      [path, `{"a":1,"a":"${PROMPT}"}`, { authorization: `Bearer ${key}` }],
      [path, body, { authorization: `Bearer ${key}`, "x-gateway-cache-namespace": `${PROMPT} ${PROMPT}` }],
      [path, body, { authorization: `Bearer ${key}`, "content-type": `text/${PROMPT}` }],
    ];
    for (const [at, text, headers] of wrong) await heard(await stack.post(at, text, headers), at.replace(key, "<key>"));
    await Promise.all(Array.from({ length: 4 }, (_, index) => leaveEarly(format, key, index * 30)));
  }
  await heard(
    await stack.post("/v1/embeddings", { model: "embed", input: PROMPT }, { authorization: `Bearer ${key}` }),
    "embeddings",
  );
  await heard(
    await stack.post(
      "/v1/embeddings",
      { model: "cloud-embed", input: `${PROMPT} [[leak:status-400]]` },
      { authorization: `Bearer ${key}` },
    ),
    "embeddings",
  );
  const id = revoked.slice(3, 19);
  await heard(await stack.admin("DELETE", `/keys/${id}`), "revoke");
  await ask("openai-chat", "home", "", false, revoked);
  for (const path of [
    "/keys",
    "/tenants",
    "/usage?tenant=local",
    "/overlay",
    "/ledger/dead",
    `/requests/${requestIds[0]}`,
    "/nowhere",
  ]) {
    await heard(await stack.admin("GET", path), path);
  }
  await heard(await stack.admin("POST", "/keys", { tenant: PROMPT, name: PROMPT, tier: PROMPT }), "mint");
  await heard(await stack.admin("POST", "/tenants", { tenant: "local" }), "tenant");
  await heard(
    await fetch(`${stack.gateway}/admin/v1/keys`, { headers: { authorization: `Bearer ${key}` } }),
    "admin by key",
  );
  await provokeBugs(key);
}

async function leaveEarly(format: CallerFormat, key: string, afterMs: number): Promise<void> {
  const { path, body } = chatRequest(format, "home", `${PROMPT} [[sim:tokens=400]] [[sim:tps=100]]`, true);
  const leaving = new AbortController();
  setTimeout(() => leaving.abort(), afterMs);
  await fetch(`${stack.gateway}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: leaving.signal,
  }).then(
    (response) => response.text().catch(() => ""),
    () => "",
  );
}

/** Values in Redis that only a bug could have written, with prompts and answers in them. */
async function provokeBugs(key: string): Promise<void> {
  const say = `[[sim:text=${ANSWER}]]`;
  const entries = [
    `{"v":1,"wire":"openai-chat","backend":"home","model":"m","answer":{"operation":"chat","choices":"${ANSWER}"}}`,
    `{"v":1,"wire":"openai-chat","backend":"home","model":"m","answer":{"operation":"chat","choices":[{"content":"${ANSWER}"}],"toString":null}}`,
    `{"v":1,"wire":"anthropic-messages","answer":null}`,
    `${ANSWER} is no JSON`,
  ];
  for (const entry of entries) {
    for (const format of FORMATS) {
      for (const stream of [false, true]) {
        const kept = [...(await redisDump(stack, "t:{local}:c:*")).keys()];
        expect(kept.length).toBeGreaterThan(0);
        await redisCommands(
          stack,
          kept.map((name) => ["SET", name, entry]),
        );
        await ask(format, "cached", say, stream, key);
      }
    }
  }
}

/** Every file below the stack's folder but its data, its secrets and its ready file. */
function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (path === join(stack.dataDir, "data")) return [];
    if (entry.isDirectory()) return filesBelow(path);
    return path === stack.secretsFile || path === join(stack.dataDir, "ready.json") ? [] : [path];
  });
}

/** Every value of every table as text. */
async function postgresText(): Promise<{ readonly text: string; readonly tables: number; readonly rows: number }> {
  const root = { connectionString: stack.postgres?.roleUrl() ?? "", endpointUrl: stack.postgres?.url ?? "" };
  const [tables = []] = await runBatch(root, [
    {
      query:
        "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')",
    },
  ]);
  const contents = await runBatch(
    root,
    tables.map((table) => ({ query: `select t::text as line from "${table.table_schema}"."${table.table_name}" t` })),
  );
  const lines = contents.flat().map(({ line }) => line ?? "");
  return { text: lines.join("\n"), tables: tables.length, rows: lines.length };
}

// planted: `rejected` told the backend's message unmasked; the event held the end user's name in place of its hash.
test("no credential is in anything that is told, logged, counted or kept; no prompt or answer in anything but the exact cache", async () => {
  await everythingThatHappens();
  const rows = await Promise.all(
    [...new Set(requestIds)].slice(0, 40).map((id) =>
      stack.stored(id, 3_000).then(
        () => 1,
        () => 0,
      ),
    ),
  );
  await stack.runCron();
  const words = { prompt: PROMPT, answer: ANSWER, "end user": END_USER };
  const hosts = {
    leaky: new URL(leaky.url).host,
    trap: new URL(trap.url).host,
    home: new URL(stack.home?.url ?? "").host,
  };

  const told = replies.join("\n");
  for (const reply of replies) expectNone("a reply", reply, credentials);
  for (const [name, host] of Object.entries(hosts))
    expect(told.includes(host), `the host of ${name} in a reply`).toBe(false);

  const bearer = { authorization: `Bearer ${stack.metricsToken}` };
  for (const path of ["/metrics", "/readyz", "/healthz", "/openapi.json"]) {
    const text = await (await fetch(`${stack.gateway}${path}`, { headers: bearer })).text();
    expectNone(path, text, { ...credentials, ...words });
    for (const host of Object.values(hosts)) expect(text.includes(host), path).toBe(false);
  }

  const files = filesBelow(stack.dataDir);
  const logs = files.filter((path) => path.endsWith(".log"));
  for (const path of files) expectNone(path, readFileSync(path, "latin1"), { ...credentials, ...words });
  const gatewayLog = readFileSync(logs.find((path) => path.endsWith("gateway.log")) ?? "", "utf8");
  expect(gatewayLog.split("\n").length).toBeGreaterThan(100);

  const dump = await redisDump(stack);
  for (const [name, value] of dump) {
    expectNone(`Redis ${name}`, name, { ...credentials, ...words });
    // An entry of the cache is an answer; it is no place for a credential either.
    expectNone(`Redis ${name}`, value, /^t:\{[^}]*\}:c:/.test(name) ? credentials : { ...credentials, ...words });
  }

  const postgres = await postgresText();
  expectNone("Postgres", postgres.text, { ...credentials, ...words });
  expect(postgres.rows).toBeGreaterThan(60);
  expect(rows.filter(Boolean).length).toBeGreaterThan(20);
  console.log(
    `searched: ${replies.length} replies ${JSON.stringify(statuses)}, ${logs.length} logs (${gatewayLog.split("\n").length} lines of the gateway's, ` +
      `${gatewayLog.match(/"message":"bug"/g)?.length ?? 0} of bugs), ${files.length} files, ${dump.size} Redis keys, ${postgres.tables} tables with ${postgres.rows} rows; ` +
      `${Object.keys(credentials).length} credentials`,
  );
});

// planted: the test plants its own: a part of a secret in Redis.
test("the search finds what is there", async () => {
  const secret = provider.CF_ACCESS_CLIENT_SECRET;
  await redisCommands(stack, [["SET", "planted", `x${secret.slice(0, 40)}`]]);
  const dump = await redisDump(stack, "planted");
  expect(() => expectNone("Redis", [...dump.values()].join(), { secret })).toThrow();
  const kept = await postgresText();
  expect(kept.text).toContain(requestIds[0]);
  await redisCommands(stack, [["DEL", "planted"]]);
});

// planted: `redirect: "follow"` in the transport.
test("nothing in a request changes which host is called", async () => {
  const { url } = trap;
  const { host } = new URL(url);
  const key = await stack.mint({ tier: "unlimited" });
  const names = [
    "base_url",
    "api_base",
    "baseUrl",
    "endpoint",
    "url",
    "host",
    "proxy",
    "custom_host",
    "backend",
    "provider",
    "target",
    "webhook_url",
    "api_key",
    "organization",
  ];
  const extra = Object.fromEntries(names.map((name) => [name, url]));
  const headers: Record<string, string> = {
    "x-portkey-custom-host": url,
    "x-portkey-config": JSON.stringify({ provider: "openai", custom_host: url }),
    "x-portkey-provider": "openai",
    "helicone-target-url": url,
    "helicone-openai-api-base": url,
    "openai-base-url": url,
    "x-target-url": url,
    "x-base-url": url,
    "x-gateway-base-url": url,
    "x-gateway-backend": url,
    "x-forwarded-host": host,
    "x-forwarded-server": host,
    "x-forwarded-proto": "http",
    "x-host": host,
    forwarded: `host=${host}`,
    "x-original-url": url,
    "x-rewrite-url": url,
    referer: url,
    origin: url,
    "proxy-authorization": "Basic eDp5",
    "cf-connecting-ip": host,
    "cf-worker": host,
  };
  const calledBefore = leaky.calls.length;
  for (const format of FORMATS) {
    for (const stream of [false, true]) {
      const { path, body } = chatRequest(format, "home", "hi", stream, extra);
      const response = await stack.post(path, body, { ...headers, authorization: `Bearer ${key}` });
      const text = await response.text();
      expect(response.status, text).toBe(200);
      expect((await stack.tally(response.headers.get("x-request-id") ?? "")).map(({ backend }) => backend)).toEqual([
        "home",
      ]);
      for (const model of [url, `${url}/home`, `home@${host}`, `//${host}/home`, "home?base=x", "../home"]) {
        const refused = await stack.post(path, { ...body, model }, { authorization: `Bearer ${key}` });
        await refused.text();
        expect([400, 404], model).toContain(refused.status);
      }
    }
  }
  const body = JSON.stringify({ model: "home", messages: [{ role: "user", content: "hi" }] });
  const head = [`Authorization: Bearer ${key}`, "Content-Type: application/json", `Content-Length: ${body.length}`];
  for (const request of [
    { target: `${url}/v1/chat/completions`, head },
    { target: `${url}/v1/chat/completions`, head: [`Host: ${host}`, ...head] },
    { head: [`Host: ${host}`, ...head] },
    { target: `/v1/chat/completions?url=${url}`, head },
    { target: `//${host}/v1/chat/completions`, head },
    { target: `/v1/chat/completions/${url}`, head },
    { method: "CONNECT", target: host, head: head.slice(0, 1) },
  ]) {
    const reply = await rawRequest(stack.gateway, { ...request, body: request.method === "CONNECT" ? "" : body });
    expect(reply.body).not.toContain('"model":"leaky"');
  }
  expect(leaky.calls.length).toBe(calledBefore);
  // Redirects of backends, in the first test and here.
  for (const status of [301, 302, 303, 307, 308]) {
    await ask("openai-chat", "cloud", `[[leak:redirect-${status}]]`, false, key);
    await ask(
      "openai-chat",
      "home",
      `[[sim:fault=redirect,status=${status},location=${url}/v1/chat/completions]]`,
      status === 302,
      key,
    );
  }
  expect(trap.calls).toEqual([]);
});
