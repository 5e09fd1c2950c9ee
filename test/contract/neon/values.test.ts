import { neon } from "@neondatabase/serverless";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/neon-http";
import { bigint, halfvec, integer, jsonb, pgTable, text, timestamp, vector } from "drizzle-orm/pg-core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NeonEndpoint } from "../../../dev/neon/main.ts";
import { forms } from "./forms.ts";

const samples = pgTable("samples", {
  id: integer().primaryKey(),
  digits: bigint({ mode: "bigint" }),
  at: timestamp({ withTimezone: true, precision: 3 }),
  body: jsonb(),
  tags: text().array(),
  dense: vector({ dimensions: 3 }),
  half: halfvec({ dimensions: 3 }),
});

describe.each(forms)("values through Neon's protocol on $name", (form) => {
  let endpoint: NeonEndpoint;

  beforeAll(async () => {
    endpoint = await form.start();
    const run = neon(endpoint.connectionString());
    await run`create extension vector`;
    await run`create table samples (id int primary key, digits bigint, at timestamptz(3), body jsonb, tags text[],
      dense vector(3), half halfvec(3))`;
  }, 120_000);
  afterAll(() => endpoint.close(), 60_000);

  async function raw(
    query: string,
    params: readonly unknown[] = [],
  ): Promise<{ rows: unknown[][]; fields: unknown[] }> {
    const headers = {
      "Neon-Connection-String": endpoint.connectionString(),
      "Neon-Raw-Text-Output": "true",
      "Neon-Array-Mode": "true",
    };
    const response = await fetch(endpoint.url, { method: "POST", headers, body: JSON.stringify({ query, params }) });
    expect(response.status).toBe(200);
    return (await response.json()) as { rows: unknown[][]; fields: unknown[] };
  }

  // planted: integers and jsonb parsed before they are encoded (what PGlite's own `query` does).
  it("carries every type as Postgres's own text", async () => {
    const expressions = [
      "true",
      "42::int2",
      "9007199254740993::int8",
      "0.1::float8",
      "'NaN'::float8",
      "1.10::numeric(5,2)",
      String.raw`'\x00ff'::bytea`,
      `'{"b": 1, "a": [null, 9007199254740993]}'::json`,
      `'{"b": 1.10}'::jsonb`,
      `array['a b', null, 'NULL', 'say "hi"', '']`,
      "array[[1,2],[3,4]]",
      "'2026-02-28 23:59:59.123456+00'::timestamptz",
      "'1 day 02:03:04'::interval",
      "'7d444840-9dc0-11d1-b245-5ffdce74fad2'::uuid",
      "'[1,2.5,3]'::vector",
      "'[1,2.5,3]'::halfvec",
      "row(1, 'x')",
      "int4range(1, 5)",
    ];
    const values = await raw(`select ${expressions.join(", ")}`);
    // A cast of a row to text is the same output function; booleans alone cast to other words than they print.
    const texts = await raw(`select ${expressions.map((e) => (e === "true" ? "'t'" : `(${e})::text`)).join(", ")}`);
    expect(values.rows).toEqual(texts.rows);
    expect(values.fields).toHaveLength(expressions.length);
    expect(values.fields[2]).toMatchObject({ name: "int8", dataTypeID: 20, dataTypeSize: 8, format: "text" });
  });

  // planted: null parameters sent as empty text.
  it("tells null from empty text, in parameters and in results", async () => {
    const { rows } = await raw("select $1::text, $2::text, $1::text is null, $2::text is null", [null, ""]);
    expect(rows).toEqual([[null, "", "t", "f"]]);
  });

  // planted: the length of a parameter counted in characters in place of bytes.
  it("carries any text there and back unchanged", async () => {
    const run = neon(endpoint.connectionString());
    const texts = fc.string({ unit: "grapheme", maxLength: 40 }).filter((value) => !value.includes("\0"));
    await fc.assert(
      fc.asyncProperty(texts, async (value) => {
        expect(await run`select ${value}::text as value`).toEqual([{ value }]);
      }),
      { numRuns: 60 },
    );
    await expect(run`select ${"a\0b"}::text`).rejects.toMatchObject({ code: "22021" });
  });

  // planted: lists in parameters sent as JSON, not as array literals.
  it("turns JSON parameters of a bare client into text, as Neon does", async () => {
    const { rows } = await raw("select $1::text[], $2::int, $3::bool, $4::jsonb", [
      ["a,b", null, 'q"'],
      7,
      true,
      { a: 1 },
    ]);
    expect(rows).toEqual([['{"a,b",NULL,"q\\""}', "7", "t", '{"a": 1}']]);
  });

  // planted: the first number of a command tag taken for the row count (0 after every INSERT).
  it("answers rows as objects or lists, with command and row count", async () => {
    const full = neon(endpoint.connectionString(), { fullResults: true });
    await full`create table counted (n int)`;
    expect(await full`insert into counted values (1), (2), (3)`).toMatchObject({
      command: "INSERT",
      rowCount: 3,
      rows: [],
    });
    expect(await full`update counted set n = n + 1 where n > 1`).toMatchObject({ command: "UPDATE", rowCount: 2 });
    expect(await full`select n from counted order by n limit 1`).toMatchObject({ rowCount: 1, rows: [{ n: 1 }] });
    expect(await full`drop table counted`).toMatchObject({ command: "DROP", rowCount: null });
    expect(await neon(endpoint.connectionString(), { arrayMode: true })`select 1 as a, 2 as a`).toEqual([[1, 2]]);
  });

  // planted: rows keyed by column name before array mode is looked at (duplicate names then lose a value).
  it("gives drizzle back what it stored: bigint digits, times, json, arrays, null, vectors", async () => {
    const db = drizzle(neon(endpoint.connectionString()));
    const row = {
      id: 1,
      digits: 9_007_199_254_740_993n,
      at: new Date("2026-02-28T23:59:59.123Z"),
      body: { text: "naïve 🦊", list: [1, null] },
      tags: ["a", "b,c", 'd"e', ""],
      dense: [1, 2.5, -3],
      half: [0.5, 0.25, -1],
    };
    const empty = { id: 2, digits: null, at: null, body: null, tags: null, dense: null, half: null };
    await db.insert(samples).values([row, empty]);
    expect(await db.select().from(samples).orderBy(samples.id)).toEqual([row, empty]);
    const nearest = db.select({ distance: sql<number>`${samples.half} <=> '[1,0.5,-2]'::halfvec` }).from(samples);
    expect((await nearest.where(sql`half is not null`))[0]?.distance).toBeCloseTo(0, 3);
  });
});
