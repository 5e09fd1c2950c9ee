import { DATABASE, ROOT_ROLE } from "./engine.ts";

/** The password of the superuser, and by habit of every role of a local stack. Only loopback can reach it. */
export const LOCAL_PASSWORD = "local";

/** For the driver, to a local endpoint at `url`, by default as the superuser. */
export function connectionString(url: string, role = ROOT_ROLE, password = LOCAL_PASSWORD): string {
  return `postgresql://${encodeURIComponent(role)}:${encodeURIComponent(password)}@${new URL(url).host}/${DATABASE}`;
}
