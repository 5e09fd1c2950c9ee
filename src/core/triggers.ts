/**
 * What leads from one step of a route's chain to the next; each failure of an attempt is at most one of them (routing/triggers.ts). A closed list.
 * `connect`: no connection, or no reply within `connectMs`. `first-token`: no token in time. `overloaded`: 429, 503, 529, no seat. `error`: 5xx, an answer that
 * breaks off or is none, a credential that is not accepted. `tunnel`: what stands between us and the backend. `format`: what the backend's
 * format cannot say. `unavailable`: nobody before was asked (a breaker is open, switched off, not configured). `context`: too long for the
 * model. `filter`: a content filter stopped the request, or the answer before its first word.
 */
export const TRIGGERS = [
  "connect",
  "first-token",
  "overloaded",
  "error",
  "tunnel",
  "format",
  "unavailable",
  "context",
  "filter",
] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** Where a step names none. A larger model costs more, and what one filter stopped another must be allowed to answer: both have to be asked for. */
export const DEFAULT_TRIGGERS: readonly Trigger[] = TRIGGERS.filter(
  (trigger) => trigger !== "context" && trigger !== "filter",
);
