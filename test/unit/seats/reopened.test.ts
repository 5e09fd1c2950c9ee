import { describe, expect, it } from "vitest";
import { openDesk, warmDesk } from "../../support/desk.ts";

describe("a request whose socket is opened again", () => {
  // planted: a seat that is due to be free is freed whoever sits there by then; who comes again sits a second time
  it("keeps its one seat, where the desk saw the old socket go", () => {
    const { come, desk, pass } = warmDesk();
    const old = come({ id: "one" });
    old.part("stopped");
    const again = come({ id: "one", sits: true });
    expect(desk.state().taken).toBe(1);
    pass(1_000);
    expect(desk.state().taken).toBe(1);
    again.part("served");
    expect([desk.state().taken, desk.isEmpty]).toEqual([0, true]);
  });

  // planted: the old socket's end taken for the request's
  it("keeps its one seat, where the desk sees the old socket go later", () => {
    const { come, desk, pass } = warmDesk();
    const old = come({ id: "one" });
    const again = come({ id: "one", sits: true });
    expect([old.isGone(), again.isGone(), desk.state().taken]).toEqual([true, false, 1]);
    old.part("stopped");
    pass(1_000);
    expect(desk.state().taken).toBe(1);
    again.part("served");
    expect([desk.state().taken, desk.isEmpty]).toEqual([0, true]);
  });

  // planted: who waits waits twice
  it("waits once, and is the one who is seated", () => {
    const { come, desk } = warmDesk();
    const sitting = [come(), come()];
    const old = come({ id: "one" });
    const again = come({ id: "one", waitedMs: 100 });
    expect(desk.state()).toMatchObject({ taken: 2, waiting: 1 });
    old.part("stopped");
    expect(desk.state()).toMatchObject({ taken: 2, waiting: 1 });
    for (const { part } of sitting) part("served");
    expect([old.isSeated(), again.isSeated()]).toEqual([false, true]);
    again.part("served");
    expect([desk.state(), desk.isEmpty]).toEqual([expect.objectContaining({ taken: 0, waiting: 0 }), true]);
    expect(come().isSeated()).toBe(true);
  });

  // planted: a seat whose word was lost stays taken; a probe that nobody makes
  it("is seated anew where it never heard that it sat", () => {
    const { come, desk, pass } = openDesk();
    const old = come({ id: "one" });
    expect(old.last()).toEqual({ seated: true, probe: true });
    old.part("stopped");
    const again = come({ id: "one", waitedMs: 100 });
    expect([again.last(), desk.state().taken]).toEqual([{ seated: true, probe: true }, 1]);
    pass(1_000);
    expect([come().isSeated(), desk.state().taken]).toEqual([false, 1]);
    desk.hear("one", "answered");
    expect(desk.state().taken).toBe(2);
  });

  // planted: who sits again no longer finds out, and a second one is let in
  it("goes on finding out whether the backend is up", () => {
    const { come, desk } = openDesk();
    come({ id: "one" });
    come({ id: "one", sits: true });
    const next = come();
    expect(next.last()).toEqual({ place: 1 });
    desk.hear("one", "answered");
    expect(next.last()).toEqual({ seated: true, probe: false });
  });
});
