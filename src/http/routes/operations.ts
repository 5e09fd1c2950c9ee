import type { Hono } from "hono";
import { constantTimeEqual } from "../../lib/hash.ts";
import openApi from "../openapi.json" with { type: "json" };

/** A dependency as `/readyz` shows it: a word and a time, never a URL or a driver's message. */
export interface DependencyHealth {
  readonly name: string;
  readonly healthy: boolean;
  readonly ms: number;
  readonly reason?: string;
}

export interface OperationsDependencies {
  /** Tokens that open `/readyz` and `/metrics`: the metrics token and the admin key. None: closed. */
  readonly tokens: readonly string[];
  readonly version: string;
  /** What the environment leaves out of the configuration. */
  readonly leftOut: { readonly servesNothing: boolean; readonly lines: readonly string[] };
  probe(): Promise<readonly DependencyHealth[]>;
  /** Prometheus text, or undefined where the counters' store is away. */
  metrics(): Promise<string | undefined>;
}

export const OPERATIONS_PATHS = ["/healthz", "/openapi.json", "/readyz", "/metrics"] as const;

/** What operators and probes ask: alive, ready, counted, described. */
export function operations(app: Hono, dependencies: OperationsDependencies): void {
  app.get("/healthz", (context) => context.json({ status: "ok", version: dependencies.version }));
  app.get("/openapi.json", (context) => context.json(openApi));
  app.get("/readyz", async (context) => {
    if (!mayLook(context.req.header("authorization"), dependencies.tokens)) return context.json(CLOSED, 401);
    const probed = await dependencies.probe();
    const { servesNothing, lines } = dependencies.leftOut;
    // A backend may be left out on purpose, and a route with it: a GPU at home alone serves its own. Only who can serve nothing is unwell for it.
    const ready = !servesNothing && probed.every(({ healthy }) => healthy);
    return context.json(
      { status: ready ? "ready" : "unwell", dependencies: probed, warnings: lines },
      ready ? 200 : 503,
    );
  });
  app.get("/metrics", async (context) => {
    if (!mayLook(context.req.header("authorization"), dependencies.tokens)) return context.json(CLOSED, 401);
    const text = await dependencies.metrics();
    if (text === undefined) return context.text("# the store of the counters is away\n", 503);
    return context.text(text, 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  });
}

const CLOSED = {
  error: {
    message: "Send the metrics token or the admin key as `Authorization: Bearer`.",
    type: "authentication_error",
  },
};

function mayLook(authorization: string | undefined, tokens: readonly string[]): boolean {
  const presented = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1] ?? "";
  // Every token is compared, so that the time taken does not say which came close.
  return tokens.reduce((open, token) => constantTimeEqual(presented, token) || open, false);
}
