import { StartError } from "./start-error.ts";

/** The tenant of the local stack. */
export const LOCAL_TENANT = "local";

const ASK_WITHIN_MS = 10_000;

/** Far above what one machine can do, so that the tiers' limits do not stop its owner; there all the same, so that every step does its work. */
const level = {
  requestsPerMinute: 1_000_000,
  tokensPerMinute: 1_000_000_000,
  concurrency: 2_000,
  budget: { limitNanoUsd: 1_000_000_000_000, period: "month" },
};
const LOCAL_LIMITS = { key: level, user: level, model: level, tenant: level };

/** Resolves when the gateway answers `/healthz`. Throws a `StartError` when it does not in time. */
export async function waitForHealth(gateway: string, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  let last = "no answer";
  while (Date.now() < deadline) {
    try {
      const response = await fetch(`${gateway}/healthz`, { signal: AbortSignal.timeout(ASK_WITHIN_MS) });
      const text = await response.text();
      if (response.ok) return;
      last = `${response.status} ${text.slice(0, 300)}`;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new StartError(`the gateway does not become healthy: ${last}`);
}

/** Whether the gateway accepts this key. */
export async function isKeyAccepted(gateway: string, apiKey: string): Promise<boolean> {
  const response = await fetch(`${gateway}/v1/models`, {
    headers: { authorization: `Bearer ${apiKey}` },
    signal: AbortSignal.timeout(ASK_WITHIN_MS),
  });
  await response.body?.cancel();
  return response.ok;
}

/** Creates the local tenant where it is not there yet and mints a key in it; both through the admin API. `wish` adds or replaces fields of the key. */
export async function mintLocalKey(
  gateway: string,
  adminKey: string,
  wish: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  await askAdmin(gateway, adminKey, "tenants", { tenant: LOCAL_TENANT }, [409]);
  const minted = await askAdmin(gateway, adminKey, "keys", {
    tenant: LOCAL_TENANT,
    name: "local stack",
    limits: LOCAL_LIMITS,
    ...wish,
  });
  const { key } = JSON.parse(minted) as { key?: string };
  if (key === undefined) throw new StartError("the gateway minted no key: its answer holds none");
  return key;
}

async function askAdmin(
  gateway: string,
  adminKey: string,
  path: string,
  body: object,
  alsoFine: readonly number[] = [],
): Promise<string> {
  const response = await fetch(`${gateway}/admin/v1/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ASK_WITHIN_MS),
  });
  const text = await response.text();
  if (response.ok || alsoFine.includes(response.status)) return text;
  throw new StartError(`POST /admin/v1/${path} answered ${response.status}: ${text.slice(0, 300)}`);
}
