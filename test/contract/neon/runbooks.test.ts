import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
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

// planted: the transaction not read-only
test("`npm run sql` shows rows and can change nothing", async () => {
  const script = join(folder, "../../dev/neon/sql.ts");
  const env = { ...process.env, DATABASE_OWNER_URL: database.endpoint.connectionString() };
  const sql = (query: string) =>
    promisify(execFile)(process.execPath, [script, query], { env }).then(
      ({ stdout }) => stdout,
      (error: { stderr: string }) => error.stderr,
    );
  expect(await sql("select id as tenant from tenants order by id")).toBe("tenant\nacme\nglobex\n");
  expect(await sql("delete from tenants")).toMatch(/read-only transaction/);
  expect(await sql("select * from requests")).toBe("no rows\n");
});
