import { beforeEach, describe, expect, it } from "vitest";
import { holdConfig } from "../../../src/config/hold.ts";
import type { Overlay } from "../../../src/core/config.ts";
import { fail, ok } from "../../../src/core/result.ts";
import { exampleBase } from "./base.ts";

/** One Redis and one Postgres, as the isolates of this test see them. */
let redis: Overlay | undefined;
let postgres: Overlay | undefined;
let postgresAway = false;
let asked = 0;
let now = 0;

beforeEach(() => {
  [redis, postgres, postgresAway, asked, now] = [undefined, undefined, false, 0, 1_000_000];
});

function isolate() {
  const held = holdConfig(
    exampleBase(),
    { load: async () => redis },
    {
      async current() {
        asked += 1;
        return postgresAway ? fail({ type: "gateway_unavailable", message: "away" }) : ok(postgres);
      },
      async publish(overlay) {
        if (!redis || redis.version <= overlay.version) redis = overlay;
      },
    },
    { now: () => now },
  );
  return {
    /** An admission tells what Redis knows; gives the version that the next request runs with. */
    async admission(): Promise<number> {
      const background: Promise<unknown>[] = [];
      const shared = { breakers: {}, ...(redis && { overlayVersion: redis.version }) };
      held.notice(shared, (promise) => background.push(promise));
      await Promise.all(background);
      return held.config().overlayVersion;
    },
  };
}

describe("the overlay of an isolate", () => {
  it("is the one that Redis tells of, without asking Postgres", async () => {
    redis = { version: 3 };
    expect([await isolate().admission(), asked]).toEqual([3, 0]);
  });

  // planted: an isolate without an overlay version kept to the base
  it("comes from Postgres after a flush of Redis, and goes back to Redis for all others", async () => {
    postgres = { version: 4, disabledBackends: [] };
    expect([await isolate().admission(), asked, redis]).toEqual([4, 1, postgres]);
    expect([await isolate().admission(), asked]).toEqual([4, 1]);
  });

  // planted: Postgres was asked with every request of a gateway that never had an overlay
  it("is looked for once where there never was any", async () => {
    const first = isolate();
    for (let request = 0; request < 3; request++) await first.admission();
    await isolate().admission();
    expect([asked, redis]).toEqual([1, { version: 0 }]);
  });

  // planted: one failed look-up was the last
  it("is looked for again, after a pause, where Postgres did not answer", async () => {
    [postgres, postgresAway] = [{ version: 2 }, true];
    const one = isolate();
    expect([await one.admission(), await one.admission(), asked]).toEqual([0, 0, 1]);
    [now, postgresAway] = [now + 10_000, false];
    expect([await one.admission(), asked]).toEqual([2, 2]);
  });

  // planted: an isolate restored the overlay at its first flush only
  it("is restored at every flush, and never replaced by an older one", async () => {
    postgres = { version: 5 };
    const one = isolate();
    await one.admission();
    await one.admission();
    [redis, now] = [undefined, now + 1];
    expect([await one.admission(), redis]).toEqual([5, postgres]);
    redis = { version: 4 };
    expect(await one.admission()).toBe(5);
  });
});
