import { expect, test } from "vitest";
import { routingCost } from "../../../bench/routing.ts";
import { compileFile } from "../../../scripts/compile-config.ts";

// planted: a rule of a tier that there is not; a choice that no target fits
test("what the benches route by is a configuration that holds", () => {
  expect(routingCost("caller")).toBeGreaterThan(0);
  expect(routingCost("text")).toBeGreaterThan(0);
  const outage = compileFile(new URL("../../../bench/outage/config.yaml", import.meta.url).pathname);
  expect(Object.keys(outage.routes)).toEqual(["well", "refusing", "failing", "silent"]);
});
