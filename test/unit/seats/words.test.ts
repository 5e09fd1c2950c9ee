import { expect, it } from "vitest";
import { type Ask, askOf } from "../../../workers/seats/src/words.ts";

const ASK: Ask = {
  id: "one",
  tenant: "a",
  rank: 0,
  seats: 1,
  patienceMs: 0,
  waitedMs: 0,
  sits: false,
  leaseMs: 60_000,
  rules: { count: 2, queue: 10, lowerShare: 0.1, coldAfterMs: 240_000 },
};

// planted: only the names and the rank looked at
it("what is not whole is no ask", () => {
  expect(askOf(JSON.stringify(ASK))).toEqual(ASK);
  const { rules } = ASK;
  const broken: unknown[] = [null, 1, "ask", [], { ...ASK, rules: null }, { ...ASK, rules: 1 }, { ...ASK, id: 1 }];
  for (const name of ["tenant", "rank", "seats", "patienceMs", "waitedMs", "leaseMs", "rules"])
    broken.push({ ...ASK, [name]: undefined });
  broken.push({ ...ASK, seats: "1" }, { ...ASK, leaseMs: null });
  for (const name of Object.keys(rules)) broken.push({ ...ASK, rules: { ...rules, [name]: undefined } });
  for (const one of broken) expect([one, askOf(JSON.stringify(one))]).toEqual([one, undefined]);
  expect([askOf(null), askOf("{")]).toEqual([undefined, undefined]);
});
