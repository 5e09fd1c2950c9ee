import { defineConfig } from "drizzle-kit";
import { casing } from "./src/stores/neon/schema.ts";

/**
 * `drizzle-kit generate --name <what>` writes the next migration from `schema.ts`; with `--custom` an empty one, for what the schema
 * does not say (roles, policies, grants, functions). Migrations are applied by `node dev/neon/migrate.ts`.
 */
export default defineConfig({
  dialect: "postgresql",
  schema: "./src/stores/neon/schema.ts",
  out: "./migrations",
  casing,
  strict: true,
});
