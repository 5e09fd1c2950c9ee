/**
 * Stands in for the formats of @cfworker/json-schema in the bundle (`alias` in wrangler.toml): `checkAgainstSchema` takes `format` out of a schema
 * before the validator sees it.
 */
export const format: Readonly<Record<string, never>> = {};
