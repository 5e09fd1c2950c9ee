import * as z from "zod/mini";
import { Neon } from "../../../src/stores/neon/client.ts";
import { NeonLedger } from "../../../src/stores/neon/ledger.ts";
import { UpstashLedger } from "../../../src/stores/upstash/ledger.ts";
import { Link } from "../../../src/stores/upstash/link.ts";
import { countersOf } from "../../../src/telemetry/counters.ts";
import type { Ledger } from "./ports.ts";

/** Nobody waits for the ledger: its deadlines leave time for a database that sleeps and a region that is far. */
const TIMEOUTS = { redisMs: 3_000, redisConnectMs: 2_000, postgresMs: 15_000 };

const given = z.string().check(z.minLength(1));

const environment = z.object({
  UPSTASH_REDIS_REST_URL: given,
  UPSTASH_REDIS_REST_TOKEN: given,
  DATABASE_URL: given,
  NEON_FETCH_ENDPOINT: z.optional(given),
});

let composed: Ledger | undefined;

/** The ledger of this isolate. Logs and throws one line where a setting is missing; it holds names and no values. */
export function composeOnce(env: unknown): Ledger {
  composed ??= compose(env);
  return composed;
}

function compose(env: unknown): Ledger {
  const settings = environment.safeParse(env);
  if (!settings.success) {
    const names = settings.error.issues.map((issue) => String(issue.path[0]));
    const line = `the ledger Worker lacks settings: ${[...new Set(names)].join(", ")}`;
    // The platform retries what throws and need not log why.
    console.error(line);
    throw new Error(line);
  }
  const { UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN, DATABASE_URL, NEON_FETCH_ENDPOINT } = settings.data;
  const link = new Link({
    url: UPSTASH_REDIS_REST_URL,
    token: UPSTASH_REDIS_REST_TOKEN,
    timeoutMs: TIMEOUTS.redisMs,
    connectMs: TIMEOUTS.redisConnectMs,
  });
  const neon = new Neon({
    connectionString: DATABASE_URL,
    timeoutMs: TIMEOUTS.postgresMs,
    ...(NEON_FETCH_ENDPOINT !== undefined && { fetchEndpoint: NEON_FETCH_ENDPOINT }),
  });
  return {
    rows: new NeonLedger(neon),
    records: new UpstashLedger(link),
    countersOf: (event) => Object.fromEntries(countersOf(event).map(({ field, by }) => [field, by])),
    log: (line) => console.log(JSON.stringify({ worker: "ledger", ...line })),
    now: () => Date.now(),
  };
}
