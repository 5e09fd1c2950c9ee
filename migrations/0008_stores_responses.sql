ALTER TABLE "tenants" ADD COLUMN "stores_responses" boolean DEFAULT false NOT NULL;
--> statement-breakpoint
-- An isolate keeps what it knows of a key until the key's version rises: whether responses are kept is a part of that.
DROP TRIGGER tenants_raise_key_versions ON tenants;
--> statement-breakpoint
CREATE TRIGGER tenants_raise_key_versions
AFTER UPDATE OF disabled_at, stores_responses ON tenants
FOR EACH ROW
WHEN (OLD.disabled_at IS DISTINCT FROM NEW.disabled_at OR OLD.stores_responses IS DISTINCT FROM NEW.stores_responses)
EXECUTE FUNCTION raise_key_versions_of_tenant();
--> statement-breakpoint
DROP FUNCTION api_key_snapshot(text);
--> statement-breakpoint
-- With `stores_responses`. The gateway names the columns that it wants, so an older one goes on.
CREATE FUNCTION api_key_snapshot(key_id text)
RETURNS TABLE (
  id text,
  hash text,
  pepper_version integer,
  version bigint,
  tenant_id text,
  tenant_name text,
  cors_origins text[],
  stores_responses boolean,
  user_id text,
  tier text,
  scopes text[],
  allowed_models text[],
  -- Milliseconds since the epoch. A disabled user or tenant revokes the key at that moment.
  expires_at_ms bigint,
  revoked_at_ms bigint,
  -- Limits of the key's own, and of its tenant's.
  limits jsonb,
  tenant_limits jsonb
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
    t.stores_responses,
    k.user_id,
    k.tier,
    k.scopes,
    k.allowed_models,
    (extract(epoch FROM k.expires_at) * 1000)::bigint,
    (extract(epoch FROM least(k.revoked_at, t.disabled_at, u.disabled_at)) * 1000)::bigint,
    k.limits,
    t.limits
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
