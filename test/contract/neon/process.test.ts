import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { neon } from "@neondatabase/serverless";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { connectionString } from "../../../dev/neon/main.ts";
import { firstLine } from "./forms.ts";

const MAIN = join(import.meta.dirname, "../../../dev/neon/main.ts");

describe("the Neon endpoint as a process", () => {
  let directory: string;
  const started: ChildProcess[] = [];

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "neon-process-"));
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((child) => stop(child, "SIGKILL")));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  function start(...options: string[]): ChildProcess {
    const child = spawn(process.execPath, [MAIN, ...options], { stdio: ["ignore", "pipe", "pipe"] });
    started.push(child);
    return child;
  }

  async function ready(child: ChildProcess): Promise<string> {
    const line: unknown = JSON.parse(await firstLine(child));
    expect(line).toMatchObject({
      ready: true,
      form: "pglite",
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/sql$/),
    });
    return (line as { url: string }).url;
  }

  async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const exit = once(child, "exit");
    child.kill(signal);
    await exit;
    return child.exitCode;
  }

  async function complaint(child: ChildProcess): Promise<string> {
    const chunks: Buffer[] = [];
    child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
    const [code] = await once(child, "close");
    expect(code).toBe(1);
    return Buffer.concat(chunks).toString();
  }

  // planted: rows answered before they are written (PGlite's files in memory, written out at the end).
  it("keeps every row that was answered through SIGKILL at any moment, and its data through SIGTERM", async () => {
    const dataDir = join(directory, "killed");
    const answered = new Set<number>();
    let next = 0;
    for (let round = 0; round < 4; round += 1) {
      const child = start("--data-dir", dataDir);
      const run = neon(connectionString(await ready(child)));
      await run`create table if not exists kept (n int primary key, body text not null)`;
      const rows = await run`select n from kept`;
      const seen = new Set(rows.map((row) => Object.values(row)[0]));
      expect([...answered].filter((n) => !seen.has(n))).toEqual([]);
      const killed = round === 3 ? undefined : setTimeout(() => child.kill("SIGKILL"), 150 + round * 70);
      for (let writes = 0; writes < (killed === undefined ? 10 : 10_000); writes += 1) {
        next += 1;
        const n = next;
        const body = "x".repeat(2_000);
        if (!(await run`insert into kept values (${n}, ${body})`.then(() => answered.add(n)).catch(() => false))) break;
      }
      if (killed === undefined) expect(await stop(child, "SIGTERM")).toBe(0);
    }
    const run = neon(connectionString(await ready(start("--data-dir", dataDir))));
    const [counted] = await run`select count(*)::int as n, bool_and(length(body) = 2000) as whole from kept`;
    expect(answered.size).toBeGreaterThan(10);
    expect(counted).toMatchObject({ whole: true });
    expect((counted as { n: number }).n).toBeGreaterThanOrEqual(answered.size);
  }, 120_000);

  // planted: files of a start that was killed half-way taken for a database.
  it("starts afresh where the first start was killed", async () => {
    const dataDir = join(directory, "half");
    mkdirSync(join(dataDir, "pgdata"), { recursive: true });
    writeFileSync(join(dataDir, "pgdata/PG_VERSION"), "18\n");
    const run = neon(connectionString(await ready(start("--data-dir", dataDir))));
    expect(await run`select 1 as n`).toEqual([{ n: 1 }]);
  }, 60_000);

  // planted: no lock on the data directory.
  it("says in one line what to do about a directory in use, a taken port and bad options", async () => {
    const dataDir = join(directory, "shared");
    const url = await ready(start("--data-dir", dataDir));
    const port = new URL(url).port;
    for (const [options, words] of [
      [["--data-dir", dataDir], "is in use by process"],
      [["--port", port], `port ${port} is taken`],
      [["--port", "many"], "--port many"],
      [["--postgres-url", "postgresql://nobody:none@127.0.0.1:1/none"], "no Postgres answers at 127.0.0.1:1"],
      [["--data-dir", dataDir, "--postgres-url", "postgresql://a@b/c"], "give one of the two"],
      [["--nonsense"], "--nonsense"],
    ] as const) {
      const lines = (await complaint(start(...options))).trim().split("\n");
      expect(lines).toEqual([expect.stringContaining(words)]);
    }
    expect(await neon(connectionString(url))`select 1 as n`).toEqual([{ n: 1 }]);
  }, 60_000);

  // planted: always told that there is nothing to migrate.
  it("is migrated by the command line, once, with one clear line when it cannot be", async () => {
    const url = await ready(start("--data-dir", join(directory, "migrated")));
    const environment = { ...process.env, DATABASE_OWNER_URL: connectionString(url) };
    expect(await migrateWith(environment)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^migrated: 0000_tables, .*\n$/),
    });
    expect(await migrateWith(environment)).toEqual({ code: 0, output: "nothing to migrate\n" });
    const wrong = { ...environment, DATABASE_OWNER_URL: connectionString(url, "nobody") };
    const output = "migrate: password authentication failed for user 'nobody'\n";
    expect(await migrateWith(wrong)).toEqual({ code: 1, output });
    const { DATABASE_OWNER_URL: _, ...without } = environment;
    expect(await migrateWith(without)).toMatchObject({
      code: 1,
      output: expect.stringContaining("set DATABASE_OWNER_URL"),
    });
  }, 60_000);

  async function migrateWith(env: NodeJS.ProcessEnv): Promise<{ code: number | null; output: string }> {
    const child = spawn(process.execPath, [join(MAIN, "../migrate.ts")], { env, stdio: ["ignore", "pipe", "pipe"] });
    started.push(child);
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    await once(child, "close");
    return { code: child.exitCode, output: Buffer.concat(chunks).toString() };
  }
});
