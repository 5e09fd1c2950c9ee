/** The bytes of every fault on a raw socket. Long because the fault table is: one test for each of its lines. */
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FAULTS } from "../../../dev/backends/faults/table.ts";
import { type SimulatedBackend, startBackend } from "../../../dev/backends/main.ts";
import { framesOf, type RawAnswer, rawPost } from "./raw-client.ts";

let backend: SimulatedBackend;
beforeAll(async () => {
  backend = await startBackend({ ttftMs: 0, tokensPerSecond: 0 });
});
beforeEach(() => backend.reset());
afterAll(() => backend.close());

const PROMPT = "a prompt [[sim:tokens=12]]";
/** Equal ids make equal bodies; `created` is the one thing that may differ, and only in seconds. */
const HEADERS = { "x-request-id": "fault", "anthropic-version": "2023-06-01" };

type Way = "stream" | "json" | "anthropic";

function ask(fault: string, way: Way = "stream", patienceMs = 10_000): Promise<RawAnswer> {
  const marker = fault === "" ? "" : `[[sim:fault=${fault}]]`;
  const messages = [{ role: "user", content: `${PROMPT}${marker}` }];
  const anthropic = way === "anthropic";
  const body = {
    model: "simulated-small",
    messages,
    ...(way === "json" ? {} : { stream: true }),
    ...(anthropic ? { max_tokens: 400 } : {}),
  };
  const options = way === "stream" ? { stream_options: { include_usage: true } } : {};
  return rawPost(backend.url, {
    path: anthropic ? "/anthropic/v1/messages" : "/v1/chat/completions",
    headers: HEADERS,
    body: { ...body, ...options },
    patienceMs,
  });
}

/** The same request without a fault and with it; the fault is given by rule, so that the request does not change. */
async function withAndWithout(fault: string): Promise<{ plain: RawAnswer; faulty: RawAnswer }> {
  const plain = await ask("");
  backend.addRule({ fault });
  const faulty = await ask("");
  backend.reset();
  return { plain, faulty };
}

/** Bodies of two calls a second apart differ in `created` alone. */
function timeless(body: Buffer): string {
  return body.toString("utf8").replaceAll(/"created":\d+/g, '"created":0');
}

const texts = (answer: RawAnswer) =>
  framesOf(answer.body) as {
    error?: object;
    choices?: { finish_reason?: string }[];
    usage?: { completion_tokens: number };
  }[];

/** One check a fault; the test below fails when the table holds one that is not here. */
const CHECKS: Record<string, () => Promise<void>> = {
  refuse: async () => {
    expect(await ask("refuse")).toMatchObject({ status: undefined, endedBy: "reset" });
    expect(await ask("refuse,by=fin")).toMatchObject({ status: undefined, endedBy: "fin" });
  },
  "slow-headers": async () => {
    expect(await ask("slow-headers,ms=5000", "stream", 150)).toMatchObject({ status: undefined, endedBy: "timeout" });
    expect(await ask("slow-headers,ms=20")).toMatchObject({ status: 200, isWhole: true });
  },
  "never-answers": async () => {
    expect(await ask("never-answers", "json", 150)).toMatchObject({ status: undefined, endedBy: "timeout" });
  },
  "stall-mid-stream": async () => {
    const stream = await ask("stall-mid-stream,after=5", "stream", 200);
    expect(stream).toMatchObject({ status: 200, endedBy: "timeout" });
    // The role, then five tokens.
    expect(framesOf(stream.body)).toHaveLength(6);
    expect((await ask("stall-mid-stream,at=33", "json", 200)).body).toHaveLength(33);
    expect(await ask("stall-mid-stream,after=5,ms=20")).toMatchObject({ isWhole: true });
  },
  truncate: async () => {
    for (const by of ["fin", "clean", "reset"]) {
      for (const way of ["stream", "json", "anthropic"] as const) {
        const answer = await ask(`truncate,at=301,by=${by}`, way);
        expect(answer.body).toHaveLength(301);
        expect(answer).toMatchObject({
          status: 200,
          isWhole: by === "clean",
          endedBy: by === "reset" ? "reset" : "fin",
        });
      }
    }
    expect(framesOf((await ask("truncate,after=4")).body)).toHaveLength(5);
    expect((await ask("truncate,at=0,by=reset")).body).toHaveLength(0);
  },
  split: async () => {
    const { plain, faulty } = await withAndWithout("split");
    expect(timeless(faulty.body)).toBe(timeless(plain.body));
    expect(new Set(faulty.chunkSizes)).toEqual(new Set([1]));
    expect((await ask("split,at=10+25")).chunkSizes.slice(0, 2)).toEqual([10, 15]);
    expect((await ask("split,every=7", "json")).body.length).toBeGreaterThan(300);
  },
  "malformed-frame": async () => {
    const { body } = await ask("malformed-frame,after=2");
    const blocks = body.toString("utf8").split("\n\n");
    expect(() => JSON.parse((blocks[3] ?? "").slice(6))).toThrow();
    expect(blocks.at(-2)).toBe("data: [DONE]");
    expect((await ask("malformed-frame,kind=utf8")).body.includes(Buffer.from([0xc3, 0x28]))).toBe(true);
    const json = await ask("malformed-frame", "json");
    expect(() => JSON.parse(json.body.toString("utf8"))).toThrow();
  },
  "page-in-stream": async () => {
    for (const way of ["stream", "anthropic"] as const) {
      const { body, isWhole } = await ask("page-in-stream,after=2", way);
      expect([isWhole, body.toString().endsWith("</body></html>\n\n\n")]).toEqual([true, true]);
      expect(body.toString()).not.toMatch(/DONE|message_stop/);
    }
    expect(JSON.parse((await ask("page-in-stream", "json")).body.toString())).toHaveProperty("choices");
  },
  "giant-frame": async () => {
    const answer = await ask("giant-frame,bytes=200000,after=2");
    const sizes = answer.body
      .toString("utf8")
      .split("\n\n")
      .map((block) => block.length);
    expect(sizes.filter((size) => size > 200_000)).toHaveLength(1);
    expect(framesOf(answer.body).at(-1)).toBe("[DONE]");
  },
  "rate-limited": async () => {
    const headersOf = async (parameters: string) => (await ask(`rate-limited,${parameters}`, "json")).headers;
    expect((await headersOf("seconds=7")).get("retry-after")).toBe("7");
    expect(Date.parse((await headersOf("retry=date,seconds=60")).get("retry-after") ?? "")).toBeGreaterThan(
      Date.now() + 50_000,
    );
    expect(Number((await headersOf("retry=huge")).get("retry-after"))).toBeGreaterThan(86_400);
    expect((await headersOf("retry=garbage")).get("retry-after")).toMatch(/[a-z]/);
    expect((await headersOf("retry=none,retry-after-ms=250")).get("retry-after-ms")).toBe("250");
    expect((await headersOf("retry=none")).has("retry-after")).toBe(false);
    expect((await ask("rate-limited")).status).toBe(429);
  },
  "quota-exhausted": async () => {
    expect(JSON.parse((await ask("quota-exhausted")).body.toString())).toMatchObject({
      error: { code: "insufficient_quota" },
    });
    expect(await ask("quota-exhausted", "anthropic")).toMatchObject({ status: 402 });
  },
  "server-error": async () => {
    expect(JSON.parse((await ask("server-error,status=503")).body.toString())).toMatchObject({
      error: { type: "ServiceUnavailableError", code: 503 },
    });
    const statuses: (number | undefined)[] = [];
    backend.reset();
    for (let call = 0; call < 3; call += 1) statuses.push((await ask("server-error,times=2")).status);
    expect(statuses).toEqual([500, 500, 200]);
  },
  unauthorized: async () => {
    expect(await ask("unauthorized")).toMatchObject({ status: 401 });
    expect(JSON.parse((await ask("unauthorized", "anthropic")).body.toString())).toMatchObject({
      error: { type: "authentication_error" },
    });
  },
  forbidden: async () => expect(await ask("forbidden")).toMatchObject({ status: 403 }),
  "error-frame": async () => {
    const vllm = texts(await ask("error-frame,after=2"));
    expect(vllm.slice(-2)).toEqual([{ error: expect.objectContaining({ code: 500 }) }, "[DONE]"]);
    expect(vllm).toHaveLength(1 + 2 + 2);
    const anthropic = (await ask("error-frame,after=2", "anthropic")).body.toString();
    expect(anthropic).toMatch(
      /event: error\ndata: \{"type":"error","error":\{"type":"overloaded_error","message":"Overloaded"\}.*\}\n\n$/,
    );
    expect(await ask("error-frame", "json")).toMatchObject({ status: 500 });
  },
  "error-body-200": async () => {
    const answer = await ask("error-body-200");
    expect(answer).toMatchObject({ status: 200, isWhole: true });
    expect(JSON.parse(answer.body.toString())).toHaveProperty("error.message");
  },
  "empty-200": async () => expect(await ask("empty-200")).toMatchObject({ status: 200, body: Buffer.alloc(0) }),
  "tunnel-bad-gateway": () => checkEdge("tunnel-bad-gateway", 502, "502"),
  "tunnel-down": () => checkEdge("tunnel-down", 530, "1033"),
  "tunnel-timeout": () => checkEdge("tunnel-timeout", 524, "524"),
  "access-login": async () => {
    const answer = await ask("access-login");
    expect(answer.status).toBe(302);
    expect(answer.headers.get("location")).toContain("/cdn-cgi/access/login");
  },
  "access-forbidden": async () => {
    const answer = await ask("access-forbidden");
    expect(answer.status).toBe(403);
    expect(answer.headers.get("content-type")).toContain("text/html");
  },
  "wrong-content-type": async () => {
    const answer = await ask("wrong-content-type,type=text/plain");
    expect(answer.headers.get("content-type")).toBe("text/plain");
    expect(framesOf(answer.body).at(-1)).toBe("[DONE]");
  },
  "duplicate-done": async () => {
    expect(framesOf((await ask("duplicate-done")).body).slice(-2)).toEqual(["[DONE]", "[DONE]"]);
    expect(framesOf((await ask("duplicate-done", "anthropic")).body).slice(-2)).toEqual([
      { type: "message_stop" },
      { type: "message_stop" },
    ]);
  },
  "no-done": async () => {
    const answer = await ask("no-done");
    expect(answer.isWhole).toBe(true);
    expect(framesOf(answer.body).at(-1)).toHaveProperty("usage.completion_tokens", 12);
  },
  "data-after-done": async () => {
    const frames = framesOf((await ask("data-after-done")).body);
    expect(frames.at(-2)).toBe("[DONE]");
    expect(frames.at(-1)).toHaveProperty("choices.0.delta.content");
  },
  "no-usage": async () => {
    for (const way of ["stream", "json", "anthropic"] as const)
      expect((await ask("no-usage", way)).body.toString()).not.toContain('"usage"');
    expect(texts(await ask("no-usage")).at(-2)?.choices?.[0]?.finish_reason).toBe("stop");
  },
  "zero-usage": async () => {
    expect(texts(await ask("zero-usage")).at(-2)?.usage).toMatchObject({
      prompt_tokens: 0,
      completion_tokens: 0,
      total_tokens: 0,
    });
    const anthropic = (await ask("zero-usage", "anthropic")).body.toString();
    expect(anthropic).toContain('"output_tokens":0');
    expect(anthropic).not.toMatch(/"output_tokens":[1-9]/);
    expect(JSON.parse((await ask("zero-usage", "json")).body.toString()).usage.completion_tokens).toBe(0);
  },
  "unknown-model": async () => {
    const vllm = await ask("unknown-model");
    expect(vllm.status).toBe(404);
    expect(JSON.parse(vllm.body.toString()).error).toMatchObject({
      message: "The model `simulated-small` does not exist.",
      type: "NotFoundError",
      param: "model",
      code: 404,
    });
    const anthropic = await ask("unknown-model", "anthropic");
    expect(JSON.parse(anthropic.body.toString()).error).toEqual({
      type: "not_found_error",
      message: "model: simulated-small",
    });
  },
  "no-upstream": async () => {
    const page = await ask("no-upstream");
    expect([page.status, page.headers.get("content-type"), page.headers.has("retry-after")]).toEqual([
      503,
      "text/html",
      false,
    ]);
    expect(page.body.toString()).toContain("<!DOCTYPE html>");
    expect((await ask("no-upstream,as=text")).body.toString()).toBe("no healthy upstream");
    expect(await ask("no-upstream,as=empty")).toMatchObject({ status: 503, body: Buffer.from("") });
  },
  "queue-full": async () => expect(await ask("queue-full")).toMatchObject({ status: 503 }),
  "context-length": async () => {
    const answer = await ask("context-length,tokens=40000");
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body.toString()).error).toMatchObject({
      code: 400,
      message: expect.stringContaining("your request has 40000 input tokens"),
    });
  },
  gzip: async () => {
    const { plain, faulty } = await withAndWithout("gzip");
    expect(faulty.headers.get("content-encoding")).toBe("gzip");
    expect(timeless(gunzipSync(faulty.body))).toBe(timeless(plain.body));
    expect(faulty.chunkSizes.length).toBeGreaterThan(10);
    expect(JSON.parse(gunzipSync((await ask("gzip", "json")).body).toString())).toHaveProperty("choices");
  },
  "tool-call-fragments": async () => {
    const frames = texts(await ask("tool-call-fragments,name=look_up")) as {
      choices: { delta?: { tool_calls?: { function: { name?: string; arguments: string } }[] } }[];
    }[];
    const calls = frames.flatMap((frame) => frame.choices?.[0]?.delta?.tool_calls ?? []);
    expect(calls[0]?.function.name).toBe("look_up");
    expect(JSON.parse(calls.map((call) => call.function.arguments).join(""))).toHaveProperty("unit");
  },
  redirect: async () => {
    const answer = await ask("redirect,location=http://other.invalid/x");
    expect(answer.status).toBe(307);
    expect(answer.headers.get("location")).toBe("http://other.invalid/x");
  },
  "no-finish": async () => {
    const stream = await ask("no-finish");
    expect(stream.body.toString()).not.toMatch(/"finish_reason":"/);
    expect(framesOf(stream.body).at(-1)).toBe("[DONE]");
    expect(JSON.parse((await ask("no-finish", "json")).body.toString()).choices[0].finish_reason).toBeNull();
    const anthropic = (await ask("no-finish", "anthropic")).body.toString();
    expect(anthropic).not.toMatch(/"stop_reason":"/);
    expect(anthropic).toContain("message_stop");
  },
  "sse-dialect": async () => {
    expect((await ask("sse-dialect")).body.toString()).toContain("\r\n\r\ndata: [DONE]\r\n\r\n");
    expect((await ask("sse-dialect,style=bom")).body.subarray(0, 3)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]));
    expect((await ask("sse-dialect,style=page")).body.toString()).toContain("</html>\ndata: [DONE]\n\n");
    expect((await ask("sse-dialect,style=no-space")).body.toString()).toContain("data:[DONE]");
  },
};

async function checkEdge(fault: string, status: number, needle: string): Promise<void> {
  const html = await ask(fault);
  expect(html.status).toBe(status);
  expect(html.headers.get("content-type")).toContain("text/html");
  expect(html.body.toString()).toContain("<!DOCTYPE html>");
  expect(html.body.toString()).toContain(needle);
  const json = await ask(`${fault},as=json`, "anthropic");
  expect(json.status).toBe(status);
  expect(JSON.parse(json.body.toString())).toMatchObject({
    error_code: Number(needle),
    retry_after: expect.any(Number),
  });
}

// planted: a row `made-up` in the table without a check here
test("every fault of the table is checked on the wire, and every check has its row", () => {
  expect(new Set(Object.keys(CHECKS))).toEqual(new Set(Object.keys(FAULTS)));
});

// planted, each alone: cut one byte late; RST sent as FIN; stall that goes on; split that joins; gzip without its checksum; error frame without
// [DONE]; usage left in message_start; finish kept; `times` ignored; 530 answered as 502
describe("each fault, byte for byte", () => {
  test.for(Object.keys(CHECKS))("%s", async (fault) => {
    await CHECKS[fault]?.();
  });
});

// planted: the cut was placed on the next frame's edge
test("a cut stands at any byte asked for, multi-byte text and JSON included", async () => {
  const whole = await ask("truncate,at=999999,by=clean", "json");
  for (const way of ["stream", "json"] as const) {
    const lengths = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        ask(`truncate,at=${index * 11 + 1},by=${index % 2 ? "reset" : "fin"}`, way),
      ),
    );
    expect(lengths.map((answer) => answer.body.length)).toEqual(lengths.map((_, index) => index * 11 + 1));
    expect(lengths.every((answer) => !answer.isWhole)).toBe(true);
  }
  expect(whole).toMatchObject({ isWhole: true });
});

// planted: a fault alone won over the earlier one
test("faults combine in order: compressed, then cut", async () => {
  const messages = [{ role: "user", content: `${PROMPT}[[sim:fault=gzip]][[sim:fault=truncate,at=100]]` }];
  const answer = await rawPost(backend.url, { body: { model: "simulated-small", messages } });
  expect(answer.headers.get("content-encoding")).toBe("gzip");
  expect(answer.body).toHaveLength(100);
});

// planted: addresses were taken for a working backend
test("what needs no code here fails by its address: no name, no TLS", async () => {
  await expect(fetch("http://simulated.invalid/v1/models")).rejects.toThrow();
  await expect(fetch(`${backend.url.replace("http:", "https:")}/v1/models`)).rejects.toThrow();
});
