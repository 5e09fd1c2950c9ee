CREATE EXTENSION IF NOT EXISTS vector;
--> statement-breakpoint
-- `owner` owns everything and logs in never; `app`, `ledger` and `admin` are logins that own nothing. They get LOGIN and a password
-- from whoever runs the database, not from a file in version control. On Neon, roles made by SQL stay outside of neon_superuser; ones made
-- in its console do not, and would get around row-level security.
DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['owner', 'app', 'ledger', 'admin'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
    ELSIF EXISTS (SELECT FROM pg_roles WHERE rolname = wanted AND (rolsuper OR rolbypassrls)) THEN
      RAISE EXCEPTION 'role % exists and is not subject to row-level security', wanted
        USING HINT = 'Take SUPERUSER and BYPASSRLS from it, or use a server of its own for the gateway.';
    END IF;
  END LOOP;
END
$$;
--> statement-breakpoint
-- The login that migrates hands its tables over, for which it must be a member. From Postgres 16 on, creating a role does not imply that.
DO $$
BEGIN
  IF current_user <> 'owner' AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('GRANT owner TO %I', current_user);
  END IF;
END
$$;
--> statement-breakpoint
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
--> statement-breakpoint
GRANT USAGE, CREATE ON SCHEMA public TO owner;
--> statement-breakpoint
GRANT USAGE ON SCHEMA public TO app, ledger, admin;
--> statement-breakpoint
ALTER TABLE tenants OWNER TO owner;
--> statement-breakpoint
ALTER TABLE users OWNER TO owner;
--> statement-breakpoint
ALTER TABLE api_keys OWNER TO owner;
--> statement-breakpoint
ALTER TABLE budgets OWNER TO owner;
--> statement-breakpoint
ALTER TABLE requests OWNER TO owner;
--> statement-breakpoint
ALTER TABLE charges OWNER TO owner;
--> statement-breakpoint
ALTER TABLE prices OWNER TO owner;
--> statement-breakpoint
ALTER TABLE config_overlays OWNER TO owner;
--> statement-breakpoint
ALTER TABLE audit OWNER TO owner;
