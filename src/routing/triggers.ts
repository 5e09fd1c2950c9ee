import type { Target } from "../core/config.ts";
import { type Failure, UNTRANSLATABLE } from "../core/failure.ts";
import { DEFAULT_TRIGGERS, type Trigger } from "../core/triggers.ts";

/** What a failure before the first token leads on by; undefined: another backend would refuse too, or nobody waits any more. */
export function triggerOf({ type, code, detail = "", message }: Failure): Trigger | undefined {
  switch (type) {
    case "backend_unavailable":
      if (detail === "connect") return "connect";
      return BETWEEN.test(detail) ? "tunnel" : "error";
    case "backend_overloaded":
      return "overloaded";
    case "backend_timeout":
      return detail === "headers" ? "connect" : "first-token";
    case "backend_stream_error":
      return FILTER.test(detail) ? "filter" : "error";
    case "backend_unauthorized":
    case "backend_protocol":
    case "backend_cut":
      return "error";
    case "caller_bad_request":
      return detail === UNTRANSLATABLE ? "format" : undefined;
    case "backend_rejected":
      if (code === "context_length_exceeded") return "context";
      return FILTER.test(code ?? "") || FILTER_SAYS.test(message) ? "filter" : undefined;
    default:
      return undefined;
  }
}

/** As wire/upstream-failure.ts names what is the tunnel's, the edge's or the access policy's. */
const BETWEEN = /^(?:tunnel_|access_|edge_|unexpected_content_type)/;

/** OpenAI: `content_policy_violation`; Azure: `content_filter`; Anthropic and others have no code for it and say it in their message. */
const FILTER = /content_(?:filter|policy)/;
const FILTER_SAYS = /content (?:filter|management policy)/i;

/** Whether `target` stands in for what failed, or was passed over, by `trigger`. */
export function leadsTo({ on = DEFAULT_TRIGGERS }: Target, trigger: Trigger): boolean {
  return on.includes(trigger);
}

/** Whether `to` may answer what was too long for `from`: its context must be known, and larger where that can be told. */
export function isRoomier({ contextTokens }: Target, from: Target | undefined): boolean {
  return contextTokens !== undefined && contextTokens > (from?.contextTokens ?? 0);
}

/** Whether by our own estimate the model can hold the input and all it may write; true where its context is not known. */
export function holds({ contextTokens }: Target, neededTokens: number): boolean {
  return contextTokens === undefined || contextTokens >= neededTokens;
}

/** Whether the backend itself is in trouble, so that one more call to it, for whatever model, is a retry. */
export function isOutage(trigger: Trigger): boolean {
  return trigger !== "format" && trigger !== "context" && trigger !== "filter";
}
