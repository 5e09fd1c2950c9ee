import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SimulatedBackend, startBackend } from "../../dev/backends/main.ts";
import { SIMULATED_TOKEN, type SimulatedTunnel, startTunnel } from "../../dev/tunnel/main.ts";
import { type CallerFormat, chatRequest, readFailure, readStream, textOfAnswer } from "../support/caller.ts";
import { open } from "../support/leaver.ts";
import { pastStores, startTestStack, type TestStack } from "../support/stack.ts";
import { together } from "../support/together.ts";

/**
 * The gateway, a tunnel with Access and both allow-lists, and a vLLM with a key behind it. What a backend itself answers wrongly stands in
 * stream-truth-faults; here it is the way there that fails, while the backend is well.
 */

const API_KEY = "simulated-vllm-key";

let backend: SimulatedBackend;
let tunnel: SimulatedTunnel;
let stack: TestStack;

beforeAll(async () => {
  backend = await startBackend({ ttftMs: 2, tokensPerSecond: 2000, apiKey: API_KEY });
  tunnel = await startTunnel({ target: backend.url });
  stack = await startTestStack({
    gatewayEnv: {
      VLLM_BASE_URL: tunnel.url,
      VLLM_API_KEY: API_KEY,
      CF_ACCESS_CLIENT_ID: SIMULATED_TOKEN.id,
      CF_ACCESS_CLIENT_SECRET: SIMULATED_TOKEN.secret,
    },
  });
});
afterAll(async () => {
  await stack?.stop();
  await tunnel?.close();
  await backend?.close();
});

interface Way {
  readonly caller: CallerFormat;
  readonly stream: boolean;
}

const WAYS: readonly Way[] = [
  { caller: "openai-chat", stream: true },
  { caller: "openai-chat", stream: false },
  { caller: "anthropic-messages", stream: true },
  { caller: "anthropic-messages", stream: false },
];

async function ask({ caller, stream }: Way, alias: string, prompt: string) {
  const { path, body } = chatRequest(caller, alias, prompt, stream);
  const { response, text } = await pastStores(() => stack.post(path, body));
  const { status, headers } = response;
  return { status, headers, body: text, requestId: headers.get("x-request-id") ?? "" };
}

/** Nothing of the way to a backend may be seen by a caller. */
const NOT_FOR_CALLERS = /<!doctype|<html|cloudflare|1033|Ray ID|simulated-team|127\.0\.0\.1/i;

/** What fails before a reply, and the word by which the books tell the operator. */
const BEFORE: readonly (readonly [marker: string, detail: string])[] = [
  ["down", "tunnel_down_1033"],
  ["down,as=json", "tunnel_down_1033"],
  ["bad-gateway", "tunnel_no_origin"],
  ["timeout", "tunnel_timeout_524"],
  ["timeout,as=json", "tunnel_timeout_524"],
  ["login", "access_redirect"],
  ["forbidden", "access_denied"],
  ["blocked,paths=/v1/chat/completions", "tunnel_no_route"],
];

const AT_ONCE = 8;
const EACH = BEFORE.flatMap(([marker, detail]) => WAYS.map((way) => ({ marker, detail, way })));

describe("a tunnel that answers in the backend's place", () => {
  // planted: 530 not known; a redirect not known
  test("is a typed 503 with a time to come back, and its own word in the books", async () => {
    await together(EACH, AT_ONCE, async ({ marker, detail, way }) => {
      const answer = await ask(way, "tunnelled", `[[tunnel:${marker}]] Say hello.`);
      const which = `${marker} for ${way.caller}, ${way.stream ? "streamed" : "whole"}`;
      expect([answer.status, answer.body], which).toEqual([503, expect.not.stringMatching(NOT_FOR_CALLERS)]);
      expect(JSON.stringify([...answer.headers]), which).not.toMatch(NOT_FOR_CALLERS);
      expect(readFailure(way.caller, answer.body).message, which).toBeTruthy();
      expect(Number(answer.headers.get("retry-after")), which).toBeGreaterThan(0);
      const { request, charges } = await stack.stored(answer.requestId, 30_000);
      expect(request, which).toMatchObject({ outcome: "failed", failure: "backend_unavailable", costNanoUsd: 0 });
      expect(
        charges.map((charge) => charge.detail),
        which,
      ).toEqual([detail]);
    });
  });

  // planted: a redirect taken for the backend's refusal, which no other is asked after
  test("is followed by the next backend, where the route names one", async () => {
    await together(EACH, AT_ONCE, async ({ marker, way }) => {
      const answer = await ask(way, "tunnelled-cloud", `[[tunnel:${marker}]] [[sim:text=From the cloud.]] Say hello.`);
      expect(answer.status, `${marker}: ${answer.body}`).toBe(200);
      const text = way.stream ? readStream(way.caller, answer.body).text : textOfAnswer(way.caller, answer.body);
      expect(text, marker).toBe("From the cloud.");
      const { request, charges } = await stack.stored(answer.requestId, 30_000);
      expect(request).toMatchObject({ outcome: "completed", backend: "cloud" });
      expect(charges.map((charge) => charge.backend)).toEqual(["tunnelled", "cloud"]);
    });
  });
});

// planted: an end of the connection taken for the end of the answer
test("a tunnel that breaks inside an answer is told inside the stream, or as a status, and nothing is tried elsewhere", async () => {
  const cuts = ["cut,at=1500", "cut,at=1500,by=fin"].flatMap((marker) => WAYS.map((way) => ({ marker, way })));
  await together(cuts, AT_ONCE, async ({ marker, way }) => {
    const answer = await ask(way, "tunnelled-cloud", `[[tunnel:${marker}]] [[sim:tokens=40]] Say hello.`);
    const { request, charges } = await stack.stored(answer.requestId, 30_000);
    if (way.stream) {
      const told = readStream(way.caller, answer.body);
      expect([answer.status, told.error?.message, told.text]).toEqual([
        200,
        expect.any(String),
        expect.stringMatching(/./),
      ]);
    } else expect([answer.status, readFailure(way.caller, answer.body).message]).toEqual([502, expect.any(String)]);
    expect(request).toMatchObject({ outcome: "failed", failure: "backend_cut" });
    expect(charges.map((charge) => charge.backend)).toEqual(["tunnelled"]);
  });
});

// planted: a tunnel that always buffers
test("a tunnel that is well passes frames on as they are made, and its buffering loses none", async () => {
  const prompt = "[[sim:tokens=30]] [[sim:tps=100]] Say hello.";
  const way: Way = { caller: "openai-chat", stream: true };
  const { path, body } = chatRequest(way.caller, "tunnelled", prompt, true);
  const running = await open(`${stack.gateway}${path}`, body, { authorization: `Bearer ${stack.apiKey}` }).reply;
  await running.read(1);
  expect(backend.tally(running.requestId)[0]?.outcome).toBe("running");
  const text = readStream(way.caller, await running.rest()).text;
  const held = await ask(way, "tunnelled", `[[tunnel:buffered]] ${prompt}`);
  expect(readStream(way.caller, held.body)).toMatchObject({ text, closed: true });
});

// planted: a tunnel that is deaf to those who leave
test("a caller who leaves stops the generation behind the tunnel", async () => {
  const { path, body } = chatRequest("openai-chat", "tunnelled", "[[sim:tokens=800]] [[sim:tps=100]] Hello.", true);
  const running = await open(`${stack.gateway}${path}`, body, { authorization: `Bearer ${stack.apiKey}` }).reply;
  await running.read(1);
  running.leave("reset");
  const { requestId } = running;
  for (let waited = 0; backend.tally(requestId)[0]?.outcome === "running" && waited < 6_000; waited += 50)
    await pause(50);
  expect(backend.tally(requestId)[0]).toMatchObject({ outcome: "aborted" });
  expect(tunnel.calls.find((call) => call.requestId === requestId)).toMatchObject({ left: true });
});

// planted: a redirect taken for the backend's refusal, which no other is asked after
test("a service token that runs out costs no caller an answer where there is a fallback, and says what it was", async () => {
  tunnel.setTokens([{ id: "next.access", secret: "next-secret" }]);
  const alone = await ask({ caller: "openai-chat", stream: false }, "tunnelled", "Say hello.");
  const helped = await ask({ caller: "openai-chat", stream: false }, "tunnelled-cloud", "Say hello.");
  tunnel.setTokens([SIMULATED_TOKEN, { id: "next.access", secret: "next-secret" }]);
  const again = await ask({ caller: "openai-chat", stream: false }, "tunnelled", "Say hello.");
  expect([alone.status, helped.status, again.status]).toEqual([503, 200, 200]);
  expect((await stack.stored(alone.requestId)).charges[0]).toMatchObject({ detail: "access_redirect" });
});
