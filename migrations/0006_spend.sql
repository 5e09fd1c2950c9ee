CREATE TABLE "spend" (
	"tenant_id" text NOT NULL,
	"level" text NOT NULL,
	"subject" text NOT NULL,
	"period" text NOT NULL,
	"nano_usd" bigint NOT NULL,
	CONSTRAINT "spend_tenant_id_level_subject_period_pk" PRIMARY KEY("tenant_id","level","subject","period"),
	CONSTRAINT "spend_level" CHECK ("spend"."level" in ('key', 'user', 'model', 'tenant'))
);
--> statement-breakpoint
ALTER TABLE spend OWNER TO owner;
--> statement-breakpoint
ALTER TABLE spend ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE spend FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY owner_all ON spend TO owner USING (true) WITH CHECK (true);
--> statement-breakpoint
CREATE POLICY admin_all ON spend TO admin USING (true) WITH CHECK (true);
--> statement-breakpoint
CREATE POLICY app_tenant ON spend TO app
  USING (tenant_id = (SELECT current_setting('app.tenant', true)));
--> statement-breakpoint
-- Nobody writes it but the triggers below, which run as `owner`: `ledger` could not make a sum differ from its rows if it tried.
GRANT SELECT ON spend TO app, admin;
--> statement-breakpoint
-- Where a request's cost counts: every subject that it names, in the day, the month and the total of its beginning (UTC).
CREATE FUNCTION spend_places(tenant_id text, key_id text, user_id text, alias text, started_at timestamptz)
RETURNS TABLE (level text, subject text, period text)
LANGUAGE sql
STABLE
SET search_path = ''
AS $$
  SELECT l.level, l.subject, p.period
  FROM (VALUES ('key', $2), ('user', $3), ('model', $4), ('tenant', $1)) AS l (level, subject),
    (VALUES (to_char($5 AT TIME ZONE 'UTC', 'YYYY-MM-DD')), (to_char($5 AT TIME ZONE 'UTC', 'YYYY-MM')), ('total')) AS p (period)
  WHERE l.subject IS NOT NULL
$$;
--> statement-breakpoint
-- A statement's rows are summed up first, so a batch touches each sum once, and in one order, so that two writers do not wait for each other
-- in a ring. A statement that both inserts and replaces fires two triggers; should two such meet crosswise, Postgres
-- ends one, and the ledger writes its batch again.
CREATE FUNCTION spend_of_new_requests() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = ''
AS $$
BEGIN
  INSERT INTO public.spend AS held (tenant_id, level, subject, period, nano_usd)
  SELECT f.tenant_id, p.level, p.subject, p.period, sum(f.cost_nano_usd)
  FROM fresh f, public.spend_places(f.tenant_id, f.key_id, f.user_id, f.alias, f.started_at) p
  WHERE f.cost_nano_usd <> 0
  GROUP BY 1, 2, 3, 4
  ORDER BY 1, 2, 3, 4
  ON CONFLICT (tenant_id, level, subject, period) DO UPDATE SET nano_usd = held.nano_usd + excluded.nano_usd;
  RETURN NULL;
END
$$;
--> statement-breakpoint
-- An abandoned row that is replaced by the truth: what it had counted goes, what the truth counts comes.
CREATE FUNCTION spend_of_changed_requests() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = ''
AS $$
BEGIN
  INSERT INTO public.spend AS held (tenant_id, level, subject, period, nano_usd)
  SELECT c.tenant_id, p.level, p.subject, p.period, sum(c.nano_usd)
  FROM (
    SELECT tenant_id, key_id, user_id, alias, started_at, cost_nano_usd AS nano_usd FROM fresh
    UNION ALL
    SELECT tenant_id, key_id, user_id, alias, started_at, -cost_nano_usd FROM stale
  ) c, public.spend_places(c.tenant_id, c.key_id, c.user_id, c.alias, c.started_at) p
  GROUP BY 1, 2, 3, 4
  HAVING sum(c.nano_usd) <> 0
  ORDER BY 1, 2, 3, 4
  ON CONFLICT (tenant_id, level, subject, period) DO UPDATE SET nano_usd = held.nano_usd + excluded.nano_usd;
  RETURN NULL;
END
$$;
--> statement-breakpoint
ALTER FUNCTION spend_places(text, text, text, text, timestamptz) OWNER TO owner;
--> statement-breakpoint
ALTER FUNCTION spend_of_new_requests() OWNER TO owner;
--> statement-breakpoint
ALTER FUNCTION spend_of_changed_requests() OWNER TO owner;
--> statement-breakpoint
REVOKE ALL ON FUNCTION spend_places(text, text, text, text, timestamptz) FROM PUBLIC;
--> statement-breakpoint
CREATE TRIGGER spend_of_new_requests AFTER INSERT ON requests
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION spend_of_new_requests();
--> statement-breakpoint
-- Rows that are deleted stay counted: what was spent was spent, however long an operator keeps the rows.
CREATE TRIGGER spend_of_changed_requests AFTER UPDATE ON requests
  REFERENCING OLD TABLE AS stale NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION spend_of_changed_requests();
--> statement-breakpoint
-- What is there already, once. The triggers' lock keeps writers out until this transaction ends, so nothing is missed or counted twice.
INSERT INTO spend (tenant_id, level, subject, period, nano_usd)
SELECT r.tenant_id, p.level, p.subject, p.period, sum(r.cost_nano_usd)
FROM requests r, spend_places(r.tenant_id, r.key_id, r.user_id, r.alias, r.started_at) p
WHERE r.cost_nano_usd <> 0
GROUP BY 1, 2, 3, 4;
