import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { neon } from "@neondatabase/serverless";
import { generateDrizzleJson, generateMigration } from "drizzle-kit/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NeonEndpoint } from "../../../dev/neon/main.ts";
import { migrate } from "../../../dev/neon/migrate.ts";
import { freePort } from "../../../dev/ports.ts";
import * as schema from "../../../src/stores/neon/schema.ts";
import { type Client, forms } from "./forms.ts";
import { DATABASE_OWNER, startMigrated } from "./migrated.ts";

const DIRECTORY = join(import.meta.dirname, "../../../migrations");

interface Journal {
  readonly entries: { idx: number; version: string; when: number; tag: string; breakpoints: boolean }[];
}

function readJournal(directory: string): Journal {
  return JSON.parse(readFileSync(join(directory, "meta/_journal.json"), "utf8")) as Journal;
}

// planted: a column added to the schema without a migration.
it("has a migration for everything that the schema says", async () => {
  const last = readJournal(DIRECTORY).entries.at(-1);
  const file = join(DIRECTORY, `meta/${String(last?.idx).padStart(4, "0")}_snapshot.json`);
  const migrated = JSON.parse(readFileSync(file, "utf8")) as ReturnType<typeof generateDrizzleJson>;
  const wanted = generateDrizzleJson({ ...schema }, migrated.id, undefined, schema.casing);
  expect(await generateMigration(migrated, wanted)).toEqual([]);
});

// planted: fetch's own error let through; the error of a URL that is none let through
it("names the host that cannot be reached and the reason, and never the login", async () => {
  const port = await freePort();
  const failureOf = (connectionString: string) =>
    migrate({ connectionString }).catch((error: unknown) => inspect(error));
  const unreachable = await failureOf(`postgresql://somebody:hushhush@127.0.0.1:${port}/db`);
  expect(unreachable).toMatch(new RegExp(`127\\.0\\.0\\.1:${port} cannot be reached: .*ECONNREFUSED`));
  const garbled = await failureOf("postgresql://somebody:hush\u{1f92b}hushhush@127.0.0.1:1/db");
  const shapeless = await Promise.all(["hushhush", "postgres:hushhush", "https://a:hushhush@b"].map(failureOf));
  for (const said of shapeless) expect(said).toMatch(/not of the form postgresql:/);
  for (const said of [unreachable, garbled, ...shapeless]) expect(said).not.toContain("hushhush");
});

describe.each(forms)("migrations on $name", (form) => {
  let endpoint: NeonEndpoint;
  let root: Client;
  let directory: string;

  beforeAll(async () => {
    endpoint = await startMigrated(form);
    root = neon(endpoint.connectionString());
    directory = mkdtempSync(join(tmpdir(), "neon-migrations-"));
  }, 120_000);
  afterAll(async () => {
    rmSync(directory, { recursive: true, force: true });
    await endpoint.close();
  }, 60_000);

  const target = () => ({ connectionString: endpoint.connectionString(DATABASE_OWNER) });

  /** A copy of the real migrations with one more, and the name of its folder. */
  function withMigration(tag: string, text: string, when = Date.now() + 1_000): string {
    const copy = join(directory, tag);
    cpSync(DIRECTORY, copy, { recursive: true });
    const journal = readJournal(copy);
    journal.entries.push({ idx: journal.entries.length, version: "7", when, tag, breakpoints: true });
    writeFileSync(join(copy, "meta/_journal.json"), JSON.stringify(journal));
    writeFileSync(join(copy, `${tag}.sql`), text);
    return copy;
  }

  // planted: the bookkeeping row not written.
  it("applies each file once, whoever asks and however often", async () => {
    expect(await migrate(target())).toEqual([]);
    const more = withMigration(
      "0900_parallel",
      "create table parallel (n int);\n--> statement-breakpoint\ninsert into parallel values (1);",
    );
    const runs = await Promise.all([1, 2, 3].map(() => migrate({ ...target(), directory: more })));
    expect(runs.flat()).toEqual(["0900_parallel"]);
    expect(await root`select n from parallel`).toEqual([{ n: 1 }]);
    await root`drop table parallel`;
    await root`delete from drizzle.__drizzle_migrations where id = (select max(id) from drizzle.__drizzle_migrations)`;
  });

  // planted: each statement of a file in a transaction of its own.
  it("keeps nothing of a file that fails", async () => {
    const failing = withMigration(
      "0901_failing",
      "create table half (n int);\n--> statement-breakpoint\nselect 1 / 0;",
    );
    await expect(migrate({ ...target(), directory: failing })).rejects.toThrow(
      "migration 0901_failing: division by zero",
    );
    expect(await root`select to_regclass('half')::text as half`).toEqual([{ half: null }]);
    expect(await migrate(target())).toEqual([]);
  });

  // planted: hashes not compared.
  it("refuses a file that changed after it was applied, and one that comes before applied ones", async () => {
    const changed = withMigration("0902_changed", "select 1;");
    writeFileSync(join(changed, "0001_roles.sql"), "select 'something else';");
    await expect(migrate({ ...target(), directory: changed })).rejects.toThrow(
      "0001_roles was applied with other content",
    );
    const early = withMigration("0903_early", "select 1;", 1);
    await expect(migrate({ ...target(), directory: early })).rejects.toThrow("0903_early is older");
    const windows = withMigration("0904_windows", "select 1;");
    const file = join(windows, "0001_roles.sql");
    writeFileSync(file, readFileSync(file, "utf8").replaceAll("\n", "\r\n"));
    expect(await migrate({ ...target(), directory: windows })).toEqual(["0904_windows"]);
  });

  // planted: a table that a later migration created and did not hand to `owner`, or did not put under row-level security.
  it("leaves every table with `owner` and under forced row-level security", async () => {
    const tables =
      await root`select relname as name, relowner::regrole::text as owner, relrowsecurity and relforcerowsecurity as forced
      from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') order by relname`;
    expect(tables.map((table) => table.name)).toEqual([
      "api_keys",
      "audit",
      "charges",
      "config_overlays",
      "prices",
      "requests",
      "spend",
      "tenants",
      "users",
    ]);
    expect(tables.filter((table) => table.owner !== "owner" || table.forced !== true)).toEqual([]);
  });

  // planted: `GRANT owner TO app` in a migration.
  it("makes logins that own nothing and cannot get around the policies", async () => {
    const roles =
      await root`select rolname as name, rolcanlogin as login, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb as mighty,
      exists (select from pg_class where relowner = r.oid) or exists (select from pg_proc where proowner = r.oid) as owns,
      exists (select from pg_auth_members where member = r.oid) as member
      from pg_roles r where rolname in ('owner', 'app', 'ledger', 'admin') order by rolname`;
    const powerless = { mighty: false, owns: false, member: false, login: true };
    expect(roles).toEqual([
      { name: "admin", ...powerless },
      { name: "app", ...powerless },
      { name: "ledger", ...powerless },
      { name: "owner", ...powerless, login: false, owns: true },
    ]);
    const app = neon(endpoint.connectionString("app"));
    await expect(app`create table mine (n int)`).rejects.toMatchObject({ code: "42501" });
    await expect(app`set role owner`).rejects.toMatchObject({ code: "42501" });
  });
});
