import { expect, test } from "vitest";
import { CLOSED_BREAKER } from "../../../src/core/breaker.ts";
import { breakerSetting as setting, wait } from "./breaker-support.ts";
import { levelOf, onBothForms } from "./support.ts";

const isOpen = (state: { readonly openUntil: number }) => state.openUntil > Date.now();

onBothForms("breakers", "breakers shared through Redis", (bench) => {
  // planted: the threshold is not looked at
  test("consecutive failures open it for every isolate, fewer do not", async () => {
    const { report, isolate, openings } = await setting(bench());
    const [warm, cold] = [isolate(), isolate()];
    expect(await warm()).toEqual(CLOSED_BREAKER);
    await report(false, false);
    expect(await warm()).toMatchObject({ failures: 2, openUntil: 0 });
    expect(await openings("failures")).toBe(0);
    await report(false);
    expect(isOpen(await warm())).toBe(true);
    expect(await cold()).toMatchObject({ failures: 3, openMs: 200 });
    expect(await openings("failures")).toBe(1);
  });

  // planted: success does not reset the count
  test("a success in between begins the count anew", async () => {
    const { report, isolate } = await setting(bench());
    await report(false, false, true, false, false);
    expect(await isolate()()).toMatchObject({ failures: 2, openUntil: 0 });
  });

  // planted: `minimum` is not looked at; untold successes are not added
  test("a share of failures opens it, of as many attempts as it needs, successes that nobody wrote included", async () => {
    const errorRate = { share: 0.4, windowMs: 60_000, minimum: 10 };
    const few = await setting(bench(), { errorRate });
    for (let round = 0; round < 4; round++) await few.report(false, true);
    expect(await few.look()).toMatchObject({ openUntil: 0, failures: 0 });
    const well = await setting(bench(), { errorRate });
    await well.say(false, { successes: { now: 40, before: 5 } });
    for (let round = 0; round < 10; round++)
      await well.say(true, { successes: { now: 1, before: 0 } }).then(() => well.report(false));
    expect(await well.look()).toMatchObject({ openUntil: 0 });
    const unwell = await setting(bench(), { errorRate });
    await unwell.say(false, { successes: { now: 4, before: 2 } });
    for (let round = 0; round < 2; round++)
      await unwell.say(true, { successes: { now: 0, before: 0 } }).then(() => unwell.report(false));
    expect(await unwell.look()).toMatchObject({ openUntil: 0 });
    await unwell.report(false);
    expect(isOpen(await unwell.look())).toBe(true);
    expect([await unwell.openings("error_rate"), await unwell.openings("failures")]).toEqual([1, 0]);
  });

  // planted: the halves are never turned
  test("what failed longer ago than a window counts no more", async () => {
    const { report, look } = await setting(bench(), { errorRate: { share: 0.5, windowMs: 400, minimum: 4 } });
    for (let round = 0; round < 3; round++) {
      await report(false, true, false);
      await wait(450);
    }
    expect(await look()).toMatchObject({ openUntil: 0 });
    await report(true, false, false);
    expect(isOpen(await look())).toBe(false);
  });

  // planted: a success is written whether or not anything failed
  test("nothing is written of successes while nothing fails", async () => {
    const { name, say } = await setting(bench());
    await say(true, { successes: { now: 7, before: 0 } });
    expect(await bench().command(["EXISTS", `br:${name}`])).toBe(0);
  });

  // planted: the claim script does not write
  test("when the opening is over one isolate gets the probe, the others see it open", async () => {
    const { isolate, overOpening } = await setting(bench());
    const isolates = Array.from({ length: 5 }, isolate);
    await Promise.all(isolates.map((read) => read()));
    await overOpening();
    // Isolates that last saw it well notice first, and ask for the probe with their next call.
    await Promise.all(isolates.map((read) => read()));
    const states = await Promise.all(isolates.map((read) => read()));
    expect(states.filter((state) => !isOpen(state)).length).toBe(1);
    expect(states.filter(isOpen).length).toBe(4);
  });

  // planted: a cold isolate reads by MGET
  test("an isolate that never saw the backend may probe with its first call", async () => {
    const { isolate, overOpening } = await setting(bench());
    await overOpening();
    expect(isOpen(await isolate()())).toBe(false);
    expect(isOpen(await isolate()())).toBe(true);
  });

  // planted: `open_ms * 2` left out
  test("a probe that fails opens it for twice as long, up to the most", async () => {
    const { report, asking, look, openings } = await setting(bench());
    await report(false, false, false);
    const lengths: number[] = [];
    for (let round = 0; round < 3; round++) {
      const { openMs } = await look();
      lengths.push(openMs);
      await wait(openMs + 50);
      await (await asking()).tells(false);
    }
    expect(lengths).toEqual([200, 400, 500]);
    expect([await openings("failures"), await openings("probe")]).toEqual([1, 3]);
  });

  // planted: the first probe closes it; a failure between leaves what was proven
  test("it takes so many successful probes in a row, one after the other, to close it", async () => {
    const { asking, look, overOpening } = await setting(bench(), { openMs: 200, maxOpenMs: 200 });
    await overOpening();
    await (await asking()).tells(true);
    expect(await look()).toMatchObject({ proven: 1 });
    await (await asking()).tells(false);
    expect(await look()).toMatchObject({ proven: 0, failures: 4 });
    await wait(250);
    const first = await asking();
    expect([first.holds, (await asking()).holds]).toEqual([true, false]);
    await first.tells(true);
    const second = await asking();
    expect([second.holds, (await asking()).holds]).toEqual([true, false]);
    await second.tells(true);
    expect(await look()).toMatchObject({ failures: 0, openUntil: 0, proven: 0 });
    expect((await asking()).holds).toBe(false);
  });

  // planted: closing forgets the opening's length; it is remembered for ever
  test("failing again soon after it closed opens it for longer; much later it does not", async () => {
    const { asking, look, report } = await setting(bench(), { probes: 1, failures: 1, maxOpenMs: 600 });
    await report(false);
    await wait(250);
    await (await asking()).tells(true);
    await report(false);
    expect(await look()).toMatchObject({ openMs: 400 });
    await wait(450);
    await (await asking()).tells(true);
    await wait(1_300);
    await report(false);
    expect(await look()).toMatchObject({ openMs: 200 });
  });

  // planted: what began while it was open counts, or what began before
  test("what began before an opening was over neither closes nor lengthens it", async () => {
    const { report, say, asking, look } = await setting(bench(), { openMs: 1_500, maxOpenMs: 1_500 });
    await report(false, false, false);
    const { openUntil } = await look();
    await report(true, false, false);
    expect(await look()).toMatchObject({ openUntil, openMs: 1_500, failures: 3 });
    await wait(1_550);
    const probe = await asking();
    expect(probe.holds).toBe(true);
    for (const healthy of [true, true, false]) await say(healthy, { ageMs: 10_000 });
    expect(await look()).toMatchObject({ openMs: 1_500, proven: 0 });
    await probe.tells(true);
    expect(await look()).toMatchObject({ proven: 1 });
  });

  // planted: the age of an attempt is not looked at once it is closed
  test("attempts that began before it closed say nothing about it afterwards", async () => {
    const { report, say, asking, look, overOpening } = await setting(bench());
    await overOpening();
    for (let probe = 0; probe < 2; probe++) await (await asking()).tells(true);
    for (let straggler = 0; straggler < 5; straggler++) await say(false, { ageMs: 10_000 });
    expect(await look()).toMatchObject({ openUntil: 0, failures: 0 });
    await report(false, false);
    await say(true, { ageMs: 10_000 });
    await report(false);
    expect(isOpen(await look())).toBe(true);
  });

  // planted: an unreadable state throws
  test("a state that cannot be read is a closed breaker", async () => {
    const { name, isolate, report, look } = await setting(bench());
    const read = isolate();
    await read();
    // The second is what an earlier version wrote.
    for (const text of ["garbage", "3 1700000000000 10000 0"]) {
      await bench().command(["SET", `br:${name}`, text]);
      expect(await read()).toEqual(CLOSED_BREAKER);
      await report(false);
      expect(await look()).toMatchObject({ failures: 1, openUntil: 0 });
    }
    await bench().endpoint.control({ wrongType: { key: `br:${name}`, type: "list" } });
    expect(await isolate()()).toEqual(CLOSED_BREAKER);
  });

  // planted: the script does not look whether the request was admitted
  test("a request that a limit refuses takes no probe with it", async () => {
    const { asking, overOpening } = await setting(bench());
    const levels = [levelOf({ requestsPerMinute: 1 })];
    expect((await asking({ levels })).kind).toBe("admitted");
    await overOpening();
    expect(await asking({ levels })).toMatchObject({ kind: "refused", holds: false });
    expect(await asking({ keyVersion: 7 })).toMatchObject({ kind: "stale-key", holds: false });
    expect((await asking()).holds).toBe(true);
  });

  // planted: the script gives nothing back; it closes the breaker; it forgets what was proven
  test("a probe that was not made is given back by the settlement, and the next request has it at once", async () => {
    const { isolate, asking, look, overOpening } = await setting(bench());
    await overOpening();
    await (await asking()).tells(true);
    for (let round = 0; round < 3; round++) {
      const first = await asking();
      expect([first.holds, (await asking()).holds]).toEqual([true, false]);
      expect((await first.giveBack()).kind).toBe("settled");
    }
    expect(await look()).toMatchObject({ proven: 1 });
    expect(isOpen(await isolate()())).toBe(false);
  });

  // planted: each claim, each giving back renews the time, so that under traffic an old state never goes
  test("a probe that is handed out and given back keeps no old state alive", async () => {
    const { name, asking, behind, overOpening } = await setting(bench());
    await overOpening();
    await bench().command(["PEXPIRE", `br:${name}`, "1500"]);
    for (let round = 0; round < 3; round++) {
      const { holds, giveBack } = await asking();
      expect(holds).toBe(true);
      expect(Number(await bench().command(["PTTL", `br:${name}`]))).toBeLessThanOrEqual(1_500);
      await giveBack();
      expect(Number(await bench().command(["PTTL", `br:${name}`]))).toBeLessThanOrEqual(1_500);
    }
    await wait(1_550);
    expect((await behind()).state).toEqual(CLOSED_BREAKER);
  });

  // planted: whose probe it is is not compared where it is given back, where it succeeded
  test("a probe that took so long that it is another's by now is heard, and leaves that one its own", async () => {
    const { asking, look, overOpening } = await setting(bench());
    await overOpening();
    const first = await asking();
    await wait(1_050);
    const second = await asking();
    await first.giveBack();
    expect([first.holds, second.holds, (await asking()).holds]).toEqual([true, true, false]);
    await first.tells(true);
    expect(await look()).toMatchObject({ proven: 1 });
    expect((await asking()).holds).toBe(false);
    await second.tells(true);
    expect(await look()).toMatchObject({ openUntil: 0, failures: 0 });
  });

  // planted: the claim does not write; giving back closes the breaker
  test("however many ask and give back at once, one holds the probe at a time", async () => {
    const { asking, overOpening } = await setting(bench());
    await overOpening();
    let held = 0;
    let most = 0;
    let times = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let round = 0; round < 6; round++) {
          const { holds, giveBack } = await asking();
          if (!holds) continue;
          held += 1;
          times += 1;
          most = Math.max(most, held);
          await wait(2);
          held -= 1;
          await giveBack();
        }
      }),
    );
    expect(most).toBe(1);
    expect(times).toBeGreaterThan(3);
  });
});
