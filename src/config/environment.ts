import * as z from "zod/mini";
import type { Backend, BaseConfig } from "../core/config.ts";
import { normaliseBaseUrl } from "./base-url.ts";
import { type Peppers, readPeppers } from "./peppers.ts";

/** Everything that the environment says, checked. Holds secrets: never logged, never sent anywhere whole. */
export interface Environment {
  readonly redis: { readonly url: string; readonly token: string };
  readonly postgres: { readonly url: string; readonly adminUrl: string; readonly fetchEndpoint?: string };
  readonly peppers: Peppers;
  readonly adminKey: string;
  readonly metricsToken?: string;
  /** How to reach each backend that can be reached, by name. */
  readonly backends: ReadonlyMap<string, BackendAccess>;
  /** The keys of `backends`. */
  readonly availableBackends: ReadonlySet<string>;
  /** Backends of the base that the environment leaves out, with the names of the variables that they lack. */
  readonly absentBackends: ReadonlyMap<string, readonly string[]>;
  /** Values of the variables that name models. */
  readonly modelNames: ReadonlyMap<string, string>;
}

/** Host and credentials of a backend, ready for a transport. */
export interface BackendAccess {
  /** With its version segment and without a slash at the end. */
  readonly baseUrl: string;
  /** Lower-case names: the credential, and the configured headers whose secrets are there. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface EnvironmentProblem {
  /** The variable's name. */
  readonly name: string;
  /** Never holds the value. */
  readonly reason: string;
}

export type ParsedEnvironment =
  | { readonly ok: true; readonly environment: Environment }
  | { readonly ok: false; readonly problems: readonly EnvironmentProblem[] };

const text = z.string().check(z.regex(/^[\x21-\x7e]+$/, "holds spaces or control characters"));
const httpUrl = text.check(z.refine(isPlainHttpUrl, "must be an http(s) URL without credentials"));
const postgresUrl = text.check(z.regex(/^postgres(ql)?:\/\/[^/]/, "must be a postgresql:// URL"));
/** A key that strangers may try: short ones can be guessed. */
const accessKey = text.check(z.minLength(16, "must have at least 16 characters"));

const ownVariables = z.object({
  UPSTASH_REDIS_REST_URL: httpUrl,
  UPSTASH_REDIS_REST_TOKEN: text,
  DATABASE_URL: postgresUrl,
  DATABASE_ADMIN_URL: postgresUrl,
  NEON_FETCH_ENDPOINT: z.optional(httpUrl),
  KEY_PEPPER: text,
  ADMIN_KEY: accessKey,
  METRICS_TOKEN: z.optional(accessKey),
});

/**
 * Reads the Worker's environment once per isolate. What the gateway itself needs must be there and well-formed, or the start stops
 * with the names of what is wrong; a backend whose URL or required secret is missing is simply absent. Blank means unset.
 */
export function parseEnvironment(env: unknown, base: BaseConfig): ParsedEnvironment {
  const variables = readVariables(env);
  const problems: EnvironmentProblem[] = [];
  const own = ownVariables.safeParse(Object.fromEntries(variables));
  if (!own.success) {
    for (const issue of own.error.issues) {
      const name = String(issue.path[0]);
      problems.push({ name, reason: variables.has(name) ? issue.message : "is missing" });
    }
  }
  const pepperText = variables.get("KEY_PEPPER");
  const peppers = pepperText === undefined ? undefined : readPeppers(pepperText);
  if (peppers?.ok === false) problems.push({ name: "KEY_PEPPER", reason: peppers.reason });
  const reach = readBackends(base, variables, bindingsOf(env), problems);
  const modelNames = readModelNames(base, variables, problems);
  if (!own.success || !peppers?.ok || problems.length > 0) return { ok: false, problems };
  const { data } = own;
  const environment: Environment = {
    redis: { url: data.UPSTASH_REDIS_REST_URL, token: data.UPSTASH_REDIS_REST_TOKEN },
    postgres: {
      url: data.DATABASE_URL,
      adminUrl: data.DATABASE_ADMIN_URL,
      ...(data.NEON_FETCH_ENDPOINT !== undefined && { fetchEndpoint: data.NEON_FETCH_ENDPOINT }),
    },
    peppers: peppers.peppers,
    adminKey: data.ADMIN_KEY,
    ...(data.METRICS_TOKEN !== undefined && { metricsToken: data.METRICS_TOKEN }),
    ...reach,
    availableBackends: new Set(reach.backends.keys()),
    modelNames,
  };
  return { ok: true, environment };
}

/** The variables with a value. Bindings (queues, Durable Objects) are no text and are left out. */
function readVariables(env: unknown): ReadonlyMap<string, string> {
  const entries = typeof env === "object" && env !== null ? Object.entries(env) : [];
  return new Map(
    entries.flatMap(([name, value]): [string, string][] =>
      typeof value === "string" && value.trim() !== "" ? [[name, value.trim()]] : [],
    ),
  );
}

type Variables = ReadonlyMap<string, string>;

function readBackends(
  base: BaseConfig,
  variables: Variables,
  bindings: ReadonlySet<string>,
  problems: EnvironmentProblem[],
): Pick<Environment, "backends" | "absentBackends"> {
  const backends = new Map<string, BackendAccess>();
  const absentBackends = new Map<string, readonly string[]>();
  const problemsBefore = problems.length;
  for (const backend of Object.values(base.backends)) {
    const { access, missing } =
      "binding" in backend.baseUrl
        ? bound(backend.baseUrl.binding, bindings)
        : readBackend(backend, variables, problems);
    if (access) backends.set(backend.name, access);
    else absentBackends.set(backend.name, missing);
  }
  if (backends.size === 0 && problems.length === problemsBefore) {
    for (const name of new Set([...absentBackends.values()].flat())) {
      problems.push({ name, reason: "is missing, and no backend can be reached: set what one of them needs" });
    }
  }
  return { backends, absentBackends };
}

/** Nothing of a backend behind a binding is a host or a header. */
function bound(name: string, bindings: ReadonlySet<string>): ReturnType<typeof readBackend> {
  return bindings.has(name) ? { access: { baseUrl: "", headers: {} }, missing: [] } : { missing: [name] };
}

/** Names of what the environment holds that is no text. */
function bindingsOf(env: unknown): ReadonlySet<string> {
  const entries = typeof env === "object" && env !== null ? Object.entries(env) : [];
  return new Set(entries.flatMap(([name, value]) => (typeof value === "object" && value !== null ? [name] : [])));
}

/** What calls to one backend need, or what of it is missing. Problems are added to the list. */
export function readBackend(
  backend: Backend,
  variables: Variables,
  problems: EnvironmentProblem[],
): { readonly access?: BackendAccess; readonly missing: readonly string[] } {
  const missing: string[] = [];
  const headers: Record<string, string> = {};
  const secretNamed = (name: string): string | undefined => {
    const value = variables.get(name);
    if (value !== undefined && !text.safeParse(value).success)
      problems.push({ name, reason: "holds spaces or control characters" });
    return value;
  };
  for (const [header, content] of Object.entries(backend.headers)) {
    const value = "value" in content ? content.value : secretNamed(content.secret);
    if (value !== undefined) headers[header] = value;
  }
  const { scheme, secret, optional } = backend.auth;
  const credential = secret === undefined ? undefined : secretNamed(secret);
  if (credential !== undefined) {
    if (scheme === "bearer") headers.authorization = `Bearer ${credential}`;
    else if (scheme === "x-api-key") headers["x-api-key"] = credential;
  } else if (secret !== undefined && !optional) {
    missing.push(secret);
  }
  const { baseUrl: place } = backend;
  if ("binding" in place) return { missing: [place.binding] };
  const url = "url" in place ? place.url : (variables.get(place.env) ?? place.default);
  const baseUrl = url === undefined ? undefined : normaliseBaseUrl(url);
  if ("env" in place) {
    if (url === undefined) missing.push(place.env);
    else if (baseUrl === undefined) {
      problems.push({
        name: place.env,
        reason: "must be an http(s) URL without credentials, query or fragment",
      });
    }
  }
  return missing.length > 0 || baseUrl === undefined ? { missing } : { access: { baseUrl, headers }, missing };
}

function readModelNames(
  base: BaseConfig,
  variables: Variables,
  problems: EnvironmentProblem[],
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const route of Object.values(base.routes)) {
    for (const { model } of [...route.targets, ...route.fallbacks]) {
      const value = "env" in model ? variables.get(model.env) : undefined;
      if (!("env" in model) || value === undefined || names.has(model.env)) continue;
      if (!/^[\x21-\x7e]{1,200}$/.test(value))
        problems.push({ name: model.env, reason: "must be a model's name without spaces" });
      names.set(model.env, value);
    }
  }
  return names;
}

function isPlainHttpUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  return /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
}
