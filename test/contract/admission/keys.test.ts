import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { KeySnapshot } from "../../../src/core/identity.ts";
import type { KeyLookup } from "../../../src/core/ports.ts";
import { UpstashKeyDirectory } from "../../../src/stores/upstash/key-directory.ts";
import { type Bench, onBothForms, snapshotOf } from "./support.ts";

/** A source that a test fills, breaks and counts. */
class FakeSource {
  readonly keys = new Map<string, KeySnapshot>();
  away = false;
  calls = 0;
  async load(keyId: string): Promise<KeyLookup> {
    this.calls += 1;
    if (this.away) return { kind: "unavailable", detail: "timeout" };
    const snapshot = this.keys.get(keyId);
    return snapshot ? { kind: "found", snapshot } : { kind: "unknown" };
  }
}

function setting(bench: Bench) {
  const source = new FakeSource();
  const keyId = `key${randomUUID().slice(0, 8)}`;
  const tenant = `tenant-${keyId}`;
  let now = Date.now();
  const clock = { now: () => now };
  source.keys.set(keyId, snapshotOf(tenant, 1, keyId));
  const isolate = () => new UpstashKeyDirectory(bench.link, source, clock);
  return { source, keyId, tenant, isolate, pass: (milliseconds: number) => (now += milliseconds) };
}

onBothForms("keys", "the key directory", (bench) => {
  // planted: what the source gave is not published
  test("one isolate's look-up serves them all, limits and dates included", async () => {
    const { source, keyId, tenant, isolate } = setting(bench());
    const full = {
      ...snapshotOf(tenant, 4, keyId),
      expiresAt: 5,
      limits: { key: { requestsPerMinute: 3 } },
      corsOrigins: ["https://a.example"],
    };
    source.keys.set(keyId, full);
    for (let time = 0; time < 3; time++)
      expect(await isolate().load(keyId, false)).toEqual({ kind: "found", snapshot: full });
    expect(source.calls).toBe(1);
    const active = await bench().ledger.activeTenants();
    expect(active.ok && active.value).toContain(tenant);
  });

  // planted: `fresh` reads the snapshot all the same
  test("a fresh look-up goes past the snapshot", async () => {
    const { source, keyId, tenant, isolate } = setting(bench());
    await isolate().load(keyId, false);
    source.keys.set(keyId, { ...snapshotOf(tenant, 2, keyId), revokedAt: 1 });
    expect(await isolate().load(keyId, false)).toMatchObject({ snapshot: { version: 1 } });
    expect(await isolate().load(keyId, true)).toMatchObject({ snapshot: { version: 2, revokedAt: 1 } });
    expect(await isolate().load(keyId, false)).toMatchObject({ snapshot: { version: 2, revokedAt: 1 } });
  });

  // planted: `announce` leaves the old snapshot
  test("after an announcement no isolate finds the old snapshot", async () => {
    const { source, keyId, tenant, isolate } = setting(bench());
    await isolate().load(keyId, false);
    source.keys.set(keyId, { ...snapshotOf(tenant, 2, keyId), revokedAt: 1 });
    expect(await isolate().announce({ tenant, keyId, version: 2 })).toBe(true);
    expect(await isolate().load(keyId, false)).toMatchObject({ snapshot: { version: 2, revokedAt: 1 } });
  });

  // planted: unknown ids are not remembered
  test("an id that nobody knows is asked for once in a while, and found as soon as it is minted", async () => {
    const { source, keyId, isolate, tenant, pass } = setting(bench());
    source.keys.clear();
    const directory = isolate();
    for (let time = 0; time < 5; time++) expect(await directory.load(keyId, false)).toEqual({ kind: "unknown" });
    expect(source.calls).toBe(1);
    pass(6_000);
    await directory.load(keyId, false);
    expect(source.calls).toBe(2);
    await directory.announce({ tenant, keyId, version: 1 });
    source.keys.set(keyId, snapshotOf(tenant, 1, keyId));
    expect((await directory.load(keyId, false)).kind).toBe("found");
  });

  // planted: no bound on the ids that are remembered
  test("guessed ids do not fill the isolate's memory", async () => {
    const { source, isolate } = setting(bench());
    const directory = isolate();
    for (let id = 0; id < 1_100; id++) await directory.load(`guess-${id}`, true);
    source.calls = 0;
    await directory.load("guess-0", true);
    await directory.load("guess-1099", true);
    expect(source.calls).toBe(1);
  });

  // planted: an old snapshot is dropped while the source is away
  test("an old snapshot is read again from the source, and serves on while that is away", async () => {
    const { source, keyId, tenant, isolate, pass } = setting(bench());
    await isolate().load(keyId, false);
    source.keys.set(keyId, snapshotOf(tenant, 2, keyId));
    pass(3_700_000);
    source.away = true;
    expect(await isolate().load(keyId, false)).toMatchObject({ kind: "found", snapshot: { version: 1 } });
    expect(await isolate().load(keyId, true)).toEqual({ kind: "unavailable", detail: "timeout" });
    source.away = false;
    pass(3_700_000);
    expect(await isolate().load(keyId, false)).toMatchObject({ kind: "found", snapshot: { version: 2 } });
  });

  // planted: a failing Redis ends the look-up
  test("without Redis, and with nonsense in it, the source answers", async () => {
    const { keyId, isolate } = setting(bench());
    await bench().command(["SET", `key:${keyId}`, '{"savedAt":1,"snapshot":{"keyId":"other"}}']);
    expect((await isolate().load(keyId, false)).kind).toBe("found");
    bench().endpoint.setFaults({ fault: "status", status: 500, times: 2 });
    expect((await isolate().load(keyId, false)).kind).toBe("found");
    bench().endpoint.setFaults();
    await bench().command(["PING"]);
  });
});
