import type { Context } from "hono";
import type * as z from "zod/mini";
import type { KeyListing, NewKey } from "../../../core/admin.ts";
import { badRequest, type Failure } from "../../../core/failure.ts";
import { fail, ok, type Result } from "../../../core/result.ts";
import { API_KEY_RANDOM_BYTES, hashSecret, mintApiKey } from "../../../stages/api-key.ts";
import { ACTOR, type AdminDependencies } from "./dependencies.ts";
import { readBody, readParam, readQuery } from "./input.ts";
import { isoOrNull, list, refusal, reply } from "./replies.ts";
import { keyIdSchema, keyListQuery, newKeySchema } from "./schemas.ts";

const DEFAULT_PAGE = 50;

type NewKeyBody = z.output<typeof newKeySchema>;

/** `POST /admin/v1/keys`: the one reply in which the key itself can be read. */
export async function mintKey(context: Context, admin: AdminDependencies): Promise<Response> {
  const body = await readBody(context, newKeySchema);
  if (!body.ok) return refusal(body.failure);
  const wish = wishOf(body.value, admin);
  if (!wish.ok) return refusal(wish.failure);
  const minted = mintApiKey(admin.randomBytes(API_KEY_RANDOM_BYTES));
  const hash = await hashSecret(admin.pepper.secret, minted.secret);
  const key: NewKey = { ...wish.value, keyId: minted.id, hash, pepperVersion: admin.pepper.version };
  const written = await admin.keys.mint(key, ACTOR);
  if (!written.ok) return refusal(written.failure);
  return reply(201, { ...face(written.value), key: minted.text });
}

/** `GET /admin/v1/keys` */
export async function listKeys(context: Context, admin: AdminDependencies): Promise<Response> {
  const query = readQuery(context, keyListQuery);
  if (!query.ok) return refusal(query.failure);
  const { tenant, limit, cursor } = query.value;
  const page = await admin.keys.list(
    { ...(tenant !== undefined && { tenant }) },
    { limit: limit === undefined ? DEFAULT_PAGE : Number(limit), ...(cursor !== undefined && { cursor }) },
  );
  if (!page.ok) return refusal(page.failure);
  return list(page.value.items.map(face), page.value.nextCursor);
}

/**
 * `DELETE /admin/v1/keys/{id}`: 200 once no admission call anywhere accepts the key; 202 where Postgres has it and Redis could not be
 * told. Sending it again tells Redis again.
 */
export async function revokeKey(context: Context, admin: AdminDependencies): Promise<Response> {
  const keyId = readParam(context, "id", keyIdSchema);
  if (!keyId.ok) return refusal(keyId.failure);
  const revoked = await admin.keys.revoke(keyId.value, ACTOR);
  if (!revoked.ok) return refusal(revoked.failure);
  const { tenant, version } = revoked.value;
  const inEffect = await admin.announcer.announce({ tenant, keyId: keyId.value, version });
  return reply(inEffect ? 200 : 202, { ...face(revoked.value), revoked: true, pending: inEffect ? [] : ["redis"] });
}

/** The body as a key to be, checked against what this gateway knows. */
function wishOf(body: NewKeyBody, admin: AdminDependencies): Result<Omit<NewKey, "keyId" | "hash" | "pepperVersion">> {
  const { expiresAt: expiry, tier: wantedTier, scopes, ...rest } = body;
  const { tiers, defaultTier, aliases } = admin.known();
  const tier = wantedTier ?? defaultTier;
  if (!tiers.has(tier)) return fail(notKnown("tier", "tier", tiers));
  const strange = body.allowedModels?.findIndex((alias) => !aliases.has(alias)) ?? -1;
  if (strange >= 0) return fail(notKnown(`allowedModels[${strange}]`, "model", aliases));
  const expiresAt = expiry === undefined ? undefined : Date.parse(expiry);
  if (expiresAt !== undefined && expiresAt <= admin.clock.now()) {
    return fail(badRequest("expiresAt must lie in the future.", "expiresAt"));
  }
  return ok({ ...rest, tier, scopes: scopes ?? ["inference"], ...(expiresAt !== undefined && { expiresAt }) });
}

function notKnown(param: string, kind: string, known: ReadonlySet<string>): Failure {
  return badRequest(`${param} names no ${kind} of this gateway. Known: ${[...known].join(", ")}.`, param);
}

function face(key: KeyListing): object {
  const { keyId, expiresAt, revokedAt, createdAt, ...rest } = key;
  return {
    object: "api_key",
    id: keyId,
    ...rest,
    createdAt: isoOrNull(createdAt),
    expiresAt: isoOrNull(expiresAt),
    revokedAt: isoOrNull(revokedAt),
  };
}
