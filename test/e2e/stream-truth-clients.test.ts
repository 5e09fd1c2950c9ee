/** Clients that wait, leave, or do not read; on the built Worker and real sockets. Long because one stack serves all of it in one file. */
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chatRequest, readStream } from "../support/caller.ts";
import { open, type PendingReply } from "../support/leaver.ts";
import { startTestStack, type Tally, type TestStack } from "../support/stack.ts";
import { seeded, together } from "../support/together.ts";

const FULL = process.env.FULL === "1";
const CALLERS = ["openai-chat", "anthropic-messages"] as const;
type Caller = (typeof CALLERS)[number];

/** How soon a backend must know that nobody listens. */
const STOPS_WITHIN_MS = 2_000;

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack();
});

afterAll(async () => {
  await stack?.stop();
});

interface Wish {
  readonly caller: Caller;
  readonly alias: string;
  readonly stream: boolean;
  readonly prompt: string;
  readonly key?: string;
}

let traces = 0;

/** Sends, with a trace id to find the request by where no reply ever names it. */
function begin({ caller, alias, stream, prompt, key }: Wish): PendingReply & { readonly traceId: string } {
  const { path, body } = chatRequest(caller, alias, prompt, stream);
  const traceId = `e2e0${(++traces).toString(16).padStart(28, "0")}`;
  const pending = open(`${stack.gateway}${path}`, body, {
    authorization: `Bearer ${key ?? stack.apiKey}`,
    traceparent: `00-${traceId}-00000000000000aa-01`,
  });
  return { ...pending, traceId };
}

/** The backends' calls of a trace: a client that left before the headers knows no request id. */
async function callsOf(traceId: string): Promise<readonly (Tally & Record<string, unknown>)[]> {
  const all = await Promise.all(
    [stack.home, stack.cloud].map(async (backend) => {
      const response = await fetch(`${backend?.url}/sim/tally`);
      return ((await response.json()) as { calls: (Tally & { headers: [string, string][] })[] }).calls;
    }),
  );
  const isOfTrace = ({ headers }: { headers: [string, string][] }) =>
    headers.some(([name, value]) => name === "traceparent" && value.includes(traceId));
  return all.flat().filter((call) => isOfTrace(call as never)) as never;
}

async function eventually<T>(look: () => Promise<T | undefined>, what: string, withinMs = 15_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await pause(50);
  }
}

/** Waits until the backend's call of the trace is over, and says how long behind `leftAt` that was. */
async function endedCall(traceId: string, leftAt: number) {
  const call = await eventually(
    async () => (await callsOf(traceId)).find(({ outcome }) => (outcome as string) !== "running"),
    `an end of the call of ${traceId}`,
  );
  return { call, afterMs: Number(call.finishedAtMs) - leftAt };
}

const requestIdOf = (call: Record<string, unknown>) => String(call.requestId);

describe.concurrent("headers that cannot wait for the first token", () => {
  const held = ["held", "held-claude"].flatMap((alias) => CALLERS.map((caller) => ({ alias, caller })));

  // planted: headers first, and then silence until the first token
  it.each(held)("$alias tells $caller to wait, then the whole answer", async ({ alias, caller }) => {
    const reply = await begin({ caller, alias, stream: true, prompt: "[[sim:ttft=900]] [[sim:tokens=20]] Hi" }).reply;
    const told = readStream(caller, await reply.rest());
    expect(reply.status).toBe(200);
    expect(told.keepAlives).toBeGreaterThanOrEqual(2);
    expect(told).toMatchObject({ closed: true, finished: 1 });
    const { request, decisions } = await stack.stored(reply.requestId);
    expect(decisions).toContainEqual(expect.objectContaining({ decision: "headers_first" }));
    expect(request).toMatchObject({ outcome: "completed", outputTokens: 20, estimated: false });
  });

  // planted: headers first, and then silence until the first token
  it.each(CALLERS)("fall back behind the keep-alives, unseen by %s", async (caller) => {
    const prompt =
      "[[sim:tokens=20]] [[sim:fault=server-error,only=home]] [[sim:fault=slow-headers,ms=700,only=home]] Hi";
    const reply = await begin({ caller, alias: "held", stream: true, prompt }).reply;
    const told = readStream(caller, await reply.rest());
    expect(reply.status).toBe(200);
    expect(told.keepAlives).toBeGreaterThanOrEqual(1);
    expect(told).toMatchObject({ closed: true, finished: 1 });
    const { request, charges } = await stack.stored(reply.requestId);
    expect(request).toMatchObject({ outcome: "completed", backend: "cloud", attempts: 2 });
    expect(charges.map(({ backend, outcome }) => [backend, outcome])).toEqual([
      ["home", "failed"],
      ["cloud", "completed"],
    ]);
  });

  // planted: headers first, and a stream that just ends where no backend answered
  it.each(held)("$alias tells $caller of a final failure inside the stream", async ({ alias, caller }) => {
    const prompt = "[[sim:fault=server-error]] [[sim:fault=slow-headers,ms=700]] Hi";
    const reply = await begin({ caller, alias, stream: true, prompt }).reply;
    const told = readStream(caller, await reply.rest());
    expect([reply.status, told.closed, told.text]).toEqual([200, false, ""]);
    expect(told.keepAlives).toBeGreaterThanOrEqual(1);
    expect(told.error?.type).toMatch(/error$/);
    const { request } = await stack.stored(reply.requestId);
    // The connection was told 200: that is what the row says.
    expect(request).toMatchObject({ outcome: "failed", httpStatus: 200, failure: "backend_unavailable" });
  });

  // planted: headers first, and a stream that just ends where no backend answered in time
  it("the official SDKs read past the keep-alives", async () => {
    const content = "[[sim:ttft=700]] [[sim:tokens=12]] Hi";
    let text = "";
    const chunks = await stack.openai.chat.completions.create({
      model: "held-claude",
      stream: true,
      messages: [{ role: "user", content }],
    });
    for await (const chunk of chunks) text += chunk.choices[0]?.delta.content ?? "";
    const message = await stack.anthropic.messages
      .stream({ model: "held", max_tokens: 64, messages: [{ role: "user", content }] })
      .finalMessage();
    expect(text).toMatch(/^Simulated answer/);
    expect(message.content[0]).toMatchObject({ type: "text", text: expect.stringMatching(/^Simulated answer/) });
  });
});

describe("a client that leaves", () => {
  const random = seeded(7);
  const rounds = FULL ? 40 : 3;
  /** 12 tokens a second: the answer would take a minute. */
  const slow = "[[sim:tokens=700]] [[sim:tps=12]]";
  const places = Array.from({ length: rounds }, () => random()).flatMap((share) =>
    CALLERS.flatMap((caller) => [
      ...["home", "cloud", "claude", "held"].map((alias) => ({ caller, alias, stream: true, share })),
      ...["home", "cloud", "claude", "claude-collected"].map((alias) => ({ caller, alias, stream: false, share })),
    ]),
  );

  // planted: a request's signal not listened to; an attempt whose `stop` aborts nothing
  it("stops the backend within two seconds and is settled once, wherever it left", async () => {
    const seen = await together(places, 8, async ({ share, ...wish }, index) => {
      // While nothing is written, an orderly close looks to workerd like a client that has merely finished sending.
      const how = wish.stream && index % 2 === 0 ? "close" : "reset";
      const pending = begin({ ...wish, prompt: `${slow} ${wish.alias === "held" ? "[[sim:ttft=600]]" : ""} Tell` });
      if (wish.stream) {
        const reply = await pending.reply;
        await reply.read(Math.floor(share * 4_000));
      } else {
        // Nothing comes before the whole answer: leaving is all that is ever seen of this client.
        await eventually(async () => ((await callsOf(pending.traceId)).length > 0 ? true : undefined), "the call");
        await pause(share * 500);
      }
      const leftAt = Date.now();
      pending.leave(how);
      const { call, afterMs } = await endedCall(pending.traceId, leftAt);
      expect([call.outcome, afterMs < STOPS_WITHIN_MS], `${JSON.stringify(wish)} ${afterMs} ms`).toEqual([
        "aborted",
        true,
      ]);
      const { request, charges } = await stack.stored(requestIdOf(call));
      expect(request).toMatchObject({ outcome: "cancelled", status: "settled" });
      expect(charges.length).toBe(1);
      expect(charges[0]).toMatchObject({ outcome: "cancelled" });
      if (wish.stream && call.tokensDelivered > 1) {
        expect(request).toMatchObject({ estimated: true });
        expect(request.costNanoUsd).toBeGreaterThan(0);
        expect(Number(request.outputTokens)).toBeGreaterThan(0);
        // Delivered to the operating system is more than what was read here; never less than half of it, never more than it all.
        expect(Number(request.outputTokens)).toBeLessThanOrEqual(call.tokensDelivered + 8);
      }
      return afterMs;
    });
    console.log(`${seen.length} clients left; a backend knew after ${Math.max(...seen)} ms at most`);
  }, 900_000);

  // planted: a whole answer's own counts left out
  it("and closes quietly while JSON is made for it, is booked once all the same", async () => {
    const wishes = ["home", "cloud"].map((alias) => ({ caller: CALLERS[0], alias, stream: false }));
    await together(wishes, 2, async (wish) => {
      const pending = begin({ ...wish, prompt: "[[sim:tokens=30]] [[sim:tps=20]] Tell" });
      await eventually(async () => ((await callsOf(pending.traceId)).length > 0 ? true : undefined), "the call");
      pending.leave("close");
      const { call } = await endedCall(pending.traceId, Date.now());
      const { request, charges } = await stack.stored(requestIdOf(call));
      const seen = call.outcome === "aborted" ? "cancelled" : "completed";
      expect([request.outcome, charges.map(({ outcome }) => outcome)]).toEqual([seen, [seen]]);
      if (seen === "completed") expect(request).toMatchObject({ outputTokens: 30, estimated: false });
    });
  });

  // planted: two settlements; none for a client that left
  it("leaves no lease behind, and costs one call to Redis before and one after", async () => {
    const key = await stack.mint({ tier: "two-at-once" });
    // The isolate knows the key from here on.
    const first = await begin({ caller: "openai-chat", alias: "home", stream: true, prompt: "Hi", key }).reply;
    await first.rest();
    await stack.stored(first.requestId);
    await stack.redisControl({ resetCounters: true });
    const rounds = 3;
    for (let round = 0; round < rounds; round++) {
      const pair = CALLERS.map((caller) =>
        begin({ caller, alias: "home", stream: true, prompt: `${slow} ${round}`, key }),
      );
      const replies = await Promise.all(pair.map(({ reply }) => reply));
      expect(replies.map(({ status }) => status)).toEqual([200, 200]);
      const third = await begin({ caller: "openai-chat", alias: "home", stream: true, prompt: "Hi", key }).reply;
      expect(third.status).toBe(429);
      await Promise.all(replies.map((reply) => reply.read(300)));
      for (const reply of replies) reply.leave();
      await Promise.all(replies.map(({ requestId }) => stack.stored(requestId)));
    }
    const control = await fetch(`${stack.redis?.url}/__control`);
    const { httpCallsByToken } = (await control.json()) as { httpCallsByToken: Record<string, number> };
    // Two that were admitted and settled, and one that was refused.
    expect(httpCallsByToken[stack.redis?.gatewayToken ?? ""]).toBe(rounds * (2 * 2 + 1));
  });

  // planted: the runtime told to wait from the settlement on, and not from the asking of Redis
  it("while Redis is asked leaves no lease behind either", async () => {
    const key = await stack.mint({ tier: "two-at-once" });
    const ask = (stream: boolean, prompt: string) =>
      begin({ caller: "openai-chat", alias: "home", stream, prompt, key });
    // The isolate knows the key from here on, and Redis is warm.
    await (await ask(true, "Hi").reply).rest();
    const { gatewayToken = "" } = stack.redis ?? {};
    const late = { fault: "delay", delayMs: 100, command: "EVALSHA", token: gatewayToken, times: 2 };
    await stack.redisControl({ faults: [late] });
    const leaving = [ask(false, slow), ask(true, slow)];
    await pause(60);
    for (const pending of leaving) pending.leave("reset");
    const isFree = async () => {
      await pause(300);
      const reply = await ask(true, "Hi").reply;
      await reply.rest();
      return reply.status === 200 ? true : undefined;
    };
    expect(await eventually(isFree, "the end of the leases")).toBe(true);
  });

  // planted: a route that drains treated as one that does not
  it("is waited for by a route that drains: the backend finishes, and all of it is booked", async () => {
    for (const caller of CALLERS) {
      for (const stream of [true, false]) {
        const prompt = `[[sim:tokens=60]] [[sim:tps=40]] ${caller} ${stream}`;
        const pending = begin({ caller, alias: "drained", stream, prompt });
        if (stream) await (await pending.reply).read(200);
        else await eventually(async () => ((await callsOf(pending.traceId)).length > 0 ? true : undefined), "the call");
        pending.leave();
        const { call } = await endedCall(pending.traceId, Date.now());
        expect(call).toMatchObject({ outcome: "completed", tokensDelivered: 60 });
        const { request, charges } = await stack.stored(requestIdOf(call));
        expect(charges).toHaveLength(1);
        expect(request).toMatchObject({ outputTokens: 60, estimated: false, status: "settled" });
        expect(request.costNanoUsd).toBeGreaterThan(0);
      }
    }
  });
});

describe("a client that does not read", () => {
  const FRAMES = 140_000;

  /** Reads a little and stops; resolves when what the sockets between can hold is full and nothing moves any more. */
  async function stall(caller: Caller) {
    const pending = begin({ caller, alias: "flood", stream: true, prompt: `[[sim:frames=${FRAMES}]] Go` });
    const reply = await pending.reply;
    await reply.read(100);
    reply.pause();
    // A busy machine makes pauses of its own: still is what does not move at five looks.
    const looks: number[] = [];
    const delivered = await eventually(
      async () => {
        await pause(400);
        looks.push(Number((await callsOf(pending.traceId))[0]?.framesDelivered));
        const last = looks.slice(-5);
        return last.length === 5 && new Set(last).size === 1 ? last[0] : undefined;
      },
      "the backend stands still",
      60_000,
    );
    console.log(`${caller}: the backend stood still at ${delivered} of ${FRAMES} frames`);
    expect(delivered).toBeLessThan(FRAMES * 0.8);
    return { pending, reply };
  }

  // planted: a body that reads its source to the end as soon as it begins
  it("holds the backend back, and loses nothing when it reads on", async () => {
    const { reply } = await stall("openai-chat");
    expect(readStream("openai-chat", await reply.rest())).toMatchObject({ closed: true, finished: 1 });
    const { request } = await stack.stored(reply.requestId);
    expect(request).toMatchObject({ outcome: "completed", estimated: false });
  });

  // planted: a body that reads its source to the end as soon as it begins
  it("stops the backend when it leaves without having read, and is settled", async () => {
    const { pending, reply } = await stall("anthropic-messages");
    const leftAt = Date.now();
    pending.leave();
    const { call, afterMs } = await endedCall(pending.traceId, leftAt);
    expect([call.outcome, afterMs < STOPS_WITHIN_MS]).toEqual(["aborted", true]);
    expect((await stack.stored(reply.requestId)).request).toMatchObject({ outcome: "cancelled", estimated: true });
  });
});
