import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { UpstashAdmission } from "../../../src/stores/upstash/admission.ts";
import { type Bench, levelOf, linkTo, newTenant, onBothForms, requestOf, settlementOf } from "./support.ts";

const thresholds = { failures: 3, openMs: 200, maxOpenMs: 500 };
const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** One backend that no other test uses, seen by as many isolates as a test asks for. */
async function setting(bench: Bench) {
  const tenant = await newTenant(bench);
  const backend = `backend-${randomUUID().slice(0, 8)}`;
  const report = async (...healths: readonly boolean[]) => {
    for (const healthy of healths) {
      await bench.admission.settle({
        ...settlementOf(requestOf(tenant, { levels: [] }), { tokens: 0, costNanoUsd: 0 }),
        breakers: [{ backend, healthy, hadFailures: true, ...thresholds }],
      });
    }
  };
  const isolate = () => {
    const admission = new UpstashAdmission(linkTo(bench.endpoint));
    return async () => {
      const reply = await admission.admit(requestOf(tenant, { levels: [], backends: [backend] }));
      const state = reply.kind === "admitted" ? reply.shared.breakers[backend] : undefined;
      if (!state) throw new Error(reply.kind);
      return state;
    };
  };
  /** A request of an isolate that does not know the backend: whether it holds the probe, and how it gives it back. */
  const asking = async (parts: Partial<Parameters<typeof requestOf>[1]> = {}) => {
    const admission = new UpstashAdmission(linkTo(bench.endpoint));
    const request = requestOf(tenant, { levels: [], ...parts, backends: [backend] });
    const reply = await admission.admit(request);
    const holds = reply.kind === "admitted" && reply.shared.probes?.includes(backend) === true;
    const giveBack = () =>
      admission.settle({ ...settlementOf(request, { tokens: 0, costNanoUsd: 0 }), unusedProbes: [backend] });
    return { kind: reply.kind, holds, giveBack };
  };
  return { tenant, backend, report, isolate, asking };
}

const isOpen = (state: { readonly openUntil: number }) => state.openUntil > Date.now();

onBothForms("breakers", "breakers shared through Redis", (bench) => {
  // planted: the threshold is not looked at
  test("consecutive failures open it for every isolate, fewer do not", async () => {
    const { report, isolate } = await setting(bench());
    const [warm, cold] = [isolate(), isolate()];
    expect(await warm()).toEqual({ failures: 0, openUntil: 0, openMs: 0 });
    await report(false, false);
    expect(await warm()).toMatchObject({ failures: 2, openUntil: 0 });
    await report(false);
    expect(isOpen(await warm())).toBe(true);
    expect(await cold()).toMatchObject({ failures: 3, openMs: 200 });
  });

  // planted: success does not reset the count
  test("a success in between begins the count anew", async () => {
    const { report, isolate } = await setting(bench());
    await report(false, false, true, false, false);
    expect(await isolate()()).toMatchObject({ failures: 2, openUntil: 0 });
  });

  // planted: the claim script does not write
  test("when the opening is over one isolate gets the probe, the others see it open", async () => {
    const { report, isolate } = await setting(bench());
    const isolates = Array.from({ length: 5 }, isolate);
    await Promise.all(isolates.map((read) => read()));
    await report(false, false, false);
    await wait(250);
    // Isolates that last saw it well notice first, and ask for the probe with their next call.
    await Promise.all(isolates.map((read) => read()));
    const states = await Promise.all(isolates.map((read) => read()));
    expect(states.filter((state) => !isOpen(state)).length).toBe(1);
    expect(states.filter(isOpen).length).toBe(4);
  });

  // planted: a cold isolate reads by MGET
  test("an isolate that never saw the backend may probe with its first call", async () => {
    const { report, isolate } = await setting(bench());
    await report(false, false, false);
    await wait(250);
    expect(isOpen(await isolate()())).toBe(false);
    expect(isOpen(await isolate()())).toBe(true);
  });

  // planted: `open_ms * 2` left out
  test("a probe that fails opens it for twice as long, up to the most; oscillation is remembered", async () => {
    const { report, isolate } = await setting(bench());
    await report(false, false, false);
    const lengths: number[] = [];
    for (let round = 0; round < 3; round++) {
      const { openMs } = await isolate()();
      lengths.push(openMs);
      await wait(openMs + 50);
      await isolate()();
      await report(false);
    }
    expect(lengths).toEqual([200, 400, 500]);
  });

  // planted: a success of a probe forgets the opening's length
  test("a probe that succeeds closes it; failing again soon after opens it for longer", async () => {
    const { report, isolate } = await setting(bench());
    await report(false, false, false);
    await wait(250);
    await isolate()();
    await report(true);
    expect(await isolate()()).toMatchObject({ failures: 0, openUntil: 0 });
    await report(false, false, false);
    expect(await isolate()()).toMatchObject({ openMs: 400 });
  });

  // planted: what ends while it is open counts
  test("attempts that began before it opened neither close it nor lengthen it", async () => {
    const { report, isolate } = await setting(bench());
    await report(false, false, false);
    const { openUntil } = await isolate()();
    await report(true, false, false);
    expect(await isolate()()).toMatchObject({ openUntil, openMs: 200 });
  });

  // planted: an unreadable state throws
  test("a state that cannot be read is a closed breaker", async () => {
    const { backend, isolate } = await setting(bench());
    const read = isolate();
    await read();
    await bench().command(["SET", `br:${backend}`, "garbage"]);
    expect(await read()).toEqual({ failures: 0, openUntil: 0, openMs: 0 });
    await bench().endpoint.control({ wrongType: { key: `br:${backend}`, type: "list" } });
    expect(await isolate()()).toEqual({ failures: 0, openUntil: 0, openMs: 0 });
  });

  // planted: the script does not look whether the request was admitted
  test("a request that a limit refuses takes no probe with it", async () => {
    const { report, asking } = await setting(bench());
    const levels = [levelOf({ requestsPerMinute: 1 })];
    expect((await asking({ levels })).kind).toBe("admitted");
    await report(false, false, false);
    await wait(250);
    expect(await asking({ levels })).toMatchObject({ kind: "refused", holds: false });
    expect(await asking({ keyVersion: 7 })).toMatchObject({ kind: "stale-key", holds: false });
    expect((await asking()).holds).toBe(true);
  });

  // planted: the script gives nothing back; it closes the breaker
  test("a probe that was not made is given back by the settlement, and the next request has it at once", async () => {
    const { report, isolate, asking } = await setting(bench());
    await report(false, false, false);
    await wait(250);
    for (let round = 0; round < 3; round++) {
      const first = await asking();
      expect([first.holds, (await asking()).holds]).toEqual([true, false]);
      expect((await first.giveBack()).kind).toBe("settled");
    }
    expect(isOpen(await isolate()())).toBe(false);
    await report(false);
    expect(await isolate()()).toMatchObject({ failures: 4, openMs: 400 });
  });

  // planted: whose probe it is is not compared
  test("a probe that was overdue and is another's by now is not given back by the first", async () => {
    const { report, asking } = await setting(bench());
    await report(false, false, false);
    await wait(250);
    const first = await asking();
    await wait(1_050);
    const second = await asking();
    await first.giveBack();
    expect([first.holds, second.holds, (await asking()).holds]).toEqual([true, true, false]);
  });

  // planted: the claim does not write; giving back closes the breaker
  test("however many ask and give back at once, one holds the probe at a time", async () => {
    const { report, asking } = await setting(bench());
    await report(false, false, false);
    await wait(250);
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
