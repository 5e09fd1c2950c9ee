import { describe, expect, it } from "vitest";
import { CLOSED_BREAKER } from "../../../src/core/breaker.ts";
import { Isolate, other, withoutLarge } from "../../support/degraded.ts";
import { NOW } from "../../support/pipeline.ts";

describe("a route at its reduced level", () => {
  // planted: the turn kept by who did not ask
  it("leaves the turn to find out to the next, where one is refused or the cache answers", async () => {
    const isolate = new Isolate();
    await isolate.ask("chat", other("Kept."));
    isolate.fails.set("large", 500);
    await isolate.ask("chat", other("It breaks."));
    await isolate.ask("chat", other("It is open."));
    isolate.pass(10_000);
    isolate.refuses = true;
    await expect(isolate.ask("chat", other("Refused."))).rejects.toThrow("nothing was settled");
    isolate.refuses = false;
    expect((await isolate.ask("chat", other("Kept."))).models).toEqual([]);
    expect((await isolate.ask("chat", other("A probe."))).models[0]).toBe("large");
    expect((await isolate.ask("chat", other("Behind it."))).models).toEqual(["small"]);
  });

  // planted: the level no part of the reply; no part of the record; targets of both levels in one draw
  it("asks the targets of that level, and says so", async () => {
    const isolate = await withoutLarge();
    const { models, degraded, event, said } = await isolate.ask("chat");
    expect([models, degraded, event.routing?.level, said]).toEqual([
      ["small"],
      "reduced",
      "reduced",
      [["reduced", "breakers"]],
    ]);
    expect((await isolate.ask("chat", { stream: true, says: "Streamed." })).degraded).toBe("reduced");
  });

  // planted: the breaker of a probe that another makes counted as open
  it("falls no lower while another request finds out whether a target is well", async () => {
    const isolate = new Isolate();
    const state = { ...CLOSED_BREAKER, failures: 3, openUntil: NOW + 20_000, openMs: 20_000, changedAt: NOW };
    isolate.says = { breakers: { "home/large": { ...state, holder: "another" } } };
    await isolate.ask("plain", other("What Redis says."));
    expect((await isolate.ask("mute", other("Mute."))).said).toEqual([]);
    isolate.says = { breakers: { "home/large": state } };
    await isolate.ask("plain", other("What Redis says now."));
    expect((await isolate.ask("mute", other("Mute."))).said[0]).toEqual(["emergency", "breakers"]);
  });

  // planted: the target's name left out of the cache's key
  it("keeps its answers apart from the whole level's", async () => {
    const isolate = new Isolate();
    expect((await isolate.ask("chat")).text).toContain("large.");
    isolate.fails.set("large", 500);
    await isolate.ask("chat", other("Another."));
    const less = await isolate.ask("chat");
    expect([less.models, less.headers["x-gateway-cache"]]).toEqual([["small"], "MISS"]);
    const again = await isolate.ask("chat");
    expect([again.headers["x-gateway-cache"], again.degraded, again.text.includes("small.")]).toEqual([
      "HIT",
      "reduced",
      true,
    ]);
    isolate.fails.clear();
    isolate.pass(10_000);
    await isolate.ask("chat", other("A probe."));
    isolate.pass(20_000);
    const whole = await isolate.ask("chat");
    expect([whole.headers["x-gateway-cache"], whole.degraded, whole.text.includes("large.")]).toEqual([
      "HIT",
      undefined,
      true,
    ]);
  });

  // planted: nobody probes; everybody does; a probe's answer of the other level kept as the whole level's
  it("finds out by one request in a few seconds whether it can do more, and does more only later", async () => {
    const isolate = await withoutLarge();
    expect((await isolate.ask("chat", other("While it is open."))).models).toEqual(["small"]);
    isolate.pass(10_000);
    const failed = await isolate.ask("chat", other("A probe."));
    expect([failed.models, failed.degraded, failed.written, failed.status]).toEqual([
      ["large", "small"],
      "reduced",
      false,
      200,
    ]);
    isolate.fails.clear();
    isolate.pass(10_000);
    const [proven, beside] = await Promise.all(
      ["Another probe.", "Beside it."].map((says) => isolate.ask("chat", { says })),
    );
    expect([proven?.models, proven?.degraded, beside?.models, proven?.said]).toEqual([
      ["large"],
      undefined,
      ["small"],
      [
        ["reduced", "breakers"],
        ["probe", undefined],
      ],
    ]);
    expect((await isolate.ask("chat", other("Next."))).models).toEqual(["small"]);
    isolate.pass(19_000);
    expect((await isolate.ask("chat", other("Not yet."))).models).toEqual(["small"]);
    isolate.pass(1_000);
    const whole = await isolate.ask("chat", other("Now."));
    expect([whole.models, whole.degraded, whole.said]).toEqual([["large"], undefined, []]);
  });

  // planted: the level's targets for everybody, whatever a rule keeps apart
  it("gives no request a target that its rule does not, nor one that wants no other", async () => {
    const isolate = new Isolate();
    isolate.fails.set("large", 500);
    await isolate.ask("kept");
    expect((await isolate.ask("kept", other("Less."))).models).toEqual(["small"]);
    const apart = await isolate.ask("kept", other("Mine.", { controls: { task: "apart" } }));
    expect([apart.models, apart.degraded, apart.said]).toEqual([["spare"], undefined, [["full", "rule"]]]);
    const alone = await isolate.ask("kept", other("Only.", { noFallback: true }));
    expect([alone.models, alone.said]).toEqual([["large"], [["full", "no_fallback"]]]);
  });
});

describe("a level that operators set", () => {
  // planted: the overlay's version part of the cache's key; probes at a level that was set by hand
  it("holds whatever is seen, and finds what the cache had before", async () => {
    const isolate = new Isolate();
    await isolate.ask("plain");
    isolate.publish({ version: 1, degradation: { "*": "emergency", chat: "reduced", kept: "full" } });
    const hit = await isolate.ask("plain");
    expect([hit.status, hit.headers["x-gateway-cache"], hit.degraded]).toEqual([200, "HIT", "emergency"]);
    isolate.pass(60_000);
    isolate.says = { probes: ["home/large"] };
    const missed = await isolate.ask("plain", other("New."));
    expect([missed.status, missed.models, missed.event.failure, missed.headers["retry-after"]]).toEqual([
      503,
      [],
      "gateway_unavailable",
      "30",
    ]);
    const less = await isolate.ask("chat");
    expect([less.models, less.said]).toEqual([["small"], [["reduced", "by_hand"]]]);
    isolate.fails.set("large", 500);
    await isolate.ask("kept");
    const whole = await isolate.ask("kept", other("Again."));
    expect([whole.models, whole.said]).toEqual([["spare"], []]);
  });

  // planted: what operators hold a breaker at not asked
  it("follows from a breaker that operators hold open, too", async () => {
    const isolate = new Isolate();
    isolate.publish({ version: 1, breakers: { "home/large": "open" } });
    const { models, degraded, said } = await isolate.ask("chat");
    expect([models, degraded, said]).toEqual([["small"], "reduced", [["reduced", "breakers"]]]);
  });
});
