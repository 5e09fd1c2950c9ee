import { type NeonTarget, type Query, runBatch } from "./client.ts";

/** A model's price from a moment on, in nano-dollars (a dollar per million tokens is 10^9). */
export interface SeedPrice {
  readonly backend: string;
  readonly model: string;
  readonly inputNanoUsdPerMillion: number;
  readonly outputNanoUsdPerMillion: number;
  readonly cachedInputNanoUsdPerMillion?: number;
  readonly cacheWriteNanoUsdPerMillion?: number;
  readonly perRequestNanoUsd?: number;
}

/** A key whose secret the caller made and hashed (`src` knows the format); this file never sees the secret. */
export interface SeedKey {
  readonly id: string;
  readonly hash: string;
  readonly pepperVersion: number;
  readonly name?: string;
  readonly user?: string;
  readonly tier: string;
  readonly scopes: readonly string[];
  readonly allowedModels?: readonly string[];
}

export interface SeedOptions extends NeonTarget {
  /** Default: `local`. */
  readonly tenant?: string;
  readonly tenantName?: string;
  readonly corsOrigins?: readonly string[];
  readonly prices?: readonly SeedPrice[];
  readonly keys?: readonly SeedKey[];
}

/**
 * Puts in what is missing, in one transaction: the tenant, prices (one row for as long as the price stays the same), keys.
 * What is there already stays as it is, so a second run changes nothing. The login: `admin`, or a superuser. Throws `StatementError`.
 */
export async function seed(options: SeedOptions): Promise<void> {
  const { tenant = "local", tenantName, corsOrigins = [], prices = [], keys = [], ...target } = options;
  await runBatch(target, [
    {
      query:
        "insert into tenants (id, name, cors_origins) select $1, $2, array(select jsonb_array_elements_text($3::jsonb)) on conflict do nothing",
      params: [tenant, tenantName ?? null, JSON.stringify(corsOrigins)],
    },
    ...prices.map(insertPrice),
    ...keys.map((key) => insertKey(tenant, key)),
  ]);
}

function insertPrice(price: SeedPrice): Query {
  const { backend, model, inputNanoUsdPerMillion, outputNanoUsdPerMillion } = price;
  const optional = [price.cachedInputNanoUsdPerMillion, price.cacheWriteNanoUsdPerMillion, price.perRequestNanoUsd];
  const amounts = [inputNanoUsdPerMillion, outputNanoUsdPerMillion, ...optional];
  return {
    // A new row only where the newest one says otherwise.
    query: `insert into prices (backend, model, starts_at, input_nano_usd_per_million, output_nano_usd_per_million,
        cached_input_nano_usd_per_million, cache_write_nano_usd_per_million, per_request_nano_usd)
      select $1, $2, now(), $3::bigint, $4::bigint, $5::bigint, $6::bigint, $7::bigint
      where ($3::bigint, $4::bigint, $5::bigint, $6::bigint, $7::bigint) is distinct from (
        select row(input_nano_usd_per_million, output_nano_usd_per_million, cached_input_nano_usd_per_million,
          cache_write_nano_usd_per_million, per_request_nano_usd)
        from prices where backend = $1 and model = $2 order by starts_at desc limit 1)`,
    params: [backend, model, ...amounts.map((amount) => (amount === undefined ? null : String(amount)))],
  };
}

function insertKey(tenant: string, key: SeedKey): Query {
  const { id, hash, pepperVersion, name, user, tier, scopes, allowedModels } = key;
  return {
    query: `insert into api_keys (id, tenant_id, user_id, name, hash, pepper_version, tier, scopes, allowed_models)
      select $1, $2, $3, $4, $5, $6::int, $7, array(select jsonb_array_elements_text($8::jsonb)),
        case when $9::jsonb is null then null else array(select jsonb_array_elements_text($9::jsonb)) end
      on conflict do nothing`,
    params: [
      id,
      tenant,
      user ?? null,
      name ?? null,
      hash,
      String(pepperVersion),
      tier,
      JSON.stringify(scopes),
      allowedModels === undefined ? null : JSON.stringify(allowedModels),
    ],
  };
}
