/**
 * Stands in for drizzle's `getPgColumnBuilders` in the bundles (`alias` in wrangler.toml): it brings every kind of column there is, for tables
 * whose columns are made by a callback. Those of schema.ts are not.
 */
export function getPgColumnBuilders(): never {
  throw new Error("columns by a callback are left out of this bundle");
}
