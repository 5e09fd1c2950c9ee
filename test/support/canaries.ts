import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { runBatch } from "../../dev/neon/client.ts";
import { redisDump } from "./redis-dump.ts";
import type { TestStack } from "./stack.ts";

const hex = (bytes: number) => randomBytes(bytes).toString("hex");

/** Secrets by what they are. */
export type Canaries = Readonly<Record<string, string>>;

/** Credentials of backends in the shapes that they come in, by the variable that holds each. */
export const providerCanaries = () => ({
  VLLM_API_KEY: `vllm-${hex(16)}`,
  OPENAI_API_KEY: `sk-proj-${randomBytes(36).toString("base64url")}`,
  ANTHROPIC_API_KEY: `sk-ant-api03-${randomBytes(36).toString("base64url")}`,
  CF_ACCESS_CLIENT_ID: `${hex(16)}.access`,
  CF_ACCESS_CLIENT_SECRET: hex(32),
});

/** Prompts, answers and names of end users: words that occur nowhere else. */
export const wordCanaries = () => ({
  prompt: `prompt-canary-${hex(8)}`,
  answer: `answer-canary-${hex(8)}`,
  endUser: `end-user-canary-${hex(8)}`,
});

/** Every credential that a stack holds, and those of `keys`, which are API keys by name. */
export function credentialsOf(stack: TestStack, provider: Canaries, keys: Canaries): Canaries {
  const secretsFile = JSON.parse(readFileSync(stack.secretsFile, "utf8")) as Record<string, string>;
  const all = { ...keys, local: stack.apiKey };
  const credentials = {
    ...provider,
    ...Object.fromEntries(Object.entries(all).map(([name, text]) => [`gateway key ${name}`, text.slice(-43)])),
    pepper: (secretsFile.keyPepper ?? "").slice(2),
    adminKey: stack.adminKey,
    metricsToken: stack.metricsToken,
    gatewayRedisToken: stack.redis?.gatewayToken ?? "",
    ledgerRedisToken: stack.redis?.ledgerToken ?? "",
  };
  for (const [name, secret] of Object.entries(credentials)) expect(secret.length, name).toBeGreaterThan(20);
  return credentials;
}

/** The halves, and how the whole would look behind the usual disguises. */
function shapesOf(secret: string): readonly string[] {
  const half = Math.max(12, Math.floor(secret.length / 2));
  return [
    ...new Set([
      secret.slice(0, half),
      secret.slice(-half),
      encodeURIComponent(secret),
      Buffer.from(secret).toString("base64").replace(/=+$/, "").slice(0, -2),
      Buffer.from(secret).toString("hex"),
      [...secret].toReversed().join(""),
    ]),
  ];
}

/** Fails where the text holds one of the secrets, or a part of one, and shows what stands before it. */
export function expectNone(where: string, text: string, canaries: Canaries): void {
  for (const [name, secret] of Object.entries(canaries)) {
    for (const shape of shapesOf(secret)) {
      const at = text.indexOf(shape);
      if (at >= 0) expect(`${name}: …${text.slice(Math.max(0, at - 120), at + 40)}…`, where).toBe("nothing");
    }
  }
}

/** Every file below the stack's folder but its data, its secrets and its ready file. */
function filesOf(stack: TestStack, folder = stack.dataDir): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (path === join(stack.dataDir, "data")) return [];
    if (entry.isDirectory()) return filesOf(stack, path);
    return path === stack.secretsFile || path === join(stack.dataDir, "ready.json") ? [] : [path];
  });
}

/** Every row of every table as text. */
export async function postgresText(
  stack: TestStack,
  expression: "t::text" | "to_jsonb(t)::text" = "t::text",
): Promise<{ readonly lines: readonly string[]; readonly tables: number; readonly rows: number }> {
  const root = { connectionString: stack.postgres?.roleUrl() ?? "", endpointUrl: stack.postgres?.url ?? "" };
  const [tables = []] = await runBatch(root, [
    {
      query:
        "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')",
    },
  ]);
  const contents = await runBatch(
    root,
    tables.map((table) => ({
      query: `select ${expression} as line from "${table.table_schema}"."${table.table_name}" t`,
    })),
  );
  const lines = contents.flat().map(({ line }) => line ?? "");
  return { lines, tables: tables.length, rows: lines.length };
}

/** Tenants that let their responses be kept. */
async function tenantsThatKeep(stack: TestStack): Promise<ReadonlySet<string>> {
  const root = { connectionString: stack.postgres?.roleUrl() ?? "", endpointUrl: stack.postgres?.url ?? "" };
  const [rows = []] = await runBatch(root, [{ query: "select id from tenants where stores_responses" }]);
  return new Set(rows.map(({ id }) => id ?? ""));
}

export interface Searched {
  readonly logLines: number;
  readonly bugs: number;
  readonly files: number;
  readonly redisKeys: number;
  readonly tables: number;
  readonly rows: number;
}

/**
 * Looks for secrets wherever a stack tells or keeps anything: what operators read, every file that it wrote (logs above all), Redis and
 * Postgres. Words (prompts, answers, end users) may stand in the exact cache and in responses that a tenant lets be kept, credentials nowhere.
 */
export async function expectNothingKept(
  stack: TestStack,
  secrets: { readonly credentials: Canaries; readonly words: Canaries; readonly hosts?: readonly string[] },
): Promise<Searched> {
  const { credentials, words, hosts = [] } = secrets;
  const all = { ...credentials, ...words };
  const bearer = { authorization: `Bearer ${stack.metricsToken}` };
  for (const gateway of stack.gateways) {
    for (const path of ["/metrics", "/readyz", "/healthz", "/openapi.json"]) {
      const text = await (await fetch(`${gateway}${path}`, { headers: bearer })).text();
      expectNone(path, text, all);
      for (const host of hosts) expect(text.includes(host), path).toBe(false);
    }
  }

  const files = filesOf(stack);
  for (const path of files) expectNone(path, readFileSync(path, "latin1"), all);
  const logs = files.filter((path) => /gateway[^/]*\.log$/.test(path)).map((path) => readFileSync(path, "utf8"));
  expect(logs.length).toBeGreaterThanOrEqual(stack.gateways.length);

  const dump = await redisDump(stack);
  const keepers = await tenantsThatKeep(stack);
  for (const [name, value] of dump) {
    expectNone(`Redis ${name}`, name, all);
    // An entry of the cache is an answer, and so is what is kept for tenants that allow it; neither is a place for a credential.
    const kept = /^t:\{([^}]*)\}:resp:/.exec(name)?.[1];
    const mayHoldWords = /^t:\{[^}]*\}:c:/.test(name) || (kept !== undefined && keepers.has(kept));
    expectNone(`Redis ${name}`, value, mayHoldWords ? credentials : all);
  }

  const { lines, tables, rows } = await postgresText(stack);
  expectNone("Postgres", lines.join("\n"), all);
  const log = logs.join("\n");
  return {
    logLines: log.split("\n").length,
    bugs: log.match(/"message":"bug"/g)?.length ?? 0,
    files: files.length,
    redisKeys: dump.size,
    tables,
    rows,
  };
}
