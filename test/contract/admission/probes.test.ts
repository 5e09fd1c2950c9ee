import { expect, test } from "vitest";
import { CLOSED_BREAKER } from "../../../src/core/breaker.ts";
import type { ProbeReply } from "../../../src/core/probes.ts";
import { breakerSetting as setting, wait } from "./breaker-support.ts";
import { onBothForms } from "./support.ts";

/** Probes that are taken, and answered, on the way of a request. */

const isOpen = (state: { readonly openUntil: number }) => state.openUntil > Date.now();
const claimed = async ({ claim }: { claim(): Promise<ProbeReply> }) => {
  const reply = await claim();
  return reply.kind === "unavailable" ? undefined : reply.state;
};

onBothForms("probes", "probes of breakers shared through Redis", (bench) => {
  // planted: told by Redis' clock; only of what is claimed; only when it opened
  test("is told by the clock of the isolate that asks, whichever way that is wrong", async () => {
    const { report, isolate, behind } = await setting(bench(), { openMs: 5_000, maxOpenMs: 5_000 });
    const before = Date.now();
    await report(false, false, false);
    for (const aheadMs of [-60_000, 60_000]) {
      const clock = { now: () => Date.now() + aheadMs };
      const states = [await isolate(clock)(), (await behind(clock)).state, await claimed(await behind(clock))];
      for (const state of states) {
        expect(state?.openUntil).toBeGreaterThan(before + aheadMs + 4_500);
        expect(state?.openUntil).toBeLessThan(Date.now() + aheadMs + 5_500);
        expect(state?.changedAt).toBeLessThan(Date.now() + aheadMs + 500);
        expect(state?.changedAt).toBeGreaterThan(before + aheadMs - 500);
      }
    }
  });

  // planted: the probe is taken by who only looks; whoever comes there asks (this is how it was found)
  test("behind another step it is seen as it stands, and who comes to it takes the probe or goes on", async () => {
    const { report, behind, asking, look } = await setting(bench());
    await report(false, false, false);
    const early = await behind();
    expect([isOpen(early.state ?? CLOSED_BREAKER), (await early.claim()).kind]).toEqual([true, "taken"]);
    await wait(250);
    const coming = await Promise.all(Array.from({ length: 4 }, () => behind()));
    for (const { state, probes } of coming)
      expect([isOpen(state ?? CLOSED_BREAKER), probes]).toEqual([false, undefined]);
    const kinds = await Promise.all(coming.map(async (one) => (await one.claim()).kind));
    expect([...kinds].sort()).toEqual(["mine", "taken", "taken", "taken"]);
    expect([(await asking()).holds, isOpen((await behind()).state ?? CLOSED_BREAKER)]).toEqual([false, true]);
    const [prober] = coming.filter((_, place) => kinds[place] === "mine");
    await prober?.giveBack();
    const [next] = coming.filter((_, place) => kinds[place] === "taken");
    expect((await next?.claim())?.kind).toBe("mine");
    await next?.tells(false);
    expect(await look()).toMatchObject({ openMs: 400, proven: 0 });
  });

  // planted: heard of only with the settlement of a request, when its whole answer is over
  test("a probe is answered before its request is over, and the next is made meanwhile", async () => {
    const { behind, asking, look, overOpening } = await setting(bench());
    await overOpening();
    for (let proven = 0; proven < 2; proven++) {
      const prober = await behind();
      expect([(await prober.claim()).kind, (await asking()).holds]).toEqual(["mine", false]);
      await prober.tells(true);
    }
    expect(await look()).toMatchObject({ openUntil: 0, failures: 0 });
    expect((await (await behind()).claim()).kind).toBe("closed");
  });

  // planted: as long as the opening was
  test("a probe is overdue when its answer would be, however short the opening was", async () => {
    const { behind, asking, overOpening } = await setting(bench());
    await overOpening();
    expect((await (await behind(Date, 1_600)).claim()).kind).toBe("mine");
    await wait(1_200);
    expect((await asking()).holds).toBe(false);
    await wait(500);
    expect((await asking()).holds).toBe(true);
  });
});
