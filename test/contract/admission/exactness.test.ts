import { expect, test } from "vitest";
import type { LevelCharge } from "../../../src/core/ports.ts";
import { levelOf, linkTo, newTenant, onBothForms, requestOf, SeedingAdmission, settlementOf } from "./support.ts";

const ROUNDS = 5;
const PARALLEL = 200;
const COST = { tokens: 10, costNanoUsd: 100 };

onBothForms("exactness", "limits under parallel calls", (bench) => {
  /** 200 calls at once, from two clients that share nothing but Redis. */
  async function burst(tenant: string, levels: readonly LevelCharge[]) {
    const clients = [new SeedingAdmission(linkTo(bench().endpoint)), new SeedingAdmission(linkTo(bench().endpoint))];
    const requests = Array.from({ length: PARALLEL }, () => requestOf(tenant, { levels, reservation: COST }));
    const replies = await Promise.all(requests.map((request, index) => clients[index % 2]?.admit(request)));
    expect(new Set(replies.map((reply) => reply?.kind))).toEqual(new Set(["admitted", "refused"]));
    return requests.filter((_, index) => replies[index]?.kind === "admitted");
  }

  const cases = [
    { name: "20 requests", limits: { requestsPerMinute: 20 }, passes: 20 },
    { name: "7 requests (a limit that divides no period evenly)", limits: { requestsPerMinute: 7 }, passes: 7 },
    { name: "tokens for 20 calls", limits: { tokensPerMinute: 209 }, passes: 20 },
    { name: "one call's tokens", limits: { tokensPerMinute: 19 }, passes: 1 },
    { name: "money for 20 calls", limits: { budget: { limitNanoUsd: 2_099, period: "month" } }, passes: 20 },
    { name: "one call's money", limits: { budget: { limitNanoUsd: 199, period: "total" } }, passes: 1 },
    { name: "3 requests at once", limits: { concurrency: 3 }, passes: 3 },
  ] as const;
  for (const { name, limits, passes } of cases) {
    // planted: a check of each unit in turn reads `>` one too far (debt + need > capacity + need)
    test(`${name}: exactly ${passes} of ${PARALLEL} pass, round after round`, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const tenant = await newTenant(bench());
        const passed = await burst(tenant, [levelOf(limits)]);
        expect(passed.length).toBe(passes);
      }
    });
  }

  // planted: the write pass stops after the first level
  test("the tightest of four levels decides, and settling gives everything back", async () => {
    const tenant = await newTenant(bench());
    const wide = {
      requestsPerMinute: 500,
      tokensPerMinute: 90_000,
      concurrency: 400,
      budget: { limitNanoUsd: 10 ** 12, period: "month" },
    } as const;
    const levels = [
      levelOf(wide),
      levelOf(wide, "user", "ann"),
      levelOf({ ...wide, concurrency: 20 }, "model", "chat"),
      levelOf(wide, "tenant", tenant),
    ];
    const admitted = await burst(tenant, levels);
    expect(admitted.length).toBe(20);
    const open = await bench().dump(`t:{${tenant}}:m:`);
    for (const { content } of Object.values(open) as { content: string[] }[]) expect(content).toContain("2000");
    await Promise.all(
      admitted.map((request) => bench().admission.settle(settlementOf(request, { tokens: 0, costNanoUsd: 0 }))),
    );
    for (const { content } of Object.values(await bench().dump(`t:{${tenant}}:m:`)) as { content: string[] }[]) {
      expect(content[content.findIndex((field) => field.startsWith("r:")) + 1]).toBe("0");
    }
    expect(await bench().dump(`t:{${tenant}}:l:`)).toEqual({});
    for (const { content } of Object.values(await bench().dump(`t:{${tenant}}:b:`)) as { content: string[] }[]) {
      expect(content[content.indexOf("t") + 1]).toBe("0");
    }
  });
});
