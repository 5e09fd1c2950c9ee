import { neon } from "@neondatabase/serverless";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { NeonEndpoint } from "../../../dev/neon/main.ts";
import { type Client, forms } from "./forms.ts";

describe.each(forms)("faults of the Neon endpoint on $name", (form) => {
  let endpoint: NeonEndpoint;
  let run: Client;

  beforeAll(async () => {
    endpoint = await form.start();
    run = neon(endpoint.connectionString());
    await run`create table writes (n int primary key)`;
  }, 120_000);
  afterEach(() => endpoint.control({ resetCounters: true }));
  afterAll(() => endpoint.close(), 60_000);

  const one = () => run`select 1 as n`;
  const written = async () => (await run`select n from writes order by n`).map((row) => Object.values(row)[0]);

  async function elapsedMs(task: () => Promise<unknown>): Promise<number> {
    const start = performance.now();
    await task();
    return performance.now() - start;
  }

  // planted: the delay not waited for. (A lower bound: a slow machine cannot break it.)
  it("delays every call", async () => {
    await endpoint.control({ delayMs: 80 });
    expect(await elapsedMs(one)).toBeGreaterThanOrEqual(75);
    expect(await elapsedMs(one)).toBeGreaterThanOrEqual(75);
  });

  // planted: each call waiting the whole sleep anew.
  it("sleeps until some time after the first call, for all that come meanwhile, then is awake", {
    timeout: 20_000,
  }, async () => {
    await endpoint.control({ asleepMs: 200 });
    expect(await elapsedMs(() => Promise.all([one(), one(), one()]))).toBeGreaterThanOrEqual(190);
    const { counters } = await readControl();
    expect(counters).toMatchObject({ faulted: 3 });
    await endpoint.control({ asleepMs: 1_000 });
    const tenCalls = async () => {
      for (let call = 0; call < 10; call += 1) await one();
    };
    // Ten sleeps would take 10 s at least.
    expect(await elapsedMs(tenCalls)).toBeLessThan(9_500);
  });

  // planted: `refuse` answered with 503.
  it("refuses connections", async () => {
    await endpoint.control({ refuse: true, times: 1 });
    await expect(one()).rejects.toThrow("Error connecting to database");
    expect(await one()).toEqual([{ n: 1 }]);
  });

  // planted: the statement run before the call hangs.
  it("hangs without having run anything, until the caller gives up", { timeout: 20_000 }, async () => {
    await endpoint.control({ hang: true });
    const signal = AbortSignal.timeout(150);
    const hanging = neon(endpoint.connectionString(), { fetchOptions: { signal } })`insert into writes values (1)`;
    await expect(hanging).rejects.toThrow();
    await endpoint.control({});
    await expect.poll(async () => (await readControl()).counters.inFlight, { timeout: 10_000 }).toBe(0);
    expect(await written()).toEqual([]);
  });

  // planted: the status sent after the statement ran.
  it("answers with another status, which the driver calls a server error", async () => {
    await endpoint.control({ status: 500 });
    await expect(run`insert into writes values (2)`).rejects.toThrow("Server error (HTTP status 500)");
    await endpoint.control({});
    expect(await written()).toEqual([]);
  });

  // planted: the connection cut before the commit.
  it("drops the reply after the commit", async () => {
    await endpoint.control({ dropReply: true, times: 1 });
    await expect(run`insert into writes values (3)`).rejects.toThrow("Error connecting to database");
    expect(await written()).toEqual([3]);
  });

  // planted: `times` not counted down.
  it("hits one role and so many calls only, where told so", async () => {
    await endpoint.control({ status: 503, role: "somebody_else" });
    expect(await one()).toEqual([{ n: 1 }]);
    await endpoint.control({ status: 503, times: 2 });
    const outcomes = await Promise.allSettled([one(), one(), one(), one()]);
    expect(outcomes.filter((outcome) => outcome.status === "rejected")).toHaveLength(2);
  });

  // planted: a batch counted as one statement.
  it("counts HTTP calls and statements by role, and starts again from zero", async () => {
    await endpoint.control({ resetCounters: true });
    const role = new URL(endpoint.connectionString()).username;
    await one();
    await run.transaction([one(), one(), one()]);
    await neon(endpoint.connectionString("nobody"))`select 1`.catch(() => undefined);
    const { counters, form: reported } = await readControl();
    expect(reported).toBe(endpoint.form);
    expect(counters).toMatchObject({
      calls: { [role]: 2, nobody: 1 },
      statements: { [role]: 4 },
      faulted: 0,
      inFlight: 0,
    });
    await endpoint.control({ resetCounters: true });
    expect((await readControl()).counters).toMatchObject({ calls: {}, statements: {} });
  });

  // planted: unknown fields let through.
  it("refuses a fault that it does not know", async () => {
    const url = new URL("/__control", endpoint.url);
    for (const body of ['{"delayMs":"10"}', '{"delay":10}', "[", "7"]) {
      expect((await fetch(url, { method: "POST", body })).status).toBe(400);
    }
  });

  async function readControl() {
    const response = await fetch(new URL("/__control", endpoint.url));
    return (await response.json()) as { form: string; counters: { faulted: number; inFlight: number } };
  }
});
