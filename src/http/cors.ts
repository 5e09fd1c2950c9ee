import type { Context } from "hono";
import type { Gateway } from "../stages/gateway.ts";

/** Which web origins any tenant has named. Asked at preflights only, which carry no key and so no tenant. */
export interface OriginDirectory {
  /** False where it is not known: CORS fails closed. */
  isNamed(origin: string): Promise<boolean>;
}

/** A tenant's word for every origin. */
const ANY_ORIGIN = "*";

/** What browsers send as `Origin` (`null` for pages without one), and as the names of headers. Only such text is told back. */
const ORIGIN = /^(?:null|[a-z][a-z0-9+.-]{0,31}:\/\/[\x21-\x7e]{1,255})$/;
const HEADER_NAMES = /^[!#$%&'*+.^_`|~A-Za-z0-9, -]{0,2048}$/;

/** What scripts of a page may read: all that the SDKs look at, and what the gateway says of its own. */
const EXPOSED = [
  "x-request-id",
  "request-id",
  "x-should-retry",
  "retry-after",
  "retry-after-ms",
  "server-timing",
  ...["cache", "backend", "model", "attempts", "route", "cost", "translation"].map((name) => `x-gateway-${name}`),
  ...["requests", "tokens"].flatMap((unit) =>
    ["limit", "remaining", "reset"].flatMap((what) => [
      `x-ratelimit-${what}-${unit}`,
      `anthropic-ratelimit-${unit}-${what}`,
    ]),
  ),
].join(", ");

/** Plain OPTIONS says what is allowed; a preflight gets its headers where the path is for browsers and some tenant names the origin. */
export async function preflight(
  context: Context,
  origins: OriginDirectory | undefined,
  methods: string,
): Promise<Response> {
  const origin = context.req.header("origin");
  const headers: Record<string, string> = { allow: methods, vary: "Origin, Access-Control-Request-Headers" };
  const asks = origin !== undefined && context.req.header("access-control-request-method") !== undefined;
  if (origins && asks && ORIGIN.test(origin) && (await origins.isNamed(origin))) {
    const wanted = context.req.header("access-control-request-headers") ?? "";
    headers["access-control-allow-origin"] = origin;
    headers["access-control-allow-methods"] = methods;
    headers["access-control-allow-headers"] = HEADER_NAMES.test(wanted) ? wanted : "";
    headers["access-control-max-age"] = "600";
  }
  return new Response(null, { status: 204, headers });
}

/** Lets a browser read the reply where the key's own tenant names the origin; else the reply is unchanged. */
export function allowOrigin(context: Context, response: Response, gateway: Gateway): Response {
  const origin = context.req.header("origin");
  if (origin === undefined) return response;
  const token = context.req.header("authorization")?.replace(/^Bearer +/i, "") ?? context.req.header("x-api-key") ?? "";
  const named = gateway.principals.get(token)?.corsOrigins ?? [];
  if (!named.includes(origin) && !(named.includes(ANY_ORIGIN) && ORIGIN.test(origin))) return response;
  response.headers.set("access-control-allow-origin", origin);
  response.headers.set("access-control-expose-headers", EXPOSED);
  response.headers.append("vary", "Origin");
  return response;
}
