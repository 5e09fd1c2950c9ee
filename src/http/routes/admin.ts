import { type Context, Hono } from "hono";
import type { Failure } from "../../core/failure.ts";
import { constantTimeEqual } from "../../lib/hash.ts";
import { lingering } from "../linger.ts";
import { listBreakers } from "./admin/breakers.ts";
import type { AdminDependencies } from "./admin/dependencies.ts";
import { listKeys, mintKey, revokeKey } from "./admin/keys.ts";
import { listDead, readRequest, readUsage, replayDead } from "./admin/ledger.ts";
import { publishOverlay, readOverlay } from "./admin/overlay.ts";
import { refusal } from "./admin/replies.ts";
import { changeTenant, createTenant, listTenants } from "./admin/tenants.ts";

export type { AdminDependencies } from "./admin/dependencies.ts";

type Handler = (context: Context, admin: AdminDependencies) => Promise<Response>;
type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** The whole admin API: paths below `/admin/v1`, and what each method does there. */
export const ADMIN_ROUTES: Readonly<Record<string, Readonly<Partial<Record<Method, Handler>>>>> = {
  "/keys": { GET: listKeys, POST: mintKey },
  "/keys/:id": { DELETE: revokeKey },
  "/tenants": { GET: listTenants, POST: createTenant },
  "/tenants/:id": { PATCH: changeTenant },
  "/usage": { GET: readUsage },
  "/requests/:id": { GET: readRequest },
  "/breakers": { GET: listBreakers },
  "/overlay": { GET: readOverlay, PUT: publishOverlay },
  "/ledger/dead": { GET: listDead },
  "/ledger/replay": { POST: replayDead },
};

/**
 * The sub-app to mount at `/admin/v1`. Closed without an admin key; every reply is JSON and not to be cached; a store that is away
 * is 503; a bug is 500 without a word about it (`report` gets the error).
 */
export function adminRoutes(admin: AdminDependencies, report: (error: unknown) => void): Hono {
  const app = new Hono();
  app.onError((error) => {
    report(error);
    return refusal({ type: "gateway_internal", message: "Something went wrong inside the gateway." });
  });
  app.use("*", async (context, next) => {
    const refused = authorize(context.req.header("authorization"), admin.adminKey);
    if (refused === undefined) await next();
    else context.res = refusal(refused);
    context.res = lingering(context.res, context.req.raw);
  });
  for (const [path, methods] of Object.entries(ADMIN_ROUTES)) {
    for (const [method, handler] of Object.entries(methods)) {
      app.on(method, path, (context) => handler(context, admin));
    }
    const allowed = allowedAt(methods);
    app.all(path, () => {
      const response = refusal({ type: "caller_method_not_allowed", message: `Allowed here: ${allowed}.` });
      response.headers.set("allow", allowed);
      return response;
    });
  }
  app.all("*", () => refusal({ type: "caller_not_found", message: "There is no such admin route." }));
  return app;
}

/** The methods of an admin path as `Allow` names them: HEAD comes with GET, OPTIONS with all. */
export function allowedAt(methods: Readonly<Partial<Record<Method, unknown>>>): string {
  return [...Object.keys(methods).flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])), "OPTIONS"].join(
    ", ",
  );
}

/** Undefined where the caller may pass. Compares in constant time; says the same of a wrong key and of none. */
function authorize(header: string | undefined, adminKey: string | undefined): Failure | undefined {
  if (adminKey === undefined || adminKey === "") {
    return { type: "caller_forbidden", message: "The admin API is closed: this gateway has no ADMIN_KEY." };
  }
  const [, presented = ""] = /^Bearer +(\S+)$/i.exec(header ?? "") ?? [];
  if (constantTimeEqual(presented, adminKey)) return undefined;
  return { type: "caller_unauthenticated", message: "Send the admin key as `Authorization: Bearer`." };
}
