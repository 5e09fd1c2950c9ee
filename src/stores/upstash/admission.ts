import type { BreakerState } from "../../core/breaker.ts";
import { fitsEntry } from "../../core/entry-size.ts";
import type {
  AdmissionReply,
  AdmissionRequest,
  AdmissionStore,
  Alarm,
  Clock,
  Settlement,
  SettleReply,
  SharedState,
} from "../../core/ports.ts";
import { parseSpeed, SPEED_KEPT_MS, type Speed, speedText } from "../../core/speed.ts";
import { admissionReply } from "./admission-reply.ts";
import { BreakerReader, claimCall, reportCall, returnProbeCall } from "./breakers.ts";
import {
  breakerKey,
  cacheEntryKey,
  dueKey,
  generationKey,
  keptAnswerKey,
  keyVersionKey,
  loadKey,
  OVERLAY_VERSION,
  quarantineKey,
  recordKey,
  speedKey,
} from "./keys.ts";
import { type EncodedLevels, encodeLevels } from "./levels.ts";
import { type Call, type CommandReply, errorWord, type Link, listed, listedPlain } from "./link.ts";
import { loadsOf } from "./loads.ts";
import { scripts } from "./scripts.ts";

const DAY_MS = 86_400_000;
/** How long an event waits for a ledger that is away. */
export const RECORD_TTL_MS = 7 * DAY_MS;
const RECORD_TTL = String(RECORD_TTL_MS);
const SPEED_TTL = String(SPEED_KEPT_MS);

/** Admission and settlement: one pipeline, so one HTTP call, each. */
export class UpstashAdmission implements AdmissionStore {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #breakers = new BreakerReader();

  constructor(link: Link, clock: Clock = Date) {
    this.#link = link;
    this.#clock = clock;
  }

  async admit(request: AdmissionRequest, alarm?: Alarm): Promise<AdmissionReply> {
    const { well, unwell } = this.#breakers.split(request.breakers);
    const { behind = [], loads = [], probeMs, speeds } = request;
    const looked = [...well, ...behind];
    const keys = [OVERLAY_VERSION, ...looked.map(breakerKey), ...loads.map(loadKey)];
    const speedsFrom = keys.length;
    if (speeds) keys.push(...speeds.map(speedKey));
    if (request.cacheKey !== undefined) keys.push(cacheEntryKey(request.tenant, request.cacheKey));
    const claimCalls = unwell.map((name) => claimCall(request.tenant, request.requestId, name, probeMs));
    const answer = await this.#link.run([admitCall(request), ["MGET", ...keys], ...claimCalls], alarm);
    if (!answer.ok) return { kind: "unavailable", detail: answer.detail, ioMs: answer.ioMs };
    const [script, values, ...claims] = answer.replies;
    if (script?.error !== undefined) return { kind: "unavailable", detail: errorWord(script.error), ioMs: answer.ioMs };
    return admissionReply(request, script?.result, answer.ioMs, (now) => ({
      shared: {
        ...this.#shared(values, { looked, unwell }, claims, now - this.#clock.now()),
        ...loadsBeside(values, loads, 1 + looked.length),
        ...(speeds && speedsBeside(values, speeds, speedsFrom)),
      },
      ...cachedEntry(request, values),
    }));
  }

  async settle(settlement: Settlement, alarm?: Alarm): Promise<SettleReply> {
    const [reply] = await this.settleAll([settlement], alarm);
    return reply ?? { kind: "unavailable", detail: "protocol", ioMs: 0 };
  }

  /** Several in one pipeline, each with a reply of its own. */
  async settleAll(settlements: readonly Settlement[], alarm?: Alarm): Promise<readonly SettleReply[]> {
    const calls: Call[] = [];
    const places = settlements.map((settlement) => {
      const place = calls.length;
      addCalls(settlement, calls);
      return place;
    });
    const answer = await this.#link.run(calls, alarm);
    const { ioMs } = answer;
    if (!answer.ok) return settlements.map(() => ({ kind: "unavailable", detail: answer.detail, ioMs }));
    return places.map((place) => settleReply(answer.replies[place], ioMs));
  }

  #shared(
    values: CommandReply | undefined,
    { looked, unwell }: Readonly<Record<"looked" | "unwell", readonly string[]>>,
    claims: readonly CommandReply[],
    aheadMs: number,
  ): SharedState {
    const [version, ...states] = Array.isArray(values?.result) ? values.result : [];
    const breakers: Record<string, BreakerState> = {};
    for (const [index, name] of looked.entries()) {
      breakers[name] = this.#breakers.fromValue(name, states[index], aheadMs);
    }
    const probes: string[] = [];
    for (const [index, name] of unwell.entries()) {
      const { state, mine } = this.#breakers.fromClaim(name, claims[index], aheadMs);
      breakers[name] = state;
      if (mine) probes.push(name);
    }
    const overlayVersion = typeof version === "string" ? Number(version) : Number.NaN;
    return {
      breakers,
      ...(probes.length > 0 && { probes }),
      ...(Number.isSafeInteger(overlayVersion) && { overlayVersion }),
    };
  }
}

function addCalls(settlement: Settlement, calls: Call[]): void {
  const { cacheWrite, keptWrite, breakers, speeds = [], tenant, unusedProbes } = settlement;
  calls.push(settleCall({ ...settlement, levels: encodeLevels(tenant, settlement.levels) }));
  for (const report of breakers) calls.push(reportCall(settlement.requestId, report));
  for (const { name, speed } of speeds) calls.push(["SET", speedKey(name), speedText(speed), "PX", SPEED_TTL]);
  for (const name of unusedProbes ?? []) calls.push(returnProbeCall(settlement.requestId, name));
  const write = (key: string, { value, ttlSeconds }: { readonly value: string; readonly ttlSeconds: number }) => {
    if (fitsEntry(value)) calls.push(["SET", key, value, "EX", String(ttlSeconds)]);
  };
  if (cacheWrite) write(cacheEntryKey(tenant, cacheWrite.key), cacheWrite);
  if (keptWrite) write(keptAnswerKey(tenant, keptWrite.id), keptWrite);
}

function settleReply(script: CommandReply | undefined, ioMs: number): SettleReply {
  switch (script?.result) {
    case "settled":
    case "already-settled":
    case "late":
      return { kind: script.result, ioMs };
    default:
      return { kind: "unavailable", detail: errorWord(script?.error ?? ""), ioMs };
  }
}

function admitCall(request: AdmissionRequest): Call {
  const { tenant, requestId, reservation } = request;
  const { keys, keysText, argsText, hasMoney } = encodeLevels(tenant, request.levels);
  const money = hasMoney ? listedPlain([generationKey(tenant), quarantineKey(tenant)]) : "";
  const ownKeys =
    listedPlain([recordKey(tenant, requestId), dueKey(tenant)]) +
    listed([keyVersionKey(tenant, request.keyId)]) +
    money;
  const ownArgs =
    listedPlain([
      requestId,
      String(request.keyVersion),
      String(request.leaseMs),
      String(request.quarantineMs),
      String(reservation.tokens),
      String(reservation.costNanoUsd),
      hasMoney ? "1" : "0",
    ]) + listed([JSON.stringify(request.abandoned), RECORD_TTL]);
  const keyCount = (hasMoney ? 5 : 3) + keys.length;
  return { script: scripts.admit, text: `,"${keyCount}"${ownKeys}${keysText}${ownArgs}${argsText}` };
}

/** A settlement, as the script needs it. */
interface SettleParts extends Pick<Settlement, "tenant" | "requestId" | "actual" | "event" | "eventText"> {
  readonly levels: EncodedLevels;
}

/** The script's call for a settlement; the ledger sends the same for events that Redis never heard of. */
export function settleCall({ tenant, requestId, actual, levels, event, eventText }: SettleParts): Call {
  const { keys, keysText, argsText, hasMoney } = levels;
  const money = hasMoney ? listedPlain([generationKey(tenant)]) : "";
  const ownKeys = listed([recordKey(tenant, requestId)]) + listedPlain([dueKey(tenant)]) + money;
  const counts = listedPlain([String(actual.tokens), String(actual.costNanoUsd)]);
  const text = listed([eventText ?? JSON.stringify(event)]);
  const ownArgs = listed([requestId]) + counts + text + listedPlain([RECORD_TTL, hasMoney ? "1" : "0"]);
  const keyCount = (hasMoney ? 3 : 2) + keys.length;
  return { script: scripts.settle, text: `,"${keyCount}"${ownKeys}${keysText}${ownArgs}${argsText}` };
}

/** Those behind the first `from` values of the MGET. */
function loadsBeside(values: CommandReply | undefined, loads: readonly string[], from: number) {
  return Array.isArray(values?.result) ? loadsOf(loads, values.result.slice(from)) : {};
}

/** Nothing of those that Redis has no word of. */
function speedsBeside(values: CommandReply | undefined, names: readonly string[], from: number) {
  const speeds: Record<string, Speed> = {};
  const all: readonly unknown[] = Array.isArray(values?.result) ? values.result : [];
  for (const [index, name] of names.entries()) {
    const speed = parseSpeed(all[from + index]);
    if (speed) speeds[name] = speed;
  }
  return { speeds };
}

function cachedEntry(request: AdmissionRequest, values: CommandReply | undefined): { readonly cached?: string } {
  if (request.cacheKey === undefined || !Array.isArray(values?.result)) return {};
  const entry: unknown = values.result.at(-1);
  return typeof entry === "string" ? { cached: entry } : {};
}
