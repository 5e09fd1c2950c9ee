import { type Context, Hono } from "hono";
import { type Failure, INTERNAL } from "../core/failure.ts";
import type { WireName } from "../core/wire.ts";
import type { Gateway } from "../stages/gateway.ts";
import { commonHeaders } from "../stages/reply-headers.ts";
import { wires } from "../wire/registry.ts";
import { allowOrigin, type OriginDirectory, preflight } from "./cors.ts";
import { lingering } from "./linger.ts";
import { ADMIN_ROUTES, type AdminDependencies, adminRoutes, allowedAt } from "./routes/admin.ts";
import { infer } from "./routes/inference.ts";
import { listModels, readModel } from "./routes/models.ts";
import { OPERATIONS_PATHS, type OperationsDependencies, operations } from "./routes/operations.ts";
import { deleteResponse, listInputItems, readResponse } from "./routes/responses.ts";

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
  "/v1/completions": "openai-completions",
  "/v1/embeddings": "openai-embeddings",
  "/v1/rerank": "rerank",
  "/v1/messages/count_tokens": "anthropic-count-tokens",
  "/v1/responses": "openai-responses",
};

/** Kept responses; POST below it is what the gateway does not do. */
const RESPONSE = "/v1/responses/:id";
const READ = "GET, HEAD, OPTIONS";

/** What clients of the two APIs may ask for and this gateway does not do (yet): said so, in their own format, below each path too. */
const OUT_OF_SCOPE = [
  "/v1/assistants",
  "/v1/audio",
  "/v1/batches",
  "/v1/files",
  "/v1/fine_tuning",
  "/v1/images",
  "/v1/messages/batches",
  "/v1/realtime",
  "/v1/threads",
  "/v1/uploads",
  "/v1/vector_stores",
  "/v1/videos",
];

/** The HTTP face: paths to handlers, and nothing else. */
export function createApp(http: HttpDependencies): Hono {
  const { gateway } = http;
  const app = new Hono({ strict: false });
  // What no handler takes: OPTIONS, wrong methods, paths that are none. Apart, because a path with one handler is called without a chain.
  const rest = new Hono({ strict: false });
  app.onError((error, context) => {
    const requestId = gateway.chance.requestId();
    gateway.reportBug(error, requestId);
    return failed(context, INTERNAL, requestId);
  });
  app.notFound((context) => rest.fetch(context.req.raw, context.env));
  rest.notFound((context) =>
    failed(context, { type: "caller_not_found", message: "There is no such route." }, gateway.chance.requestId()),
  );
  for (const [path, wireName] of Object.entries(INFERENCE)) {
    app.post(path, async (context) => allowOrigin(context, await infer(context, wireName, gateway), gateway));
    close(path, "POST, OPTIONS", http.origins);
  }
  app.get("/v1/models", async (context) => allowOrigin(context, await listModels(context, gateway), gateway));
  close("/v1/models", READ, http.origins);
  app.get("/v1/models/:id{.+}", async (context) => allowOrigin(context, await readModel(context, gateway), gateway));
  close("/v1/models/:id{.+}", READ, http.origins);
  for (const path of OUT_OF_SCOPE) {
    app.all(`${path}/*`, (context) => failed(context, NOT_OFFERED, gateway.chance.requestId()));
  }
  for (const [path, read] of [
    [RESPONSE, readResponse],
    [`${RESPONSE}/input_items`, listInputItems],
  ] as const) {
    app.get(path, async (context) => allowOrigin(context, await read(context, gateway), gateway));
  }
  app.delete(RESPONSE, async (context) => allowOrigin(context, await deleteResponse(context, gateway), gateway));
  rest.post(`${RESPONSE}/*`, (context) => failed(context, NOT_DONE, gateway.chance.requestId()));
  close(RESPONSE, "GET, HEAD, DELETE, OPTIONS", http.origins);
  close(`${RESPONSE}/input_items`, READ, http.origins);
  operations(app, http.operations);
  for (const path of OPERATIONS_PATHS) close(path, READ);
  for (const [path, methods] of Object.entries(ADMIN_ROUTES)) {
    app.options(`/admin/v1${path}`, (context) => preflight(context, undefined, allowedAt(methods)));
  }
  app.route(
    "/admin/v1",
    adminRoutes(http.admin, (error) => gateway.reportBug(error, gateway.chance.requestId())),
  );
  return app;

  /** What a path answers beside its handlers: OPTIONS, to browsers where it has `origins`, and 405 for every other method. */
  function close(path: string, methods: string, origins?: OriginDirectory): void {
    rest.options(path, (context) => preflight(context, origins, methods));
    rest.all(path, (context) => wrongMethod(context, methods, gateway));
  }
}

const NOT_OFFERED: Failure = {
  type: "gateway_not_implemented",
  message:
    "This gateway does not offer audio, images, video, files, batches, assistants, fine-tuning or realtime sockets.",
  retryable: false,
};

const NOT_DONE: Failure = {
  type: "gateway_not_implemented",
  message: "This gateway does not cancel responses, count their tokens or compact them.",
  retryable: false,
};

function wrongMethod(context: Context, allow: string, gateway: Gateway): Response {
  const failure: Failure = { type: "caller_method_not_allowed", message: `Use ${allow} here.` };
  return failed(context, failure, gateway.chance.requestId(), { allow });
}

/** A failure where no exchange exists: in Anthropic's form below `/v1/messages` and for its clients, else in OpenAI's. */
function failed(context: Context, failure: Failure, requestId: string, more: Record<string, string> = {}): Response {
  const anthropic =
    context.req.path.startsWith("/v1/messages") || context.req.header("anthropic-version") !== undefined;
  const told = wires[anthropic ? "anthropic-messages" : "openai-chat"].encodeFailure(failure, requestId);
  const response = new Response(context.req.method === "HEAD" ? null : told.body, {
    status: told.status,
    headers: { ...commonHeaders({ requestId }), "content-type": "application/json", ...told.headers, ...more },
  });
  return lingering(response, context.req.raw);
}
