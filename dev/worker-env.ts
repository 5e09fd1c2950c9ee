import type { LocalSecrets } from "./secrets.ts";
import { StartError } from "./start-error.ts";

/** The environment of the person who starts the stack. */
export type Surroundings = Readonly<Record<string, string | undefined>>;

/** Which parts of the stack the surroundings replace by the real thing. */
export interface Externals {
  readonly redis: boolean;
  readonly postgres: boolean;
  readonly vllm: boolean;
  readonly openai: boolean;
  readonly anthropic: boolean;
}

export interface Endpoints {
  /** Undefined where the real thing is used. */
  readonly redisUrl: string | undefined;
  readonly neonUrl: string | undefined;
  readonly homeUrl: string | undefined;
  readonly cloudUrl: string | undefined;
  /** Every variable and secret that the configuration names: base URLs, keys, headers, models. */
  readonly configuredNames: readonly string[];
  /** Variables that name models of simulated backends. */
  readonly simulatedModels: Readonly<Record<string, string>>;
  /** A role's login at the local database. */
  readonly roleUrl: (role: string) => string;
}

export interface WorkerEnvironments {
  readonly gateway: Readonly<Record<string, string>>;
  readonly ledger: Readonly<Record<string, string>>;
  readonly seats: Readonly<Record<string, string>>;
}

/** Reads which real services are meant. Throws a `StartError` where one is named and lacks what it needs. */
export function readExternals(surroundings: Surroundings): Externals {
  const has = (name: string): boolean => (surroundings[name] ?? "").trim() !== "";
  if (has("UPSTASH_REDIS_REST_URL") && !has("UPSTASH_REDIS_REST_TOKEN")) {
    throw new StartError("UPSTASH_REDIS_REST_URL is set without UPSTASH_REDIS_REST_TOKEN: set both, or neither");
  }
  for (const name of ["UPSTASH_REDIS_REST_URL", "VLLM_BASE_URL", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"]) {
    const value = surroundings[name] ?? "";
    if (value !== "" && !/^https?:\/\/[^/]/.test(value)) {
      throw new StartError(`${name} is no http(s) URL: correct it, or unset it to use the local one`);
    }
  }
  return {
    redis: has("UPSTASH_REDIS_REST_URL"),
    postgres: has("DATABASE_URL"),
    vllm: has("VLLM_BASE_URL"),
    openai: has("OPENAI_API_KEY"),
    anthropic: has("ANTHROPIC_API_KEY"),
  };
}

/** Any text that a simulated backend accepts as a provider's key; it checks none unless told to. */
const SIMULATED_KEY = "simulated";

/** What each Worker finds in its environment: the local endpoints, and the surroundings' values in place of them. */
export function workerEnvironments(
  endpoints: Endpoints,
  secrets: LocalSecrets,
  surroundings: Surroundings,
): WorkerEnvironments {
  const given = (name: string, otherwise?: string): Record<string, string> => {
    const value = surroundings[name]?.trim() || otherwise;
    return value === undefined ? {} : { [name]: value };
  };
  const redis = (token: string): Record<string, string> =>
    endpoints.redisUrl === undefined
      ? { ...given("UPSTASH_REDIS_REST_URL"), ...given("UPSTASH_REDIS_REST_TOKEN") }
      : { UPSTASH_REDIS_REST_URL: endpoints.redisUrl, UPSTASH_REDIS_REST_TOKEN: token };
  const database = (role: string, name: string): string | undefined =>
    endpoints.neonUrl === undefined ? surroundings[name] || surroundings.DATABASE_URL : endpoints.roleUrl(role);
  const neon =
    endpoints.neonUrl === undefined ? given("NEON_FETCH_ENDPOINT") : { NEON_FETCH_ENDPOINT: endpoints.neonUrl };
  const provider = (name: string, path: string): Record<string, string> =>
    endpoints.cloudUrl === undefined || surroundings[`${name}_API_KEY`]
      ? { ...given(`${name}_BASE_URL`), ...given(`${name}_API_KEY`) }
      : { [`${name}_BASE_URL`]: `${endpoints.cloudUrl}${path}`, [`${name}_API_KEY`]: SIMULATED_KEY };
  const configured = Object.assign({}, ...endpoints.configuredNames.map((name) => given(name))) as Record<
    string,
    string
  >;
  return {
    gateway: {
      ...configured,
      ...endpoints.simulatedModels,
      ...redis(secrets.gatewayRedisToken),
      ...neon,
      ...named("DATABASE_URL", database("app", "DATABASE_URL")),
      ...named("DATABASE_ADMIN_URL", database("admin", "DATABASE_ADMIN_URL")),
      ...given("KEY_PEPPER", secrets.keyPepper),
      ...given("ADMIN_KEY", secrets.adminKey),
      ...given("METRICS_TOKEN", secrets.metricsToken),
      ...given("VLLM_BASE_URL", endpoints.homeUrl),
      ...provider("OPENAI", "/v1"),
      ...provider("ANTHROPIC", "/anthropic"),
    },
    ledger: {
      ...redis(secrets.ledgerRedisToken),
      ...neon,
      ...named("DATABASE_URL", database("ledger", "DATABASE_LEDGER_URL")),
    },
    // To ask the backends how they are, and to say so in Redis.
    seats: {
      ...configured,
      ...redis(secrets.gatewayRedisToken),
      ...given("VLLM_BASE_URL", endpoints.homeUrl),
      ...provider("OPENAI", "/v1"),
      ...provider("ANTHROPIC", "/anthropic"),
    },
  };
}

function named(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}
