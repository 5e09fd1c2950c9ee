import type { Hono } from "hono";
import { bindEnvironment } from "./config/bind.ts";
import { type Environment, parseEnvironment } from "./config/environment.ts";
import { holdConfig, type OverlayArchive } from "./config/hold.ts";
import { leftOut } from "./config/left-out.ts";
import { readOverlay } from "./config/overlay.ts";
import { resolve } from "./config/resolve.ts";
import type { TenantAdministration } from "./core/admin.ts";
import { breakerRules, targetsByBreaker } from "./core/breaker.ts";
import type { BaseConfig } from "./core/config.ts";
import type { KeySnapshot } from "./core/identity.ts";
import type { Clock, EventQueue, Transport } from "./core/ports.ts";
import { createApp } from "./http/app.ts";
import type { AdminDependencies } from "./http/routes/admin.ts";
import { unconfigured } from "./http/unconfigured.ts";
import { constantTimeEqual, hmacBase64Url, hmacKeyOf } from "./lib/hash.ts";
import { policies } from "./policies/registry.ts";
import { BreakerView } from "./routing/breaker-view.ts";
import { LoadView } from "./routing/load-view.ts";
import { RetryBudget } from "./routing/retry-budget.ts";
import { routeLevels } from "./routing/route-levels.ts";
import { hashSecret } from "./stages/api-key.ts";
import { breakerGauges } from "./stages/breaker-gauges.ts";
import type { Gateway } from "./stages/gateway.ts";
import { type LevelView, levelGauges } from "./stages/level-gauges.ts";
import { loadGauges, seatsGauges } from "./stages/load-gauges.ts";
import { runtimeChance } from "./stores/isolate/chance.ts";
import { eventBatcher } from "./stores/isolate/events.ts";
import { principalCache } from "./stores/isolate/principals.ts";
import { refusalTally } from "./stores/isolate/refusals.ts";
import { SettlementGroup } from "./stores/isolate/settlement-group.ts";
import { speedometer } from "./stores/isolate/speeds.ts";
import { strangerList } from "./stores/isolate/strangers.ts";
import { tenantSalts } from "./stores/isolate/tenant-salts.ts";
import { ShareLimits } from "./stores/local-limits.ts";
import { Neon } from "./stores/neon/client.ts";
import { pingNeon } from "./stores/neon/health.ts";
import { NeonKeyAdministration } from "./stores/neon/key-administration.ts";
import { NeonKeys } from "./stores/neon/keys.ts";
import { namedOrigins } from "./stores/neon/origins.ts";
import { NeonOverlay } from "./stores/neon/overlay.ts";
import { NeonRequests } from "./stores/neon/requests.ts";
import { NeonSpend } from "./stores/neon/spend.ts";
import { NeonTenantAdministration } from "./stores/neon/tenants.ts";
import { NeonUsage } from "./stores/neon/usage.ts";
import { UpstashAddressGuard } from "./stores/upstash/address-guard.ts";
import { UpstashAdmission } from "./stores/upstash/admission.ts";
import { readBreakers, upstashProbes } from "./stores/upstash/breakers.ts";
import { pingRedis } from "./stores/upstash/health.ts";
import { UpstashKeptAnswers } from "./stores/upstash/kept-answers.ts";
import { UpstashKeyDirectory } from "./stores/upstash/key-directory.ts";
import { UpstashLedger } from "./stores/upstash/ledger.ts";
import { Link } from "./stores/upstash/link.ts";
import { readLoads } from "./stores/upstash/loads.ts";
import { UpstashMoney } from "./stores/upstash/money.ts";
import { namedBreakers } from "./stores/upstash/named-breakers.ts";
import { UpstashOrigins } from "./stores/upstash/origins.ts";
import { UpstashOverlay } from "./stores/upstash/overlay.ts";
import { bugLine, leftOutLine, logLine } from "./telemetry/log-line.ts";
import { prometheusText } from "./telemetry/prometheus.ts";
import { fetchTransport } from "./transports/fetch.ts";
import { seatsOver } from "./transports/seats.ts";
import { type AiBinding, aiBindingOf, workersAiTransport } from "./transports/workers-ai.ts";

/** The bindings that are not text; settings and secrets are read by the names that the config gives them. */
export interface WorkerEnvironment {
  /** `all`: a log line for every request. Else only for those that did not complete: each one's event is in the ledger anyway. */
  readonly LOG_REQUESTS?: string;
  readonly LEDGER_QUEUE?: { send(message: string, options: { readonly contentType: "text" }): Promise<unknown> };
  readonly [name: string]: unknown;
}

const VERSION = "0.1.0";
const PRINCIPALS_KEPT = 10_000;
const STRANGERS_KEPT = 10_000;
const clock: Clock = { now: () => Date.now() };

let composed: Pick<Hono, "fetch"> | undefined;

/** The gateway of this isolate, built at its first request. A wrong environment answers 503 with the names of what is wrong. */
export function composeOnce(env: WorkerEnvironment, base: BaseConfig): Pick<Hono, "fetch"> {
  composed ??= compose(env, base);
  return composed;
}

function compose(env: WorkerEnvironment, base: BaseConfig): Pick<Hono, "fetch"> {
  const parsed = parseEnvironment(env, base);
  if (!parsed.ok) return unconfigured(parsed.problems);
  const { environment } = parsed;
  const bound = bindEnvironment(base, environment);
  const left = leftOut(bound, environment);
  if (left.lines.length > 0) console.warn(leftOutLine(left.lines, clock.now()));
  const stores = openStores(environment, bound);
  const transport = composeTransport(environment, aiBindingOf(env));
  const logsAll = env.LOG_REQUESTS === "all";
  const seats = seatsOver(env.SEATS);
  if (!seats && Object.values(bound.backends).some((backend) => backend.seats))
    console.warn("a backend has seats and there is no binding SEATS: it is used without");
  const gateway = {
    ...composeGateway(environment, bound, stores, transport, queueOf(env.LEDGER_QUEUE), logsAll),
    ...(seats && { seats }),
  };
  return createApp({
    gateway,
    origins: stores.origins,
    admin: composeAdmin(environment, bound, stores, gateway),
    operations: { ...composeOperations(environment, stores, gateway), leftOut: left },
  });
}

/** Over the network, and for backends behind Cloudflare's binding over that, where there is one. */
function composeTransport(environment: Environment, binding: AiBinding | undefined): Transport {
  const network = fetchTransport(environment.backends);
  if (!binding) return network;
  const ai = workersAiTransport(binding);
  return {
    send: (call, signal) => (call.backend.transport === "workers-ai" ? ai : network).send(call, signal),
  };
}

/** One link to Redis; Postgres as `app` for what a request may need and as `admin` for operators. */
function openStores(environment: Environment, base: BaseConfig) {
  const { redis, postgres } = environment;
  const { redisMs, redisConnectMs, postgresMs } = base.stores;
  const link = new Link({ url: redis.url, token: redis.token, timeoutMs: redisMs, connectMs: redisConnectMs, clock });
  const open = (connectionString: string) =>
    new Neon({
      connectionString,
      timeoutMs: postgresMs,
      ...(postgres.fetchEndpoint !== undefined && { fetchEndpoint: postgres.fetchEndpoint }),
    });
  const app = open(postgres.url);
  const admin = open(postgres.adminUrl);
  const money = new UpstashMoney(link, new NeonSpend(app));
  const tenants = new NeonTenantAdministration(admin);
  return {
    link,
    app,
    admin,
    money,
    tenants,
    keys: new UpstashKeyDirectory(link, new NeonKeys(app), clock),
    overlays: new UpstashOverlay(link, readOverlay),
    overlayArchive: new NeonOverlay(app),
    ledger: new UpstashLedger(link),
    origins: new UpstashOrigins(link, () => namedOrigins(admin)),
  };
}

type Stores = ReturnType<typeof openStores>;
type GatewayStores = Pick<Stores, "link" | "keys" | "overlays" | "overlayArchive" | "money">;

/** What the steps use, on the stores given. `base` is bound to the environment already. */
function composeGateway(
  environment: Environment,
  base: BaseConfig,
  stores: GatewayStores,
  transport: Transport,
  queue: EventQueue,
  logsAll: boolean,
): Gateway {
  const archive: OverlayArchive = {
    current: () => stores.overlayArchive.current(),
    publish: (overlay) => stores.overlays.publish(overlay),
  };
  const holder = holdConfig(base, stores.overlays, archive, clock);
  const pepperKey = hmacKeyOf(environment.peppers.byVersion.get(environment.peppers.current) ?? "");
  const guard = { perMinute: base.addressGuardPerMinute, timeoutMs: base.stores.redisMs, clock };
  return {
    clock,
    chance: runtimeChance(clock.now),
    config: holder.config,
    noticeOverlay: holder.notice,
    availableBackends: environment.availableBackends,
    keys: stores.keys,
    principals: principalCache(PRINCIPALS_KEPT),
    verifySecret: (snapshot, secret) => verifySecret(environment, snapshot, secret),
    strangers: strangerList(STRANGERS_KEPT),
    addressGuard: new UpstashAddressGuard(stores.link, guard),
    admission: new SettlementGroup(new UpstashAdmission(stores.link, clock), clock),
    probes: upstashProbes(stores.link, clock),
    keptAnswers: new UpstashKeptAnswers(stores.link),
    localLimits: new ShareLimits(base.localLimitShare),
    refusals: refusalTally(PRINCIPALS_KEPT),
    budgets: stores.money,
    speeds: speedometer(clock),
    routeLevels: routeLevels(clock),
    breakers: new BreakerView(breakerRules(base), clock.now),
    loads: new LoadView(),
    retries: new RetryBudget(),
    policies,
    transport,
    enqueue: eventBatcher(queue, clock),
    log: (event) => {
      if (logsAll || event.outcome !== "completed") console.log(logLine(event));
    },
    reportBug: (bug, requestId) => console.error(bugLine(bug, requestId, clock.now())),
    hashEndUser: async (tenant, name) => hmacBase64Url(await pepperKey(), `${tenant}\n${name}`),
    cacheSalt: tenantSalts(pepperKey),
  };
}

function composeAdmin(environment: Environment, base: BaseConfig, stores: Stores, gateway: Gateway): AdminDependencies {
  const { admin, link, origins, tenants } = stores;
  const { current, byVersion } = environment.peppers;
  const announcingOrigins: TenantAdministration = {
    list: (page) => tenants.list(page),
    change: (tenant, change, actor) => tenants.change(tenant, change, actor),
    async create(tenant, actor) {
      const created = await tenants.create(tenant, actor);
      if (created.ok && tenant.corsOrigins.length > 0) await origins.add(tenant.corsOrigins);
      return created;
    },
  };
  return {
    adminKey: environment.adminKey,
    clock,
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
    pepper: { version: current, secret: byVersion.get(current) ?? "" },
    known: () => ({
      tiers: new Set(Object.keys(gateway.config().tiers)),
      defaultTier: base.defaultTier,
      aliases: new Set(Object.keys(gateway.config().routes)),
    }),
    breakers: () => namedBreakers(link, [...targetsByBreaker(base).keys()]),
    misfits: (overlay) => resolve(base, overlay).ignored,
    keys: new NeonKeyAdministration(admin),
    announcer: stores.keys,
    tenants: announcingOrigins,
    money: stores.money,
    usage: new NeonUsage(admin),
    requests: new NeonRequests(admin),
    deadLetters: new UpstashLedger(link),
    overlay: new NeonOverlay(admin),
    overlayAnnouncer: stores.overlays,
  };
}

function composeOperations(environment: Environment, stores: Stores, gateway: LevelView) {
  const { metricsToken, adminKey } = environment;
  return {
    version: VERSION,
    tokens: metricsToken === undefined ? [adminKey] : [metricsToken, adminKey],
    async probe() {
      const startedAt = clock.now();
      const [redis, postgres] = await Promise.all([pingRedis(stores.link), pingNeon(stores.app)]);
      return [
        {
          name: "redis",
          healthy: redis.healthy,
          ms: redis.ioMs,
          ...(redis.detail !== undefined && { reason: redis.detail }),
        },
        { name: "postgres", ...postgres, ms: clock.now() - startedAt },
      ];
    },
    async metrics() {
      const config = gateway.config();
      const targets = targetsByBreaker(config);
      const watched = Object.values(config.backends).filter(({ health }) => health !== undefined);
      const [counters, states, asked] = await Promise.all([
        stores.ledger.counters(),
        readBreakers(stores.link, [...targets.keys()]),
        readLoads(
          stores.link,
          watched.map(({ name }) => name),
        ),
      ]);
      if (!counters.ok || states === undefined) return undefined;
      const { loads = {}, seats = {} } = asked ?? {};
      const breakers = new Map([...targets.keys()].map((name, index) => [name, states[index]]));
      return prometheusText({
        ...counters.value,
        ...breakerGauges([...targets.values()], states, config, clock.now()),
        ...loadGauges(loads),
        ...seatsGauges(seats, config),
        ...levelGauges(gateway, breakers, loads),
      });
    },
  };
}

async function verifySecret({ peppers }: Environment, snapshot: KeySnapshot, secret: string): Promise<boolean> {
  const pepper = peppers.byVersion.get(snapshot.pepperVersion);
  // A key under a pepper that is no longer configured cannot be checked, so it is not accepted.
  return pepper !== undefined && constantTimeEqual(await hashSecret(pepper, secret), snapshot.hash);
}

/** Without a queue the ledger lives from its sweeps: Redis holds every event until it is written. */
function queueOf(binding: WorkerEnvironment["LEDGER_QUEUE"]): EventQueue {
  return {
    async send(eventTexts) {
      // Joined as text: the runtime would serialise every event a second time.
      await binding?.send(`{"kind":"events","events":[${eventTexts.join(",")}]}`, { contentType: "text" });
    },
  };
}
