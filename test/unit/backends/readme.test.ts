import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { README_TABLES, withCurrentTables } from "../../../dev/backends/tables.ts";

const readme = readFileSync(new URL("../../../dev/backends/README.md", import.meta.url), "utf8");

// planted: a fault's summary changed in the code alone
test("the README's tables are those of the code (node dev/backends/tables.ts writes them)", () => {
  for (const name of Object.keys(README_TABLES)) expect(readme).toContain(`<!-- table ${name} -->`);
  expect(readme).toBe(withCurrentTables(readme));
});
