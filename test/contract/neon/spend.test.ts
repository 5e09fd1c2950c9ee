import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { neon } from "@neondatabase/serverless";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NeonEndpoint } from "../../../dev/neon/main.ts";
import { migrate } from "../../../dev/neon/migrate.ts";
import type { WideEvent } from "../../../src/core/wide-event.ts";
import { Neon } from "../../../src/stores/neon/client.ts";
import { NeonLedger } from "../../../src/stores/neon/ledger.ts";
import { abandonedOf, settledEvent } from "../../support/events.ts";
import { type Client, forms } from "./forms.ts";
import { DATABASE_OWNER, startMigrated } from "./migrated.ts";

const MIGRATIONS = join(import.meta.dirname, "../../../migrations");

describe.each(forms)("sums of what was spent on $name", (form) => {
  let endpoint: NeonEndpoint;
  let root: Client;
  beforeAll(async () => {
    endpoint = await startMigrated(form);
    root = neon(endpoint.connectionString());
  }, 120_000);
  afterAll(() => endpoint.close(), 60_000);

  const ledger = () =>
    new NeonLedger(new Neon({ connectionString: endpoint.connectionString("ledger"), timeoutMs: 20_000 }));
  /** Every sum that differs from its rows. */
  const wrong = () => root`
    select level, subject, period, spend.nano_usd, sums.nano_usd as rows from spend full join (
      select tenant_id, level, subject, period, sum(cost_nano_usd) as nano_usd from requests,
        spend_places(tenant_id, key_id, user_id, alias, started_at) where cost_nano_usd > 0 group by 1, 2, 3, 4
    ) sums using (tenant_id, level, subject, period)
    where spend.nano_usd is distinct from sums.nano_usd`;

  // planted: the cost added to the sum that the statement began with, in place of the one that it waited for (native only: PGlite has one writer)
  it("are exact after writers at once whose events overlap, abandoned and true", async () => {
    const events = Array.from({ length: 60 }, (_, index) => settledEvent({ user: `u${index % 7}` }));
    const others = Array.from({ length: 240 }, (_, index) => settledEvent({ user: `u${index % 7}` }));
    const write = async (batch: readonly WideEvent[]) => {
      // Postgres may end one of two that meet crosswise: it comes again, as by the queue.
      for (let turn = 0; turn < 5; turn++) if ((await ledger().write(batch)).kind === "ok") return;
      throw new Error("a batch was never written");
    };
    const overlapping = Array.from({ length: 8 }, (_, writer) => {
      const part = events.filter((_event, index) => (index + writer) % 5 !== 0);
      return writer % 2 === 0 ? part : part.map(abandonedOf);
    });
    // Of the same subjects, and nobody else's: these wait for each other at the sums alone.
    const apart = Array.from({ length: 24 }, (_, writer) => others.slice(writer * 10, writer * 10 + 10));
    await Promise.all([...overlapping, ...apart].map(write));
    expect(await wrong()).toEqual([]);
    const [total] = await root`select nano_usd from spend where level = 'tenant' and period = 'total'`;
    expect(Number(total?.nano_usd)).toBe(300 * 1_400);
  });

  // planted: a trigger on DELETE that takes the cost away again
  it("stay when an operator deletes the rows", async () => {
    const before = await root`select * from spend order by level, subject, period`;
    await root`delete from requests`;
    expect(await root`select * from spend order by level, subject, period`).toEqual(before);
  });
});

describe.each(forms)("a database on $name with rows from before the sums", (form) => {
  // planted: the sums of earlier rows left out of the migration
  it("has them summed up by the migration", async () => {
    const directory = mkdtempSync(join(tmpdir(), "neon-before-"));
    cpSync(MIGRATIONS, directory, { recursive: true });
    const journalFile = join(directory, "meta/_journal.json");
    const journal = JSON.parse(readFileSync(journalFile, "utf8")) as { entries: { idx: number }[] };
    writeFileSync(journalFile, JSON.stringify({ ...journal, entries: journal.entries.filter(({ idx }) => idx < 5) }));
    const endpoint = await startMigrated(form, directory);
    try {
      const root = neon(endpoint.connectionString());
      for (const [id, at] of [
        ["a", "2026-11-30T23:59:59.999Z"],
        ["b", "2026-12-01T00:00:00Z"],
      ]) {
        await root`insert into requests (id, tenant_id, key_id, status, outcome, operation, alias, estimated, cost_nano_usd, started_at)
          values (${id}, 'acme', 'k', 'settled', 'completed', 'chat', 'chat', false, 7, ${at})`;
      }
      await migrate({ connectionString: endpoint.connectionString(DATABASE_OWNER) });
      const sums = await root`select period, nano_usd::int as sum from spend where level = 'key' order by period`;
      expect(sums.map(({ period, sum }) => [period, sum])).toEqual([
        ["2026-11", 7],
        ["2026-11-30", 7],
        ["2026-12", 7],
        ["2026-12-01", 7],
        ["total", 14],
      ]);
    } finally {
      rmSync(directory, { recursive: true, force: true });
      await endpoint.close();
    }
  }, 120_000);
});
