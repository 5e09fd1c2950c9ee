/** Over 300 lines: all of it is asked of one stack, whose start takes longer than most of what is asked. */

import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drained, dump, readBooks } from "../support/books.ts";
import { deskOf, gpuOf, untilDesk, type Visit, type Visitor, visit, visitor } from "../support/seated.ts";
import { startTestStack, type TestStack } from "../support/stack.ts";

const SEATS_CONFIG = new URL("../fixtures/config/seats.yaml", import.meta.url).pathname;
const SEATS = 4;

let stack: TestStack;
const of = new Map<string, Visitor>();
const who = (tenant: string): Visitor => {
  const known = of.get(tenant);
  if (!known) throw new Error(`no visitor ${tenant}`);
  return known;
};

beforeAll(async () => {
  stack = await startTestStack({
    configFile: SEATS_CONFIG,
    gateways: 2,
    key: { tier: "standard" },
    cron: false,
    backendFlags: ["--ttft-ms", "20", "--tokens-per-second", "100", "--max-num-seqs", "64", "--max-queued", "300"],
  });
  const tenants = { enterprise: ["e1", "e2"], standard: ["s1", "s2"], free: ["f1", "f2", "f3", "f4"] };
  for (const [tier, names] of Object.entries(tenants)) {
    for (const tenant of names) of.set(tenant, await visitor(stack, tenant, tier));
  }
});
afterAll(() => stack?.stop());

/** `/metrics`, line by line. */
async function metrics(): Promise<readonly string[]> {
  const headers = { authorization: `Bearer ${stack.metricsToken}` };
  return (await (await fetch(`${stack.gateway}/metrics`, { headers })).text()).split("\n");
}

const leasesOf = async (tenant: string) =>
  [...(await dump(stack, tenant))].flatMap(([name, fields]) => (name.startsWith("l:") ? [fields] : []));

/**
 * One comes, and then nobody for so long that such callers take six in ten of what the seats serve, by the desk's own time at a seat. Who comes in a
 * crowd because this machine had other things to do waits for its own kind: so never a third while two wait.
 */
async function comeEvenly(come: () => void): Promise<void> {
  const from = Date.now();
  const { serviceMs = 200 } = await untilDesk(stack, "home", ({ byRank }) => (byRank["-10"] ?? 0) < 2);
  come();
  await pause(Math.max(0, serviceMs / (SEATS * 0.6) - (Date.now() - from)));
}

describe("4 seats, 200 callers of three tiers at two gateways", () => {
  const [FREE, STANDARD, ENTERPRISE] = [116, 30, 50];
  interface Start {
    readonly requestId: string;
    readonly tenant: string;
    readonly tier: string;
    readonly at: number;
  }
  let starts: readonly Start[];
  let visits: Visit[];
  let leavers: readonly { readonly requestId: string; readonly tenant: string }[];
  let enterpriseFrom = 0;
  /** `/metrics` while many waited. */
  let meanwhile: readonly string[];
  /** Requests of one tenant that were under way then, by Redis. */
  let leasesMeanwhile = 0;

  beforeAll(async () => {
    await stack.resetBackends();
    visits = [];
    const come = (tenant: string, index: number) => visits.push(visit(stack, who(tenant), { gateway: index }));
    // The desk knows how long an answer takes, and the seats are taken while the others come.
    await Promise.all([0, 1, 2, 3].map((index) => visit(stack, who("s1"), { gateway: index }).over));
    await stack.resetBackends();
    const first = [0, 1, 2, 3].map((gateway) =>
      visit(stack, who("s1"), { gateway, prompt: "[[sim:tokens=400]] [[sim:tps=10]]" }),
    );
    await untilDesk(stack, "home", ({ taken }) => taken >= SEATS);
    for (let each = 0; each < FREE; each++) come(`f${(each % 4) + 1}`, each);
    for (let each = 0; each < STANDARD; each++) come(`s${(each % 2) + 1}`, each);
    await untilDesk(stack, "home", ({ taken, waiting }) => taken + waiting === FREE + STANDARD + SEATS);
    const leaving = await Promise.all(
      visits.slice(100, 116).map(async (one) => ({ one, reply: await one.pending.reply })),
    );
    leavers = leaving.map(({ one, reply }) => ({ requestId: reply.requestId, tenant: one.tenant }));
    for (const { reply } of leaving) reply.leave();
    const left = FREE + STANDARD - leavers.length;
    await untilDesk(stack, "home", ({ taken, waiting }) => taken + waiting === left + SEATS);
    for (let tries = 0; tries < 100; tries++) {
      meanwhile = await metrics();
      if (meanwhile.includes(`gateway_seats_waiting{backend="home",tier="free"} ${FREE - leavers.length}`)) break;
      await pause(100);
    }
    leasesMeanwhile = Object.keys((await leasesOf("f1"))[0] ?? {}).length;
    for (const { pending } of first) (await pending.reply).leave();
    enterpriseFrom = Date.now();
    for (let each = 0; each < ENTERPRISE; each++) await comeEvenly(() => come(`e${(each % 2) + 1}`, each));
    await Promise.allSettled(visits.map(({ over }) => over));
    const { calls } = (await (await fetch(`${stack.home?.url}/sim/tally`)).json()) as {
      calls: { requestId: string; arrivedAtMs: number }[];
    };
    const tenantOf = new Map(
      (
        await Promise.all(
          [...first, ...visits].map(async (one) => [await one.over.catch(() => undefined), one] as const),
        )
      ).flatMap(([told, one]) => (told ? [[told.requestId, one] as const] : [])),
    );
    starts = calls
      .sort((a, b) => a.arrivedAtMs - b.arrivedAtMs)
      .map(({ requestId, arrivedAtMs }) => {
        const { tenant = "?", tier = "?" } = tenantOf.get(requestId) ?? {};
        return { requestId, tenant, tier, at: arrivedAtMs };
      });
  }, 120_000);

  // planted: one seat more than there are; a desk of each gateway's own; a seat that is given back with the first token; one seat more once enterprise has come
  test("never more than 4 are at the GPU, by its own count, and none waits there", async () => {
    expect((await gpuOf(stack)).most).toEqual({ running: SEATS, waiting: 0 });
    expect(await deskOf(stack, "home")).toMatchObject({ count: SEATS, limit: SEATS, taken: 0, waiting: 0 });
  });

  test("everybody who stayed was answered", async () => {
    const told = await Promise.allSettled(visits.map(({ over }) => over));
    const answered = told.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    expect(answered).toHaveLength(FREE + STANDARD + ENTERPRISE - leavers.length);
    for (const { status, text } of answered) {
      expect(status).toBe(200);
      expect(text).toContain("data: [DONE]");
    }
    expect(starts).toHaveLength(answered.length + SEATS);
  });

  test("who left never got to the GPU", () => {
    const seated = new Set(starts.map(({ requestId }) => requestId));
    expect(leavers.filter(({ requestId }) => seated.has(requestId))).toEqual([]);
  });

  // planted: ranks not sent
  test("better tiers first; free keeps its tenth", () => {
    const queued = starts.slice(SEATS);
    const lastStandard = queued.findLastIndex(({ tier }) => tier === "standard");
    const meanwhile = queued.slice(0, lastStandard + 1);
    const free = meanwhile.filter(({ tier }) => tier === "free").length;
    // Those who are due at the same moment may reach the GPU in another order.
    expect(free).toBeGreaterThanOrEqual(Math.floor(meanwhile.length * 0.1) - 1);
    expect(free).toBeLessThanOrEqual(Math.ceil(meanwhile.length * 0.1) + SEATS);
    const lastEnterprise = queued.findLastIndex(({ tier }) => tier === "enterprise");
    const among = queued.filter(({ at }, index) => at >= enterpriseFrom && index <= lastEnterprise);
    expect(among.filter(({ tier }) => tier === "free").length).toBeGreaterThanOrEqual(
      Math.floor(among.length * 0.1) - 1,
    );
    // Enterprise's load was no trifle.
    expect(among.filter(({ tier }) => tier === "enterprise").length / among.length).toBeGreaterThan(0.3);
  });

  // planted: tenants of a tier in the order of their requests
  test("tenants of a tier take turns", () => {
    const free = starts.filter(({ tier }) => tier === "free").slice(0, 60);
    const counts = new Map<string, number>();
    for (const { tenant } of free) {
      counts.set(tenant, (counts.get(tenant) ?? 0) + 1);
      const all = ["f1", "f2", "f3", "f4"].map((name) => counts.get(name) ?? 0);
      expect(Math.max(...all) - Math.min(...all)).toBeLessThanOrEqual(2);
    }
  });

  // planted: the lowest tier first; who left is not let go; a settlement leaves its lease, or what was reserved
  test("enterprise waits at most one service time, and everybody is settled", async () => {
    const books = new Map(
      await Promise.all(
        [...of.keys()].map(async (tenant) => {
          await drained(stack, tenant);
          return [tenant, await readBooks(stack, tenant)] as const;
        }),
      ),
    );
    const rows = [...books.values()].flatMap(({ rows: own }) => [...own.values()]);
    const outcomes = Map.groupBy(rows, ({ outcome }) => outcome);
    expect([...outcomes.keys()].sort()).toEqual(["cancelled", "completed"]);
    expect(outcomes.get("cancelled")).toHaveLength(leavers.length + SEATS);
    expect(outcomes.get("completed")).toHaveLength(SEATS + FREE + STANDARD + ENTERPRISE - leavers.length);
    expect(leasesMeanwhile).toBeGreaterThan(20);
    for (const { rows: own, redis: held } of books.values()) {
      const of = (kind: string) => [...held].flatMap(([name, fields]) => (name.startsWith(kind) ? [fields] : []));
      expect(of("l:").flatMap((leases) => Object.keys(leases))).toEqual([]);
      const cost = [...own.values()].reduce((sum, row) => sum + Number(row.cost_nano_usd), 0);
      expect(of("m:")).toEqual([expect.objectContaining({ "r:total": "0", "s:total": String(cost) })]);
    }
    const enterprise = rows.filter(({ tier }) => tier === "enterprise");
    expect(enterprise).toHaveLength(ENTERPRISE);
    const seated = enterprise.map(({ decisions }) => {
      const all = JSON.parse(decisions ?? "[]") as { step: string; reason: string }[];
      return all.find(({ step }) => step === "seat");
    });
    // A service time is as many seats given back as there are: the desk counts them, whatever a busy machine adds by the clock.
    for (const one of seated) expect(Number(one?.reason.split("_").at(-1))).toBeLessThanOrEqual(SEATS);
    const { outwaited } = await deskOf(stack, "home");
    expect(outwaited["-10"]).toBeLessThanOrEqual(SEATS);
    expect(outwaited["10"]).toBeGreaterThan(SEATS);
  });

  // planted: the seats not written beside the load; a wait counted for those who left
  test("/metrics shows who waits, and afterwards what came of all", async () => {
    expect(meanwhile).toEqual(
      expect.arrayContaining([
        'gateway_seats{backend="home",kind="count"} 4',
        'gateway_seats{backend="home",kind="limit"} 4',
        'gateway_seats{backend="home",kind="taken"} 4',
        `gateway_seats_waiting{backend="home",tier="free"} ${FREE - leavers.length}`,
        `gateway_seats_waiting{backend="home",tier="standard"} ${STANDARD}`,
      ]),
    );
    const lines = await metrics();
    const of = (tier: string, outcome: string) =>
      lines
        .find((line) =>
          line.startsWith(`gateway_seat_requests_total{backend="home",tier="${tier}",outcome="${outcome}"}`),
        )
        ?.split(" ")
        .at(-1);
    expect([of("free", "seated"), of("free", "left")]).toEqual([`${FREE - leavers.length}`, `${leavers.length}`]);
    expect([of("enterprise", "seated"), of("enterprise", "left")]).toEqual([`${ENTERPRISE}`, undefined]);
    expect(lines).toContain(`gateway_seat_wait_seconds_count{backend="home",tier="enterprise"} ${ENTERPRISE}`);
  });

  // planted: the stream that waits hears nothing of the queue; places that never fall
  test("places are told, and fall", async () => {
    const told = await Promise.allSettled(visits.map(({ over }) => over));
    const places = told.flatMap((one) => (one.status === "fulfilled" ? [one.value.places] : []));
    const often = places.filter((own) => own.length >= 3);
    expect(often.length).toBeGreaterThan(80);
    // Others move one back: callers of a better tier, and of a tenant who has fewer. Who stands near the front may sit before it hears of more.
    const far = often.filter((own) => Math.max(...own) > 5 * SEATS);
    expect(far.length).toBeGreaterThan(80);
    // Told twice a second; so many sit down in between.
    for (const own of far) expect(own.at(-1)).toBeLessThan(Math.max(...own) / 2);
    expect(often.filter((own) => Number(own.at(-1)) < Number(own[0])).length).toBeGreaterThan(80);
  });
});

describe("a full machine", () => {
  const LONG = "[[sim:tokens=150]]";

  /** One sits at `giving` and is answered for one and a half seconds; two more wait. */
  async function full() {
    await stack.resetBackends();
    const sits = visit(stack, who("f1"), { model: "giving", prompt: LONG });
    await untilDesk(stack, "giving", ({ taken, waiting, cold }) => taken === 1 && waiting === 0 && !cold);
    const waits = [visit(stack, who("f2"), { model: "giving" }), visit(stack, who("f3"), { model: "giving" })];
    await untilDesk(stack, "giving", ({ waiting }) => waiting === 2);
    return { sits, waits };
  }

  // planted: every tier spills; a refusal that is tried again at the same backend
  test("spills by policy; who may not is told when to come again", async () => {
    const { sits, waits } = await full();
    const spilled = await visit(stack, who("e1"), { model: "giving" }).over;
    expect([spilled.status, spilled.headers["x-gateway-backend"]]).toEqual([200, "cloud"]);
    const refused = await visit(stack, who("f2"), { model: "giving" }).over;
    expect([refused.status, JSON.parse(refused.text).error.type]).toEqual([503, "server_error"]);
    const retryAfterMs = Number(refused.headers["retry-after-ms"]);
    expect(retryAfterMs).toBeGreaterThan(100);
    expect(retryAfterMs).toBeLessThan(10_000);
    const told = await Promise.all([sits, ...waits].map(({ over }) => over));
    expect(told.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await gpuOf(stack)).most).toEqual({ running: 1, waiting: 0 });
  });

  // planted: the newcomer refused whatever its tier
  test("the lowest tier makes room", async () => {
    const { sits, waits } = await full();
    const better = visit(stack, who("s1"), { model: "giving" });
    const told = await Promise.all([...waits, better, sits].map(({ over }) => over));
    const shed = told.filter(({ text }) => text.includes("higher tier"));
    expect(shed).toHaveLength(1);
    expect(told.filter(({ text }) => text.includes("[DONE]") && !text.includes("error"))).toHaveLength(3);
    expect((await stack.stored(shed[0]?.requestId ?? "")).request).toMatchObject({ failure: "backend_overloaded" });
  });

  // planted: places told as data
  test("the official clients pass over the places that they are told", async () => {
    await stack.resetBackends();
    const sits = visit(stack, who("f1"), { model: "giving", prompt: "[[sim:tokens=300]]" });
    await untilDesk(stack, "giving", ({ taken, waiting }) => taken === 1 && waiting === 0);
    const messages = [{ role: "user" as const, content: "[[sim:text=Here it is.]]" }];
    const asked = { model: "giving", max_tokens: 50, stream: true as const, messages };
    const openai = (async () => {
      const { data, response } = await stack.openai.chat.completions.create(asked).withResponse();
      let text = "";
      for await (const chunk of data) text += chunk.choices[0]?.delta.content ?? "";
      return [text, response.headers.get("x-request-id") ?? ""] as const;
    })();
    const anthropic = (async () => {
      const { data, response } = await stack.anthropic.messages.create(asked).withResponse();
      let text = "";
      for await (const event of data) {
        if (event.type === "content_block_delta" && event.delta.type === "text_delta") text += event.delta.text;
      }
      return [text, response.headers.get("x-request-id") ?? ""] as const;
    })();
    const told = await Promise.all([openai, anthropic]);
    expect(told.map(([text]) => text)).toEqual(["Here it is.", "Here it is."]);
    for (const [, requestId] of told) {
      const { decisions } = await stack.stored(requestId);
      expect(decisions).toContainEqual(expect.objectContaining({ decision: "headers_first", reason: "queued" }));
    }
    await sits.over;
  });
});

// planted: a desk that seats as many as it has while nobody has been answered
test("a cold model is asked for by one alone, until it answers", async () => {
  await stack.resetBackends();
  const prompt = "[[sim:ttft=600]] [[sim:tokens=3]]";
  const visits = [0, 1, 2, 3].map((gateway) => visit(stack, who("s1"), { model: "cold", prompt, gateway }));
  await Promise.all(visits.map(({ over }) => over));
  const { calls } = (await (await fetch(`${stack.home?.url}/sim/tally`)).json()) as {
    calls: { arrivedAtMs: number; firstByteAtMs: number }[];
  };
  const [first, ...others] = calls.sort((a, b) => a.arrivedAtMs - b.arrivedAtMs);
  expect(others).toHaveLength(3);
  for (const { arrivedAtMs } of others) expect(arrivedAtMs).toBeGreaterThanOrEqual((first?.arrivedAtMs ?? 0) + 600);
  // The others come together.
  expect((await gpuOf(stack)).most.running).toBeGreaterThanOrEqual(3);
});

describe("the desk is lost", () => {
  // planted: who sits does not say so to the new desk
  test("killed, its successor finds everybody where they were", async () => {
    await stack.resetBackends();
    const prompt = "[[sim:tokens=150]]";
    const visits = Array.from({ length: 8 }, (_, gateway) => visit(stack, who("s1"), { prompt, gateway }));
    await untilDesk(stack, "home", ({ taken, waiting }) => taken === SEATS && waiting === 4);
    await stack.process("seats").kill();
    await stack.process("seats").whenReady();
    await untilDesk(stack, "home", ({ taken, waiting }) => taken === SEATS && waiting === 4);
    const told = await Promise.all(visits.map(({ over }) => over));
    expect(told.map(({ status }) => status)).toEqual(visits.map(() => 200));
    for (const { text } of told) expect(text).toContain("[DONE]");
    expect((await gpuOf(stack)).most).toEqual({ running: SEATS, waiting: 0 });
  });

  // planted: a desk that does not answer refuses
  test("silent, requests go on without a seat", async () => {
    const pid = stack.process("seats").pid() ?? 0;
    process.kill(pid, "SIGSTOP");
    try {
      const { status, requestId } = await visit(stack, who("s1")).over;
      expect(status).toBe(200);
      const { decisions } = await stack.stored(requestId);
      expect(decisions).toContainEqual(
        expect.objectContaining({ step: "seat", decision: "unseated", reason: "home:silent" }),
      );
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await untilDesk(stack, "home", ({ taken, waiting }) => taken + waiting === 0);
  });
});
