import { describe, expect, it } from "vitest";
import type { AdmissionStore, SharedState } from "../../../src/core/ports.ts";
import { NOW } from "../../support/pipeline.ts";
import { SpeedIsolate } from "../../support/speeds.ts";

/** A Redis that says this of speeds to those who ask, and has these entries in its cache. */
function saying(speeds: NonNullable<SharedState["speeds"]>, cache = new Map<string, string>()): AdmissionStore {
  return {
    admit: async (request) => {
      const cached = cache.get(request.cacheKey ?? "");
      const of =
        request.speeds && Object.fromEntries(Object.entries(speeds).filter(([name]) => request.speeds?.includes(name)));
      const shared = { breakers: {}, ...(of && { speeds: of }) };
      return { kind: "admitted", ioMs: 0, rate: {}, shared, ...(cached !== undefined && { cached }) };
    },
    settle: async ({ cacheWrite }) => {
      if (cacheWrite) cache.set(cacheWrite.key, cacheWrite.value);
      return { kind: "settled", ioMs: 0 };
    },
  };
}

const at = NOW - 1_000;
const KNOWN = {
  "a/small": { firstTokenMs: 900, at },
  "b/small": { firstTokenMs: 100, at },
  "c/small": { firstTokenMs: 50, at },
};

describe("an isolate that has just begun", () => {
  // planted: what Redis says is learnt for the next request alone
  it("chooses by what Redis says, as one that has not", async () => {
    const cold = await new SpeedIsolate(saying(KNOWN)).ask("fastest");
    expect([cold.backend, cold.headers["x-gateway-route"]]).toEqual(["b", "fastest;by=speed;arm=race:quick"]);
    expect([cold.event.routing, cold.route]).toEqual([
      { by: "speed", experiment: "race", arm: "quick" },
      ["speed experiment=race arm=slow", "speed shared=b/small"],
    ]);
    expect((await new SpeedIsolate(saying({})).ask("fastest")).backend).toBe("a");
    const slow = { ...KNOWN, "b/small": { firstTokenMs: 500, at } };
    const cheap = await new SpeedIsolate(saying(slow)).ask("cheapest");
    expect([cheap.backend, cheap.event.routing]).toEqual(["c", { by: "price" }]);
    expect((await new SpeedIsolate(saying(KNOWN)).ask("cheapest")).backend).toBe("b");
  });

  // planted: the other target's entry given; kept under the other's name
  it("gives and keeps nothing of the target that it chose at first", async () => {
    const cache = new Map<string, string>();
    const first = new SpeedIsolate(saying({}, cache));
    expect((await first.ask("fastest")).backend).toBe("a");
    const cold = new SpeedIsolate(saying(KNOWN, cache));
    expect([(await cold.ask("fastest")).backend, cache.size]).toEqual(["b", 2]);
    expect(cold.requests[0]?.cacheKey).toBe(first.requests[0]?.cacheKey);
    const again = await cold.ask("fastest");
    expect([again.headers["x-gateway-cache"], again.event.attempts]).toEqual(["HIT", []]);
    expect(cold.settlements[0]?.cacheWrite?.key).toBe(cold.requests[1]?.cacheKey);
  });
});

describe("what isolates tell each other", () => {
  // planted: read for every route; for a choice by price alone
  it("is read where the choice of the request goes by it, and nowhere else", async () => {
    const isolate = new SpeedIsolate(saying({}));
    for (const alias of ["fastest", "cheapest", "plain", "unmeasured"]) await isolate.ask(alias);
    await isolate.ask("plain", { controls: { task: "quick" } });
    expect(isolate.requests.map(({ speeds }) => speeds)).toEqual([
      ["a/small", "b/small"],
      ["b/small", "c/small"],
      undefined,
      undefined,
      ["a/small", "d/small"],
    ]);
  });

  // planted: told by each request; told by those that read nothing; a failure told
  it("is told by requests that were chosen so, of answers, and not by each", async () => {
    const isolate = new SpeedIsolate(saying({}));
    await isolate.ask("plain");
    await isolate.ask("unmeasured");
    expect(isolate.speeds.firstTokenMs("c/large")).toBeUndefined();
    expect(isolate.settlements.map(({ speeds }) => speeds)).toEqual([undefined, undefined]);
    // The first by weight was `a`; what is not known is tried first.
    for (const says of ["One.", "Two.", "Three."]) await isolate.ask("fastest", { says });
    const told = isolate.settlements.slice(2).map(({ speeds }) => speeds?.map(({ name }) => name));
    expect(told.filter((names) => names?.includes("b/small"))).toEqual([["b/small"]]);
    const failing = new SpeedIsolate(saying({}));
    const failed = await failing.ask("fastest", { slowMs: 20_000 });
    expect([failed.event.attempts[0]?.failure, failing.settlements[0]?.speeds]).toEqual(["backend_timeout", undefined]);
    expect(failing.speeds.firstTokenMs("a/small")).toBe(60_000);
  });
});
