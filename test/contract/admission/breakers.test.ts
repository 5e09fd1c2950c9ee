import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { UpstashAdmission } from "../../../src/stores/upstash/admission.ts";
import { type Bench, linkTo, newTenant, onBothForms, requestOf, settlementOf } from "./support.ts";

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
  return { tenant, backend, report, isolate };
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
});
