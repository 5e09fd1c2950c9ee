import type { Authenticated, Credentials, Decoded } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import type { KeySnapshot, Principal } from "../core/identity.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { parseApiKey } from "./api-key.ts";
import type { Gateway } from "./gateway.ts";

const unauthenticated = (message: string): Failure => ({
  type: "caller_unauthenticated",
  message,
  code: "invalid_api_key",
  retryable: false,
});

const INVALID = unauthenticated("Incorrect API key provided.");

/** The one token of a request, whichever header it came in. Two different ones are refused: which should count is not ours to guess. */
export function tokenOf(credentials: Credentials): Result<string> {
  const { bearer, apiKey } = credentials;
  if (bearer !== undefined && apiKey !== undefined && bearer !== apiKey) {
    return fail(unauthenticated("Two different credentials were sent (Authorization and x-api-key). Send one."));
  }
  const token = bearer ?? apiKey;
  if (token === undefined || token === "") {
    return fail(unauthenticated("No API key provided. Send it as `Authorization: Bearer` or `x-api-key`."));
  }
  return ok(token);
}

/**
 * API key → principal. A key that this isolate knows costs no I/O; its version is compared in the admission call.
 * Fails closed: no store, no answer about an unknown key (503, never 401).
 */
export function authenticate(
  exchange: Decoded,
  gateway: Gateway,
): Result<Authenticated> | Promise<Result<Authenticated>> {
  const conclude = (principal: Result<Principal>): Result<Authenticated> => {
    const found = forInference(principal);
    return found.ok ? ok({ ...exchange, principal: found.value }) : found;
  };
  const found = principalOf(exchange, gateway);
  return found instanceof Promise ? found.then(conclude) : conclude(found);
}

/** On the way of every principal that a request runs as, also of one that was read again because its key had changed. */
function forInference(found: Result<Principal>): Result<Principal> {
  if (!found.ok || found.value.scopes.has("inference")) return found;
  return fail({ type: "caller_forbidden", message: "This API key may not run inference.", retryable: false });
}

/**
 * What can be told of a caller without I/O, before a large body is read on its behalf: a token that is no API key at all, or an address
 * that sent too many wrong ones. A token that this isolate knows passes, as it does in `authenticate`.
 */
export function strangerRefusal({ address }: Credentials, token: string, gateway: Gateway): Failure | undefined {
  const now = gateway.clock.now();
  if (heldPrincipal(token, now, gateway)) return undefined;
  if (!parseApiKey(token)) return INVALID;
  const blockedMs = gateway.strangers.blockedMs(address, now);
  return blockedMs > 0 ? tooManyStrangers(blockedMs) : undefined;
}

/** No promise where the isolate knows the key: that is nearly always, and on the way of every request. */
function principalOf(
  { credentials, notes }: Decoded,
  gateway: Gateway,
): Result<Principal> | Promise<Result<Principal>> {
  const token = tokenOf(credentials);
  if (!token.ok) return token;
  const now = gateway.clock.now();
  const known = heldPrincipal(token.value, now, gateway);
  if (known) {
    notes.decisions.push({ step: "authenticate", decision: "known" });
    return alive(known, now);
  }
  return lookUp(token.value, credentials.address, false, gateway).then((found) => {
    notes.decisions.push({ step: "authenticate", decision: "looked_up", ioMs: gateway.clock.now() - now });
    return found;
  });
}

function heldPrincipal(token: string, now: number, gateway: Gateway): Principal | undefined {
  const held = gateway.principals.get(token);
  return held && now - held.snapshotAt <= gateway.config().snapshotMaxAgeMs ? held : undefined;
}

/**
 * For routes without an admission call (models), which would compare the key's version: the key is read each time, so that a revoked
 * one stops there as soon as everywhere. While no store answers, what the isolate holds serves as long as it does for requests.
 */
export async function checkedPrincipalOf(credentials: Credentials, gateway: Gateway): Promise<Result<Principal>> {
  const token = tokenOf(credentials);
  if (!token.ok) return token;
  const found = await lookUp(token.value, credentials.address, false, gateway);
  if (found.ok || found.failure.type !== "gateway_unavailable") return found;
  const now = gateway.clock.now();
  const known = heldPrincipal(token.value, now, gateway);
  return known ? alive(known, now) : found;
}

/** As `checkedPrincipalOf`, for routes that tell what inference made. */
export async function checkedForInference(credentials: Credentials, gateway: Gateway): Promise<Result<Principal>> {
  return forInference(await checkedPrincipalOf(credentials, gateway));
}

/** The key's version moved: read it again past every cache, and check the secret again. */
export async function reauthenticate(credentials: Credentials, gateway: Gateway): Promise<Result<Principal>> {
  const token = tokenOf(credentials);
  if (!token.ok) return token;
  gateway.principals.delete(token.value);
  return forInference(await lookUp(token.value, credentials.address, true, gateway));
}

async function lookUp(token: string, address: string, fresh: boolean, gateway: Gateway): Promise<Result<Principal>> {
  const key = parseApiKey(token);
  if (!key) return fail(INVALID);
  const blockedMs = fresh ? 0 : gateway.strangers.blockedMs(address, gateway.clock.now());
  if (blockedMs > 0) return fail(tooManyStrangers(blockedMs));
  const found = await gateway.keys.load(key.id, fresh);
  if (found.kind === "unavailable") {
    return fail({
      type: "gateway_unavailable",
      message: "API keys cannot be checked right now.",
      retryAfterMs: 1_000,
      detail: found.detail,
    });
  }
  if (found.kind === "unknown" || !(await gateway.verifySecret(found.snapshot, key.secret))) {
    return fail(await strangerAt(address, gateway));
  }
  const now = gateway.clock.now();
  const checked = alive(principalFrom(found.snapshot, now), now, found.snapshot);
  if (checked.ok) gateway.principals.set(token, checked.value);
  return checked;
}

/**
 * A wrong key charges the address that sent it. Good keys never do: an isolate that has just started meets many of them at once,
 * from one address as likely as not. Who went too far is refused without I/O until the window is over.
 */
async function strangerAt(address: string, gateway: Gateway): Promise<Failure> {
  const guard = await gateway.addressGuard.allow(address);
  if (guard.allowed) return INVALID;
  gateway.strangers.block(address, gateway.clock.now() + guard.retryAfterMs);
  return tooManyStrangers(guard.retryAfterMs);
}

const tooManyStrangers = (retryAfterMs: number): Failure => ({
  type: "caller_rate_limited",
  message: "Too many attempts with wrong API keys from this address.",
  retryAfterMs,
});

function alive(principal: Principal, now: number, snapshot?: KeySnapshot): Result<Principal> {
  if (snapshot?.revokedAt !== undefined) {
    return fail(unauthenticated("This API key is off: it was revoked, or its user or tenant was disabled."));
  }
  if (principal.expiresAt !== undefined && principal.expiresAt <= now) {
    return fail(unauthenticated("This API key has expired."));
  }
  return ok(principal);
}

function principalFrom(snapshot: KeySnapshot, now: number): Principal {
  return {
    tenant: snapshot.tenant,
    keyId: snapshot.keyId,
    ...(snapshot.user !== undefined && { user: snapshot.user }),
    tier: snapshot.tier,
    scopes: new Set(snapshot.scopes),
    ...(snapshot.allowedModels && { allowedModels: new Set(snapshot.allowedModels) }),
    ...(snapshot.expiresAt !== undefined && { expiresAt: snapshot.expiresAt }),
    keyVersion: snapshot.version,
    ...(snapshot.limits && { limits: snapshot.limits }),
    corsOrigins: snapshot.corsOrigins ?? [],
    ...(snapshot.storesResponses === true && { storesResponses: true }),
    snapshotAt: now,
  };
}
