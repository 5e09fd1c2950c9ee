/** All of it is played at one desk, whose words each test chooses. */

import { describe, expect, it } from "vitest";
import type { Config, SeatsConfig } from "../../../src/core/config.ts";
import type { Failure } from "../../../src/core/failure.ts";
import type { Place, SeatReply, SeatRequest } from "../../../src/core/ports.ts";
import { fail } from "../../../src/core/result.ts";
import type { Gateway } from "../../../src/stages/gateway.ts";
import { answers, RULES, WHOLE } from "../../support/at-a-desk.ts";
import { readStream } from "../../support/caller.ts";
import {
  type Answering,
  begin,
  eventStream,
  NOW,
  PLAYED_CONFIG,
  type PlayedRequest,
  play,
} from "../../support/pipeline.ts";

/** A request at a backend with seats, which are handed out by a test. */

const STREAM: PlayedRequest = { caller: "openai-chat", backend: "openai-chat", stream: true };

interface Desk {
  readonly asked: SeatRequest[];
  readonly words: string[];
  readonly more: Partial<Gateway>;
}

/** Tells the places, then replies; `undefined` never does. */
function desk(reply: Exclude<SeatReply, { kind: "seated" }> | "seated" | undefined, options: Options = {}): Desk {
  const { rules = {}, places = [], waitsMs = 0 } = options;
  const asked: SeatRequest[] = [];
  const words: string[] = [];
  const { openai } = PLAYED_CONFIG.backends;
  if (!openai) throw new Error("no such backend");
  const config: Config = {
    ...PLAYED_CONFIG,
    backends: { ...PLAYED_CONFIG.backends, openai: { ...openai, seats: { ...RULES, ...rules } } },
  };
  const seat = {
    answered: () => words.push("answered"),
    release: (how: string) => words.push(how),
  };
  return {
    asked,
    words,
    more: {
      config: () => config,
      seats: {
        take(request, _alarm, hear) {
          asked.push(request);
          let leave: (left: SeatReply) => void = () => undefined;
          const outcome = new Promise<SeatReply>((resolve) => {
            leave = resolve;
            // As over a socket: later.
            setTimeout(async () => {
              for (const place of places) {
                hear(place);
                await new Promise((done) => setTimeout(done, 5));
              }
              await new Promise((done) => setTimeout(done, waitsMs));
              if (reply !== undefined) resolve(reply === "seated" ? { kind: "seated", seat } : reply);
            }, 5);
          });
          return {
            outcome,
            leave() {
              words.push("left");
              leave({ kind: "left" });
            },
          };
        },
        suspect(backend) {
          words.push(`suspects ${backend}`);
          return undefined;
        },
      },
    },
  };
}

interface Options {
  readonly rules?: Partial<SeatsConfig>;
  readonly places?: readonly Place[];
  /** After the last of them. */
  readonly waitsMs?: number;
}

const seatOf = (event: { readonly decisions: readonly { readonly step: string }[] }) =>
  event.decisions.find(({ step }) => step === "seat");

describe("a seat is given back once, with a word on how it ended", () => {
  // planted: given back with the first token; never where the stream breaks off; a client that leaves called a failure
  it("whatever becomes of the answer", async () => {
    const served = desk("seated");
    await play(STREAM, answers, served.more);
    expect(served.words).toEqual(["answered", "served"]);

    const json = desk("seated");
    const { status } = await play({ ...STREAM, stream: false }, answers, json.more);
    expect([status, json.words]).toEqual([200, ["answered", "served"]]);

    const cut = desk("seated");
    await play(STREAM, () => eventStream(WHOLE.slice(0, 1), "reset"), cut.more);
    expect(cut.words).toEqual(["answered", "failed"]);

    const busy = desk("seated");
    await play(STREAM, () => new Response("{}", { status: 429 }), busy.more);
    expect(busy.words).toEqual(["stopped"]);

    const left = desk("seated");
    const playing = begin(STREAM, () => eventStream(WHOLE, "fin"), left.more);
    const { body } = await playing.reply;
    if (typeof body === "string") throw new Error(body);
    const reader = body.getReader();
    await reader.read();
    playing.leave();
    await reader.cancel();
    await playing.settled();
    expect(left.words).toEqual(["answered", "stopped"]);
  });
});

describe("a backend that is asked how it is", () => {
  const health = { everyMs: 15_000, maxWaiting: 8, maxKvCache: 0.95 };
  const gone: Failure = { type: "backend_unavailable", message: "", detail: "connect" };
  const status =
    (code: number, type = "application/json") =>
    () =>
      new Response("{}", { status: code, headers: { "content-type": type } });
  const silent: Answering = (_, signal) =>
    new Response(
      new ReadableStream({ start: (stream) => signal.addEventListener("abort", () => stream.error(new Error())) }),
      { headers: { "content-type": "text/event-stream" } },
    );

  /** What an attempt tells the desk that ends as `answering` has it. */
  async function said(answering: Answering, reply?: "seated", { isAsked = true, more = {} } = {}) {
    const played = desk(reply);
    const { openai } = (played.more.config?.() ?? PLAYED_CONFIG).backends;
    if (!openai) throw new Error("no such backend");
    const { seats, ...unseated } = openai;
    const deadlines = { ...openai.deadlines, firstTokenMs: 50 };
    const backend = { ...unseated, deadlines, ...(reply && seats && { seats }), ...(isAsked && { health }) };
    const config = { ...PLAYED_CONFIG, backends: { ...PLAYED_CONFIG.backends, openai: backend } };
    const startedAt = Date.now();
    const clock = { now: () => NOW + Date.now() - startedAt };
    await play(STREAM, answering, { ...played.more, clock, config: () => config, ...more });
    // A connection that never stood is tried once more.
    return [...new Set(played.words)];
  }

  // planted: told by attempts that have a seat alone; of every failure; of a backend that nobody asks; by attempts with a seat too
  it("is suspected by an attempt without a seat that met with what may be an outage, and by no other", async () => {
    const suspects = ["suspects openai"];
    expect(await said(answers, undefined, { more: { transport: { send: async () => fail(gone) } } })).toEqual(suspects);
    for (const fault of [status(500), status(530, "text/html"), silent]) expect(await said(fault)).toEqual(suspects);
    expect(await said(() => eventStream(WHOLE.slice(0, 1), "reset"))).toEqual(suspects);
    for (const none of [answers, status(400), status(429), status(503)]) expect(await said(none)).toEqual([]);
    expect(await said(status(500), undefined, { isAsked: false })).toEqual([]);
    expect(await said(status(500), "seated")).toEqual(["failed"]);
  });
});

describe("refused", () => {
  const refused: SeatReply & { kind: "refused" } = { kind: "refused", why: "full", retryAfterMs: 7_000 };
  const spare: PlayedRequest = { ...STREAM, alias: "spare" };

  // planted: a refusal that is always final; one that counts as a try of the backend
  it("another attempt follows where the tier may spill", async () => {
    const { more } = desk(refused);
    const { calls, event } = await play(spare, answers, more);
    expect(calls.map(({ backend }) => backend.name)).toEqual(["claude"]);
    expect(event.attempts.map(({ backend }) => backend)).toEqual(["claude"]);
    expect(seatOf(event)).toMatchObject({ decision: "refused", reason: "openai:full" });
  });

  // planted: a refusal that is retried at the same backend; its Retry-After forgotten
  it("none follows where it may not, nor where there is none, and the caller is told when to come again", async () => {
    for (const [request, rules] of [
      [spare, { spill: { afterMs: 0, tiers: ["another"] } }],
      [STREAM, {}],
    ] as const) {
      const { more, asked } = desk(refused, { rules });
      const { status, headers, calls, event, settlements } = await play(request, answers, more);
      expect([status, headers["retry-after-ms"], calls, asked.length]).toEqual([503, "7000", [], 1]);
      expect(event).toMatchObject({ outcome: "failed", failure: "backend_overloaded", attempts: [], costNanoUsd: 0 });
      expect(settlements[0]?.breakers).toEqual([]);
    }
  });
});

// planted: the whole wait given to those who may spill; the delay budget not looked at
it("waits as long as it may: until it spills, or to the end, and leaves the first token its time", async () => {
  const patience = async (request: PlayedRequest, rules: Partial<SeatsConfig> = {}) => {
    const { asked, more } = desk("seated", { rules });
    await play(request, answers, more);
    return asked[0]?.patienceMs;
  };
  expect(await patience({ ...STREAM, alias: "spare" })).toBe(5_000);
  expect(await patience({ ...STREAM, alias: "spare", noFallback: true })).toBe(20_000);
  expect(await patience(STREAM)).toBe(20_000);
  // A minute's budget, of which the first token may take two seconds.
  expect(await patience(STREAM, { maxWaitMs: 90_000 })).toBe(58_000);
});

// planted: every request takes one seat
it("takes as many seats as it generates sequences", async () => {
  const { asked, more } = desk("seated");
  await play({ ...STREAM, more: { n: 2 } }, answers, more);
  expect(asked).toMatchObject([{ backend: "openai", tenant: "played", rank: 0, seats: 2, rules: { count: 2 } }]);
});

// planted: no seats, no answer
it("goes on without a seat where there is nobody to ask", async () => {
  const { more } = desk({ kind: "unavailable", detail: "connect" });
  const { event } = await play(STREAM, answers, more);
  expect(event.outcome).toBe("completed");
  expect(seatOf(event)).toMatchObject({ decision: "unseated", reason: "openai:connect" });
  const { event: unbound } = await play(STREAM, answers, { config: more.config ?? (() => PLAYED_CONFIG) });
  expect(unbound.outcome).toBe("completed");
  expect(seatOf(unbound)).toMatchObject({ decision: "unseated", reason: "openai:no_binding" });
});

describe("a stream that waits", () => {
  const places = [{ place: 3 }, { place: 3, aboutMs: 8_200 }, { place: 2, aboutMs: 5_000 }, { place: 1, aboutMs: 900 }];

  // planted: told by keep-alives alone; a short wait told as well
  it.each(["openai-chat", "anthropic-messages", "openai-responses"] as const)(
    "is told its place by comments, in %s",
    async (caller) => {
      const { more } = desk("seated", { places });
      const { body, status } = await play({ ...STREAM, caller, alias: "openai-chat" }, answers, more);
      expect(status).toBe(200);
      const told = [...body.matchAll(/^: (place .*)$/gm)].map(([, text]) => text);
      expect(told).toEqual(["place 3, about 9 s", "place 2, about 5 s"]);
      expect(readStream(caller, body)).toMatchObject({ text: "One two", finished: 1, closed: true });
    },
  );

  // planted: told only where the place changes; told again though it is what it was
  it("is told its place once, where nobody moves", async () => {
    for (const places of [[{ place: 3 }], [{ place: 4 }, { place: 3 }], [{ place: 3, aboutMs: 50 }]]) {
      const { more } = desk("seated", { places, waitsMs: 100, rules: { tellFromMs: 30 } });
      const { body } = await play(STREAM, answers, more);
      expect([...body.matchAll(/^: place (\d)/gm)].map(([, place]) => place)).toEqual(["3"]);
    }
  });

  // planted: the estimate told again as it was
  it("is told again at each keep-alive, what has passed taken off: it falls, and never below a second", async () => {
    const { more } = desk("seated", { places: [{ place: 1, aboutMs: 5_000 }], waitsMs: 600 });
    const config = more.config?.() ?? PLAYED_CONFIG;
    const { "openai-chat": route } = config.routes;
    if (!route) throw new Error("no such route");
    const began = Date.now();
    const { body } = await play(STREAM, answers, {
      ...more,
      config: () => ({ ...config, routes: { ...config.routes, "openai-chat": { ...route, keepAliveMs: 30 } } }),
      // Twenty times as fast.
      clock: { now: () => NOW + (Date.now() - began) * 20 },
    });
    const told = [...body.matchAll(/^: place 1, about (\d) s$/gm)].map(([, seconds]) => Number(seconds));
    expect(told).toEqual([...told].sort((a, b) => b - a));
    expect([told.length > 2, told[0], told.at(-1)]).toEqual([true, 5, 1]);
  });

  it("is told nothing of a short wait, and its failure is a status", async () => {
    const brief = desk({ kind: "refused", why: "shed" }, { places: [{ place: 1, aboutMs: 900 }] });
    expect((await play(STREAM, answers, brief.more)).status).toBe(503);
    const long = desk({ kind: "refused", why: "shed" }, { places: places.slice(1, 2) });
    const { status, body, event } = await play(STREAM, answers, long.more);
    expect([status, event.status, event.failure]).toEqual([200, 200, "backend_overloaded"]);
    expect(body).toContain("higher tier");
  });

  // planted: a departure that is noticed only once it sits
  it("leaves the queue when its client leaves", async () => {
    const waits = desk(undefined, { places });
    const playing = begin(STREAM, answers, waits.more);
    await new Promise((resolve) => setTimeout(resolve, 20));
    playing.leave();
    await playing.settled();
    expect(waits.words).toEqual(["left"]);
    expect(playing.calls).toEqual([]);
    expect(playing.settlements[0]?.event).toMatchObject({ outcome: "cancelled", attempts: [] });
    expect(seatOf(playing.settlements[0]?.event ?? { decisions: [] })).toMatchObject({ decision: "left" });
  });
});
