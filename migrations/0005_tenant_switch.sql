-- An isolate keeps what it knows of a key until the key's version rises. Disabling a tenant ends its keys and enabling it brings them
-- back, so both raise the versions, whoever does it and by whatever statement. Redis is told by the admin API alone.
CREATE FUNCTION raise_key_versions_of_tenant()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = ''
AS $$
BEGIN
  UPDATE public.api_keys SET version = version + 1 WHERE tenant_id = NEW.id;
  RETURN NULL;
END
$$;
--> statement-breakpoint
ALTER FUNCTION raise_key_versions_of_tenant() OWNER TO owner;
--> statement-breakpoint
CREATE TRIGGER tenants_raise_key_versions
AFTER UPDATE OF disabled_at ON tenants
FOR EACH ROW
WHEN (OLD.disabled_at IS DISTINCT FROM NEW.disabled_at)
EXECUTE FUNCTION raise_key_versions_of_tenant();
--> statement-breakpoint
REVOKE ALL ON FUNCTION raise_key_versions_of_tenant() FROM PUBLIC;
