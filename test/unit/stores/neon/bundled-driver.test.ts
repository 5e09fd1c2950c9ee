import { readFileSync } from "node:fs";
import * as whole from "@neondatabase/serverless";
import { getTableColumns, is } from "drizzle-orm";
import { PgTable } from "drizzle-orm/pg-core";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { generatedDriver, prepared, writeDriver } from "../../../../scripts/neon-driver.ts";
import * as schema from "../../../../src/stores/neon/schema.ts";

/** The bundles' driver beside the package it is made of: what goes over HTTP must be the same. */
type Driver = Pick<typeof whole, "neon" | "neonConfig" | "types">;

const CONNECTION = "postgresql://app:local@ep-1.test.neon.tech/gateway";
const BYTES = new Set([17, 1001]);
const NO_NAME = 999_999;

let bundled: Driver;

beforeAll(async () => {
  await writeDriver();
  // As on workerd, where there is no Buffer.
  const code = readFileSync(generatedDriver, "utf8").replaceAll("globalThis.Buffer", "undefined");
  bundled = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as Driver;
});
afterEach(() => {
  for (const { neonConfig } of [whole, bundled]) neonConfig.fetchFunction = undefined;
});

interface Call {
  readonly url: string;
  readonly headers: unknown;
  readonly body: string;
}

/** What is asked of the network by a driver that is answered `reply`, and what the driver makes of that. */
async function exchange(
  driver: Driver,
  work: (sql: ReturnType<typeof whole.neon>) => PromiseLike<unknown>,
  reply: () => Response,
): Promise<{ readonly calls: readonly Call[]; readonly came: unknown }> {
  const calls: Call[] = [];
  driver.neonConfig.fetchFunction = async (url: string, init: { headers: unknown; body: string }) => {
    calls.push({ url, headers: init.headers, body: init.body });
    return reply();
  };
  const came = await Promise.resolve(work(driver.neon(CONNECTION))).catch((error: unknown) => ({
    name: error instanceof Error && error.name,
    message: error instanceof Error && error.message,
    ...(error as object),
  }));
  return { calls, came };
}

const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const SAMPLES = [
  ...["1", "-7.25", "t", "f", "", "a b", "NaN", "infinity", "{}", '{1,NULL,"a,b"}', "{t,f}", "{{1,2},{3,4}}"],
  ...['{"a":[1]}', '{"{\\"a\\":1}"}', "(1.5,2)", "<(1,2),3>", "1 day 02:03:04.5", "[1,5)"],
  ...["2026-01-02", "2026-01-02 03:04:05.678", "2026-01-02 03:04:05+02", '{"2026-01-02 03:04:05+00"}'],
];

function parsed(driver: Driver, type: number, text: string): unknown {
  try {
    return driver.types.getTypeParser(type, "text")(text);
  } catch (error) {
    return { threw: (error as Error).message };
  }
}

const rowOf = (fields: readonly (readonly [string, number])[], values: readonly (string | null)[]): object => ({
  command: "SELECT",
  rowCount: 1,
  fields: fields.map(([name, dataTypeID]) => ({ name, dataTypeID })),
  rows: [values],
});

const ROW = rowOf(
  [
    ["id", 23],
    ["money", 20],
    ["at", 1184],
    ["tags", 1009],
    ["more", 3802],
    ["nothing", 25],
  ],
  ["1", "9007199254740993", "2026-01-02 03:04:05+00", "{a,b}", '{"a":1}', null],
);

const PARAMETERS: readonly unknown[] = [
  ...["text", 1, 1.5, 12n, true, null, undefined, new Date(1_767_323_045_678), ["a", null, 'b"c', [1, 2]]],
  ...[{ a: [1, { b: null }] }, { toPostgres: () => "own" }],
];

const WORK: Readonly<Record<string, (sql: ReturnType<typeof whole.neon>) => PromiseLike<unknown>>> = {
  "a query": (sql) => sql.query("select $1", [...PARAMETERS]),
  "a query for arrays": (sql) => sql.query("select $1", ["a"], { arrayMode: true, fullResults: true }),
  "a template": (sql) => sql`select ${1}, ${"a"}`,
  "a transaction": (sql) =>
    sql.transaction([sql.query("select $1", ["a"], { arrayMode: true, fullResults: true }), sql`select ${2}`]),
};

const REPLIES: Readonly<Record<string, () => Response>> = {
  "a row": () => Response.json({ ...ROW, results: [ROW, ROW] }),
  "a refusal": () =>
    Response.json({ message: "no", code: "23505", constraint: "users_pkey", detail: "there" }, { status: 400 }),
  "a failure": () => new Response("<html>", { status: 502 }),
  "no answer": () => {
    throw new TypeError("fetch failed");
  },
};

describe("the driver of the bundles", () => {
  const table = Object.keys(WORK).flatMap((work) => Object.keys(REPLIES).map((reply) => [work, reply] as const));

  // planted: the registration of parsers among the pure functions
  it.each(table)("asks and answers as the package does: %s, and %s", async (work, reply) => {
    const [does, replies] = [WORK[work], REPLIES[reply]];
    if (does === undefined || replies === undefined) throw new Error("no such case");
    const expected = await exchange(whole, does, replies);
    // As JSON: full results hold the driver's own functions.
    expect(asJson(await exchange(bundled, does, replies))).toEqual(asJson(expected));
    expect(expected.calls).toHaveLength(1);
  });

  // planted: the same
  it("reads each type of Postgres as the package does, but bytes", () => {
    const types = [...Object.values(whole.types.builtins), 1009, 1016, 1182, 1185, 1231, 3807, NO_NAME];
    expect(types.length).toBeGreaterThan(50);
    for (const type of types.filter((candidate) => !BYTES.has(candidate))) {
      for (const text of SAMPLES) {
        expect(parsed(bundled, type, text), `${type} of ${text}`).toEqual(parsed(whole, type, text));
      }
    }
  });

  // planted: a `types` whose setTypeParser is not that of the results' parsers
  it("reads results with the parsers that drizzle sets", async () => {
    const before = bundled.types.getTypeParser(23, "text");
    bundled.types.setTypeParser(23, (text: string) => `own ${text}`);
    const reply = (): Response => Response.json(rowOf([["id", 23]], ["1"]));
    const { came } = await exchange(bundled, (sql) => sql`select 1`, reply);
    bundled.types.setTypeParser(23, before);
    expect(came).toEqual([{ id: "own 1" }]);
  });

  // planted: a stand-in for Buffer that gives something else instead of throwing
  it("refuses bytes, and no column holds any", async () => {
    const { calls, came } = await exchange(
      bundled,
      (sql) => sql.query("select $1", [new Uint8Array([1, 2])]),
      () => Response.json(ROW),
    );
    expect(came).toMatchObject({ name: "RangeError" });
    expect(calls).toEqual([]);
    const values: readonly unknown[] = Object.values(schema);
    const tables = values.filter((value): value is PgTable => is(value, PgTable));
    expect(tables.length).toBeGreaterThan(5);
    const kinds = tables.flatMap((each) => Object.values(getTableColumns(each)).map((column) => column.getSQLType()));
    expect(kinds.filter((kind) => kind.startsWith("bytea"))).toEqual([]);
  });

  it("is not made of a package that looks different", () => {
    expect(() => prepared("export const neon = 1;")).toThrow("is not as scripts/neon-driver.ts knows it");
  });
});
