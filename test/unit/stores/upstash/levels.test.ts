import { expect, test } from "vitest";
import { levelKey, recordKey } from "../../../../src/stores/upstash/keys.ts";
import { budgetPeriod, encodeLevels } from "../../../../src/stores/upstash/levels.ts";

// planted: a key for every kind of state, used or not
test("a level declares the keys of the limits that it has, and no other", () => {
  const { keys, args, hasMoney } = encodeLevels("acme", [
    { level: "key", subject: "k", limits: { tokensPerMinute: 9 } },
    {
      level: "model",
      subject: "chat",
      limits: { concurrency: 2, budget: { limitNanoUsd: 5e9, period: "day" }, refillPeriodMs: 7 },
    },
  ]);
  expect(keys).toEqual(["t:{acme}:b:key:k", "t:{acme}:l:model:chat", "t:{acme}:m:model:chat"]);
  expect(args).toEqual(["", "9", "", "", "", "60000", "", "", "2", "5000000000", "day", "7"]);
  expect(hasMoney).toBe(true);
  expect(encodeLevels("acme", []).hasMoney).toBe(false);
});

// planted: the tenant's name used as it is
test("no tenant's name reaches into the keys of another", () => {
  expect(recordKey("a}:rec:x", "y")).not.toContain("t:{a}");
  expect(levelKey("a", "b", "key", "}:gen")).toBe("t:{a}:b:key:}:gen");
  const names = ["a", "a:", "a}", "{a", "a b", "%7B", "{", "ä"];
  expect(new Set(names.map((name) => recordKey(name, "r"))).size).toBe(names.length);
});

// planted: local time
test("periods are whole days and months of UTC", () => {
  const now = Date.UTC(2028, 1, 29, 23, 59, 59);
  expect(budgetPeriod("day", now)).toEqual({
    id: "2028-02-29",
    startsAt: Date.UTC(2028, 1, 29),
    endsAt: Date.UTC(2028, 2, 1),
  });
  expect(budgetPeriod("month", now)).toEqual({ id: "2028-02", startsAt: Date.UTC(2028, 1), endsAt: Date.UTC(2028, 2) });
  expect(budgetPeriod("month", Date.UTC(2028, 11, 31)).endsAt).toBe(Date.UTC(2029, 0));
  expect(budgetPeriod("total", now)).toEqual({ id: "total", startsAt: 0, endsAt: undefined });
});
