import type { Redis } from "@upstash/redis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CONTROL_PATH, type ControlOrder, type RedisEndpoint } from "../../../dev/redis/main.ts";
import { clientOf, forms, post, startForm, TOKEN } from "./forms.ts";

const DATABASE = 4;

describe.each(forms)("faults and counters on %s", (form) => {
  let endpoint: RedisEndpoint;
  let redis: Redis;
  const order = (body: ControlOrder) => post(endpoint, CONTROL_PATH, body);
  const call = (command: readonly unknown[], timeoutMs = 5_000) =>
    fetch(endpoint.url, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify(command),
      signal: AbortSignal.timeout(timeoutMs),
    });

  beforeAll(async () => {
    endpoint = await startForm(form, DATABASE);
    redis = clientOf(endpoint);
  });
  beforeEach(() => endpoint.control({ faults: [], flush: true, resetCounters: true }));
  afterAll(() => endpoint.close());

  // planted: the delay after the command instead of before it
  test("delay: the call waits, and is executed only then", async () => {
    await order({ faults: [{ fault: "delay", delayMs: 80, times: 1 }] });
    const slow = redis.set("k", "slow");
    await expect.poll(() => endpoint.counters().httpCalls).toBe(1);
    expect(await redis.get("k")).toBeNull();
    await slow;
    expect(await redis.get("k")).toBe("slow");
    expect(endpoint.counters().lastCalls[0]?.tookMs).toBeGreaterThanOrEqual(75);
  });

  test("hang: no answer and no effect; hangAfter: no answer but the effect", async () => {
    await order({ faults: [{ fault: "hang", times: 1 }, { fault: "hangAfter" }] });
    await expect(call(["SET", "before", "x"], 100)).rejects.toThrow("timeout");
    await expect(call(["SET", "after", "x"], 100)).rejects.toThrow("timeout");
    await order({ faults: [] });
    expect(await redis.mget("before", "after")).toEqual([null, "x"]);
    expect(endpoint.counters().lastCalls.map(({ outcome }) => outcome)).toEqual(["hung", "hung", "answered"]);
  });

  // planted: loseReply not executed
  test("reset: the connection is cut without effect; loseReply: cut after the effect", async () => {
    await order({
      faults: [
        { fault: "reset", times: 1 },
        { fault: "loseReply", times: 1 },
      ],
    });
    await expect(redis.incr("n")).rejects.toThrow("fetch failed");
    await expect(redis.incr("n")).rejects.toThrow("fetch failed");
    expect(await redis.get("n")).toBe(1);
    expect(endpoint.counters().lastCalls.map(({ outcome }) => outcome)).toEqual(["cut", "cut", "answered"]);
  });

  test("status: answered with that status and not executed", async () => {
    await order({
      faults: [
        { fault: "status", times: 1 },
        { fault: "status", status: 429, times: 1 },
      ],
    });
    expect((await call(["SET", "k", "x"])).status).toBe(500);
    expect((await call(["SET", "k", "x"])).status).toBe(429);
    expect((await call(["EXISTS", "k"])).status).toBe(200);
    expect(await redis.exists("k")).toBe(0);
  });

  // planted: `skip` ignored
  test("a fault can be confined to a token, to a command, and to calls after some that are spared", async () => {
    await order({ faults: [{ fault: "status", token: "other-token" }] });
    expect(await redis.set("k", "x")).toBe("OK");
    await expect(clientOf(endpoint, { token: "other-token" }).get("k")).rejects.toThrow("ERR a fault");
    await order({ faults: [{ fault: "status", command: "evalsha", skip: 1, times: 1 }] });
    const statuses: number[] = [];
    for (const command of [
      ["GET", "k"],
      ["EVALSHA", "0", "0"],
      ["EVALSHA", "0", "0"],
      ["EVALSHA", "0", "0"],
    ]) {
      statuses.push((await call(command)).status);
    }
    expect(statuses).toEqual([200, 400, 500, 400]);
  });

  // planted: the server listens on after `refuseMs`
  test("refuse: connections are refused for that time, and the endpoint is back at the same address", async () => {
    await order({ refuseMs: 300 });
    const causes: unknown[] = [];
    await expect
      .poll(
        () =>
          redis.ping().catch((error: Error) => {
            causes.push((error.cause as { code?: string } | undefined)?.code);
            return undefined;
          }),
        { interval: 30 },
      )
      .toBe("PONG");
    expect(causes).toContain("ECONNREFUSED");
    expect(await redis.set("k", "x")).toBe("OK");
  });

  test("flush, scriptFlush and wrongType act at once", async () => {
    await redis.set("k", "x");
    const sha = await redis.scriptLoad("return 1");
    await order({ scriptFlush: true });
    await expect(redis.evalsha(sha, [], [])).rejects.toThrow("NOSCRIPT");
    await order({ wrongType: { key: "k" } });
    await expect(redis.get("k")).rejects.toThrow("WRONGTYPE");
    for (const type of ["string", "hash", "list", "set", "zset"] as const) {
      await order({ wrongType: { key: "k", type } });
      expect(await redis.type("k")).toBe(type);
    }
    await order({ flush: true });
    expect(await redis.dbsize()).toBe(0);
  });

  // planted: pipelines counted as one command
  test("counters tell calls by token and path, commands by name, and the last calls without values", async () => {
    await call(["SET", "secret-key", "secret-value"]);
    await redis.pipeline().get("secret-key").incr("n").exec();
    await redis.multi().incr("n").exec();
    await post(endpoint, "/", ["GET", "secret-key"], { authorization: "Bearer other-token" });
    const response = await fetch(endpoint.url + CONTROL_PATH);
    const state = (await response.json()) as Record<string, unknown>;
    expect(state).toMatchObject({
      form,
      httpCalls: 4,
      httpCallsByToken: { [TOKEN]: 3, "other-token": 1 },
      httpCallsByPath: { "/": 2, "/pipeline": 1, "/multi-exec": 1 },
      commands: { SET: 1, GET: 2, INCR: 2 },
    });
    expect(state.lastCalls).toMatchObject([
      { path: "/", commands: ["SET"], status: 200, outcome: "answered" },
      { path: "/pipeline", commands: ["GET", "INCR"], token: TOKEN },
      { path: "/multi-exec", commands: ["INCR"] },
      { path: "/", commands: ["GET"], token: "other-token" },
    ]);
    expect(JSON.stringify(state)).not.toContain("secret");
    await order({ resetCounters: true });
    expect(endpoint.counters()).toMatchObject({ httpCalls: 0, commands: {}, lastCalls: [] });
  });

  test("a caller that leaves is noted", async () => {
    await order({ faults: [{ fault: "delay", delayMs: 200, times: 1 }] });
    await expect(call(["GET", "k"], 50)).rejects.toThrow("timeout");
    await expect.poll(() => endpoint.counters().lastCalls[0]?.outcome).toBe("left");
  });

  test("a wrong order says what is wrong, and a browser's page is refused", async () => {
    expect(await post(endpoint, CONTROL_PATH, { faults: [{ fault: "explode" }] })).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining("faults.0.fault") },
    });
    expect((await post(endpoint, CONTROL_PATH, { flsh: true })).status).toBe(400);
    expect((await post(endpoint, CONTROL_PATH, "no json")).status).toBe(400);
    await redis.set("k", "x");
    const fromPage = await post(endpoint, CONTROL_PATH, { flush: true }, { origin: "http://evil.example" });
    expect(fromPage.status).toBe(403);
    expect(await redis.get("k")).toBe("x");
  });
});
