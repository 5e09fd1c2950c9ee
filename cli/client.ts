import { readFileSync } from "node:fs";

/** Something the operator can mend; its message is all that is printed. */
export class Trouble extends Error {}

export interface Connection {
  readonly url: string;
  readonly adminKey: string;
}

/** Where `npm run dev` and `npm run serve` say what they started. */
const READY_FILE = ".dev/ready.json";

/**
 * Which gateway to talk to: the flag, then `GATEWAY_URL`, then the local stack; its key from `GATEWAY_ADMIN_KEY` or `ADMIN_KEY`, else
 * the local stack's. The local key is never sent to another gateway. The key is no flag, because other users of a machine can read those.
 */
export function findConnection(
  flags: { readonly url?: string },
  environment: Readonly<Record<string, string | undefined>>,
  readyFile: string = READY_FILE,
): Connection {
  const ready = readReady(readyFile);
  const url = flags.url ?? environment.GATEWAY_URL ?? ready?.gateway;
  if (url === undefined) {
    throw new Trouble("no gateway: start one with `npm run dev`, or name one with --url or GATEWAY_URL");
  }
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new Trouble(`${url} is not an http or https URL`);
  }
  const isLocal = ready !== undefined && new URL(url).origin === new URL(ready.gateway).origin;
  const adminKey = environment.GATEWAY_ADMIN_KEY ?? environment.ADMIN_KEY ?? (isLocal ? ready.adminKey : undefined);
  if (adminKey === undefined || adminKey === "") {
    throw new Trouble(`no admin key for ${new URL(url).origin}: set GATEWAY_ADMIN_KEY`);
  }
  return { url: new URL(url).origin, adminKey };
}

export interface Call {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: object;
}

/** One call of the admin API. Gives the reply's JSON object; every refusal becomes a `Trouble` in words. */
export async function callAdmin(
  connection: Connection,
  path: string,
  call: Call = {},
): Promise<Record<string, unknown>> {
  const url = new URL(`/admin/v1${path}`, connection.url);
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  const response = await send(url, connection.adminKey, call);
  const body: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw new Trouble(describe(response.status, body, url));
  if (!isRecord(body)) throw new Trouble(`${url.origin} did not answer as a gateway (status ${response.status})`);
  return body;
}

async function send(url: URL, adminKey: string, call: Call): Promise<Response> {
  try {
    return await fetch(url, {
      method: call.method ?? "GET",
      headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
      redirect: "manual",
      signal: AbortSignal.timeout(30_000),
      ...(call.body && { body: JSON.stringify(call.body) }),
    });
  } catch (error) {
    const timedOut = error instanceof DOMException && error.name === "TimeoutError";
    throw new Trouble(timedOut ? `${url.origin} did not answer within 30 s` : `${url.origin} cannot be reached`);
  }
}

function describe(status: number, body: unknown, url: URL): string {
  const error = isRecord(body) && isRecord(body.error) ? body.error : {};
  const message = typeof error.message === "string" ? error.message : `no reason given by ${url.origin}`;
  if (status === 401) return `the admin key was refused by ${url.origin} (401)`;
  return `${message} (${status})`;
}

function readReady(path: string): { readonly gateway: string; readonly adminKey: string } | undefined {
  try {
    const ready: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (!isRecord(ready)) return undefined;
    const { gateway, adminKey } = ready;
    if (typeof gateway !== "string" || typeof adminKey !== "string" || !URL.canParse(gateway)) return undefined;
    return { gateway, adminKey };
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
