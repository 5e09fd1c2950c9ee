import { expect, test } from "vitest";
import { other, withoutAny, withoutLarge } from "../../support/degraded.ts";

/** What `/metrics` is told of the levels of routes. */

// planted: the gauge moves the level on; it goes by what the last request got; routes that never degrade are told of
test("the gauge is the level that the next request would get, and asking for it changes nothing", async () => {
  const isolate = await withoutLarge();
  for (let asked = 0; asked < 2; asked++)
    expect(isolate.gauges()).toEqual({ chat: 1, mute: 2, crowded: 0, hushed: 0, kept: 1 });
  const first = await isolate.ask("chat");
  expect([first.degraded, first.event.routing?.levelChange]).toEqual(["reduced", { from: "full", to: "reduced" }]);
  isolate.publish({ version: 1, degradation: { chat: "emergency", plain: "full" } });
  expect(isolate.gauges()).toMatchObject({ chat: 2, plain: 0 });
  expect((await withoutAny()).gauges().chat).toBe(2);
});

// planted: told with every request of the level; not told on the way up
test("a change is told once each way, with the request that found it", async () => {
  const isolate = await withoutLarge();
  const changeOf = async (says: string) => (await isolate.ask("chat", other(says))).event.routing?.levelChange;
  expect([await changeOf("One."), await changeOf("Two.")]).toEqual([{ from: "full", to: "reduced" }, undefined]);
  isolate.fails.clear();
  isolate.pass(10_000);
  expect([await changeOf("It finds out."), await changeOf("Three.")]).toEqual([undefined, undefined]);
  isolate.pass(20_000);
  expect(isolate.gauges().chat).toBe(0);
  expect([await changeOf("Four."), await changeOf("Five.")]).toEqual([{ from: "reduced", to: "full" }, undefined]);
  expect((await isolate.ask("plain")).event.routing).not.toHaveProperty("levelChange");
});
