import type { LimitUnit } from "../../core/failure.ts";
import type { AdmissionReply, AdmissionRequest, SharedState } from "../../core/ports.ts";
import type { RateState, RateWindow } from "../../core/wire.ts";

/** What was read beside the script, made only for a request that was admitted. */
export type Beside = (now: number) => { readonly shared: SharedState; readonly cached?: string };

const UNITS: ReadonlySet<unknown> = new Set<LimitUnit>(["requests", "tokens", "concurrency", "money"]);
const NONE = -1;

/** Reads what lua/admit.ts gives. A shape that is not of it is `unavailable`: an answer that cannot be read admits nobody. */
export function admissionReply(
  request: AdmissionRequest,
  result: unknown,
  ioMs: number,
  beside: Beside,
): AdmissionReply {
  const parts: readonly unknown[] = Array.isArray(result) ? result : [];
  switch (parts[0]) {
    case "admitted": {
      const now = Number(parts[1]);
      return { kind: "admitted", rate: rateState(parts, now), ioMs, ...beside(now) };
    }
    case "refused":
      return refusal(request, parts, ioMs);
    case "stale-key":
      return { kind: "stale-key", ioMs };
    case "money-unknown":
      return { kind: "money-unknown", retryAfterMs: Number(parts[1]), ioMs };
    case "money-unseeded":
      return unseeded(request, parts, ioMs);
    default:
      return { kind: "unavailable", detail: "protocol", ioMs };
  }
}

function unseeded(
  request: AdmissionRequest,
  [, now, generation, ...numbers]: readonly unknown[],
  ioMs: number,
): AdmissionReply {
  const levels = numbers.flatMap((number) => request.levels[Number(number) - 1] ?? []);
  if (typeof generation !== "string" || levels.length === 0) return { kind: "unavailable", detail: "protocol", ioMs };
  return { kind: "money-unseeded", unseeded: { now: Number(now), generation, levels }, ioMs };
}

function refusal(request: AdmissionRequest, parts: readonly unknown[], ioMs: number): AdmissionReply {
  const charge = request.levels[Number(parts[8]) - 1];
  const unit = parts[9];
  const retryAfterMs = Number(parts[10]);
  if (charge === undefined || !isUnit(unit)) return { kind: "unavailable", detail: "protocol", ioMs };
  return {
    kind: "refused",
    unit,
    level: charge.level,
    ...(retryAfterMs !== NONE && { retryAfterMs }),
    rate: rateState(parts, Number(parts[1])),
    ioMs,
  };
}

function rateState(parts: readonly unknown[], now: number): RateState {
  const requests = rateWindow(parts.slice(2, 5), now);
  const tokens = rateWindow(parts.slice(5, 8), now);
  return { ...(requests && { requests }), ...(tokens && { tokens }) };
}

function rateWindow(parts: readonly unknown[], now: number): RateWindow | undefined {
  const [limit = NONE, remaining = 0, resetMs = 0] = parts.map(Number);
  return limit === NONE ? undefined : { limit, remaining, resetMs, resetAtMs: now + resetMs };
}

function isUnit(value: unknown): value is LimitUnit {
  return UNITS.has(value);
}
