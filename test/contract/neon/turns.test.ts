import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DATABASE, type Engine, type EngineAnswer, ROOT_ROLE } from "../../../dev/neon/engine.ts";
import { openPglite } from "../../../dev/neon/pglite-engine.ts";

describe("PGlite's one session", () => {
  let engine: Engine;

  beforeAll(async () => {
    engine = await openPglite(undefined);
    for (const role of ["turns_a", "turns_b"]) {
      await run(ROOT_ROLE, [`create role ${role} login password 'local'`], false);
    }
  }, 60_000);
  afterAll(() => engine.close());

  function run(role: string, queries: readonly string[], batch: boolean): Promise<EngineAnswer> {
    const statements = queries.map((query) => ({ query, params: [], arrayMode: true }));
    const transaction = batch ? { isolationLevel: undefined, readOnly: false, deferrable: false } : undefined;
    return engine.run({ role, password: "local", database: DATABASE }, { statements, transaction });
  }

  // planted: the mutex taken away. (Over HTTP each request happens to run through before the next is read, so this asks the engine.)
  it("serves requests of one tick one after the other", async () => {
    const calls = Array.from({ length: 60 }, async (_, call) => {
      const role = call % 2 === 0 ? "turns_a" : "turns_b";
      const set = `select set_config('app.tenant', '${call}', true)`;
      const broken = call % 7 === 0 ? ["select 1 / 0"] : [];
      const answer = await run(role, [set, ...broken, "select current_user, current_setting('app.tenant')"], true);
      if (broken.length > 0) return expect(answer).toMatchObject({ ok: false, error: { code: "22012" } });
      expect(answer).toMatchObject({ ok: true, results: [{}, { rows: [[role, String(call)]] }] });
    });
    await Promise.all(calls);
  });

  // planted: no CopyFail behind the statement. (PGlite then spins for ever, and with it the test run.)
  it("survives a COPY that no guard saw", async () => {
    await run(ROOT_ROLE, ["create table copied (n int)"], false);
    const copy = await run(ROOT_ROLE, ["/* a /* b */ */ copy copied from stdin"], false);
    expect(copy).toMatchObject({ ok: false, error: { code: "57014" } });
    expect(await run(ROOT_ROLE, ["select 1"], false)).toMatchObject({ ok: true, results: [{ rows: [["1"]] }] });
  });
});
