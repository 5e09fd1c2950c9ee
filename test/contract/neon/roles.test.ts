import { neon } from "@neondatabase/serverless";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NeonEndpoint } from "../../../dev/neon/main.ts";
import { type Client, forms } from "./forms.ts";

// Names of this suite's own: roles belong to the whole server, which other suites may be using.
const READER = "roles_reader";
const WRITER = "roles_writer";
const SILENT = "roles_silent";

describe.each(forms)("roles at the Neon endpoint on $name", (form) => {
  let endpoint: NeonEndpoint;
  let root: Client;
  let reader: Client;

  beforeAll(async () => {
    endpoint = await form.start();
    root = neon(endpoint.connectionString());
    reader = neon(endpoint.connectionString(READER));
    for (const statement of [
      `drop role if exists ${READER}, ${WRITER}, ${SILENT}`,
      `create role ${READER} login password 'local'`,
      `create role ${WRITER} login password 'local'`,
      `create role ${SILENT} login`,
      "create table rows (tenant text not null, n int not null)",
      "alter table rows enable row level security, force row level security",
      "create policy own on rows using (tenant = current_setting('app.tenant', true))",
      `grant select, insert on rows to ${READER}, ${WRITER}`,
      "insert into rows select 't' || t, n from generate_series(0, 4) t, generate_series(1, 10) n",
    ]) {
      await root.query(statement);
    }
  }, 120_000);
  afterAll(async () => {
    await root`drop table if exists rows`;
    await root.query(`drop role if exists ${READER}, ${WRITER}, ${SILENT}`);
    await endpoint.close();
  }, 60_000);

  const asTenant = (run: Client, tenant: string) => run`select set_config('app.tenant', ${tenant}, true)`;

  // planted: requests left as the superuser that PGlite logs in as.
  it("runs as the connection string's role, for whom row-level security holds", async () => {
    expect(await reader`select current_user::text, session_user::text`).toEqual([
      { current_user: READER, session_user: READER },
    ]);
    expect(await root`select count(*)::int as n from rows`).toEqual([{ n: 50 }]);
    expect(await reader`select count(*)::int as n from rows`).toEqual([{ n: 0 }]);
    const own = await reader.transaction([asTenant(reader, "t1"), reader`select distinct tenant from rows`]);
    expect(own[1]).toEqual([{ tenant: "t1" }]);
    expect(await reader`select count(*)::int as n from rows`).toEqual([{ n: 0 }]);
  });

  // planted: SET ROLE in place of SET SESSION AUTHORIZATION, and the guard over it left out.
  it("lets a role neither become another nor step around the policies", async () => {
    const foreign = reader.transaction([asTenant(reader, "t1"), reader`insert into rows values ('t2', 1)`]);
    await expect(foreign).rejects.toMatchObject({ code: "42501" });
    for (const attempt of [
      "set role postgres",
      `set role ${WRITER}`,
      "set session authorization postgres",
      "alter table rows disable row level security",
      "drop table rows",
      `alter role ${READER} superuser`,
      `alter role ${READER} bypassrls`,
      "select rolpassword from pg_authid",
    ]) {
      await expect(reader.query(attempt), attempt).rejects.toMatchObject({ code: "42501" });
    }
    for (const attempt of ["reset role", "set role none", "discard all"]) {
      const outcome = reader.query(`${attempt}`).then(() => reader`select current_user::text as name`);
      expect(await outcome, attempt).toEqual([{ name: READER }]);
    }
    const stepOut = reader.transaction([reader`reset role`, reader`select count(*)::int as n from rows`]);
    expect((await stepOut)[1]).toEqual([{ n: 0 }]);
    await expect(
      reader.transaction([reader`set local row_security = off`, reader`select * from rows`]),
    ).rejects.toMatchObject({ code: "42501" });
  });

  // planted: the password not looked at.
  it("lets nobody in with a wrong password, without one, without LOGIN or under an unknown name", async () => {
    const message = (role: string) => ({ message: `password authentication failed for user '${role}'` });
    await root.query(`alter role ${WRITER} nologin`);
    for (const [role, password] of [
      [READER, "wrong"],
      [SILENT, "local"],
      [WRITER, "local"],
      ["roles_nobody", "local"],
      [new URL(endpoint.connectionString()).username, "wrong"],
    ] as const) {
      const call = neon(endpoint.connectionString(role, password))`select 1`;
      await expect(call, role).rejects.toMatchObject(message(role));
    }
    await root.query(`alter role ${WRITER} login`);
    expect(await neon(endpoint.connectionString(WRITER))`select 1 as n`).toEqual([{ n: 1 }]);
  });

  // planted: a password once proven remembered by the role's name.
  it("obeys a changed password at once", async () => {
    expect(await reader`select 1 as n`).toEqual([{ n: 1 }]);
    await root.query(`alter role ${READER} password 'rotated'`);
    await expect(reader`select 1`).rejects.toThrow("password authentication failed");
    expect(await neon(endpoint.connectionString(READER, "rotated"))`select 1 as n`).toEqual([{ n: 1 }]);
    await root.query(`alter role ${READER} password 'local'`);
  });

  // planted: the database's name not looked at (PGlite).
  it("names a database that is not there", async () => {
    const elsewhere = endpoint.connectionString(READER).replace(/\/[^/]*$/, "/elsewhere");
    await expect(neon(elsewhere)`select 1`).rejects.toMatchObject({ code: "3D000" });
  });

  // planted: the mutex taken away (PGlite), one shared connection (native).
  it("never shows a parallel request another's role, tenant or rows", async () => {
    const writer = neon(endpoint.connectionString(WRITER));
    const calls = Array.from({ length: 120 }, async (_, call) => {
      const run = call % 2 === 0 ? reader : writer;
      const tenant = `t${call % 5}`;
      if (call % 11 === 0) {
        await expect(run.transaction([asTenant(run, tenant), run`select 1 / 0`])).rejects.toThrow("division");
        return;
      }
      const [, rows] = await run.transaction([
        asTenant(run, tenant),
        run`select current_user::text as role, current_setting('app.tenant') as tenant, tenant as seen, count(*)::int as n
          from rows group by tenant`,
      ]);
      expect(rows).toEqual([{ role: call % 2 === 0 ? READER : WRITER, tenant, seen: tenant, n: 10 }]);
    });
    await Promise.all(calls);
  });
});
