import { neon } from "@neondatabase/serverless";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/neon-http";
import { integer, pgTable, text } from "drizzle-orm/pg-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NeonEndpoint } from "../../../dev/neon/main.ts";
import { type Client, forms } from "./forms.ts";

const notes = pgTable("notes", { id: integer().primaryKey(), body: text().notNull() });

describe.each(forms)("transactions and errors through Neon's protocol on $name", (form) => {
  let endpoint: NeonEndpoint;
  let run: Client;

  beforeAll(async () => {
    endpoint = await form.start();
    run = neon(endpoint.connectionString());
    await run`create table notes (id int primary key, body text not null constraint body_short check (length(body) < 9))`;
  }, 120_000);
  afterAll(() => endpoint.close(), 60_000);

  // planted: BEGIN and COMMIT left out around a batch.
  it("rolls a batch back whole when any statement fails", async () => {
    const db = drizzle(run);
    const first = db.insert(notes).values({ id: 1, body: "kept?" });
    const failing = db.insert(notes).values({ id: 1, body: "twice" });
    await expect(db.batch([first, failing])).rejects.toThrow();
    expect(await db.select().from(notes)).toEqual([]);
    const [, rows] = await db.batch([first, db.select().from(notes)]);
    expect(rows).toEqual([{ id: 1, body: "kept?" }]);
    expect(await db.delete(notes).returning()).toHaveLength(1);
  });

  // planted: an error at COMMIT taken for success.
  it("reports a constraint that fails only at commit", async () => {
    await run`create table deferred (id int unique deferrable initially deferred)`;
    const batch = run.transaction([run`insert into deferred values (1)`, run`insert into deferred values (1)`]);
    await expect(batch).rejects.toMatchObject({ code: "23505" });
    expect(await run`select * from deferred`).toEqual([]);
  });

  // planted: the three headers not read.
  it("honours isolation level, read only and deferrable", async () => {
    const modes = () => [
      run`select current_setting('transaction_isolation') as level, current_setting('transaction_read_only') as read_only,
        current_setting('transaction_deferrable') as deferrable`,
    ];
    expect(await run.transaction(modes())).toEqual([
      [{ level: "read committed", read_only: "off", deferrable: "off" }],
    ]);
    const options = { isolationLevel: "Serializable", readOnly: true, deferrable: true } as const;
    expect(await run.transaction(modes(), options)).toEqual([
      [{ level: "serializable", read_only: "on", deferrable: "on" }],
    ]);
    const write = run.transaction([run`insert into notes values (9, 'no')`], { readOnly: true });
    await expect(write).rejects.toMatchObject({ code: "25006" });
  });

  // planted: only the message of an error sent back.
  it("carries Postgres's fields of an error, and drizzle shows them at its cause", async () => {
    await run`insert into notes values (5, 'five')`;
    await expect(run`insert into notes values (5, 'again')`).rejects.toMatchObject({
      name: "NeonDbError",
      code: "23505",
      severity: "ERROR",
      schema: "public",
      table: "notes",
      constraint: "notes_pkey",
      detail: "Key (id)=(5) already exists.",
    });
    await expect(run`insert into notes (id) values (6)`).rejects.toMatchObject({ code: "23502", column: "body" });
    await expect(run.query("select nope from notes")).rejects.toMatchObject({ code: "42703", position: "8" });
    const db = drizzle(run);
    const long = db.insert(notes).values({ id: 7, body: "far too long" });
    await expect(long).rejects.toMatchObject({ cause: { code: "23514", constraint: "body_short" } });
    await expect(db.execute(sql`select 1 / 0`)).rejects.toMatchObject({ cause: { code: "22012" } });
  });

  // planted: a failed statement that leaves the session inside its transaction.
  it("leaves no transaction, setting or temporary table to the next request", async () => {
    await run.query("begin");
    await run.query("set application_name = 'left behind'");
    await run.query("create temporary table leftover (n int)");
    await run`select set_config('app.tenant', 'left behind', false)`;
    await run.transaction([run`select 1`, run`select 1 / 0`]).catch(() => undefined);
    const state = run`select current_setting('application_name') as name, current_setting('app.tenant', true) as tenant,
      to_regclass('pg_temp.leftover')::text as leftover`;
    const [row] = (await state) as Record<string, unknown>[];
    expect(row?.name).not.toBe("left behind");
    expect([null, ""]).toContain(row?.tenant);
    expect(row?.leftover).toBeNull();
  });

  // planted: comments in front of COPY not skipped.
  it("takes one command a statement, and no COPY", async () => {
    await expect(run.query("select 1; select 2")).rejects.toMatchObject({ code: "42601" });
    await expect(run.query("/* quietly */ copy notes from stdin")).rejects.toMatchObject({ code: "0A000" });
    expect(await run`select 1 as alive`).toEqual([{ alive: 1 }]);
  });

  // planted: an unknown isolation level taken as none.
  it("refuses what is no request of this protocol with 400 and a message", async () => {
    const headers = { "Neon-Connection-String": endpoint.connectionString(), "Neon-Raw-Text-Output": "true" };
    const post = (body: string, sent: Record<string, string> = headers) =>
      fetch(endpoint.url, { method: "POST", headers: sent, body });
    for (const body of ["", "{", "[]", "{}", '{"query":1}', '{"queries":{}}', '{"query":"select 1","params":{}}']) {
      const response = await post(body);
      expect([body, response.status]).toEqual([body, 400]);
      expect(await response.json()).toMatchObject({ message: expect.any(String) });
    }
    expect((await post('{"query":"select 1"}', { "Neon-Raw-Text-Output": "true" })).status).toBe(400);
    const level = { ...headers, "Neon-Batch-Isolation-Level": "read committed; drop table notes" };
    expect((await post('{"queries":[]}', level)).status).toBe(400);
    expect((await fetch(new URL("/elsewhere", endpoint.url))).status).toBe(404);
  });
});
