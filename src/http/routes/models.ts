import type { Context } from "hono";
import { findRoute } from "../../config/resolve.ts";
import type { Route } from "../../core/config.ts";
import { badRequest, type Failure } from "../../core/failure.ts";
import { ALIAS } from "../../core/identifiers.ts";
import type { Principal } from "../../core/identity.ts";
import { mayUse } from "../../core/identity.ts";
import { checkedPrincipalOf } from "../../stages/authenticate.ts";
import type { Gateway } from "../../stages/gateway.ts";
import { modelForbidden, modelNotFound } from "../../stages/resolve.ts";
import { wires } from "../../wire/registry.ts";
import { credentialsOf } from "../receive.ts";

/** `GET /v1/models`: the aliases that this key may use, in OpenAI's or, where `anthropic-version` is sent, Anthropic's form. */
export async function listModels(context: Context, gateway: Gateway): Promise<Response> {
  const found = await checkedPrincipalOf(credentialsOf(context.req.raw.headers), gateway);
  if (!found.ok) return failed(context, found.failure, gateway);
  const routes = Object.values(gateway.config().routes).filter((route) => mayUse(found.value, route.alias));
  if (!speaksAnthropic(context)) return context.json({ object: "list", data: routes.map(openAiModel) });
  const data = routes.filter((route) => route.operation === "chat").map(anthropicModel);
  return context.json({ data, has_more: false, first_id: data.at(0)?.id ?? null, last_id: data.at(-1)?.id ?? null });
}

/** `GET /v1/models/{id}`: 404 for an unknown alias, 403 for a forbidden one. */
export async function readModel(context: Context, gateway: Gateway): Promise<Response> {
  const found = await checkedPrincipalOf(credentialsOf(context.req.raw.headers), gateway);
  if (!found.ok) return failed(context, found.failure, gateway);
  const route = visible(context.req.param("id") ?? "", found.value, gateway);
  if ("type" in route) return failed(context, route, gateway);
  return context.json(speaksAnthropic(context) ? anthropicModel(route) : openAiModel(route));
}

function visible(alias: string, principal: Principal, gateway: Gateway): Route | Failure {
  const route = findRoute(gateway.config(), alias);
  if (!route)
    return ALIAS.pattern.test(alias) ? modelNotFound(alias) : badRequest(`The model's name ${ALIAS.says}.`, "model");
  return mayUse(principal, alias) ? route : modelForbidden(alias);
}

const speaksAnthropic = (context: Context) => context.req.header("anthropic-version") !== undefined;

const openAiModel = (route: Route) => ({ id: route.alias, object: "model", created: 0, owned_by: "llm-gateway" });

/** Clients find every field of the format here; what is no property of a route is null. */
const anthropicModel = (route: Route) => ({
  id: route.alias,
  type: "model",
  display_name: route.description ?? route.alias,
  created_at: "1970-01-01T00:00:00Z",
  max_input_tokens: route.maxInputTokens,
  max_tokens: route.maxOutputTokens,
  lifecycle: "active",
  deprecated_at: null,
  retires_at: null,
  line: null,
  capabilities: null,
});

/** A failure of a route without an exchange, in OpenAI's or Anthropic's form. */
export function failed(context: Context, failure: Failure, gateway: Gateway): Response {
  const wire = wires[speaksAnthropic(context) ? "anthropic-messages" : "openai-chat"];
  const requestId = gateway.chance.requestId();
  const told = wire.encodeFailure(failure, requestId);
  const headers = {
    "content-type": "application/json",
    "x-request-id": requestId,
    "request-id": requestId,
    ...told.headers,
  };
  return new Response(told.body, { status: told.status, headers });
}
