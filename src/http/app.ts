import { type Context, Hono } from "hono";
import type { Failure } from "../core/failure.ts";
import type { WireName } from "../core/wire.ts";
import type { Gateway } from "../stages/gateway.ts";
import { wires } from "../wire/registry.ts";
import { allowOrigin, type OriginDirectory, preflight } from "./cors.ts";
import { type AdminDependencies, adminRoutes } from "./routes/admin.ts";
import { infer } from "./routes/inference.ts";
import { listModels, readModel } from "./routes/models.ts";
import { type OperationsDependencies, operations } from "./routes/operations.ts";

export interface HttpDependencies {
  readonly gateway: Gateway;
  readonly admin: AdminDependencies;
  readonly operations: OperationsDependencies;
  readonly origins: OriginDirectory;
}

/** The inference routes: a path and the wire format that is spoken there. */
const INFERENCE: Readonly<Record<string, WireName>> = {
  "/v1/chat/completions": "openai-chat",
  "/v1/messages": "anthropic-messages",
  "/v1/embeddings": "openai-embeddings",
};

/** What clients of the two APIs may ask for and this gateway does not do (yet): said so, in their own format. */
const OUT_OF_SCOPE = ["/v1/audio/*", "/v1/images/*", "/v1/realtime", "/v1/files", "/v1/batches", "/v1/assistants"];

/** The HTTP face: paths to handlers, and nothing else. */
export function createApp(http: HttpDependencies): Hono {
  const { gateway } = http;
  const app = new Hono({ strict: false });
  app.onError((error, context) => {
    const requestId = gateway.chance.requestId();
    gateway.reportBug(error, requestId);
    return failed(context, INTERNAL, requestId);
  });
  app.notFound((context) =>
    failed(context, { type: "caller_not_found", message: "There is no such route." }, gateway.chance.requestId()),
  );
  app.options("*", (context) => preflight(context, http.origins, allowedMethods(context.req.path)));
  for (const [path, wireName] of Object.entries(INFERENCE)) {
    app.post(path, async (context) => allowOrigin(context, await infer(context, wireName, gateway), gateway));
    app.all(path, (context) => wrongMethod(context, "POST, OPTIONS", gateway));
  }
  app.get("/v1/models", async (context) => allowOrigin(context, await listModels(context, gateway), gateway));
  app.get("/v1/models/:id{.+}", async (context) => allowOrigin(context, await readModel(context, gateway), gateway));
  app.all("/v1/models", (context) => wrongMethod(context, "GET, HEAD, OPTIONS", gateway));
  app.all("/v1/models/:id{.+}", (context) => wrongMethod(context, "GET, HEAD, OPTIONS", gateway));
  for (const path of OUT_OF_SCOPE) app.all(path, (context) => failed(context, NOT_OFFERED, gateway.chance.requestId()));
  operations(app, http.operations);
  app.route(
    "/admin/v1",
    adminRoutes(http.admin, (error) => gateway.reportBug(error, gateway.chance.requestId())),
  );
  return app;
}

const INTERNAL: Failure = { type: "gateway_internal", message: "The gateway failed to handle this request." };
const NOT_OFFERED: Failure = {
  type: "gateway_not_implemented",
  message: "This gateway does not offer audio, images, files, batches or realtime sockets.",
  retryable: false,
};

function allowedMethods(path: string): string {
  return Object.hasOwn(INFERENCE, path) ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
}

function wrongMethod(context: Context, allow: string, gateway: Gateway): Response {
  const failure: Failure = { type: "caller_method_not_allowed", message: `Use ${allow} here.` };
  return failed(context, failure, gateway.chance.requestId(), { allow });
}

/** A failure where no exchange exists: in Anthropic's form below `/v1/messages` and for its clients, else in OpenAI's. */
function failed(context: Context, failure: Failure, requestId: string, more: Record<string, string> = {}): Response {
  const anthropic =
    context.req.path.startsWith("/v1/messages") || context.req.header("anthropic-version") !== undefined;
  const told = wires[anthropic ? "anthropic-messages" : "openai-chat"].encodeFailure(failure, requestId);
  return new Response(context.req.method === "HEAD" ? null : told.body, {
    status: told.status,
    headers: { "content-type": "application/json", "x-request-id": requestId, ...told.headers, ...more },
  });
}
