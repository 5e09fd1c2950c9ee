import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from "node:crypto";

/** What `pg_authid` says of a role; undefined where there is no such role. */
export interface RoleRecord {
  readonly canLogin: boolean;
  /** Postgres's SCRAM verifier, `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, or null without a password. */
  readonly verifier: string | null;
}

/** Takes a role's name as $1; two columns, as `roleRecord` reads them. An expired password counts as none. */
export const ROLE_QUERY =
  "select rolcanlogin::text, case when rolvaliduntil < now() then null else rolpassword end from pg_authid where rolname = $1";

export function roleRecord(row: readonly (string | null)[] | undefined): RoleRecord | undefined {
  return row && { canLogin: row[0] === "true", verifier: row[1] ?? null };
}

/** Verifiers cost 4,096 rounds of HMAC; the password that last matched one is remembered by its hash. */
const proven = new Map<string, string>();

/** Whether Postgres would let this role in with this password (RFC 5802; passwords of ASCII, so without SASLprep). */
export function mayLogin(role: RoleRecord | undefined, password: string): boolean {
  if (role?.canLogin !== true || role.verifier === null) return false;
  const digest = createHash("sha256").update(password).digest("hex");
  if (proven.get(role.verifier) === digest) return true;
  const match = /^SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):/.exec(role.verifier);
  const [, iterations, salt, storedKey] = match ?? [];
  if (iterations === undefined || salt === undefined || storedKey === undefined) return false;
  const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(iterations), 32, "sha256");
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  const computed = createHash("sha256").update(clientKey).digest();
  const expected = Buffer.from(storedKey, "base64");
  if (computed.length !== expected.length || !timingSafeEqual(computed, expected)) return false;
  proven.set(role.verifier, digest);
  return true;
}
