import type { DeadLetter, DeadLetterOffice } from "../../core/admin.ts";
import type { Failure } from "../../core/failure.ts";
import type { SettleReply } from "../../core/ports.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { WideEvent } from "../../core/wide-event.ts";
import { RECORD_TTL_MS, settleCall } from "./admission.ts";
import { ACTIVE_TENANTS, COUNTERS, deadKey, dueKey, recordKey, SWEEP_CURSOR } from "./keys.ts";
import { type EncodedLevels, levelsOfRecord } from "./levels.ts";
import { type Call, type CommandReply, errorWord, type Link, listed } from "./link.ts";
import { pairsOf, textOf, textsOf } from "./replies.ts";
import { scripts } from "./scripts.ts";

const DAY_MS = 86_400_000;
/** How long a written request's record stays, so that a repeated or late settlement changes nothing twice. */
const TOMBSTONE_TTL_MS = DAY_MS;
/** The same where no record stood, long enough for a message that comes again: a storm of refusals must not fill Redis. */
const SHORT_TOMBSTONE_TTL_MS = 600_000;
const DEAD_TTL_MS = 30 * DAY_MS;

/** A request that the ledger has to look at. */
export interface DueRecord {
  readonly requestId: string;
  /**
   * `settled` and `abandoned`: write the event, then acknowledge. `leased`: its lease ran out, sweep it. `gone`: the record
   * went before it was written (its event may have come by the queue): acknowledging drops it.
   */
  readonly state: "settled" | "abandoned" | "leased" | "gone";
  /** JSON of the wide event, as the gateway wrote it. */
  readonly eventText?: string;
}

/** An event that is in Postgres, and what it adds to the counters of `/metrics`. */
export interface WrittenEvent {
  readonly requestId: string;
  readonly outcome: WideEvent["outcome"];
  readonly counters: Readonly<Record<string, number>>;
}

/** What became of an acknowledgement; see lua/ledger.ts. `unsettled`: call `settle` with the event. */
export type Acknowledgement = "acknowledged" | "repeated" | "unsettled" | "superseded" | "failed";

/** What became of a lease; see lua/ledger.ts. `running`: it still stands. */
export type Swept = "abandoned" | "running" | "not-leased";

/** The ledger's side of Redis: what is due, what ran out, what is written. Failures are one word, safe to log. */
export class UpstashLedger implements DeadLetterOffice {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Tenants whose keys were loaded since Redis was last empty. Ask Postgres too: a flush forgets them until a key is used. */
  async activeTenants(): Promise<Result<readonly string[], string>> {
    const reply = await this.#one(["ZRANGE", ACTIVE_TENANTS, "0", "-1"]);
    return reply.ok ? ok(textsOf(reply.value.result)) : reply;
  }

  /** Where the sweep stopped last. */
  async lastSwept(): Promise<Result<string | undefined, string>> {
    const reply = await this.#one(["GET", SWEEP_CURSOR]);
    return reply.ok ? ok(textOf(reply.value.result)) : reply;
  }

  async rememberSwept(tenant: string): Promise<Result<true, string>> {
    const reply = await this.#one(["SET", SWEEP_CURSOR, tenant]);
    return reply.ok ? ok(true) : reply;
  }

  /**
   * Those of the tenants for whom something is due, in their order. One call to Redis, however many they are. One of whom Redis cannot
   * say is among them: looking closer will tell.
   */
  async busy(tenants: readonly string[], now: number = Date.now()): Promise<Result<readonly string[], string>> {
    const answer = await this.#link.run(tenants.map((tenant) => ["ZCOUNT", dueKey(tenant), "-inf", String(now)]));
    if (!answer.ok) return fail(answer.detail);
    return ok(tenants.filter((_, index) => answer.replies[index]?.result !== 0));
  }

  /** The oldest records that are due, at most `limit`. Two calls to Redis. */
  async due(tenant: string, limit: number, now: number = Date.now()): Promise<Result<readonly DueRecord[], string>> {
    const listed = await this.#one(["ZRANGEBYSCORE", dueKey(tenant), "-inf", String(now), "LIMIT", "0", String(limit)]);
    if (!listed.ok) return listed;
    const ids = textsOf(listed.value.result);
    if (ids.length === 0) return ok([]);
    const read = await this.#run(ids.map((id) => ["HMGET", recordKey(tenant, id), "state", "event"]));
    if (!read.ok) return read;
    return ok(ids.map((requestId, index) => dueRecord(requestId, read.value[index])));
  }

  /** Books requests as abandoned whose lease ran out; one answer a request. Two calls to Redis, however many they are. */
  async sweep(tenant: string, requestIds: readonly string[]): Promise<Result<readonly Swept[], string>> {
    if (requestIds.length === 0) return ok([]);
    const read = await this.#run(requestIds.map((id) => ["HMGET", recordKey(tenant, id), "keys", "levels"]));
    if (!read.ok) return read;
    const replies = await this.#run(
      requestIds.map((id, index) => sweepCall(tenant, id, levelsOfReply(read.value[index]?.result))),
    );
    if (!replies.ok) return replies;
    const words = replies.value.map(({ result }) => result);
    return words.every(isSwept) ? ok(words) : fail("protocol");
  }

  /** Tells Redis what Postgres holds. Idempotent; one call, one answer an event. */
  async acknowledge(
    tenant: string,
    written: readonly WrittenEvent[],
  ): Promise<Result<readonly Acknowledgement[], string>> {
    if (written.length === 0) return ok([]);
    const reply = await this.#run(written.map((event) => acknowledgeCall(tenant, event)));
    return reply.ok ? ok(reply.value.map(({ result }) => acknowledgementOf(result))) : reply;
  }

  /**
   * Settles on behalf of a gateway whose own call never arrived: its event came by the queue. Tokens that nobody counted stay as
   * reserved where a backend was asked, and are given back where none was (refused because Redis' answer was lost, a cache hit).
   */
  async settle(event: WideEvent): Promise<SettleReply> {
    const { tenant, requestId, usage, costNanoUsd } = event;
    const read = await this.#one(["HMGET", recordKey(tenant, requestId), "keys", "levels", "tokens"]);
    if (!read.ok) return { kind: "unavailable", detail: read.failure, ioMs: 0 };
    const [keysText, argsText, reservedText] = Array.isArray(read.value.result) ? read.value.result : [];
    const counted = usage && (usage.inputTokens ?? 0) + (usage.outputTokens ?? 0);
    const uncounted = event.attempts.length === 0 ? 0 : Number(reservedText ?? 0);
    const actual = { tokens: counted ?? uncounted, costNanoUsd };
    const answer = await this.#one(
      settleCall({ tenant, requestId, levels: levelsOfRecord(keysText, argsText), actual, event }),
    );
    if (!answer.ok) return { kind: "unavailable", detail: answer.failure, ioMs: 0 };
    const kind = answer.value.result;
    return kind === "settled" || kind === "late" || kind === "already-settled"
      ? { kind, ioMs: 0 }
      : { kind: "unavailable", detail: "protocol", ioMs: 0 };
  }

  /** Puts a record aside that cannot be written. `reason` is one short line without any of its content. */
  async bury(tenant: string, requestId: string, reason: string, eventText = ""): Promise<Result<boolean, string>> {
    const keys = [recordKey(tenant, requestId), dueKey(tenant), deadKey(tenant)];
    const args = [requestId, reason.slice(0, 200), String(DEAD_TTL_MS), eventText];
    const reply = await this.#one({ script: scripts.bury, keys, args });
    return reply.ok ? ok(reply.value.result === 1) : reply;
  }

  async dead(filter: { readonly tenant?: string; readonly limit: number }): Promise<Result<readonly DeadLetter[]>> {
    const tenants = await this.#tenants(filter.tenant);
    if (!tenants.ok) return unavailable(tenants.failure);
    if (tenants.value.length === 0) return ok([]);
    const read = await this.#run(tenants.value.map((tenant) => ["HGETALL", deadKey(tenant)]));
    if (!read.ok) return unavailable(read.failure);
    const letters = tenants.value.flatMap((tenant, index) => deadLetters(tenant, read.value[index]?.result));
    return ok(letters.slice(0, filter.limit));
  }

  async replay(filter: { readonly tenant?: string; readonly requestIds?: readonly string[] }): Promise<Result<number>> {
    const wanted = filter.requestIds && new Set(filter.requestIds);
    const dead = await this.dead({
      ...(filter.tenant !== undefined && { tenant: filter.tenant }),
      limit: Number.MAX_SAFE_INTEGER,
    });
    if (!dead.ok) return dead;
    const calls = dead.value
      .filter(({ requestId }) => wanted?.has(requestId) ?? true)
      .map(
        ({ tenant, requestId }): Call => ({
          script: scripts.replay,
          keys: [recordKey(tenant, requestId), dueKey(tenant), deadKey(tenant)],
          args: [requestId],
        }),
      );
    if (calls.length === 0) return ok(0);
    const replies = await this.#run(calls);
    return replies.ok ? ok(replies.value.filter(({ result }) => result === 1).length) : unavailable(replies.failure);
  }

  /** The counters of `/metrics` as the ledger raised them: field to value. */
  async counters(): Promise<Result<Readonly<Record<string, number>>, string>> {
    const reply = await this.#one(["HGETALL", COUNTERS]);
    if (!reply.ok) return reply;
    return ok(Object.fromEntries(pairsOf(reply.value.result).map(([field, value]) => [field, Number(value)])));
  }

  async #tenants(tenant: string | undefined): Promise<Result<readonly string[], string>> {
    return tenant === undefined ? this.activeTenants() : ok([tenant]);
  }

  async #one(call: Call): Promise<Result<CommandReply, string>> {
    const replies = await this.#run([call]);
    if (!replies.ok) return replies;
    const [reply] = replies.value;
    return reply === undefined ? fail("protocol") : ok(reply);
  }

  /** A command that fails fails the whole call: the ledger comes again. */
  async #run(calls: readonly Call[]): Promise<Result<readonly CommandReply[], string>> {
    const answer = await this.#link.run(calls);
    if (!answer.ok) return fail(answer.detail);
    const wrong = answer.replies.find(({ error }) => error !== undefined);
    return wrong?.error === undefined ? ok(answer.replies) : fail(errorWord(wrong.error));
  }
}

function sweepCall(tenant: string, requestId: string, { keys, keysText, argsText }: EncodedLevels): Call {
  const own = [recordKey(tenant, requestId), dueKey(tenant)];
  const args = [requestId, String(RECORD_TTL_MS)];
  return {
    script: scripts.sweep,
    text: `,"${own.length + keys.length}"${listed(own)}${keysText}${listed(args)}${argsText}`,
  };
}

/** Of `HMGET … keys levels`. */
function levelsOfReply(result: unknown): EncodedLevels {
  const [keysText, argsText] = Array.isArray(result) ? result : [];
  return levelsOfRecord(keysText, argsText);
}

function isSwept(word: unknown): word is Swept {
  return word === "abandoned" || word === "running" || word === "not-leased";
}

function acknowledgeCall(tenant: string, { requestId, outcome, counters }: WrittenEvent): Call {
  const state = outcome === "abandoned" ? "abandoned" : "settled";
  const increments = Object.entries(counters).flatMap(([field, by]) => [field, String(by)]);
  return {
    script: scripts.acknowledge,
    keys: [recordKey(tenant, requestId), dueKey(tenant), COUNTERS],
    args: [requestId, state, String(TOMBSTONE_TTL_MS), String(SHORT_TOMBSTONE_TTL_MS), ...increments],
  };
}

function acknowledgementOf(result: unknown): Acknowledgement {
  switch (result) {
    case "acknowledged":
    case "repeated":
    case "unsettled":
    case "superseded":
      return result;
    default:
      return "failed";
  }
}

function dueRecord(requestId: string, reply: CommandReply | undefined): DueRecord {
  const [state, event] = Array.isArray(reply?.result) ? reply.result : [];
  const eventText = textOf(event);
  if (state !== "settled" && state !== "abandoned" && state !== "leased") return { requestId, state: "gone" };
  return { requestId, state, ...(eventText !== undefined && { eventText }) };
}

function deadLetters(tenant: string, result: unknown): readonly DeadLetter[] {
  return pairsOf(result).map(([requestId, text]) => {
    const space = text.indexOf(" ");
    return { tenant, requestId, reason: text.slice(space + 1), buriedAt: Number(text.slice(0, space)) };
  });
}

const unavailable = (detail: string): Result<never> =>
  fail<Failure>({ type: "gateway_unavailable", message: "The limit store is away.", detail: `redis_${detail}` });
