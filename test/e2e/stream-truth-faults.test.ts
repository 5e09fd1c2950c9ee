/** Long because the faults and their one truth for each way of asking stand as one table. */
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CallerFormat, chatRequest, readFailure, readStream, textOfAnswer } from "../support/caller.ts";
import { NOT_FOR_CALLERS } from "../support/not-for-callers.ts";
import { pastStores, startTestStack, type TestStack } from "../support/stack.ts";
import { together } from "../support/together.ts";

/**
 * What a backend can do wrong in and around a stream, told to callers of both formats: `streamed` as it runs, `collected` from a stream for a
 * caller who wants JSON, `whole` from a backend's own JSON. Each fault has one truth for each of the three.
 */

type Mode = "streamed" | "collected" | "whole";

/**
 * `complete`: the same text as without the fault. `unbilled`: the same, with counts of zero. `estimated`: the same, with counts that are ours.
 * `uncached`: the same, and too large to be kept. `told`: some text, then an error inside the stream. `failed`: an error status, nothing else.
 */
type Truth = "complete" | "uncached" | "unbilled" | "estimated" | "told" | "failed";

const always = (truth: Truth): Record<Mode, Truth> => ({ streamed: truth, collected: truth, whole: truth });
const midStream: Record<Mode, Truth> = { streamed: "told", collected: "failed", whole: "failed" };

const FAULTS: Readonly<Record<string, Record<Mode, Truth>>> = {
  "error-frame": midStream,
  "error-frame,after=0": always("failed"),
  "error-frame,after=1,message=secret-token-sk-abcdefghijklmnop": midStream,
  "truncate,after=4,by=fin": midStream,
  "truncate,after=4,by=clean": midStream,
  "truncate,after=4,by=reset,linger-ms=60": midStream,
  "truncate,at=0,by=fin": always("failed"),
  "no-finish": midStream,
  "no-done": always("complete"),
  "duplicate-done": always("complete"),
  "data-after-done": always("complete"),
  "no-usage": always("estimated"),
  "zero-usage": always("unbilled"),
  "malformed-frame,kind=json": midStream,
  "malformed-frame,kind=text": midStream,
  "malformed-frame,kind=array": midStream,
  "malformed-frame,kind=null": midStream,
  "malformed-frame,after=0": always("failed"),
  "giant-frame": { streamed: "told", collected: "failed", whole: "uncached" },
  "giant-frame,bytes=60000": always("complete"),
  "wrong-content-type": always("failed"),
  "wrong-content-type,type=text/plain": always("failed"),
  "empty-200": always("failed"),
  gzip: always("complete"),
  "error-body-200": always("failed"),
  "redirect,status=307": always("failed"),
  "redirect,status=302": always("failed"),
  "access-login": always("failed"),
  "access-forbidden": always("failed"),
  "tunnel-bad-gateway": always("failed"),
  "tunnel-bad-gateway,as=text": always("failed"),
  "tunnel-bad-gateway,as=json": always("failed"),
  "tunnel-down": always("failed"),
  "tunnel-down,as=json": always("failed"),
  "tunnel-timeout": always("failed"),
  "tunnel-timeout,as=text": always("failed"),
  refuse: always("failed"),
  "refuse,by=fin": always("failed"),
  split: always("complete"),
  "sse-dialect,style=crlf": always("complete"),
  "sse-dialect,style=cr": always("complete"),
  "sse-dialect,style=bom": always("complete"),
  "sse-dialect,style=comments": always("complete"),
  "sse-dialect,style=no-space": always("complete"),
  "sse-dialect,style=fields": always("complete"),
};

interface Way {
  readonly caller: CallerFormat;
  readonly alias: string;
  readonly stream: boolean;
  readonly mode: Mode;
}

/** Which alias answers how. */
const WAYS: readonly Omit<Way, "caller">[] = [
  { alias: "home", stream: true, mode: "streamed" },
  { alias: "claude", stream: true, mode: "streamed" },
  { alias: "home", stream: false, mode: "collected" },
  { alias: "claude-collected", stream: false, mode: "collected" },
  { alias: "cloud", stream: false, mode: "whole" },
  { alias: "claude", stream: false, mode: "whole" },
];
const CALLERS = ["openai-chat", "anthropic-messages"] as const;

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack();
});

afterAll(async () => {
  await stack?.stop();
});

interface Answer {
  readonly requestId: string;
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** Streams and JSON of both formats would share an entry of the cache: each way has a namespace of its own. */
async function ask({ caller, alias, stream, mode }: Way, prompt: string): Promise<Answer> {
  const { path, body } = chatRequest(caller, alias, prompt, stream);
  const namespace = `${caller}.${alias}.${mode}`;
  const { response, text } = await pastStores(() =>
    stack.post(path, body, { "x-gateway-cache": "on", "x-gateway-cache-namespace": namespace }),
  );
  const { status, headers } = response;
  return { requestId: headers.get("x-request-id") ?? "", status, headers, body: text };
}

/** What the answer says, whatever its form. */
function read({ caller, stream }: Way, { status, body }: Answer) {
  if (status !== 200) return { failure: readFailure(caller, body), text: "" };
  if (!stream) return { failure: undefined, text: textOfAnswer(caller, body) };
  const told = readStream(caller, body);
  return { failure: told.error, text: told.text, closed: told.closed };
}

async function judge(fault: string, truth: Truth, way: Way, expected: string): Promise<void> {
  const prompt = `[[sim:tokens=14]] [[sim:fault=${fault}]] Tell the truth.`;
  const answer = await ask(way, prompt);
  const { failure, text } = read(way, answer);
  expect(`${answer.body}${JSON.stringify([...answer.headers])}`).not.toMatch(NOT_FOR_CALLERS);
  expect(answer.headers.get("location")).toBeNull();

  const { request, charges } = await stack.stored(answer.requestId, 30_000);
  const tally = await stack.tally(answer.requestId);
  if (truth === "told" || truth === "failed") {
    expect(failure?.message).toBeTruthy();
    expect(request).toMatchObject({ outcome: "failed", failure: expect.stringMatching(/^backend_/) });
    if (truth === "told") {
      expect(answer.status).toBe(200);
      expect(text.length).toBeGreaterThan(0);
      expect(expected.startsWith(text)).toBe(true);
      expect(request).toMatchObject({ estimated: true, httpStatus: 200 });
      expect(charges.at(-1)?.outputTokens).toBeGreaterThan(0);
    } else {
      expect(answer.status).toBeGreaterThanOrEqual(500);
      expect(text).toBe("");
    }
  } else {
    expect(answer.status).toBe(200);
    expect(failure).toBeUndefined();
    expect(text).toBe(expected);
    expect(request).toMatchObject({ outcome: "completed", estimated: truth === "estimated" });
    if (truth === "unbilled") expect(request).toMatchObject({ inputTokens: 0, outputTokens: 0, costNanoUsd: 0 });
    else expect(request.costNanoUsd).toBeGreaterThan(0);
    if (truth === "complete" || truth === "uncached") expect(request.outputTokens).toBe(tally[0]?.tokensDelivered);
  }
  const isKept = truth !== "told" && truth !== "failed" && truth !== "uncached";
  let again = await ask(way, prompt);
  const isHitOf = ({ headers }: Answer) => headers.get("x-gateway-cache") === "HIT";
  // The queue may bring the row before Redis has the entry.
  for (let tries = 0; isKept && !isHitOf(again) && tries < 10; tries++) {
    await pause(200);
    again = await ask(way, prompt);
  }
  const isHit = isHitOf(again);
  expect(isHit).toBe(isKept);
  if (isHit) expect(read(way, again).text).toBe(expected);
}

const AT_ONCE = 24;
const said = new Map<string, Promise<string>>();

/** What the alias says to this prompt when nothing is wrong: markers do not count. */
function textWithoutFault(way: Way): Promise<string> {
  const key = JSON.stringify(way);
  const text =
    said.get(key) ??
    ask(way, "[[sim:tokens=14]]  Tell the truth.").then((answer) => {
      const { failure, text: whole } = read(way, answer);
      if (failure || whole === "") throw new Error(`no answer without a fault: ${answer.body}`);
      return whole;
    });
  said.set(key, text);
  return text;
}

describe("what a backend does wrong in or around a stream", () => {
  const cases = Object.entries(FAULTS).flatMap(([fault, truths]) =>
    CALLERS.flatMap((caller) => WAYS.map((way) => ({ fault, truth: truths[way.mode], way: { ...way, caller } }))),
  );
  const wrong = new Map<string, string[]>();
  /** All of them are under way at once, each test then says what became of its own. */
  let judging: Promise<unknown> | undefined;

  beforeAll(() => {
    judging = together(cases, AT_ONCE, async ({ fault, truth, way }) => {
      try {
        await judge(fault, truth, way, await textWithoutFault(way));
      } catch (error) {
        const complaint = `${way.alias}, ${way.mode} for ${way.caller}, should be ${truth}: ${String(error)}`;
        wrong.set(fault, [...(wrong.get(fault) ?? []), complaint]);
      }
    });
  });

  // planted: any content type read as a stream; a tunnel's page as the failure's message; an explicit zero taken for unknown; frames behind the
  // closing one read on
  it.each(Object.keys(FAULTS))("%s", async (fault) => {
    await judging;
    expect((wrong.get(fault) ?? []).join("\n")).toBe("");
  });
});

describe("a backend that keeps silent", () => {
  /** The longest deadline of the aliases is 3 s. */
  const GIVEN_UP_WITHIN_MS = 30_000;
  const STALLS = [
    { fault: "stall-mid-stream,after=5", truth: "told" },
    { fault: "stall-mid-stream,at=0", truth: "failed" },
    { fault: "slow-headers,ms=20000", truth: "failed" },
    { fault: "never-answers", truth: "failed" },
  ] as const;

  // planted: no timer for the silence between two frames
  it("is given up after the deadline of what it was doing, and stopped", async () => {
    const cases = STALLS.flatMap((one) =>
      CALLERS.flatMap((caller) =>
        ["hasty", "hasty-claude"].flatMap((alias) =>
          [true, false].map((stream): typeof one & { way: Way } => {
            const mode = stream ? "streamed" : alias === "hasty" ? "collected" : "whole";
            return { ...one, way: { caller, alias, stream, mode } };
          }),
        ),
      ),
    );
    await together(cases, AT_ONCE, async ({ fault, truth, way }) => {
      try {
        const answer = await Promise.race([
          ask(way, `[[sim:tokens=14]] [[sim:fault=${fault}]] Wait.`),
          pause(GIVEN_UP_WITHIN_MS, undefined),
        ]);
        if (!answer) throw new Error(`no answer within ${GIVEN_UP_WITHIN_MS} ms`);
        const isTold = truth === "told" && way.stream;
        const { failure, text } = read(way, answer);
        expect([answer.status, text !== ""]).toEqual(isTold ? [200, true] : [504, false]);
        expect(failure?.message).toBeTruthy();
        const { request } = await stack.stored(answer.requestId, 30_000);
        expect(request).toMatchObject({ outcome: "failed", failure: "backend_timeout" });
        expect(request.estimated).toBe(truth === "told");
        const calls = await stack.tally(answer.requestId);
        expect(calls.map(({ outcome }) => outcome)).toEqual(["aborted"]);
      } catch (error) {
        throw new Error(`${fault}, ${JSON.stringify(way)}: ${String(error)}`, { cause: error });
      }
    });
  });

  // planted: a fallback's answer kept as the target's own
  it("before its first token is another backend's turn", async () => {
    for (const caller of CALLERS) {
      for (const stream of [true, false]) {
        const way: Way = { caller, alias: "hasty-cloud", stream, mode: stream ? "streamed" : "collected" };
        const answer = await ask(way, "[[sim:tokens=14]] [[sim:fault=stall-mid-stream,at=0,only=home]] Wait.");
        expect(read(way, answer)).toMatchObject({ failure: undefined, text: expect.stringMatching(/^Simulated/) });
        expect(answer.headers.get("x-gateway-backend")).toBe("cloud");
        const { charges } = await stack.stored(answer.requestId);
        expect(charges.map(({ backend, outcome }) => [backend, outcome])).toEqual([
          ["home", "failed"],
          ["cloud", "completed"],
        ]);
        // A fallback's answer is never kept under the primary's name.
        const again = await ask(way, "[[sim:tokens=14]] [[sim:fault=stall-mid-stream,at=0,only=home]] Wait.");
        expect(again.headers.get("x-gateway-cache")).toBe("MISS");
      }
    }
  });
});

describe("a route with a fallback", () => {
  const ALIASES = ["home-cloud", "claude-home"];
  const cases = CALLERS.flatMap((caller) =>
    ALIASES.flatMap((alias) => [true, false].map((stream) => ({ caller, alias, stream }))),
  );

  // planted: a stream that is handed on when it has finished, not when it has begun
  it("takes it before the first real token, and never behind it", async () => {
    await together(cases, AT_ONCE, async ({ caller, alias, stream }) => {
      const way: Way = {
        caller,
        alias,
        stream,
        mode: stream ? "streamed" : alias === "home-cloud" ? "collected" : "whole",
      };
      const fault = (after: number) => {
        const only = alias === "home-cloud" ? "home" : "anthropic";
        return `[[sim:tokens=14]] [[sim:fault=error-frame,after=${after},only=${only}]] Tell ${alias}.`;
      };
      const early = await ask(way, fault(0));
      expect(read(way, early)).toMatchObject({ failure: undefined, text: expect.stringMatching(/^Simulated/) });
      expect((await stack.stored(early.requestId)).charges.map(({ outcome }) => outcome)).toEqual([
        "failed",
        "completed",
      ]);

      const late = await ask(way, fault(4));
      const { charges } = await stack.stored(late.requestId);
      if (way.mode === "whole") {
        // JSON has no first token: an error status is one before it.
        expect(charges.map(({ outcome }) => outcome)).toEqual(["failed", "completed"]);
        return;
      }
      expect(read(way, late).failure?.message).toBeTruthy();
      expect(charges.map(({ outcome }) => outcome)).toEqual(["failed"]);
      expect((await stack.tally(late.requestId)).length).toBe(1);
    });
  });
});
