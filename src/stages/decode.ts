import type { Decoded, Received } from "../core/exchange.ts";
import { badRequest } from "../core/failure.ts";
import { ok, type Result } from "../core/result.ts";
import { parseBody } from "../lib/json.ts";

/** Bytes to a draft, or a 400 that names the field. Nothing is known of the caller yet, so nothing is reserved. */
export function decode(received: Received, limits: { readonly jsonDepth: number }): Result<Decoded> {
  const parsed = parseBody(received.bytes, { maxDepth: limits.jsonDepth });
  if (!parsed.ok) return { ok: false, failure: badRequest(parsed.problem, parsed.param, "invalid_json") };
  const draft = received.wire.decodeRequest(parsed.body);
  if (!draft.ok) return draft;
  return ok({ ...received, body: parsed.body, draft: draft.value });
}
