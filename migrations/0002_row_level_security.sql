-- Row-level security holds for everybody, the owner included (FORCE), so that nobody is outside of it by accident. Who may see all
-- rows is said by a policy: `owner`, for functions that run as it and for later migrations; `admin`, for the admin API.
--
-- Why a role for that, and not `app.tenant = '*'`: a setting can be set by whoever sends a statement as `app`, so one mistaken or
-- injected set_config would open every tenant. A role is part of the login, which only the admin routes hold.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['tenants', 'users', 'api_keys', 'budgets', 'requests', 'charges', 'prices', 'config_overlays', 'audit'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY owner_all ON %I TO owner USING (true) WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY admin_all ON %I TO admin USING (true) WITH CHECK (true)', name);
  END LOOP;
END
$$;
--> statement-breakpoint
-- `app` sees and writes rows of the tenant that its transaction has set: SELECT set_config('app.tenant', …, true). Without one the
-- setting is null, or empty where an earlier transaction of the connection had set it: no row is then seen, since no id is empty.
-- The sub-select lets the planner read the setting once a statement.
CREATE POLICY app_tenant ON tenants TO app
  USING (id = (SELECT current_setting('app.tenant', true)));
--> statement-breakpoint
CREATE POLICY app_tenant ON users TO app
  USING (tenant_id = (SELECT current_setting('app.tenant', true)));
--> statement-breakpoint
CREATE POLICY app_tenant ON api_keys TO app
  USING (tenant_id = (SELECT current_setting('app.tenant', true)))
  WITH CHECK (tenant_id = (SELECT current_setting('app.tenant', true)));
--> statement-breakpoint
CREATE POLICY app_tenant ON budgets TO app
  USING (tenant_id = (SELECT current_setting('app.tenant', true)));
--> statement-breakpoint
CREATE POLICY app_tenant ON requests TO app
  USING (tenant_id = (SELECT current_setting('app.tenant', true)));
--> statement-breakpoint
CREATE POLICY app_tenant ON charges TO app
  USING (tenant_id = (SELECT current_setting('app.tenant', true)));
--> statement-breakpoint
CREATE POLICY app_tenant ON audit FOR INSERT TO app
  WITH CHECK (tenant_id = (SELECT current_setting('app.tenant', true)));
--> statement-breakpoint
CREATE POLICY app_all ON prices FOR SELECT TO app USING (true);
--> statement-breakpoint
CREATE POLICY app_all ON config_overlays FOR SELECT TO app USING (true);
--> statement-breakpoint
-- `ledger` writes what every tenant's requests cost, and knows nothing of keys, users or tenants.
CREATE POLICY ledger_all ON requests TO ledger USING (true) WITH CHECK (true);
--> statement-breakpoint
CREATE POLICY ledger_all ON charges TO ledger USING (true) WITH CHECK (true);
--> statement-breakpoint
CREATE POLICY ledger_all ON budgets TO ledger USING (true) WITH CHECK (true);
--> statement-breakpoint
CREATE POLICY ledger_all ON prices FOR SELECT TO ledger USING (true);
--> statement-breakpoint
CREATE POLICY ledger_all ON audit FOR INSERT TO ledger WITH CHECK (true);
--> statement-breakpoint
GRANT SELECT ON tenants, users, budgets, requests, charges, prices, config_overlays TO app;
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON api_keys TO app;
--> statement-breakpoint
GRANT INSERT ON audit TO app, ledger;
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON requests, charges TO ledger;
--> statement-breakpoint
GRANT SELECT, UPDATE (spent_nano_usd, starts_at, updated_at) ON budgets TO ledger;
--> statement-breakpoint
GRANT SELECT ON prices TO ledger;
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON tenants, users, api_keys, budgets, prices TO admin;
--> statement-breakpoint
GRANT SELECT ON requests, charges TO admin;
--> statement-breakpoint
GRANT SELECT, INSERT ON config_overlays, audit TO admin;
