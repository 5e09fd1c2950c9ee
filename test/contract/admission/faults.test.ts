import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { UpstashAdmission } from "../../../src/stores/upstash/admission.ts";
import { Link } from "../../../src/stores/upstash/link.ts";
import { benchOver, levelOf, linkTo, newTenant, onBothForms, requestOf, settlementOf, TOKEN } from "./support.ts";

const levels = [
  levelOf({
    requestsPerMinute: 50,
    tokensPerMinute: 1_000,
    concurrency: 9,
    budget: { limitNanoUsd: 10_000, period: "total" },
  }),
];

onBothForms("faults", "admission while Redis misbehaves", (bench) => {
  afterEach(() => bench().endpoint.setFaults());

  const httpCalls = () => bench().endpoint.counters().httpCalls;

  // planted: the cache entry written in a call of its own
  test("warm, an admission is one HTTP call and a settlement is one, whatever they carry", async () => {
    const tenant = await newTenant(bench());
    const breaker = {
      name: "counted/m",
      healthy: false,
      ageMs: 0,
      successes: { now: 0, before: 0 },
      rules: {
        failures: 3,
        errorRate: { share: 1, windowMs: 1_000, minimum: 9 },
        probes: 1,
        openMs: 10,
        maxOpenMs: 20,
      },
      counter: "openings|",
    };
    for (const round of ["cold", "warm"]) {
      const request = requestOf(tenant, { levels, cacheKey: "c", breakers: ["counted/m", "other/m"] });
      const before = httpCalls();
      await bench().admission.admit(request);
      const between = httpCalls();
      await bench().admission.settle({
        ...settlementOf(request, { tokens: 1, costNanoUsd: 1 }),
        cacheWrite: { key: "c", value: "v", ttlSeconds: 60 },
        breakers: [breaker],
      });
      if (round === "warm") expect([between - before, httpCalls() - between]).toEqual([1, 1]);
    }
  });

  // planted: the answers of EVAL are not put in the place of NOSCRIPT
  test("a Redis that forgot its scripts is sent them once, and nothing is done twice", async () => {
    const tenant = await newTenant(bench());
    await bench().admission.admit(requestOf(tenant, { levels }));
    await bench().endpoint.control({ scriptFlush: true });
    const request = requestOf(tenant, { levels, breakers: ["forgotten/m"] });
    const before = httpCalls();
    const reply = await bench().admission.admit(request);
    expect(reply).toMatchObject({ kind: "admitted", rate: { requests: { remaining: 48 } } });
    expect(httpCalls() - before).toBe(2);
    await bench().admission.admit(requestOf(tenant, { levels, breakers: ["forgotten/m"] }));
    expect(httpCalls() - before).toBe(3);
    await bench().endpoint.control({ scriptFlush: true });
    expect((await bench().admission.settle(settlementOf(request, { tokens: 1, costNanoUsd: 1 }))).kind).toBe("settled");
  });

  const places = ["rec:", "due", "kv:k1", "gen", "b:key:k1", "l:key:k1", "m:key:k1"];
  for (const place of places) {
    // planted: a script's error is thrown and not returned
    test(`a value of another type at ${place} makes admission unavailable, and nothing is written`, async () => {
      const tenant = await newTenant(bench());
      await bench().admission.admit(requestOf(tenant, { levels }));
      const request = requestOf(tenant, { levels });
      const key = `t:{${tenant}}:${place}${place === "rec:" ? request.requestId : ""}`;
      await bench().endpoint.control({ wrongType: { key, type: "set" } });
      // In no order that Redis promises.
      const keys = async () => [(await bench().command(["KEYS", `t:{${tenant}}:*`])) as string[]].flat().sort();
      const before = await keys();
      const reply = await bench().admission.admit(request);
      expect(reply).toMatchObject({ kind: "unavailable", detail: "WRONGTYPE" });
      expect(await keys()).toEqual(before);
      expect(bench().link.resting).toBe(false);
    });
  }

  for (const place of ["due", "b:key:k1", "l:key:k1", "m:key:k1"]) {
    // planted: money moved before the types were looked at
    test(`a value of another type at ${place} stops a settlement before money moves`, async () => {
      const tenant = await newTenant(bench());
      const request = requestOf(tenant, { levels });
      await bench().admission.admit(request);
      await bench().endpoint.control({ wrongType: { key: `t:{${tenant}}:${place}`, type: "set" } });
      const money = await bench().dump(place === "m:key:k1" ? "none" : `t:{${tenant}}:m:`);
      const reply = await bench().admission.settle(settlementOf(request, { tokens: 1, costNanoUsd: 1 }));
      expect(reply).toMatchObject({ kind: "unavailable", detail: "WRONGTYPE" });
      expect(await bench().dump(place === "m:key:k1" ? "none" : `t:{${tenant}}:m:`)).toEqual(money);
      expect(await bench().command(["HGET", `t:{${tenant}}:rec:${request.requestId}`, "state"])).toBe("leased");
    });
  }

  // planted: settle does not look at the record's state
  test("a settlement whose reply was lost and that is sent again counts once", async () => {
    const tenant = await newTenant(bench());
    const request = requestOf(tenant, { levels });
    await bench().admission.admit(request);
    const settlement = settlementOf(request, { tokens: 4, costNanoUsd: 40 });
    bench().endpoint.setFaults({ fault: "loseReply", times: 1 });
    expect(await bench().admission.settle(settlement)).toMatchObject({ kind: "unavailable", detail: "network" });
    expect((await bench().admission.settle(settlement)).kind).toBe("already-settled");
    expect(await bench().command(["HMGET", `t:{${tenant}}:m:key:k1`, "s:total", "r:total"])).toEqual(["40", "0"]);
  });

  // planted: a failed call is made again
  test("a call that fails is not repeated behind the gateway's back", async () => {
    const tenant = await newTenant(bench());
    bench().endpoint.setFaults({ fault: "reset", times: 1 });
    const before = httpCalls();
    expect((await bench().admission.admit(requestOf(tenant, { levels }))).kind).toBe("unavailable");
    expect(httpCalls() - before).toBe(1);
  });

  for (const fault of ["hang", "hangAfter", "delay"] as const) {
    // planted: no signal given to fetch
    test(`a Redis that does not answer in time (${fault}) is unavailable at the deadline`, async () => {
      const tenant = await newTenant(bench());
      const impatient = new UpstashAdmission(linkTo(bench().endpoint, 100));
      bench().endpoint.setFaults({ fault, times: 1, ...(fault === "delay" && { delayMs: 3_000 }) });
      const startedAt = Date.now();
      expect(await impatient.admit(requestOf(tenant, { levels }))).toMatchObject({
        kind: "unavailable",
        detail: "timeout",
      });
      // Far below the delay, far above what a busy machine adds.
      expect(Date.now() - startedAt).toBeLessThan(2_000);
    });
  }

  // planted: every error is called `network`
  test("an endpoint that answers an error is unavailable, and says which kind", async () => {
    const tenant = await newTenant(bench());
    bench().endpoint.setFaults({ fault: "status", status: 503, times: 1 });
    expect(await bench().admission.admit(requestOf(tenant, { levels }))).toMatchObject({
      kind: "unavailable",
      detail: "rejected",
    });
    const stranger = new Link({ url: bench().endpoint.url, token: "wrong", timeoutMs: 1_000, connectMs: 0 });
    const refused = await new UpstashAdmission(stranger).admit(requestOf(tenant, { levels }));
    expect(refused).toMatchObject({ kind: "unavailable", detail: "rejected" });
  });

  for (const [body, detail] of [
    ["<html>busy</html>", "protocol"],
    ["[]", "protocol"],
    ["{}", "protocol"],
    ['[{"result":"OK"},{"result":null}]', "protocol"],
  ] as const) {
    // planted: what is neither admitted, refused nor unknown is admitted
    test(`an endpoint that answers ${body} is unavailable`, async () => {
      const server = createServer((request, response) => {
        request.resume();
        request.on("end", () => response.end(body));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      const link = new Link({ url: `http://127.0.0.1:${port}`, token: TOKEN, timeoutMs: 2_000, connectMs: 0 });
      const reply = await new UpstashAdmission(link).admit(requestOf("any", { levels }));
      server.closeAllConnections();
      server.close();
      expect(reply).toMatchObject({ kind: "unavailable", detail });
    });
  }

  // planted: `#restUntil` never set
  test("after three failures a dead Redis is left alone for a while, then tried once", async () => {
    let now = 1_000_000;
    const link = new Link({
      url: bench().endpoint.url,
      token: TOKEN,
      timeoutMs: 1_000,
      connectMs: 0,
      clock: { now: () => now },
    });
    const resting = benchOver(bench().endpoint, link);
    const tenant = await newTenant(bench());
    const ask = async () => (await resting.admission.admit(requestOf(tenant, { levels }))).kind;
    bench().endpoint.setFaults({ fault: "reset" });
    const before = httpCalls();
    for (let call = 0; call < 10; call++) expect(await ask()).toBe("unavailable");
    expect(httpCalls() - before).toBe(3);
    now += 1_100;
    await Promise.all([ask(), ask(), ask()]);
    expect(httpCalls() - before).toBe(4);
    now += 1_100;
    bench().endpoint.setFaults();
    expect(await ask()).toBe("admitted");
    expect(await ask()).toBe("admitted");
  });
});
