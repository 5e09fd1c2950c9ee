CREATE TABLE "api_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"user_id" text,
	"name" text,
	"hash" text NOT NULL,
	"pepper_version" integer NOT NULL,
	"tier" text NOT NULL,
	"scopes" text[] NOT NULL,
	"allowed_models" text[],
	"limits" jsonb,
	"expires_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone,
	"version" bigint DEFAULT 1 NOT NULL,
	"last_used_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "audit_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"actor" text NOT NULL,
	"action" text NOT NULL,
	"tenant_id" text,
	"subject" text,
	"request_id" text,
	"detail" jsonb
);
--> statement-breakpoint
CREATE TABLE "budgets" (
	"tenant_id" text NOT NULL,
	"level" text NOT NULL,
	"subject" text NOT NULL,
	"period" text NOT NULL,
	"limit_nano_usd" bigint NOT NULL,
	"starts_at" timestamp (3) with time zone NOT NULL,
	"spent_nano_usd" bigint DEFAULT 0 NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "budgets_tenant_id_level_subject_period_pk" PRIMARY KEY("tenant_id","level","subject","period"),
	CONSTRAINT "budgets_level" CHECK ("budgets"."level" in ('key', 'user', 'model', 'tenant')),
	CONSTRAINT "budgets_period" CHECK ("budgets"."period" in ('day', 'month', 'total')),
	CONSTRAINT "budgets_not_negative" CHECK ("budgets"."limit_nano_usd" >= 0 and "budgets"."spent_nano_usd" >= 0)
);
--> statement-breakpoint
CREATE TABLE "charges" (
	"request_id" text NOT NULL,
	"ordinal" integer NOT NULL,
	"tenant_id" text NOT NULL,
	"kind" text NOT NULL,
	"backend" text NOT NULL,
	"model" text NOT NULL,
	"wire" text,
	"outcome" text NOT NULL,
	"failure" text,
	"detail" text,
	"started_at" timestamp (3) with time zone NOT NULL,
	"duration_ms" double precision,
	"first_token_ms" double precision,
	"input_tokens" bigint,
	"output_tokens" bigint,
	"cached_input_tokens" bigint,
	"cache_write_tokens" bigint,
	"reasoning_tokens" bigint,
	"estimated" boolean NOT NULL,
	"cost_nano_usd" bigint NOT NULL,
	"recorded_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "charges_request_id_ordinal_pk" PRIMARY KEY("request_id","ordinal"),
	CONSTRAINT "charges_kind" CHECK ("charges"."kind" in ('attempt', 'hedge', 'continuation', 'embedding', 'rerank', 'judge', 'repair')),
	CONSTRAINT "charges_outcome" CHECK ("charges"."outcome" in ('completed', 'failed', 'cancelled')),
	CONSTRAINT "charges_cost_not_negative" CHECK ("charges"."cost_nano_usd" >= 0)
);
--> statement-breakpoint
CREATE TABLE "config_overlays" (
	"version" bigint PRIMARY KEY NOT NULL,
	"body" jsonb NOT NULL,
	"author" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "config_overlays_version_positive" CHECK ("config_overlays"."version" > 0)
);
--> statement-breakpoint
CREATE TABLE "prices" (
	"backend" text NOT NULL,
	"model" text NOT NULL,
	"starts_at" timestamp (3) with time zone NOT NULL,
	"input_nano_usd_per_million" bigint NOT NULL,
	"output_nano_usd_per_million" bigint NOT NULL,
	"cached_input_nano_usd_per_million" bigint,
	"cache_write_nano_usd_per_million" bigint,
	"per_request_nano_usd" bigint,
	CONSTRAINT "prices_backend_model_starts_at_pk" PRIMARY KEY("backend","model","starts_at")
);
--> statement-breakpoint
CREATE TABLE "requests" (
	"id" text PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"key_id" text,
	"user_id" text,
	"tier" text,
	"status" text NOT NULL,
	"outcome" text NOT NULL,
	"failure" text,
	"limit_unit" text,
	"limit_level" text,
	"http_status" smallint,
	"operation" text NOT NULL,
	"client_wire" text,
	"alias" text NOT NULL,
	"stream" boolean,
	"cache" text,
	"backend" text,
	"model" text,
	"attempts" integer DEFAULT 0 NOT NULL,
	"input_tokens" bigint,
	"output_tokens" bigint,
	"cached_input_tokens" bigint,
	"cache_write_tokens" bigint,
	"reasoning_tokens" bigint,
	"estimated" boolean NOT NULL,
	"cost_nano_usd" bigint NOT NULL,
	"reserved_nano_usd" bigint,
	"started_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"duration_ms" double precision,
	"first_token_ms" double precision,
	"decisions" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"translations" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"end_user_hash" text,
	"session_id" text,
	"team" text,
	"feature" text,
	"purpose" text,
	"region" text,
	"priority" smallint,
	"idempotency_hash" text,
	"trace_id" text,
	"span_id" text,
	"parent_span_id" text,
	"config_version" text,
	"overlay_version" bigint,
	"prompt_version" text,
	"release_arm" text,
	"corpus_version" text,
	"policy_version" text,
	"recorded_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"counted_at" timestamp (3) with time zone,
	CONSTRAINT "requests_status" CHECK ("requests"."status" in ('settled', 'abandoned')),
	CONSTRAINT "requests_outcome" CHECK ("requests"."outcome" in ('completed', 'failed', 'cancelled', 'refused', 'abandoned')),
	CONSTRAINT "requests_cache" CHECK ("requests"."cache" in ('hit', 'miss', 'bypass', 'refresh')),
	CONSTRAINT "requests_cost_not_negative" CHECK ("requests"."cost_nano_usd" >= 0)
);
--> statement-breakpoint
CREATE TABLE "tenants" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text,
	"cors_origins" text[] DEFAULT '{}' NOT NULL,
	"limits" jsonb,
	"disabled_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "tenants_id_not_empty" CHECK ("tenants"."id" <> '')
);
--> statement-breakpoint
CREATE TABLE "users" (
	"tenant_id" text NOT NULL,
	"id" text NOT NULL,
	"name" text,
	"disabled_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "users_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "budgets" ADD CONSTRAINT "budgets_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "charges" ADD CONSTRAINT "charges_request_id_requests_id_fk" FOREIGN KEY ("request_id") REFERENCES "public"."requests"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "users" ADD CONSTRAINT "users_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "api_keys_by_tenant" ON "api_keys" USING btree ("tenant_id","created_at","id");--> statement-breakpoint
CREATE INDEX "api_keys_by_age" ON "api_keys" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "audit_by_time" ON "audit" USING btree ("at");--> statement-breakpoint
CREATE INDEX "audit_by_tenant" ON "audit" USING btree ("tenant_id","at");--> statement-breakpoint
CREATE INDEX "charges_by_tenant" ON "charges" USING btree ("tenant_id","started_at");--> statement-breakpoint
CREATE INDEX "requests_by_tenant" ON "requests" USING btree ("tenant_id","started_at");--> statement-breakpoint
CREATE INDEX "requests_by_key" ON "requests" USING btree ("tenant_id","key_id","started_at");--> statement-breakpoint
CREATE INDEX "requests_by_user" ON "requests" USING btree ("tenant_id","user_id","started_at") WHERE "requests"."user_id" is not null;--> statement-breakpoint
CREATE INDEX "requests_by_alias" ON "requests" USING btree ("tenant_id","alias","started_at");--> statement-breakpoint
CREATE INDEX "requests_uncounted" ON "requests" USING btree ("recorded_at") WHERE "requests"."counted_at" is null;