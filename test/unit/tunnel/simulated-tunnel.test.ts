import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type SimulatedBackend, startBackend } from "../../../dev/backends/main.ts";
import { TUNNEL_FAULTS } from "../../../dev/tunnel/faults.ts";
import { SIMULATED_TOKEN, type SimulatedTunnel, startTunnel } from "../../../dev/tunnel/main.ts";
import { rawPost } from "../backends/raw-client.ts";

let backend: SimulatedBackend;
let tunnel: SimulatedTunnel;

const TOKEN = { "cf-access-client-id": SIMULATED_TOKEN.id, "cf-access-client-secret": SIMULATED_TOKEN.secret };

beforeAll(async () => {
  backend = await startBackend({ ttftMs: 0, tokensPerSecond: 0 });
  tunnel = await startTunnel({ target: backend.url, silenceMs: 1_000 });
});
afterEach(async () => {
  tunnel.reset();
  backend.reset();
  await backend.setDoor("open");
});
afterAll(async () => {
  await tunnel.close();
  await backend.close();
});

function chat(prompt: string, stream = true) {
  return { model: "simulated-small", stream, messages: [{ role: "user", content: prompt }] };
}

async function ask(prompt: string, headers: Readonly<Record<string, string>> = TOKEN) {
  const response = await fetch(`${tunnel.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(chat(prompt)),
    redirect: "manual",
  });
  return { status: response.status, type: response.headers.get("content-type") ?? "", text: await response.text() };
}

test("a tunnel that is well brings the backend's own bytes", async () => {
  const through = await ask("[[sim:tokens=20]] hi");
  expect(through.status).toBe(200);
  expect(through.text.match(/^data: /gm)?.length).toBeGreaterThan(20);
  expect(tunnel.calls).toMatchObject([{ path: "/v1/chat/completions", answeredBy: "backend", status: 200 }]);
});

// planted: every edge error told as a page
test.each([
  ["down", 530, /html/, /1033/],
  ["down,as=json", 530, /json/, /"retry_after":60/],
  ["down,as=text", 530, /plain/, /^error code: 1033$/],
  ["bad-gateway", 502, /html/, /Bad gateway/],
  ["timeout,ms=50", 524, /html/, /524/],
  ["timeout,as=json", 524, /json/, /524/],
  ["login", 302, /html/, /sign in/i],
  ["forbidden", 403, /html/, /Forbidden/],
  ["blocked,paths=/v1/models+/v1/chat/completions", 404, /^$/, /^$/],
])("%s is answered in the backend's place, by rule or by marker", async (fault, status, type, text) => {
  const marked = await ask(`[[tunnel:${fault}]] hi`);
  tunnel.fault(fault);
  for (const told of [marked, await ask("hi")]) {
    expect(told.status).toBe(status);
    expect(told.type).toMatch(type);
    expect(told.text).toMatch(text);
  }
  expect(tunnel.calls.some(({ answeredBy }) => answeredBy === "backend")).toBe(false);
});

test("a marker does not reach the backend, a rule counts down, and what cannot be is refused", async () => {
  await ask("[[tunnel:slow,ms=1]] [[sim:tokens=3]] hi");
  expect(backend.tally()[0]?.bodyText).toContain('"[[sim:tokens=3]] hi"');
  tunnel.fault({ match: { next: 1, path: "/v1/chat/completions" }, fault: "bad-gateway" });
  expect([(await ask("hi")).status, (await ask("hi")).status]).toEqual([502, 200]);
  expect(() => tunnel.fault("downn")).toThrow(/unknown fault "downn"/);
  expect(() => tunnel.fault("down,ms=3")).toThrow(/no parameter "ms"/);
  const refused = await fetch(`${tunnel.controlUrl}/tunnel/faults`, { method: "POST", body: '{"fault":"nope"}' });
  expect(refused.status).toBe(400);
});

test("Access asks for one of its tokens, and they can be exchanged", async () => {
  const second = { id: "second.access", secret: "another" };
  const secondHeaders = { "cf-access-client-id": second.id, "cf-access-client-secret": second.secret };
  expect((await ask("hi", {})).status).toBe(302);
  expect((await ask("hi", { ...TOKEN, "cf-access-client-secret": "wrong" })).status).toBe(302);
  expect((await ask("hi", secondHeaders)).status).toBe(302);
  tunnel.setTokens([SIMULATED_TOKEN, second]);
  expect([(await ask("hi")).status, (await ask("hi", secondHeaders)).status]).toEqual([200, 200]);
  tunnel.fault("open-access");
  expect((await ask("hi", {})).status).toBe(200);
});

test("the allow-lists are those of tunnels/, and each can be lost", async () => {
  const status = async (method: string, path: string) =>
    (await fetch(`${tunnel.url}${path}`, { method, headers: TOKEN })).status;
  for (const path of ["/health", "/load", "/metrics", "/v1/models"]) expect(await status("GET", path)).toBe(200);
  for (const path of ["/version", "/sim/tally", "/v1/models/x"]) expect(await status("GET", path)).toBe(404);
  expect(await status("GET", "/v1/embeddings")).toBe(404);
  tunnel.fault("open-paths");
  expect([await status("GET", "/version"), tunnel.calls.at(-1)?.answeredBy]).toEqual([404, "second-list"]);
  tunnel.fault("no-second-list");
  expect([await status("GET", "/version"), await status("GET", "/v1/embeddings")]).toEqual([200, 405]);
});

test("a backend that is down, dies in its answer, or keeps silent shows as a tunnel shows it", async () => {
  expect(await ask("[[sim:fault=refuse]] hi")).toMatchObject({ status: 502, type: expect.stringContaining("html") });
  expect((await ask("[[sim:fault=never-answers]] hi")).status).toBe(524);
  await expect(ask("[[sim:fault=truncate,after=4,by=reset,linger-ms=20]] hi")).rejects.toThrow();
  await expect(ask("[[sim:fault=stall-mid-stream]] hi")).rejects.toThrow();
  await backend.setDoor("closed");
  expect((await ask("hi")).status).toBe(502);
});

// planted: `at` counted from the chunk and not from the body
test.each(["cut,at=300", "cut,at=300,by=fin", "stall,at=300"])("%s ends the reply at its byte", async (fault) => {
  const whole = await rawPost(tunnel.url, { headers: TOKEN, body: chat("[[sim:tokens=30]] hi") });
  tunnel.fault(fault);
  const body = chat("[[sim:tokens=30]] hi");
  const broken = await rawPost(tunnel.url, { headers: TOKEN, body, patienceMs: 500 });
  expect(broken.isWhole).toBe(false);
  expect(broken.endedBy).toBe(fault.startsWith("stall") ? "timeout" : fault.endsWith("fin") ? "fin" : "reset");
  if (fault !== "cut,at=300") expect(broken.body.length).toBe(300);
  expect(whole.body.length).toBeGreaterThan(300);
});

// planted: every chunk kept as it came while `buffered`
test("frames pass singly, and all at once while buffered", async () => {
  const body = chat("[[sim:tokens=12]] [[sim:tps=30]] hi");
  const singly = await rawPost(tunnel.url, { headers: TOKEN, body });
  tunnel.fault("buffered");
  const held = await rawPost(tunnel.url, { headers: TOKEN, body });
  expect(singly.chunkSizes.length).toBeGreaterThan(4);
  expect(held.chunkSizes.length).toBe(1);
  expect(held.body.length).toBe(singly.body.length);
});

// planted: the backend told of a departed client although `deaf`
test("the backend is told of a departed client, unless the tunnel is deaf", async () => {
  const leave = async (requestId: string) => {
    const controller = new AbortController();
    const response = await fetch(`${tunnel.url}/v1/chat/completions`, {
      method: "POST",
      headers: { ...TOKEN, "x-request-id": requestId },
      body: JSON.stringify(chat("[[sim:tokens=60]] [[sim:tps=200]] hi")),
      signal: controller.signal,
    });
    await response.body?.getReader().read();
    controller.abort();
    for (;;) {
      const outcome = backend.tally(requestId)[0]?.outcome;
      if (outcome !== undefined && String(outcome) !== "running") return outcome;
      await pause(10);
    }
  };
  expect(await leave("told")).toBe("aborted");
  tunnel.fault("deaf");
  expect(await leave("not-told")).toBe("completed");
  expect(tunnel.calls).toMatchObject([{ left: true }, { left: true }]);
});

test("the README lists each fault as the code has it", () => {
  const readme = readFileSync(new URL("../../../dev/tunnel/README.md", import.meta.url), "utf8");
  for (const [name, { summary, parameters }] of Object.entries(TUNNEL_FAULTS)) {
    const words = Object.entries(parameters).map(([key, meaning]) => `\`${key}\`: ${meaning}`);
    expect(readme).toContain(`| \`${name}\` | ${summary} | ${words.join("; ")} |`);
  }
});
