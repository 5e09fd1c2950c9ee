import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parsePrometheus, sumOf } from "../support/prometheus.ts";
import { redisCommands } from "../support/redis-dump.ts";
import { startTestStack, type TestStack } from "../support/stack.ts";
import { together } from "../support/together.ts";

const CONFIG = new URL("../fixtures/config/breakers.yaml", import.meta.url).pathname;
const REQUESTS = 1_000;
const AT_ONCE = 16;
const THRESHOLD = 3;
const PROBES = 2;
/** How long the played backend takes when it is well; long enough for two calls to meet. */
const ANSWERS_AFTER_MS = 60;

/** How long its streams run: longer than a probe may go unheard of. */
const STREAMS_MS = 4_000;

interface PlayedCall {
  readonly model: string;
  readonly arrivedAt: number;
  /** When the first token of a stream went out. */
  tokenAt?: number;
  endedAt?: number;
}

const chunk = (delta: object, finish: string | null) =>
  `data: ${JSON.stringify({ id: "c", model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

/** A backend that swallows every call while it is dead, and answers when it is not; keeps when each came and went. Its model `busy` has no room, ever. */
async function playBackend() {
  const all: PlayedCall[] = [];
  let dead = true;
  const stream = async (response: ServerResponse, call: PlayedCall) => {
    response.setHeader("content-type", "text/event-stream");
    call.tokenAt = Date.now();
    response.write(chunk({ role: "assistant", content: "played" }, null));
    await pause(STREAMS_MS);
    response.end(`${chunk({}, "stop")}data: [DONE]\n\n`);
  };
  const answer = (response: ServerResponse, call: PlayedCall) => {
    call.endedAt = Date.now();
    response.setHeader("content-type", "application/json");
    const message = { role: "assistant", content: "played" };
    response.end(JSON.stringify({ id: "c", model: "m", choices: [{ index: 0, message, finish_reason: "stop" }] }));
  };
  const server = createServer(async (request, response) => {
    const arrivedAt = Date.now();
    response.on("close", () => {
      call.endedAt ??= Date.now();
    });
    const asked = (await json(request)) as { readonly model: string; readonly stream?: boolean };
    const call: PlayedCall = { model: asked.model, arrivedAt };
    all.push(call);
    if (call.model === "busy") response.writeHead(429, { "content-type": "application/json" }).end("{}");
    else if (!dead && call.model !== "dead")
      setTimeout(() => (asked.stream ? stream : answer)(response, call), ANSWERS_AFTER_MS);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    calls: (model: string) => all.filter((call) => call.model === model),
    die: () => {
      dead = true;
    },
    recover: () => {
      dead = false;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Calls that were under way together. */
const overlaps = (calls: readonly PlayedCall[]) =>
  calls.filter(({ arrivedAt }, index) =>
    calls.some((other, before) => before < index && (other.endedAt ?? Infinity) > arrivedAt),
  );

describe("a backend that is dead, seen by two gateways", () => {
  let stack: TestStack;
  let played: Awaited<ReturnType<typeof playBackend>>;
  beforeAll(async () => {
    played = await playBackend();
    const gatewayEnv = { PLAYED_BASE_URL: played.url };
    stack = await startTestStack({ configFile: CONFIG, gateways: 2, cron: false, gatewayEnv });
  });
  afterAll(async () => {
    await stack?.stop();
    played?.close();
  });

  const ask = async (turn: number, model = "chat", stream = false): Promise<number> => {
    const response = await fetch(`${stack.gateways[turn % 2]}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${stack.apiKey}`, "content-type": "application/json" },
      body: JSON.stringify({ model, stream, max_tokens: 4, messages: [{ role: "user", content: `turn ${turn}` }] }),
    });
    await response.text();
    return response.status;
  };
  const metrics = async (turn = 0, of = { backend: "played", model: "small" }) => {
    const headers = { authorization: `Bearer ${stack.metricsToken}` };
    const samples = parsePrometheus(await (await fetch(`${stack.gateways[turn % 2]}/metrics`, { headers })).text());
    const openings = (cause: string) => sumOf(samples, "gateway_breaker_openings_total", { ...of, cause });
    return {
      state: sumOf(samples, "gateway_breaker_state", of),
      byHand: sumOf(samples, "gateway_breaker_by_hand", of),
      failures: openings("failures"),
      probes: openings("probe"),
    };
  };
  const failuresSeen = async (breaker = "played/small") => {
    const [text] = await redisCommands(stack, [["GET", `br:${breaker}`]]);
    return Number(String(text).split(" ")[0]);
  };
  const until = async (what: () => Promise<boolean>) => {
    for (const deadline = Date.now() + 20_000; !(await what()); await pause(50))
      if (Date.now() > deadline) throw new Error(`not within 20 s: ${JSON.stringify(await metrics())}`);
  };
  const hold = async (version: number, breakers: object) => {
    expect((await stack.admin("PUT", "/overlay", { version, breakers })).status).toBe(200);
    // Each gateway reads the overlay behind the first request that names its version.
    for (const turn of [0, 1]) {
      await until(async () => {
        await ask(turn);
        return (await metrics(turn)).byHand === Object.keys(breakers).length;
      });
    }
  };

  // planted: the threshold in the script is one more
  test(`opens with its failure number ${THRESHOLD}, whichever gateway saw them`, async () => {
    for (let turn = 0; turn < THRESHOLD; turn++) {
      expect((await metrics()).state).toBe(0);
      expect(await ask(turn)).toBe(200);
      await until(async () => (await failuresSeen()) === turn + 1);
    }
    expect(await metrics()).toMatchObject({ state: 2, failures: 1, probes: 0 });
    expect(played.calls("small").length).toBe(THRESHOLD);
  });

  // planted: the claim hands the probe to everybody; a probe that fails leaves the breaker half-open; an opening that is about to end is told as
  // it stands (this is how it was found)
  test(`costs one connect time an opening, of ${REQUESTS} requests, and the other backend serves them`, async () => {
    const statuses = await together(Array.from({ length: REQUESTS }), AT_ONCE, (_, turn) => ask(turn));
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(REQUESTS * 0.999);
    await until(async () => (await ask(0)) === 200 && (await metrics()).probes > 0);
    // The last probe may still have its settlement to make.
    await until(async () => THRESHOLD + (await metrics()).probes === played.calls("small").length);
    const { failures, probes } = await metrics(1);
    console.log(
      `${REQUESTS} requests: ${failures + probes} openings, ${played.calls("small").length} calls to the dead backend`,
    );
    expect(failures).toBe(1);
    expect(overlaps(played.calls("small"))).toEqual([]);
  });

  // planted: one probe closes it; the claim hands the probe to everybody
  test(`closes after ${PROBES} probes in a row, one after the other, and then serves all`, async () => {
    const before = played.calls("small").length;
    played.recover();
    await until(async () => {
      const statuses = await together(Array.from({ length: 8 }), 8, (_, turn) => ask(turn));
      expect(statuses).toEqual(statuses.map(() => 200));
      return (await metrics()).state === 0;
    });
    const probes = played.calls("small").slice(before, before + PROBES);
    expect(probes.length).toBe(PROBES);
    expect(overlaps(probes)).toEqual([]);
    const proven = probes.at(-1)?.endedAt ?? Number.POSITIVE_INFINITY;
    for (const { arrivedAt } of played.calls("small").slice(before + PROBES))
      expect(arrivedAt).toBeGreaterThanOrEqual(proven);
    // Each gateway hears of it with its next request.
    await together([0, 1], 2, (turn) => ask(turn));
    const served = played.calls("small").length;
    await together(Array.from({ length: 8 }), 2, (_, turn) => ask(turn));
    expect(played.calls("small").length).toBe(served + 8);
  });

  // planted: the plan does not ask what operators say
  test("stays open and closed as operators say, on every gateway", async () => {
    await hold(1, { "played/small": "open" });
    const before = played.calls("small").length;
    expect(await together(Array.from({ length: 8 }), 4, (_, turn) => ask(turn))).toEqual(Array(8).fill(200));
    expect(played.calls("small").length).toBe(before);
    expect((await metrics()).state).toBe(2);
    await hold(2, {});
    expect(await together(Array.from({ length: 8 }), 4, (_, turn) => ask(turn))).toEqual(Array(8).fill(200));
    expect(played.calls("small").length).toBeGreaterThanOrEqual(before + 8);
    expect((await metrics()).state).toBe(0);
  });

  // planted: told with the settlement, so that the breaker stays closed to all until two whole answers are over, and others probe meanwhile
  test("with long streamed answers closes at the second probe's first token, and is probed by one at a time", async () => {
    const of = { backend: "lasting", model: "long" };
    played.die();
    for (let turn = 0; turn < THRESHOLD; turn++) {
      expect(await ask(turn, "long", true)).toBe(200);
      await until(async () => (await failuresSeen("lasting/long")) === turn + 1);
    }
    played.recover();
    const running: Promise<number>[] = [];
    await until(async () => {
      for (let turn = 0; turn < 6; turn++) running.push(ask(turn, "long", true));
      await pause(100);
      return (await metrics(0, of)).state === 0;
    });
    const [first, second, ...others] = played.calls("long").slice(THRESHOLD);
    expect([first?.endedAt, second?.endedAt]).toEqual([undefined, undefined]);
    expect(second?.arrivedAt).toBeGreaterThanOrEqual(first?.tokenAt ?? Number.POSITIVE_INFINITY);
    for (const { arrivedAt } of others)
      expect(arrivedAt).toBeGreaterThanOrEqual(second?.tokenAt ?? Number.POSITIVE_INFINITY);
    expect(new Set(await Promise.all(running))).toEqual(new Set([200]));
    expect((await metrics(0, of)).state).toBe(0);
  });

  // planted: whoever comes to it by the first's refusal asks it once its opening is over
  test("as a second step behind a first without room is called as often as its breaker opens", async () => {
    const of = { backend: "played", model: "dead" };
    for (let turn = 0; turn < THRESHOLD; turn++) {
      expect(await ask(turn, "behind")).toBe(200);
      await until(async () => (await failuresSeen("played/dead")) === turn + 1);
    }
    await until(async () => {
      const statuses = await together(Array.from({ length: 64 }), AT_ONCE, (_, turn) => ask(turn, "behind"));
      expect(new Set(statuses)).toEqual(new Set([200]));
      return (await metrics(0, of)).probes >= 2;
    });
    // The last probe may still be under way.
    await until(async () => THRESHOLD + (await metrics(0, of)).probes === played.calls("dead").length);
    const { failures, probes } = await metrics(1, of);
    const calls = played.calls("dead");
    console.log(
      `${played.calls("busy").length} requests: ${failures + probes} openings, ${calls.length} calls to the dead second step`,
    );
    expect([failures, overlaps(calls)]).toEqual([1, []]);
  });
});
