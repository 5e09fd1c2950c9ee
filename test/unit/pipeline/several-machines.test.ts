import { describe, expect, it } from "vitest";
import type { Backend, SeatsConfig } from "../../../src/core/config.ts";
import type { SeatReply } from "../../../src/core/ports.ts";
import { BreakerView } from "../../../src/routing/breaker-view.ts";
import type { Gateway } from "../../../src/stages/gateway.ts";
import { answers, RULES } from "../../support/at-a-desk.ts";
import { type Answering, NOW, PLAYED_CONFIG, play } from "../../support/pipeline.ts";

/** A request whose chain has two machines with seats, and a cloud behind them. */

describe("two private machines", () => {
  type Desk = Partial<Record<"asks" | "aboutMs", number>> & { readonly free?: boolean; readonly full?: boolean };
  /** Each machine's own rules, and what its desk says: whoever has patience gets a seat in the end, unless `never`. */
  async function visit(
    desks: Readonly<Record<string, Desk>>,
    { never = false, on = answers, rules = {}, order = ["openai", "second", "claude"], ...rest }: Visit = {},
  ) {
    const asked: string[] = [];
    const route = PLAYED_CONFIG.routes.spare;
    const [target] = route?.targets ?? [];
    if (!route || !target) throw new Error("no such route");
    const { openai, claude } = PLAYED_CONFIG.backends;
    if (!openai || !claude) throw new Error("no such backend");
    const backends = Object.fromEntries(
      Object.entries({ openai, second: { ...openai, name: "second" }, claude }).map(([name, backend]) => [
        name,
        { ...backend, ...(desks[name] && { seats: { ...RULES, ...rules[name] } }), ...rest.change?.[name] },
      ]),
    );
    const [first, ...others] = order.map((backend) => ({ ...target, backend }));
    if (!first) throw new Error("nobody");
    const spare = { ...route, targets: [first], fallbacks: others };
    const config = { ...PLAYED_CONFIG, backends, routes: { ...PLAYED_CONFIG.routes, spare } };
    const played = await play(
      {
        caller: "openai-chat",
        backend: "openai-chat",
        stream: true,
        alias: "spare",
        ...(rest.more && { more: rest.more }),
      },
      on,
      {
        ...rest.gateway,
        config: () => config,
        availableBackends: new Set(Object.keys(backends)),
        seats: {
          take({ backend, patienceMs }) {
            asked.push(`${backend} ${patienceMs}`);
            const { free, full, aboutMs } = desks[backend] ?? {};
            const isSeated = free === true || (patienceMs > 0 && !never && full !== true);
            const why = full === true ? ("full" as const) : ("wait" as const);
            const outcome = Promise.resolve<SeatReply>(
              isSeated
                ? { kind: "seated", seat: { answered: () => undefined, release: () => undefined } }
                : { kind: "refused", why, ...(aboutMs !== undefined && { retryAfterMs: aboutMs }) },
            );
            return { outcome, leave: () => undefined };
          },
          suspect: async () => undefined,
        },
      },
    );
    return { ...played, asked, backends: played.calls.map(({ backend }) => backend.name) };
  }
  interface Visit {
    readonly never?: boolean;
    readonly on?: Answering;
    readonly rules?: Readonly<Record<string, Partial<SeatsConfig>>>;
    readonly order?: readonly string[];
    readonly more?: Readonly<Record<string, unknown>>;
    readonly change?: Readonly<Record<string, Partial<Backend>>>;
    readonly gateway?: Partial<Gateway>;
  }
  const STAYS: Partial<SeatsConfig> = { spill: { afterMs: 5_000, tiers: [] } };
  const stay = { openai: STAYS, second: STAYS };

  // planted: a refusal that nothing may follow; the whole patience spent at the first
  it("whoever may not spill gets a seat that is free at the other, at once, and only where the first has none", async () => {
    const other = await visit({ openai: { aboutMs: 900 }, second: { free: true } }, { rules: stay });
    expect([other.status, other.asked, other.backends]).toEqual([200, ["openai 0", "second 0"], ["second"]]);
    const own = await visit({ openai: { free: true }, second: { free: true } }, { rules: stay });
    expect([own.asked, own.backends]).toEqual([["openai 0"], ["openai"]]);
    // The cloud stands before it.
    const order = ["openai", "claude", "second"];
    const behind = await visit({ openai: {}, second: { free: true } }, { rules: stay, order });
    expect(behind.backends).toEqual(["second"]);
  });

  // planted: waits at the last that was asked; at the first whatever is said; at one whose queue is full
  it("where none is free it waits where the wait is shortest, of those that let it wait", async () => {
    const waits = async (...[openai, second]: readonly Desk[]) =>
      (await visit({ ...(openai && { openai }), ...(second && { second }) }, { rules: stay })).asked.at(-1);
    expect(await waits({ aboutMs: 900 }, { aboutMs: 4_000 })).toBe("openai 20000");
    expect(await waits({ aboutMs: 4_000 }, { aboutMs: 900 })).toBe("second 20000");
    expect(await waits({}, { aboutMs: 900 })).toBe("second 20000");
    expect(await waits({}, {})).toBe("openai 20000");
    expect(await waits({ full: true, aboutMs: 100 }, { aboutMs: 900 })).toBe("second 20000");
    expect(await waits({ full: true }, { full: true })).toBe("second 20000");
  });

  // planted: the tier that may not spill led to the cloud in the end; a wait at each
  it("is refused when that wait is over, or spills", async () => {
    const full = { openai: { aboutMs: 900 }, second: { aboutMs: 4_000 } };
    const refused = await visit(full, { rules: stay, never: true });
    expect([refused.status, refused.headers["retry-after-ms"], refused.backends]).toEqual([503, "900", []]);
    expect(refused.asked).toEqual(["openai 0", "second 0", "openai 20000"]);
    const spilt = await visit(full, { never: true });
    expect([spilt.asked, spilt.backends]).toEqual([["openai 0", "second 0", "openai 5000"], ["claude"]]);
    const atOnce = { spill: { afterMs: 0 } };
    const hasty = await visit(full, { never: true, rules: { openai: atOnce, second: atOnce } });
    expect([hasty.asked, hasty.backends]).toEqual([["openai 0", "second 0"], ["claude"]]);
  });

  // planted: a machine that breaks ends the walk though another only has no seat free; asked for its cloud before that
  it("waits at the full one where the other fails", async () => {
    const on: Answering = (call, signal) =>
      call.backend.name === "second" ? new Response("{}", { status: 500 }) : answers(call, signal);
    const { asked, backends, status } = await visit({ openai: {}, second: { free: true } }, { on, rules: stay });
    expect([status, asked, backends]).toEqual([200, ["openai 0", "second 0", "openai 20000"], ["second", "openai"]]);
  });

  // planted: asked once more before the full one, as where nobody else is there
  it("nor is the other retried first, where there is no cloud", async () => {
    const on: Answering = (call, signal) =>
      call.backend.name === "second"
        ? new Response("{}", { status: 429, headers: { "retry-after-ms": "1" } })
        : answers(call, signal);
    const order = ["openai", "second"];
    const { backends, status } = await visit({ openai: {}, second: { free: true } }, { on, rules: stay, order });
    expect([status, backends]).toEqual([200, ["second", "openai"]]);
  });

  // planted: a desk is looked at only where an outage leads on
  it("waits at the full one where the other cannot say the request", async () => {
    const more = {
      messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "https://x.test/a.png" } }] }],
    };
    const { asked, backends, status } = await visit(
      { openai: { aboutMs: 900 }, second: { free: true } },
      { rules: stay, more, change: { second: { imageUrls: "refuse" } } },
    );
    expect([status, asked, backends]).toEqual([200, ["openai 0", "openai 20000"], ["openai"]]);
  });

  // planted: a desk is thought of once, before the steps behind it have been looked at
  it("waits at the full one, before it pays, where another request finds out whether the other is well", async () => {
    const name = "second/played";
    const probed = {
      failures: 0,
      ok: 0,
      bad: 0,
      okBefore: 0,
      badBefore: 0,
      half: 0,
      proven: 0,
      openMs: 1_000,
      changedAt: NOW - 2_000,
      openUntil: NOW - 1,
    };
    const rules = PLAYED_CONFIG.backends.openai?.breaker;
    const breakers = new BreakerView(
      () => rules,
      () => NOW,
    );
    breakers.learn({ breakers: { [name]: probed } });
    const more: Partial<Gateway> = {
      breakers,
      probes: { claim: async () => ({ kind: "taken" }), answer: async () => undefined },
    };
    const { asked, backends } = await visit({ openai: {}, second: { free: true } }, { gateway: more });
    expect([asked, backends]).toEqual([["openai 0", "openai 5000"], ["openai"]]);
  });

  // planted: the record's refusals all alike
  it("is told in the record", async () => {
    const { event } = await visit({ openai: { aboutMs: 900 }, second: { aboutMs: 4_000 } }, { rules: stay });
    const told = event.decisions.filter(({ step }) => step === "seat" || step === "dispatch");
    expect(told.map(({ decision, reason }) => `${decision} ${reason}`)).toEqual([
      "refused openai:busy",
      "backend_overloaded openai:seats_wait",
      "next second:overloaded",
      "refused second:busy",
      "backend_overloaded second:seats_wait",
      "passed-over claude:overloaded",
      "next openai:overloaded",
      "seated openai:place_0",
      "answered openai",
    ]);
  });
});
