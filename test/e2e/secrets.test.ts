/** Long because one mix of traffic is made once and searched for every secret in one file. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AnyFormat, type CallerFormat, chatRequest } from "../support/caller.ts";
import {
  credentialsOf,
  expectNone,
  expectNothingKept,
  postgresText,
  providerCanaries,
  wordCanaries,
} from "../support/canaries.ts";
import { LEAKS, type Listener, startLeakyBackend, startTrap } from "../support/leaky-backend.ts";
import { rawRequest } from "../support/raw-http.ts";
import { redisCommands, redisDump } from "../support/redis-dump.ts";
import { startTestStack, type TestStack } from "../support/stack.ts";

const FORMATS = ["openai-chat", "anthropic-messages"] as const;
const provider = providerCanaries();
const words = wordCanaries();
const { prompt: PROMPT, answer: ANSWER, endUser: END_USER } = words;

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
  format: AnyFormat,
  model: string,
  prompt: string,
  stream: boolean,
  key: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const { path, body } = chatRequest(format, model, `${PROMPT} ${prompt}`, stream, more);
  return heard(await stack.post(path, body, { authorization: `Bearer ${key}` }), `${format} ${model} ${stream}`);
}

/** Successes, hits, faults, refusals, departures and bugs, in both formats, streamed and whole. */
async function everythingThatHappens(): Promise<void> {
  const key = await stack.mint({ tier: "unlimited", user: "somebody" });
  const spent = await stack.mint({ tier: "one-request" });
  const revoked = await stack.mint({ tier: "unlimited" });
  await stack.admin("POST", "/tenants", { tenant: "keeper", storesResponses: true });
  const keeper = await stack.mint({ tenant: "keeper", tier: "unlimited" });
  credentials = credentialsOf(stack, provider, { key, spent, revoked, keeper });

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
      await ask(format, "home", "", stream, key, { model: key });
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
  // Kept for the one tenant, and not for the other.
  for (const one of [key, keeper]) {
    await ask("openai-responses", "home", `[[sim:text=${ANSWER}]]`, false, one, { user: END_USER, store: true });
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

// planted: `rejected` told the backend's message unmasked; the event held the end user's name in place of its hash.
test("no credential is in anything that is told, logged, counted or kept; no prompt or answer in anything but the exact cache and what a tenant lets be kept", async () => {
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
  const hosts = {
    leaky: new URL(leaky.url).host,
    trap: new URL(trap.url).host,
    home: new URL(stack.home?.url ?? "").host,
  };

  const told = replies.join("\n");
  for (const reply of replies) expectNone("a reply", reply, credentials);
  for (const [name, host] of Object.entries(hosts))
    expect(told.includes(host), `the host of ${name} in a reply`).toBe(false);

  // What a tenant lets be kept holds words, and what it does not let be kept is nowhere.
  const kept = await Promise.all(["keeper", "local"].map((tenant) => redisDump(stack, `t:{${tenant}}:resp:*`)));
  expect(kept.map(({ size }) => size)).toEqual([1, 0]);
  const searched = await expectNothingKept(stack, { credentials, words, hosts: Object.values(hosts) });
  expect(searched.logLines).toBeGreaterThan(100);
  expect(searched.rows).toBeGreaterThan(60);
  expect(rows.filter(Boolean).length).toBeGreaterThan(20);
  console.log(
    `searched: ${replies.length} replies ${JSON.stringify(statuses)}, ${JSON.stringify(searched)}, ${Object.keys(credentials).length} credentials`,
  );
});

// planted: the test plants its own: a part of a secret in Redis.
test("the search finds what is there", async () => {
  const secret = provider.CF_ACCESS_CLIENT_SECRET;
  await redisCommands(stack, [["SET", "planted", `x${secret.slice(0, 40)}`]]);
  const dump = await redisDump(stack, "planted");
  expect(() => expectNone("Redis", [...dump.values()].join(), { secret })).toThrow();
  const kept = await postgresText(stack);
  expect(kept.lines.join("\n")).toContain(requestIds[0]);
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
  // What is named like an address is judged like one where it would pass: a private one is refused. Everything else passes as it is.
  const named = names.filter((name) => /url$/i.test(name));
  const extra = Object.fromEntries(names.filter((name) => !named.includes(name)).map((name) => [name, url]));
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
      for (const name of named) {
        const refused = await stack.post(path, { ...body, [name]: url }, { authorization: `Bearer ${key}` });
        expect([name, refused.status]).toEqual([name, format === "openai-chat" ? 400 : 200]);
        expect(await refused.text()).toContain(refused.status === 400 ? name : "");
      }
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
