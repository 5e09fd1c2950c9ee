/**
 * The gateway's configuration for the matrix, as data: JSON is YAML. Deadlines are scaled to seconds, those of the `hasty` backends to tenths of one,
 * so that what keeps silent costs little; no breaker opens, so that a fault meets the cell that it is meant for; limits refill so slowly that
 * Redis can be compared with the rows afterwards.
 */

/** Before the first token, over all attempts. */
export const DELAY_BUDGET_MS = 4_000;
/** What the gateway waits for Redis, and once more for a connection. */
export const REDIS_DEADLINE_MS = 1_000;
/** The variable that holds the address of a server that speaks no TLS. */
export const TLS_VARIABLE = "CHAOS_TLS_URL";

const PATIENT = { connectMs: 2_500, firstTokenMs: 2_500, silenceMs: 2_500, totalMs: 5_000 };
const HASTY = { connectMs: 500, firstTokenMs: 500, silenceMs: 500, totalMs: 5_000 };
const TOLERANT = { failures: 1_000_000, errorRate: { minimum: 1_000_000 }, openMs: 1_000, maxOpenMs: 1_000 };

/** As the books name whose tally tells of a call (test/support/books.ts). */
export type Process = "home" | "cloud" | "claude";

interface Kind {
  readonly process?: Process;
  readonly model?: string;
  /** The backend of the next attempt; the other process's where it is not said. */
  readonly next?: string;
  /** What its routes say more. */
  readonly route?: Readonly<Record<string, unknown>>;
  /** What its routes for chat say more. */
  readonly chatRoute?: Readonly<Record<string, unknown>>;
  readonly is: Readonly<Record<string, unknown>>;
}

const KINDS: Readonly<Record<string, Kind>> = {
  // As a GPU behind a tunnel: a caller who wants JSON gets a collected stream.
  home: { process: "home", is: vllm("VLLM") },
  // Two of the same model that can go on from an answer's beginning, the second where the providers are.
  steady: { process: "home", next: "twin", chatRoute: { continueStreams: { attempts: 1 } }, is: vllm("VLLM") },
  twin: { process: "cloud", model: "simulated-small", is: vllm("OPENAI") },
  // A provider of each format, whose JSON comes as JSON, but for Anthropic's: there it is collected where another follows, as by default.
  cloud: {
    process: "cloud",
    is: { ...openai(["openai-chat", "openai-completions"]), baseUrl: { env: "OPENAI_BASE_URL" } },
  },
  responses: { process: "cloud", is: { ...openai(["openai-responses"]), baseUrl: { env: "OPENAI_BASE_URL" } } },
  claude: {
    process: "claude",
    is: {
      formats: ["anthropic-messages"],
      baseUrl: { env: "ANTHROPIC_BASE_URL" },
      auth: { scheme: "x-api-key", secret: "ANTHROPIC_API_KEY" },
      headers: { "anthropic-version": { value: "2023-06-01" } },
      price: { inputPerMillion: 1.0001, cachedInputPerMillion: 0.1, cacheWritePerMillion: 1.25, outputPerMillion: 5 },
    },
  },
  // A second is asked where this one is slow.
  hedging: { process: "home", route: { hedge: { afterMs: 300, share: 1 } }, is: vllm("VLLM") },
  // As many at once as it has seats; the others wait, longer than a desk that starts anew looks for those who sit.
  seated: {
    process: "home",
    is: {
      ...vllm("VLLM"),
      deadlines: { ...PATIENT, connectMs: 600, firstTokenMs: 600 },
      seats: { count: 8, queue: 500, spill: { tiers: [] } },
    },
  },
  // Its breaker is held open by an operator.
  held: { process: "home", is: vllm("VLLM") },
  // Addresses at which there is no backend: nobody listens; no such host; a server that speaks no TLS.
  dead: {
    is: { ...openai(["openai-chat", "openai-completions"]), baseUrl: { url: "http://127.0.0.1:2" }, auth: undefined },
  },
  dns: {
    is: {
      ...openai(["openai-chat", "openai-completions"]),
      baseUrl: { url: "http://simulated.invalid" },
      auth: undefined,
    },
  },
  tls: { is: { ...openai(["openai-chat", "openai-completions"]), baseUrl: { env: TLS_VARIABLE }, auth: undefined } },
};

function vllm(name: "VLLM" | "OPENAI") {
  return {
    formats: ["openai-chat", "openai-completions"],
    baseUrl: { env: `${name}_BASE_URL` },
    auth: { scheme: "bearer", secret: `${name}_API_KEY`, optional: true },
    quirks: ["vllm"],
    collectJson: "always",
    price: { inputPerMillion: 0.1234567, outputPerMillion: 0.4321, cachedInputPerMillion: 0.0123 },
  };
}

function openai(formats: readonly string[]) {
  return {
    formats,
    auth: { scheme: "bearer", secret: "OPENAI_API_KEY" },
    collectJson: "never",
    price: { inputPerMillion: 0.5005, outputPerMillion: 2.00003, cachedInputPerMillion: 0.05 },
  };
}

/** Whether the first backend of a route has seconds or tenths of one. */
export type Pace = "patient" | "hasty";

/** The alias whose first target is this backend; legacy completions have routes of their own. */
export function aliasOf(first: string, pace: Pace, operation: "chat" | "complete"): string {
  return `${operation === "complete" ? "complete-" : ""}${pace === "hasty" ? "hasty-" : ""}${first}-first`;
}

const isLocal = (backend: string): boolean => (KINDS[backend]?.process ?? "home") === "home";

export const modelOf = (backend: string): string =>
  KINDS[backend]?.model ?? (isLocal(backend) ? "simulated-small" : "simulated-large");

/** The backend of the next attempt of a route: always of the other process, so that a fault can be told to one of them. */
export const nextAfter = (first: string): string => KINDS[first]?.next ?? (isLocal(first) ? "cloud" : "home");

/** Which of the two processes a fault of a first target is told to. */
export const faultedBy = (first: string): "home" | "cloud" => (isLocal(first) ? "home" : "cloud");

/** The process behind a backend's name in the books; the name itself where there is none. */
export function processOf(backend: string): string {
  return KINDS[backend.replace(/^hasty-/, "")]?.process ?? backend;
}

/** Backends at which nobody can tell of a call. */
export const isMute = (backend: string): boolean => KINDS[backend.replace(/^hasty-/, "")]?.process === undefined;

/** What operators have said before the first cell. */
export const OVERLAY = { breakers: { [`held/${modelOf("held")}`]: "open" } } as const;

export function chaosConfig(): Readonly<Record<string, unknown>> {
  const paces = Object.entries({ "": PATIENT, "hasty-": HASTY });
  const backends = paces.flatMap(([prefix, deadlines]) =>
    Object.entries(KINDS).map(
      ([name, { is }]) => [`${prefix}${name}`, { deadlines, ...is, breaker: TOLERANT }] as const,
    ),
  );
  const routes = Object.keys(KINDS).flatMap((first) =>
    (["patient", "hasty"] as const).flatMap((pace) =>
      (["chat", "complete"] as const).flatMap((operation) => {
        if (operation === "complete" && !speaksCompletions(first)) return [];
        const backend = `${pace === "hasty" ? "hasty-" : ""}${first}`;
        const next = nextAfter(first);
        const route = {
          operation,
          targets: [{ backend, model: modelOf(first) }],
          fallbacks: [{ backend: next, model: modelOf(next) }],
          delayBudgetMs: DELAY_BUDGET_MS,
          maxOutputTokens: 256,
          ...KINDS[first]?.route,
          ...(operation === "chat" && KINDS[first]?.chatRoute),
        };
        return [[aliasOf(first, pace, operation), route] as const];
      }),
    ),
  );
  const rich = { limitUsd: 1_000, period: "total" };
  const huge = { requestsPerMinute: 1_000_000, tokensPerMinute: 1_000_000_000, concurrency: 10_000 };
  return {
    backends: Object.fromEntries(backends),
    routes: Object.fromEntries(routes),
    tiers: {
      // A limit at each level that nobody reaches: whatever stays reserved is seen.
      budgeted: {
        key: { requestsPerMinute: 50_000, refillPeriodMs: 180_000_000_000, concurrency: 5_000, budget: rich },
        user: { tokensPerMinute: 40_000_000, refillPeriodMs: 2_000_000_000_000, budget: rich },
        model: { concurrency: 5_000, budget: rich },
        tenant: { concurrency: 5_000, budget: rich },
      },
      // The same without money, so that its keys run on while Redis is away.
      free: { key: huge, user: huge, model: huge, tenant: huge },
    },
    defaultTier: "budgeted",
    leaseMarginMs: 1_000,
    budgetQuarantineMs: 9_000,
    stores: { redisMs: REDIS_DEADLINE_MS, redisConnectMs: REDIS_DEADLINE_MS, postgresMs: 1_500 },
    snapshotMaxAgeMs: 60_000,
    addressGuardPerMinute: 1_000_000,
    localLimitShare: 1,
  };
}

function speaksCompletions(first: string): boolean {
  const formats = KINDS[first]?.is.formats;
  return Array.isArray(formats) && formats.includes("openai-completions");
}
