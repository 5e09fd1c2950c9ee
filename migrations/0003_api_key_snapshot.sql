-- What an isolate must know of a key, by the key's id alone: at authentication the tenant is not known yet, so the policies of `app`
-- would hide the row. Runs as `owner`; gives one row or none, and no list can be asked of it.
CREATE FUNCTION api_key_snapshot(key_id text)
RETURNS TABLE (
  id text,
  hash text,
  pepper_version integer,
  version bigint,
  tenant_id text,
  tenant_name text,
  cors_origins text[],
  user_id text,
  tier text,
  scopes text[],
  allowed_models text[],
  -- Milliseconds since the epoch. A disabled user or tenant revokes the key at that moment.
  expires_at_ms bigint,
  revoked_at_ms bigint,
  -- Limits of the key's own, and of its tenant's.
  limits jsonb,
  tenant_limits jsonb,
  -- [{level, subject, period, limitNanoUsd, spentNanoUsd, startsAtMs}] of the key, its user, its tenant, and all of the tenant's models.
  budgets jsonb
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = ''
AS $$
  SELECT
    k.id,
    k.hash,
    k.pepper_version,
    k.version,
    k.tenant_id,
    t.name,
    t.cors_origins,
    k.user_id,
    k.tier,
    k.scopes,
    k.allowed_models,
    (extract(epoch FROM k.expires_at) * 1000)::bigint,
    (extract(epoch FROM least(k.revoked_at, t.disabled_at, u.disabled_at)) * 1000)::bigint,
    k.limits,
    t.limits,
    (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'level', b.level,
        'subject', b.subject,
        'period', b.period,
        'limitNanoUsd', b.limit_nano_usd,
        'spentNanoUsd', b.spent_nano_usd,
        'startsAtMs', (extract(epoch FROM b.starts_at) * 1000)::bigint
      ) ORDER BY b.level, b.subject, b.period), '[]')
      FROM public.budgets b
      WHERE b.tenant_id = k.tenant_id
        AND (b.level, b.subject) IN (('key', k.id), ('user', k.user_id), ('tenant', k.tenant_id), ('model', b.subject))
    )
  FROM public.api_keys k
  JOIN public.tenants t ON t.id = k.tenant_id
  LEFT JOIN public.users u ON u.tenant_id = k.tenant_id AND u.id = k.user_id
  WHERE k.id = $1
$$;
--> statement-breakpoint
ALTER FUNCTION api_key_snapshot(text) OWNER TO owner;
--> statement-breakpoint
REVOKE ALL ON FUNCTION api_key_snapshot(text) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION api_key_snapshot(text) TO app, admin;
