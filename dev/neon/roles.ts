import { type NeonTarget, runBatch } from "./client.ts";
import { LOCAL_PASSWORD } from "./connection-string.ts";

/** The roles that log in; `owner` never does. */
export const LOGIN_ROLES = ["app", "ledger", "admin"] as const;
export type LoginRole = (typeof LOGIN_ROLES)[number];

const LOCAL_PASSWORDS: Readonly<Record<LoginRole, string>> = {
  app: LOCAL_PASSWORD,
  ledger: LOCAL_PASSWORD,
  admin: LOCAL_PASSWORD,
};

/**
 * Lets the gateway's roles log in, after the migrations have made them. Idempotent. The passwords default to the local stack's;
 * at a real Neon give real ones, and a target that may alter roles. Throws `StatementError`.
 */
export async function setRolePasswords(
  target: NeonTarget,
  passwords: Readonly<Record<LoginRole, string>> = LOCAL_PASSWORDS,
): Promise<void> {
  await runBatch(
    target,
    LOGIN_ROLES.map((role) => ({
      // ALTER ROLE takes no parameters; the plain text is what Neon needs to know, so it is not hashed here.
      query: `alter role ${role} login password '${passwords[role].replaceAll("'", "''")}'`,
    })),
  );
}
