import type { Operation } from "../core/draft.ts";
import type { WideEvent } from "../core/wide-event.ts";
import type { WireName } from "../core/wire.ts";
import type { MetricName } from "./metrics.ts";

/**
 * The names of OpenTelemetry's GenAI conventions (https://opentelemetry.io/docs/specs/semconv/gen-ai/), in this file alone: when
 * they change, nothing else does. What they have no word for is under `gateway.`.
 */
const OPERATION_NAMES: Readonly<Record<Operation, string>> = { chat: "chat", embed: "embeddings" };

/** The provider by the format that the backend spoke, as the conventions ask for where the one behind it is not known. */
const PROVIDER_NAMES: Readonly<Record<WireName, string>> = {
  "openai-chat": "openai",
  "openai-embeddings": "openai",
  "anthropic-messages": "anthropic",
};

/** Our metrics under the conventions' names; those that are missing have no counterpart. */
export const OTEL_METRICS: Readonly<Partial<Record<MetricName, string>>> = {
  gateway_request_duration_seconds: "gen_ai.server.request.duration",
  gateway_first_token_seconds: "gen_ai.server.time_to_first_token",
  gateway_tokens_total: "gen_ai.client.token.usage",
};

/** `{operation} {model}`, as the conventions name a span. */
export function spanName(event: Pick<WideEvent, "operation" | "alias">): string {
  return event.alias === "" ? OPERATION_NAMES[event.operation] : `${OPERATION_NAMES[event.operation]} ${event.alias}`;
}

export type AttributeValue = string | number | boolean;

/** The attributes of a request's span. What is unknown is absent, never 0. */
export function spanAttributes(event: WideEvent): Readonly<Record<string, AttributeValue>> {
  const answered = event.attempts.find(({ backend, model }) => backend === event.backend && model === event.model);
  const attributes: Record<string, AttributeValue | undefined> = {
    "gen_ai.operation.name": OPERATION_NAMES[event.operation],
    "gen_ai.provider.name": answered && PROVIDER_NAMES[answered.wire],
    "gen_ai.request.model": event.alias === "" ? undefined : event.alias,
    "gen_ai.response.model": event.model,
    "gen_ai.response.time_to_first_chunk": event.firstTokenMs === undefined ? undefined : event.firstTokenMs / 1_000,
    "gen_ai.usage.input_tokens": event.usage?.inputTokens,
    "gen_ai.usage.output_tokens": event.usage?.outputTokens,
    "gen_ai.usage.cache_read.input_tokens": event.usage?.cachedInputTokens,
    "gen_ai.usage.cache_creation.input_tokens": event.usage?.cacheWriteTokens,
    "gen_ai.usage.reasoning.output_tokens": event.usage?.reasoningTokens,
    "error.type": event.failure,
    "http.response.status_code": event.status === 0 ? undefined : event.status,
    "gateway.request_id": event.requestId,
    "gateway.tenant": event.tenant,
    "gateway.key_id": event.keyId,
    "gateway.tier": event.tier,
    "gateway.wire": event.clientWire,
    "gateway.outcome": event.outcome,
    "gateway.cache": event.cache,
    "gateway.backend": event.backend,
    "gateway.attempts": event.attempts.length,
    "gateway.cost_nano_usd": event.costNanoUsd,
    "gateway.estimated": event.estimated,
    "gateway.config_version": event.configVersion,
    "gateway.overlay_version": event.overlayVersion,
  };
  return Object.fromEntries(
    Object.entries(attributes).filter((entry): entry is [string, AttributeValue] => entry[1] !== undefined),
  );
}
