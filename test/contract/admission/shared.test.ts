import { randomUUID } from "node:crypto";
import { afterEach, expect, test, vi } from "vitest";
import type { Overlay } from "../../../src/core/config.ts";
import { UpstashAddressGuard } from "../../../src/stores/upstash/address-guard.ts";
import { pingRedis } from "../../../src/stores/upstash/health.ts";
import { Link } from "../../../src/stores/upstash/link.ts";
import { readLoads, writeLoad } from "../../../src/stores/upstash/loads.ts";
import { UpstashOverlay } from "../../../src/stores/upstash/overlay.ts";
import { SpeedIsolate } from "../../support/speeds.ts";
import { linkTo, newId, newTenant, onBothForms, requestOf, settlementOf, snapshotOf, TOKEN } from "./support.ts";

const asOverlay = (value: unknown) => value as Overlay;

/** Of a /64 that no other test uses. */
const newAddress = () => `2001:db8:${randomUUID().slice(0, 4)}:${randomUUID().slice(0, 4)}::`;

onBothForms("shared", "overlay, address guard and health", (bench) => {
  afterEach(() => {
    vi.useRealTimers();
    bench().endpoint.setFaults();
  });

  // planted: the overlay's version is not compared
  test("an overlay is what was published last, never an older one, and every admission tells its version", async () => {
    const overlay = new UpstashOverlay(bench().link, asOverlay);
    expect(await overlay.load()).toBeUndefined();
    expect(await overlay.publish({ version: 3, disabledBackends: ["home"] })).toBe(true);
    expect(await overlay.publish({ version: 2 })).toBe(false);
    expect(await overlay.load()).toEqual({ version: 3, disabledBackends: ["home"] });
    const tenant = await newTenant(bench());
    expect(await bench().admission.admit(requestOf(tenant, { levels: [] }))).toMatchObject({
      shared: { overlayVersion: 3 },
    });
    bench().endpoint.setFaults({ fault: "reset", times: 1 });
    expect(await overlay.load()).toBeUndefined();
  });

  // planted: loads are read from behind the wrong value; a load is kept for ever
  test("what a backend said of itself is read beside admission, with breakers and the cache, while it is fresh", async () => {
    const { link, admission, command } = bench();
    const tenant = await newTenant(bench());
    const [home, away, breaker] = [0, 1, 2].map(() => `b-${randomUUID().slice(0, 8)}`) as [string, string, string];
    const readAt = Date.now();
    const load = { up: true, running: 4, waiting: 2, kvCache: 0.5, readAt, freshUntil: readAt + 60_000 };
    expect(await writeLoad(link, home, load)).toBe(true);
    expect(Number(await command(["PTTL", `load:${home}`]))).toBeGreaterThan(50_000);
    await command(["SET", `t:{${tenant}}:c:entry`, "kept"]);
    const asked = { levels: [], loads: [away, home], breakers: [breaker], cacheKey: "entry" };
    // The first reads the breaker by a script, the second beside the loads.
    for (let round = 0; round < 2; round++) {
      expect(await admission.admit(requestOf(tenant, asked))).toMatchObject({
        cached: "kept",
        shared: { loads: { [home]: load }, breakers: { [breaker]: { openUntil: 0 } } },
      });
    }
    expect(await readLoads(link, [home, away])).toEqual({ loads: { [home]: load }, seats: {} });
    expect(await writeLoad(link, away, { up: false, readAt, freshUntil: readAt + 400 })).toBe(true);
    expect(await readLoads(link, [away])).toMatchObject({ loads: { [away]: { up: false } } });
    await new Promise((resolve) => setTimeout(resolve, 500));
    await command(["SET", `load:${home}`, "something else"]);
    expect(await readLoads(link, [home, away])).toEqual({ loads: {}, seats: {} });
    expect(await admission.admit(requestOf(tenant, { levels: [] }))).not.toHaveProperty("shared.loads");
  });

  // planted: speeds are read from behind the wrong value; written without an end
  test("how quick targets are is read beside admission, with loads and the cache, as settlements wrote it", async () => {
    const { link, admission, command } = bench();
    const tenant = await newTenant(bench());
    const [one, other, none] = [0, 1, 2].map(() => `b-${randomUUID().slice(0, 8)}/m`) as [string, string, string];
    const at = Date.now();
    const settled = requestOf(tenant, { levels: [] });
    await admission.admit(settled);
    const speeds = [one, other].map((name, index) => ({ name, speed: { firstTokenMs: 120.4 + index, at } }));
    const settlement = { ...settlementOf(settled, { tokens: 0, costNanoUsd: 0 }), speeds };
    for (let round = 0; round < 2; round++)
      expect(await admission.settle(settlement)).toMatchObject({ ioMs: expect.any(Number) });
    expect(await command(["GET", `speed:${one}`])).toBe(`120 ${at}`);
    const ttlMs = Number(await command(["PTTL", `speed:${one}`]));
    expect([ttlMs > 290_000, ttlMs <= 300_000]).toEqual([true, true]);
    await writeLoad(link, "home", { up: true, readAt: at, freshUntil: at + 60_000 });
    await command(["SET", `t:{${tenant}}:c:entry`, "kept"]);
    await command(["SET", `speed:${other}`, "soon"]);
    const asked = { levels: [], loads: ["home"], speeds: [none, other, one], breakers: [one], cacheKey: "entry" };
    for (let round = 0; round < 2; round++) {
      expect(await admission.admit(requestOf(tenant, asked))).toMatchObject({
        cached: "kept",
        shared: { speeds: { [one]: { firstTokenMs: 120, at } }, loads: { home: { up: true } } },
      });
    }
    expect(await admission.admit(requestOf(tenant, { levels: [] }))).not.toHaveProperty("shared.speeds");
  });

  // planted: nothing written; nothing read; learnt for the next request alone
  test("what one isolate learns of how quick targets are, another that has just begun chooses by", async () => {
    const { admission, keys, money, command } = bench();
    await keys.publish(snapshotOf("played", 1, "playedplayedplay"));
    await money.open("played");
    const learning = new SpeedIsolate(admission);
    const asked = [];
    for (const says of ["One.", "Two.", "Three."])
      asked.push((await learning.ask("fastest", { says, requestId: newId() })).backend);
    expect(asked).toEqual(["a", "b", "b"]);
    expect(String(await command(["GET", "speed:a/small"]))).toMatch(/^\d+ \d+$/);
    const begun = new SpeedIsolate(admission);
    const chosen = await begun.ask("fastest", { says: "Four.", requestId: newId() });
    expect([chosen.backend, chosen.event.attempts.length]).toEqual(["b", 1]);
    await command(["DEL", "speed:a/small", "speed:b/small"]);
    const alone = new SpeedIsolate(admission);
    expect((await alone.ask("fastest", { says: "Five.", requestId: newId() })).backend).toBe("a");
  });

  // planted: one window for all addresses
  test("an address is stopped after its share of attempts, another is not", async () => {
    // Half past a minute: at its turn the window slides on.
    vi.useFakeTimers({ toFake: ["Date"], now: Math.floor(Date.now() / 60_000) * 60_000 + 30_000 });
    const guard = new UpstashAddressGuard(bench().link, { perMinute: 3, timeoutMs: 2_000 });
    const address = newAddress();
    const seen: boolean[] = [];
    for (let attempt = 0; attempt < 5; attempt++) seen.push((await guard.allow(address)).allowed);
    expect(seen).toEqual([true, true, true, false, false]);
    expect(await guard.allow(address)).toEqual({ allowed: false, retryAfterMs: 30_000 });
    expect((await guard.allow(newAddress())).allowed).toBe(true);
    // Another address of the same IPv6 customer is the same one.
    expect((await guard.allow(`${address.slice(0, -1)}:1`)).allowed).toBe(false);
  });

  for (const fault of ["reset", "hang"] as const) {
    // planted: an error of the limiter is thrown (reset); neither the limiter nor the link has a deadline (hang)
    test(`the guard lets pass while Redis is away (${fault}), within its timeout`, async () => {
      const guard = new UpstashAddressGuard(linkTo(bench().endpoint, 300), { perMinute: 1, timeoutMs: 100 });
      const address = newAddress();
      await guard.allow(address);
      bench().endpoint.setFaults({ fault });
      const startedAt = Date.now();
      expect(await guard.allow(address)).toEqual({ allowed: true, retryAfterMs: 0 });
      expect(Date.now() - startedAt).toBeLessThan(2_000);
    });
  }

  // planted: a link that fails is healthy
  test("health says whether Redis answers, and in one word why not", async () => {
    expect(await pingRedis(bench().link)).toMatchObject({ healthy: true });
    const stranger = new Link({ url: bench().endpoint.url, token: "wrong", timeoutMs: 1_000, connectMs: 0 });
    expect(await pingRedis(stranger)).toMatchObject({ healthy: false, detail: "rejected" });
    const nowhere = new Link({ url: "http://127.0.0.1:9", token: TOKEN, timeoutMs: 1_000, connectMs: 0 });
    expect(await pingRedis(nowhere)).toMatchObject({ healthy: false, detail: "network" });
  });
});
