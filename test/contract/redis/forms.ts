import { Redis } from "@upstash/redis";
import type { BackendChoice } from "../../../dev/redis/choose.ts";
import { type RedisEndpoint, startRedisEndpoint } from "../../../dev/redis/main.ts";
import type { RedisForm } from "../../../dev/redis/protocol.ts";
import { findRedisServer } from "../../../dev/redis/redis-server/process.ts";

export const TOKEN = "contract-token";

/** What a run covers, and what is wrong with that, if anything. */
export interface FormChoice {
  readonly forms: readonly RedisForm[];
  readonly problem: string | undefined;
}

/**
 * Which forms a run covers: the embedded one always, the real one where there is one. Continuous integration must not pass
 * because a server was missing, unless `REDIS_FORMS=embedded` says that this is meant.
 */
export function chooseForms(env: NodeJS.ProcessEnv, serverMissing: string | undefined): FormChoice {
  if (env.REDIS_FORMS === "embedded") return { forms: ["embedded"], problem: undefined };
  if (serverMissing === undefined || env.REDIS_URL) return { forms: ["embedded", "redis-server"], problem: undefined };
  const problem = env.CI === "true" ? `${serverMissing}; install it or set REDIS_FORMS=embedded` : undefined;
  return { forms: ["embedded"], problem };
}

const server = findRedisServer();

/** The choice for this run; `forms.test.ts` prints it and fails on its problem. */
export const choice: FormChoice = chooseForms(process.env, "missing" in server ? server.missing : undefined);
export const forms: readonly RedisForm[] = choice.forms;

/**
 * How to open a form for tests. A binary is preferred to REDIS_URL, because it gives each file a server of its own; of a shared
 * server each file gets a database of its own, which it empties.
 */
export function choiceFor(form: RedisForm, database: number): BackendChoice {
  const url = "missing" in server ? process.env.REDIS_URL : undefined;
  if (form === "embedded" || url === undefined) return { form };
  const redisUrl = new URL(url);
  redisUrl.pathname = `/${database}`;
  return { form, redisUrl: redisUrl.href };
}

/** An endpoint on an empty database. */
export async function startForm(form: RedisForm, database: number): Promise<RedisEndpoint> {
  const endpoint = await startRedisEndpoint({ ...choiceFor(form, database), tokens: [TOKEN, "other-token"] });
  await endpoint.control({ flush: true });
  return endpoint;
}

/** The official client without retries. */
export function clientOf(
  endpoint: { readonly url: string },
  options: { base64?: boolean; token?: string } = {},
): Redis {
  return new Redis({
    url: endpoint.url,
    token: options.token ?? TOKEN,
    retry: { retries: 0 },
    enableTelemetry: false,
    responseEncoding: options.base64 === false ? false : "base64",
  });
}

/** A call by hand: what the client hides stays visible. */
export async function post(
  endpoint: { readonly url: string },
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(endpoint.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}`, ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}
