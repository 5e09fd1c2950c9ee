import type { Answer, Frame } from "../core/answer.ts";
import { wantsStream } from "../core/draft.ts";
import { ENTRY_MAX_BYTES, fitsEntry } from "../core/entry-size.ts";
import type { Admitted, CachePlan, LiveAnswer, StreamingAnswer, StreamStep } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import { isJsonObject } from "../core/json.ts";
import { fail, type Result } from "../core/result.ts";
import type { WideEvent } from "../core/wide-event.ts";
import { replay } from "../wire/collect.ts";
import { AnswerLosses } from "../wire/losses.ts";
import { breakerReports } from "./breaker-reports.ts";
import { cacheEntry } from "./cache-entry.ts";
import { collectorFor } from "./collector-for.ts";
import { leaveProbe, reportLevel } from "./degrade.ts";
import { eventOf } from "./event.ts";
import type { Gateway } from "./gateway.ts";
import { KEPT_FOR_SECONDS, keptEntry } from "./kept-entry.ts";
import { probesHad } from "./probe.ts";
import { writerContext } from "./reply.ts";
import { speedReports } from "./speeds.ts";
import { WatchedStream } from "./watched-stream.ts";

/** How an admitted request ended, and what it leaves behind. */
export type Finish =
  | { readonly kind: "completed"; readonly answer?: Answer; readonly live: LiveAnswer }
  | { readonly kind: "failed"; readonly failure: Failure; readonly status: number }
  | { readonly kind: "cancelled" };

/**
 * The one exit behind `admit`. Opening it hands the settlement to `keep`, whose word the runtime waits for since before admission; the
 * first `finish` counts, every later one is ignored. One settlement for Redis, one event.
 */
export class Settlement {
  readonly #exchange: Admitted;
  readonly #gateway: Gateway;
  #resolve: (finish: Finish) => void = () => undefined;
  #finished = false;

  constructor(exchange: Admitted, gateway: Gateway, keep: (settled: Promise<void>) => void) {
    this.#exchange = exchange;
    this.#gateway = gateway;
    const finished = new Promise<Finish>((resolve) => {
      this.#resolve = resolve;
    });
    keep(finished.then((finish) => this.#settle(finish)));
  }

  finish(finish: Finish): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#resolve(finish);
  }

  /** No answer: told to the caller by `encode`, settled here. */
  failed(failure: Failure): Result<never> {
    const { decisions } = this.#exchange.notes;
    this.#finishFailed(
      failure,
      decisions.some(({ decision }) => decision === "headers_first"),
    );
    return fail(failure);
  }

  /** A stream whose headers are out has said 200, whatever comes after; a collected answer says what its failure is. */
  #finishFailed(failure: Failure, begun: boolean): void {
    if (failure.type === "caller_cancelled") {
      this.finish({ kind: "cancelled" });
      return;
    }
    const { wire, requestId, draft } = this.#exchange;
    const status = wantsStream(draft) && begun ? 200 : wire.encodeFailure(failure, requestId).status;
    this.finish({ kind: "failed", failure, status });
  }

  /** Wraps the answer once: whatever becomes of it, the settlement hears. */
  wrap(answer: LiveAnswer): LiveAnswer {
    if (answer.kind === "whole") {
      this.#noteLosses(answer);
      this.finish({ kind: "completed", answer: answer.answer, live: answer });
      return answer;
    }
    const { cache, keeping } = this.#exchange;
    const isRemembered = keeping?.id !== undefined || (isWritable(cache) && answer.origin.chosenTarget);
    const memory = isRemembered ? new Memory(this.#exchange) : undefined;
    return new WatchedStream(answer, this.#exchange, this.#gateway, {
      hear: (step) => {
        memory?.take(step);
        this.#hear(step, answer, memory);
      },
      giveUp: (failure) => (failure ? this.#finishFailed(failure, true) : this.finish({ kind: "cancelled" })),
    });
  }

  /** Before the event is written, which the encoder comes too late for. */
  #noteLosses({ wire, answer }: Extract<LiveAnswer, { kind: "whole" }>): void {
    const to = this.#exchange.wire.name;
    if (wire.name === to || answer.operation !== "chat") return;
    const losses = new AnswerLosses(to, this.#exchange.notes.translations);
    for (const event of replay(answer)) losses.see(event);
  }

  #hear(step: StreamStep, live: StreamingAnswer, memory: Memory | undefined): void {
    if (step.kind === "end") {
      const collected = memory?.answer();
      this.finish({ kind: "completed", live, ...(collected && { answer: collected }) });
    } else if (step.kind === "failure") {
      this.#finishFailed(step.failure, true);
    }
  }

  async #settle(finish: Finish): Promise<void> {
    const { gateway, exchange } = { gateway: this.#gateway, exchange: this.#exchange };
    const endedAt = gateway.clock.now();
    const { endUser } = exchange.draft;
    const endUserHash =
      endUser === undefined
        ? undefined
        : await this.#spared(() => gateway.hashEndUser(exchange.principal.tenant, endUser));
    const keptWrite = finish.kind === "completed" ? await this.#spared(() => this.#keptWrite(finish)) : undefined;
    const event = this.#eventOf(finish, endedAt, endUserHash);
    const tokens = (event.usage?.inputTokens ?? 0) + (event.usage?.outputTokens ?? 0);
    const cacheWrite = finish.kind === "completed" ? await this.#spared(() => this.#cacheWrite(finish)) : undefined;
    // The queue first: it does not wait for Redis, and Redis' record covers its loss.
    const eventText = JSON.stringify(event);
    gateway.enqueue(eventText, exchange.waitUntil);
    gateway.log(event);
    const speeds = this.#spare(() => speedReports(exchange, gateway)) ?? [];
    this.#spare(() => this.#reportLevel(finish));
    const breakers = this.#spare(() => breakerReports(exchange, gateway)) ?? [];
    const unusedProbes = probesHad(exchange).filter((had) => !breakers.some(({ name }) => name === had));
    if (exchange.notes.probes) gateway.breakers.giveBack(exchange.requestId);
    await gateway.admission.settle(
      {
        requestId: exchange.requestId,
        tenant: exchange.principal.tenant,
        levels: exchange.levels,
        reservation: exchange.unleased ? { tokens: 0, costNanoUsd: 0 } : exchange.reservation,
        actual: { tokens, costNanoUsd: event.costNanoUsd },
        event,
        eventText,
        ...(cacheWrite && { cacheWrite }),
        ...(keptWrite && { keptWrite }),
        breakers,
        ...(speeds.length > 0 && { speeds }),
        ...(unusedProbes.length > 0 && { unusedProbes }),
      },
      exchange.alarm,
    );
  }

  /** The same for what takes no time. */
  #spare<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (bug) {
      this.#gateway.reportBug(bug, this.#exchange.requestId);
      return undefined;
    }
  }

  /** What a settlement can do without: a bug in it costs itself alone, never the record or the charge. */
  async #spared<T>(work: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (bug) {
      this.#gateway.reportBug(bug, this.#exchange.requestId);
      return undefined;
    }
  }

  #eventOf(finish: Finish, endedAt: number, endUserHash: string | undefined): WideEvent {
    const { gateway, exchange } = { gateway: this.#gateway, exchange: this.#exchange };
    return eventOf(exchange, {
      outcome: finish.kind,
      endedAt,
      status: finish.kind === "failed" ? finish.status : finish.kind === "completed" ? 200 : 0,
      failure: finish.kind === "failed" ? finish.failure : undefined,
      cached: finish.kind === "completed" && finish.live.origin.cached,
      unleased: exchange.unleased,
      unrecorded: gateway.refusals.take(exchange.principal.keyId),
      endUserHash,
    });
  }

  #cacheWrite(finish: Finish & { kind: "completed" }) {
    const { cache } = this.#exchange;
    const { live, answer } = finish;
    if (!isWritable(cache) || !answer || live.origin.cached || !live.origin.chosenTarget) return undefined;
    const value = cacheEntry(answer, live, this.#gateway.clock.now());
    return fitsEntry(value) ? { key: cache.key, value, ttlSeconds: cache.ttlSeconds } : undefined;
  }

  /** The tenant's word counts as it stands after admission, which may have read the key anew. */
  #keptWrite({ live, answer }: Finish & { kind: "completed" }) {
    const { keeping, principal, wire, body, route, notes } = this.#exchange;
    if (keeping?.id === undefined || !wire.kept || !principal.storesResponses) return undefined;
    const told = answer && wire.encodeAnswer(answer, writerContext(this.#exchange, this.#gateway, live));
    const value = isJsonObject(told)
      ? keptEntry({ tenant: principal.tenant, alias: route.alias, answer: told, items: wire.kept.itemsOf(body) })
      : undefined;
    const isKept = value !== undefined && fitsEntry(value);
    notes.decisions.push({ step: "settle", decision: isKept ? "kept" : "not_kept" });
    return isKept ? { id: keeping.id, value, ttlSeconds: KEPT_FOR_SECONDS } : undefined;
  }

  #reportLevel(finish: Finish): void {
    const ended = finish.kind === "completed" ? finish.live : finish.kind === "failed" ? finish : undefined;
    leaveProbe(this.#exchange, this.#gateway);
    reportLevel(this.#exchange, ended, this.#gateway);
  }
}

function isWritable(cache: CachePlan): cache is CachePlan & { readonly key: string } {
  return cache.key !== undefined && cache.readOnly !== true;
}

/** Frames say the same in many times the bytes of what is kept of them. */
const KEPT_FRAMES_MAX_BYTES = 16 * ENTRY_MAX_BYTES;

/** Collects a stream for the cache or to be kept, and gives up once it is too large. */
class Memory {
  readonly #collector;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(exchange: Admitted) {
    this.#collector = collectorFor(exchange.draft);
    this.#maxBytes = exchange.keeping?.id === undefined ? ENTRY_MAX_BYTES : KEPT_FRAMES_MAX_BYTES;
  }

  take(step: StreamStep): void {
    if (step.kind !== "frames" || this.#bytes > this.#maxBytes) return;
    for (const frame of step.frames) this.#keep(frame);
  }

  answer(): Answer | undefined {
    if (this.#bytes > this.#maxBytes) return undefined;
    const result = this.#collector.result();
    return result.ok ? result.value : undefined;
  }

  #keep(frame: Frame): void {
    this.#bytes += frame.raw.length;
    for (const event of frame.events()) this.#collector.push(event);
  }
}
