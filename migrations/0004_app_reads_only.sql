-- Never used: the records in Redis keep the counters from counting a request twice.
DROP INDEX "requests_uncounted";
--> statement-breakpoint
-- Keys and audit rows are written by `admin`. `app` is the login that every request's isolate holds: it writes nothing at all.
REVOKE INSERT, UPDATE ON api_keys FROM app;
--> statement-breakpoint
REVOKE INSERT ON audit FROM app;
--> statement-breakpoint
DROP POLICY app_tenant ON audit;
