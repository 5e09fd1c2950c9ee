import { neon } from "@neondatabase/serverless";
import type { NeonEndpoint } from "../../../dev/neon/main.ts";
import { migrate } from "../../../dev/neon/migrate.ts";
import { setRolePasswords } from "../../../dev/neon/roles.ts";
import type { Form } from "./forms.ts";

/** The login that migrates: as on Neon, it owns the database and may create roles, but is no superuser. */
export const DATABASE_OWNER = "migrations_owner";
const ROLES = "owner, app, ledger, admin";

/** An endpoint whose database has every migration (or those of `directory`), with the gateway's roles ready to log in. `close` drops the roles as well. */
export async function startMigrated(form: Form, directory?: string): Promise<NeonEndpoint> {
  const endpoint = await form.start();
  const root = neon(endpoint.connectionString());
  const close = async () => {
    try {
      // Roles belong to the server and outlive the database. The database itself is reassigned, the rest dropped.
      await root.query(`reassign owned by ${DATABASE_OWNER} to current_user`);
      await root.query(`drop owned by ${ROLES}, ${DATABASE_OWNER} cascade`);
      await root.query(`drop role ${ROLES}, ${DATABASE_OWNER}`);
    } finally {
      await endpoint.close();
    }
  };
  try {
    await root.query(`create role ${DATABASE_OWNER} login createrole password 'local'`);
    const [database] = await root`select current_database() as name`;
    await root.query(`alter database "${database?.name}" owner to ${DATABASE_OWNER}`);
    // Neon lets its owners create this extension; elsewhere it takes a superuser.
    await root`create extension vector`;
    const target = { connectionString: endpoint.connectionString(DATABASE_OWNER) };
    await migrate({ ...target, ...(directory !== undefined && { directory }) });
    await setRolePasswords({ connectionString: endpoint.connectionString() });
  } catch (cause) {
    await close().catch(() => undefined);
    throw cause;
  }
  return { ...endpoint, close };
}
