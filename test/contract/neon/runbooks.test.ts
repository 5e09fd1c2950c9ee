import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startDatabase, type TestDatabase } from "../../support/database.ts";

const folder = join(import.meta.dirname, "../../../docs/runbooks");
const QUERIES = readdirSync(folder).flatMap((page) =>
  [...readFileSync(join(folder, page), "utf8").matchAll(/npm run --silent sql -- "(select [^"]*)"/g)].map(
    ([, query = ""]) => ({ page, query }),
  ),
);

let database: TestDatabase;
beforeAll(async () => {
  database = await startDatabase();
});
afterAll(() => database?.close());

// planted: a column renamed in a page
test("every query of the runbooks runs on the ledger's tables", async () => {
  expect(QUERIES.length).toBeGreaterThan(7);
  for (const { page, query } of QUERIES) {
    const ran = await database.query(query).then(
      () => "ran",
      (error: unknown) => String(error),
    );
    expect([page, query, ran]).toEqual([page, query, "ran"]);
  }
});
