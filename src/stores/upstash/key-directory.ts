import type { KeyAnnouncer, KeyVersion } from "../../core/admin.ts";
import type { KeySnapshot } from "../../core/identity.ts";
import type { Clock, KeyDirectory, KeyLookup } from "../../core/ports.ts";
import { ACTIVE_TENANTS, keyVersionKey, snapshotKey } from "./keys.ts";
import type { Call, Link } from "./link.ts";
import { isRecord, jsonOf } from "./replies.ts";
import { scripts } from "./scripts.ts";

/** Where keys truly live: Postgres. */
export interface KeySource {
  load(keyId: string): Promise<KeyLookup>;
}

const HOUR_MS = 3_600_000;
const SNAPSHOT_TTL_MS = 24 * HOUR_MS;
/** Outlives every snapshot, so that a snapshot never stands without the version that admission compares. */
const VERSION_TTL_MS = 7 * 24 * HOUR_MS;
/** An older snapshot is read again from the source; while the source is away it still serves. */
const REFRESH_AFTER_MS = HOUR_MS;
/** Ids that nobody knows are remembered so long, and so many of them. */
const UNKNOWN_TTL_MS = 5_000;
const UNKNOWN_LIMIT = 1_000;
/** Keys that are announced in one call: so few that it ends within its deadline. */
const ANNOUNCED_AT_ONCE = 50;

/** Keys for isolates that do not know them: the snapshot in Redis, else the source, whose answer is published for all. */
export class UpstashKeyDirectory implements KeyDirectory, KeyAnnouncer {
  readonly #link: Link;
  readonly #source: KeySource;
  readonly #clock: Clock;
  readonly #unknownUntil = new Map<string, number>();

  constructor(link: Link, source: KeySource, clock: Clock = Date) {
    this.#link = link;
    this.#source = source;
    this.#clock = clock;
  }

  async load(keyId: string, fresh: boolean): Promise<KeyLookup> {
    if ((this.#unknownUntil.get(keyId) ?? 0) > this.#clock.now()) return { kind: "unknown" };
    const kept = fresh ? undefined : await this.#kept(keyId);
    if (kept && this.#isCurrent(kept.savedAt)) return { kind: "found", snapshot: kept.snapshot };
    const found = await this.#source.load(keyId);
    if (found.kind === "unknown") this.#remember(keyId);
    if (found.kind === "unavailable" && kept) {
      // Published again, so that its time does not run out while the source is away.
      await this.publish(kept.snapshot);
      return { kind: "found", snapshot: kept.snapshot };
    }
    if (found.kind === "found") await this.publish(found.snapshot);
    return found;
  }

  /** Writes a snapshot and its version, unless Redis holds a newer version. True once Redis holds this one. */
  async publish(snapshot: KeySnapshot): Promise<boolean> {
    this.#unknownUntil.delete(snapshot.keyId);
    const text = JSON.stringify({ savedAt: this.#clock.now(), snapshot });
    return this.#send([publishCall(snapshot, text)], snapshot.tenant);
  }

  /** From the moment this resolves to true, no admission accepts an older version, and no look-up finds the old snapshot. */
  announce(key: KeyVersion): Promise<boolean> {
    return this.announceAll([key]);
  }

  async announceAll(keys: readonly KeyVersion[]): Promise<boolean> {
    for (let start = 0; start < keys.length; start += ANNOUNCED_AT_ONCE) {
      const some = keys.slice(start, start + ANNOUNCED_AT_ONCE);
      for (const { keyId } of some) this.#unknownUntil.delete(keyId);
      if (
        !(await this.#send(
          some.map((key) => publishCall(key, "")),
          some[0]?.tenant ?? "",
        ))
      )
        return false;
    }
    return true;
  }

  /** 0 of a script: a newer version stands there. The announced one is refused all the same. */
  async #send(calls: readonly Call[], tenant: string): Promise<boolean> {
    const answer = await this.#link.run([...calls, ["ZADD", ACTIVE_TENANTS, String(this.#clock.now()), tenant]]);
    return answer.ok && calls.every((_, index) => typeof answer.replies[index]?.result === "number");
  }

  async #kept(keyId: string): Promise<{ readonly savedAt: number; readonly snapshot: KeySnapshot } | undefined> {
    const answer = await this.#link.run([["GET", snapshotKey(keyId)]]);
    const value = answer.ok ? jsonOf(answer.replies[0]?.result) : undefined;
    if (!isRecord(value) || typeof value.savedAt !== "number" || !isSnapshot(value.snapshot, keyId)) return undefined;
    return { savedAt: value.savedAt, snapshot: value.snapshot };
  }

  /** A snapshot from before an outage may be of a key that was revoked while Redis could not be told. */
  #isCurrent(savedAt: number): boolean {
    return this.#clock.now() - savedAt < REFRESH_AFTER_MS && savedAt > this.#link.troubledAt;
  }

  #remember(keyId: string): void {
    const oldest = this.#unknownUntil.keys().next().value;
    if (this.#unknownUntil.size >= UNKNOWN_LIMIT && oldest !== undefined) this.#unknownUntil.delete(oldest);
    this.#unknownUntil.delete(keyId);
    this.#unknownUntil.set(keyId, this.#clock.now() + UNKNOWN_TTL_MS);
  }
}

function publishCall({ tenant, keyId, version }: KeyVersion, text: string): Call {
  return {
    script: scripts.publishKey,
    keys: [keyVersionKey(tenant, keyId), snapshotKey(keyId)],
    args: [String(version), String(VERSION_TTL_MS), text, String(SNAPSHOT_TTL_MS)],
  };
}

/** Written by `publish` alone; the check guards against another version of the gateway, not against strangers. */
function isSnapshot(value: unknown, keyId: string): value is KeySnapshot {
  return (
    isRecord(value) &&
    value.keyId === keyId &&
    typeof value.hash === "string" &&
    typeof value.tenant === "string" &&
    typeof value.tier === "string" &&
    typeof value.version === "number" &&
    typeof value.pepperVersion === "number" &&
    Array.isArray(value.scopes)
  );
}
