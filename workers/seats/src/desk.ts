import type { BackendLoad } from "../../../src/core/load.ts";
import type { SeatsLoad } from "../../../src/core/seats-load.ts";
import type { Caller, Surroundings } from "./around.ts";
import { SeatLimit } from "./limit.ts";
import type { Asking } from "./line.ts";
import { SeatQueue } from "./queue.ts";
import type { Ask, Parting, Why } from "./words.ts";

/** A backend that was told to stop goes on for a moment; as long its seat stays taken. */
const STOPPING_MS = 250;
/** A desk that was opened anew waits so long for those who sit already to say so. */
const GRACE_MS = 1_500;
const BUSY_MS = 60_000;
const KEEP_EVERY_MS = 30_000;
const PING_EVERY_MS = 5_000;
const SILENCE_MS = 15_000;
/** Places are told at most so often. */
const TELL_EVERY_MS = 500;

interface Guest {
  readonly asking: Asking;
  readonly caller: Caller;
  readonly leaseMs: number;
  /** Until then it waits. */
  readonly waitsUntil: number;
  /** When its seat is taken away, once it sits. */
  endsAt: number | undefined;
  told: number | undefined;
  heardAt: number;
  /** How many seats had been given back when it came. */
  readonly cameAfter: number;
}

/**
 * Hands out the seats of one backend. Fails open by its callers: where it cannot be asked they go on without. While nobody knows whether the
 * backend is up (never asked, long not asked, it failed), one request at a time finds out, so that a model is loaded once and a machine
 * that is down is not stormed.
 */
export class Desk {
  readonly #queue = new SeatQueue({ count: 0, queue: 0, lowerShare: 0 });
  readonly #limit = new SeatLimit();
  /** One a request: of two sockets of it the later counts. */
  readonly #guests = new Map<string, Guest>();
  /** Who has gone and whose seat is about to be free. */
  readonly #stopping = new Map<string, Guest>();
  readonly #around: Surroundings;
  readonly #opensAt: number;
  #warmAt: number;
  #coldAfterMs = 0;
  /** The one who finds out. */
  #probe: string | undefined;
  /** Seats given back so far. */
  #givenBack = 0;
  /** By rank: the most that were given back while one of it waited. As many as there are seats: one time at a seat. */
  readonly #outwaited = new Map<number, number>();
  #keptAt = 0;
  #pingedAt = 0;
  #toldAt = 0;

  constructor(around: Surroundings) {
    this.#around = around;
    const now = around.now();
    const wasBusy = now < around.memory.busyUntil;
    this.#opensAt = wasBusy ? now + GRACE_MS : now;
    this.#warmAt = around.memory.warmAt;
    if (wasBusy) around.after(GRACE_MS, () => this.#advance());
  }

  get isEmpty(): boolean {
    return this.#guests.size === 0 && this.#queue.taken === 0;
  }

  /** For operators and tests. */
  state() {
    const { waiting, serviceMs } = this.#queue;
    const cold = !this.#isWarm(this.#around.now());
    const outwaited = Object.fromEntries(this.#outwaited);
    const { waiting: byRank, ...seats } = this.standing();
    return {
      ...seats,
      waiting,
      byRank,
      cold,
      outwaited,
      ...(serviceMs !== undefined && { serviceMs: Math.round(serviceMs) }),
    };
  }

  /** For gauges. No seats at all before anybody has asked for one: only requests know how many there are. */
  standing(): SeatsLoad {
    const { count: limit, rules, taken, waitingByRank: waiting } = this.#queue;
    return { count: rules.count, limit, taken, waiting };
  }

  /** What the backend said of itself may leave fewer seats than there are. */
  learn(load: BackendLoad, maxKvCache: number): void {
    this.#limit.learn(load, maxKvCache, this.standing());
    this.#advance();
  }

  /**
   * A request comes, and is told at once that it sits, at which place it waits, or that it is refused. One that is known opened its socket anew: it
   * takes nothing beside what it had, whichever end sees first that the old socket is lost.
   */
  come(ask: Ask, caller: Caller): void {
    const now = this.#around.now();
    this.#forget(ask, now);
    this.#queue.rules = ask.rules;
    this.#coldAfterMs = ask.rules.coldAfterMs;
    const asking = { ...ask, seats: Math.max(1, ask.seats), since: now - ask.waitedMs };
    const guest: Guest = {
      asking,
      caller,
      leaseMs: ask.leaseMs,
      waitsUntil: now + ask.patienceMs,
      endsAt: undefined,
      told: undefined,
      heardAt: now,
      cameAfter: this.#givenBack,
    };
    if (ask.sits) {
      this.#guests.set(ask.id, guest);
      this.#queue.resume(ask.id, asking.seats, now);
      guest.endsAt = now + ask.leaseMs;
      return;
    }
    const sitsAtOnce = this.#mostNow(now) > 0 && this.#queue.hasRoomFor(asking);
    const why = sitsAtOnce ? undefined : this.#whyNot(ask, asking);
    if (why !== undefined || this.#queue.ask(asking, sitsAtOnce).kind === "full") {
      this.#refuse(guest, why ?? "full");
      return;
    }
    this.#guests.set(ask.id, guest);
    this.#advance();
    if (guest.endsAt === undefined) this.#tellPlaces((one) => one === guest);
  }

  /** A caller says something: that its probe was answered, or only that it is there. */
  hear(id: string, said: string): void {
    const guest = this.#guests.get(id);
    if (!guest) return;
    guest.heardAt = this.#around.now();
    if (said !== "answered") return;
    // Until then the model may have been loading, which no other will wait for.
    this.#queue.countFrom(id, guest.heardAt);
    this.#answered(id);
  }

  /** A caller has gone, with or without a word. One whose request came again over another socket has no say any more. */
  part(id: string, caller: Caller, parting: Parting): void {
    const guest = this.#guests.get(id);
    if (guest?.caller !== caller) return;
    this.#guests.delete(id);
    if (guest.endsAt === undefined) {
      this.#queue.leave(id);
      this.#advance();
      return;
    }
    if (parting === "served") {
      this.#answered(id);
      this.#free(id, true);
      return;
    }
    if (parting === "failed") this.#warmAt = 0;
    this.#stopping.set(id, guest);
    this.#around.after(STOPPING_MS, () => {
      if (this.#stopping.get(id) !== guest) return;
      this.#stopping.delete(id);
      this.#free(id, false);
    });
  }

  /** Called a few times a second while anybody is here. */
  tick(): void {
    const now = this.#around.now();
    for (const guest of [...this.#guests.values()]) {
      const { asking, endsAt, waitsUntil, caller, heardAt } = guest;
      if (now - heardAt > SILENCE_MS || (endsAt !== undefined && endsAt <= now)) {
        this.part(asking.id, caller, "stopped");
        caller.hangUp();
      } else if (endsAt === undefined && waitsUntil <= now) {
        this.#dismiss(asking.id, "wait");
      }
    }
    this.#advance();
    if (now - this.#toldAt >= TELL_EVERY_MS) {
      this.#toldAt = now;
      this.#tellPlaces(() => true);
    }
    if (now - this.#pingedAt >= PING_EVERY_MS) {
      this.#pingedAt = now;
      for (const { caller } of this.#guests.values()) caller.say({ ping: true });
    }
    this.#keep(now);
  }

  /** What is here of an earlier socket of this request. */
  #forget({ id, sits }: Ask, now: number): void {
    this.#guests.get(id)?.caller.hangUp();
    this.#guests.delete(id);
    this.#stopping.delete(id);
    this.#queue.leave(id);
    this.#queue.release(id, now, false);
    // Who sits goes on finding out.
    if (!sits && this.#probe === id) this.#probe = undefined;
  }

  #isWarm(now: number): boolean {
    return now - this.#warmAt < this.#coldAfterMs;
  }

  /** How many may sit down now. */
  #mostNow(now: number): number {
    if (now < this.#opensAt) return 0;
    if (this.#isWarm(now)) return Number.POSITIVE_INFINITY;
    return this.#probe === undefined ? 1 : 0;
  }

  /** Who would wait longer than it can need not begin to. Who only looks is told whether it could. */
  #whyNot({ patienceMs }: Ask, asking: Asking): Why | undefined {
    if (patienceMs <= 0) return this.#queue.hasPlaceFor(asking) ? "wait" : "full";
    const aboutMs = this.#queue.aboutMs(this.#queue.placeOf(asking));
    return aboutMs !== undefined && aboutMs > patienceMs ? "wait" : undefined;
  }

  #advance(): void {
    const now = this.#around.now();
    const probing = !this.#isWarm(now);
    this.#queue.limit = this.#limit.at(now);
    const { seated, shed } = this.#queue.advance(now, this.#mostNow(now));
    for (const { id } of seated) {
      const guest = this.#guests.get(id);
      if (!guest) continue;
      guest.endsAt = now + guest.leaseMs;
      const { rank } = guest.asking;
      this.#outwaited.set(rank, Math.max(this.#outwaited.get(rank) ?? 0, this.#givenBack - guest.cameAfter));
      if (probing) {
        this.#probe = id;
        this.#queue.countFrom(id, undefined);
      }
      guest.caller.say({ seated: true, probe: probing });
    }
    for (const { id } of shed) this.#dismiss(id, "shed");
    this.#keep(now);
  }

  #answered(id: string): void {
    const wasWarm = this.#isWarm(this.#around.now());
    this.#warmAt = this.#around.now();
    if (this.#probe === id) this.#probe = undefined;
    if (wasWarm) return;
    this.#keptAt = 0;
    this.#advance();
  }

  #free(id: string, served: boolean): void {
    if (this.#probe === id) this.#probe = undefined;
    this.#queue.release(id, this.#around.now(), served);
    this.#givenBack++;
    this.#advance();
  }

  /** One who waits is told to wait no more. */
  #dismiss(id: string, why: Why): void {
    const guest = this.#guests.get(id);
    if (!guest) return;
    this.#guests.delete(id);
    this.#queue.leave(id);
    this.#refuse(guest, why);
  }

  #refuse({ asking, caller }: Guest, why: Why): void {
    // As it will be for one who comes anew.
    const place = this.#queue.placeOf({ ...asking, since: this.#around.now() });
    const retryAfterMs = this.#queue.aboutMs(place);
    caller.say({ refused: why, ...(retryAfterMs !== undefined && { retryAfterMs }) });
    caller.hangUp();
  }

  #tellPlaces(who: (guest: Guest) => boolean): void {
    for (const [index, { id }] of this.#queue.order().entries()) {
      const guest = this.#guests.get(id);
      const place = index + 1;
      if (!guest || guest.told === place || !who(guest)) continue;
      guest.told = place;
      const aboutMs = this.#queue.aboutMs(place);
      guest.caller.say({ place, ...(aboutMs !== undefined && { aboutMs }) });
    }
  }

  /** Written seldom: it only says that a desk which is opened within the next minute should look for those who sit. */
  #keep(now: number): void {
    if (this.#queue.taken === 0 || now - this.#keptAt < KEEP_EVERY_MS) return;
    this.#keptAt = now;
    this.#around.keep({ busyUntil: now + BUSY_MS, warmAt: this.#warmAt });
  }
}
