import { type Call, Trouble } from "./client.ts";
import { cell, dollars, records, table } from "./format.ts";

/** One call of the admin API, bound to a gateway. */
export type Admin = (path: string, call?: Call) => Promise<Record<string, unknown>>;

/** What a command prints: words for people, or the whole reply for programs. */
export interface Printed {
  readonly text: string;
  readonly json: unknown;
}

export interface MintOptions {
  readonly tenant: string;
  readonly name?: string;
  readonly user?: string;
  readonly tier?: string;
  readonly scopes?: readonly string[];
  readonly models?: readonly string[];
  readonly expires?: string;
}

export async function mintKey(admin: Admin, options: MintOptions): Promise<Printed> {
  const { scopes, models: allowedModels, expires: expiresAt, ...rest } = options;
  const body = {
    ...rest,
    ...(scopes && { scopes }),
    ...(allowedModels && { allowedModels }),
    ...(expiresAt && { expiresAt }),
  };
  const json = await admin("/keys", { method: "POST", body });
  return {
    json,
    text: `${cell(json.key)}\n\nkeep it: it is shown once (id ${cell(json.id)}, tier ${cell(json.tier)})`,
  };
}

export async function listKeys(admin: Admin, options: { readonly tenant?: string }): Promise<Printed> {
  const keys = await allPages(admin, "/keys", options.tenant);
  if (keys.length === 0) await requireTenant(admin, options.tenant);
  const rows = keys.map((key) => ({
    id: cell(key.id),
    tenant: cell(key.tenant),
    name: cell(key.name),
    user: cell(key.user),
    tier: cell(key.tier),
    scopes: cell(key.scopes),
    models: cell(key.allowedModels),
    created: cell(key.createdAt),
    expires: cell(key.expiresAt),
    revoked: cell(key.revokedAt),
  }));
  return { json: keys, text: table(rows, "no keys yet: mint one with `keys mint --tenant <tenant>`") };
}

export async function revokeKey(admin: Admin, id: string): Promise<Printed> {
  const json = await admin(`/keys/${encodeURIComponent(id)}`, { method: "DELETE" });
  const inEffect = records([json]).every((reply) => cell(reply.pending) === "");
  const text = inEffect
    ? `${id} is revoked`
    : `${id} is revoked in Postgres, but Redis could not be told (snapshots of it end within minutes): run this again`;
  return { json, text };
}

export async function createTenant(
  admin: Admin,
  tenant: string,
  options: { readonly name?: string; readonly origins?: readonly string[]; readonly storesResponses?: boolean },
): Promise<Printed> {
  const { name, origins: corsOrigins, storesResponses } = options;
  const body = {
    tenant,
    ...(name && { name }),
    ...(corsOrigins && { corsOrigins }),
    ...(storesResponses && { storesResponses }),
  };
  const json = await admin("/tenants", { method: "POST", body });
  return { json, text: `${tenant} is there: mint a key with \`keys mint --tenant ${tenant}\`` };
}

export function setTenantDisabled(admin: Admin, tenant: string, disabled: boolean): Promise<Printed> {
  return changeTenant(admin, tenant, { disabled }, disabled ? "disabled" : "enabled");
}

export function setTenantStores(admin: Admin, tenant: string, storesResponses: boolean): Promise<Printed> {
  const word = storesResponses ? "allowed to have responses kept" : "set to have no responses kept";
  return changeTenant(admin, tenant, { storesResponses }, word);
}

const counted = (count: unknown, noun: string): string => `${cell(count)} ${noun}${count === 1 ? "" : "s"}`;

async function changeTenant(admin: Admin, tenant: string, body: object, word: string): Promise<Printed> {
  const json = await admin(`/tenants/${encodeURIComponent(tenant)}`, { method: "PATCH", body });
  const inEffect = cell(json.pending) === "";
  const text = inEffect
    ? `${tenant} is ${word}, with ${counted(json.keys, "key")}`
    : `${tenant} is ${word} in Postgres, but Redis could not be told: run this again`;
  return { json, text };
}

export async function listTenants(admin: Admin): Promise<Printed> {
  const tenants = await allPages(admin, "/tenants");
  const rows = tenants.map((tenant) => ({
    tenant: cell(tenant.tenant),
    name: cell(tenant.name),
    origins: cell(tenant.corsOrigins),
    responses: tenant.storesResponses === true ? "kept" : "",
    created: cell(tenant.createdAt),
    disabled: cell(tenant.disabledAt),
  }));
  return { json: tenants, text: table(rows, "no tenants yet: `tenants create <tenant>`") };
}

export interface UsageOptions {
  readonly tenant: string;
  readonly from?: string;
  readonly to?: string;
  readonly by?: string;
}

export async function showUsage(admin: Admin, options: UsageOptions): Promise<Printed> {
  const json = await admin("/usage", { query: { ...options } });
  const by = cell(json.by);
  const used = records(json.data);
  if (used.length === 0) await requireTenant(admin, options.tenant);
  const rows = used.map((row) => ({
    [by]: cell(row.group),
    requests: cell(row.requests),
    "input tokens": cell(row.inputTokens),
    "of them cached": cell(row.cachedInputTokens),
    "output tokens": cell(row.outputTokens),
    cost: dollars(row.costNanoUsd),
    estimated: cell(row.estimated),
  }));
  return { json, text: table(rows, `nothing was used between ${cell(json.from)} and ${cell(json.to)}`) };
}

const MONEY = "NanoUsd";

/** Money is shown in dollars, under its name without the unit. */
const titleOf = (name: string): string => (name.endsWith(MONEY) ? name.slice(0, -MONEY.length) : name);
const shownOf = (name: string, value: unknown): string => (name.endsWith(MONEY) ? dollars(value) : cell(value));

export async function showRequest(admin: Admin, id: string): Promise<Printed> {
  // Ids of answers hold the request's: `chatcmpl-req_…`, `msg_req_…`.
  const named = /req_[0-9A-Z]+/.exec(id)?.[0] ?? id;
  const json = await admin(`/requests/${encodeURIComponent(named)}`);
  const { charges, decisions, translations: _translations, object: _object, ...columns } = json;
  const head = Object.entries(columns)
    .filter(([, value]) => cell(value) !== "")
    .map(([name, value]) => ({ field: titleOf(name), value: shownOf(name, value) }));
  const cells = (row: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [titleOf(name), shownOf(name, value)]));
  const steps = records(decisions).map((step) => ({
    step: cell(step.step),
    decision: cell(step.decision),
    reason: cell(step.reason),
    "I/O ms": cell(step.ioMs),
  }));
  const parts = [
    table(head, ""),
    `charges\n${table(records(charges).map(cells), "none")}`,
    `decisions\n${table(steps, "none")}`,
  ];
  return { json, text: parts.join("\n\n") };
}

export async function listDead(admin: Admin, options: { readonly tenant?: string }): Promise<Printed> {
  const json = await admin("/ledger/dead", { query: options });
  const rows = records(json.data).map((letter) => ({
    tenant: cell(letter.tenant),
    request: cell(letter.requestId),
    reason: cell(letter.reason),
    buried: cell(letter.buriedAt),
  }));
  return { json: json.data, text: table(rows, "no dead letters") };
}

export async function replayDead(
  admin: Admin,
  requestIds: readonly string[],
  options: { readonly tenant?: string },
): Promise<Printed> {
  const body = { ...options, ...(requestIds.length > 0 && { requestIds }) };
  const json = await admin("/ledger/replay", { method: "POST", body });
  const text = `${cell(json.replayed)} due again; the next sweep writes them, or buries them anew with the reason`;
  return { json, text };
}

/** Where a tenant has nothing it may not exist, which a mistyped name should be told. */
async function requireTenant(admin: Admin, tenant: string | undefined): Promise<void> {
  if (tenant === undefined) return;
  const known = await allPages(admin, "/tenants");
  if (known.some((one) => one.tenant === tenant)) return;
  throw new Trouble(`there is no tenant ${tenant}: \`tenants list\` shows those there are`);
}

async function allPages(admin: Admin, path: string, tenant?: string): Promise<readonly Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = [];
  let cursor: string | undefined;
  do {
    const page = await admin(path, { query: { tenant, limit: "200", cursor } });
    items.push(...records(page.data));
    cursor = typeof page.nextCursor === "string" ? page.nextCursor : undefined;
  } while (cursor !== undefined);
  return items;
}
