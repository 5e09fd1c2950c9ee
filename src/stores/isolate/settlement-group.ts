import type {
  AdmissionReply,
  AdmissionRequest,
  AdmissionStore,
  Alarm,
  Clock,
  Settlement,
  SettleReply,
} from "../../core/ports.ts";

/** A store that settles several requests in one call, one reply each. */
export interface GroupStore extends Pick<AdmissionStore, "admit"> {
  settleAll(settlements: readonly Settlement[], alarm?: Alarm): Promise<readonly SettleReply[]>;
}

/**
 * What one call may carry: Upstash takes 1 MB, and a settlement is some 3 KB beside what it has for the cache and to keep. A character is up to three
 * bytes of UTF-8.
 */
const MOST_A_CALL = 64;
const MOST_CHARS_A_CALL = 250_000;
/** What the isolate holds while a call is under way; the oldest are let go (the queue's events and the sweep cover them). */
const MOST_HELD = 2_000;
/** A request calls for others no longer than this: the runtime ends what runs 30 s behind its response. */
const LEADS_MS = 10_000;
/** Nor with more calls: the platform counts each as a subrequest of the one request, 1,000 of which it allows (50 on the free plan). */
const LEADS_CALLS = 20;
/** With those for what it was left at the end. What is beyond them goes with the next request to settle; where none comes, the sweep has it. */
const MOST_CALLS = 25;
/** After this long without a sign, the request that calls for all is taken for dead: the runtime cut it off. */
const LEADER_LIMIT_MS = 5_000;

/**
 * Group commit: the first request to settle calls at once; whoever settles while that call is under way leaves its settlement to it, and all
 * that gathered go with the next call. A quiet gateway makes one call a request; a busy one makes fewer, when they cost most. Only plain
 * data crosses between requests: the runtime lets none wait for another's I/O.
 *
 * What Redis did not answer is asked once more, without the breakers' reports: settling is idempotent, a report is not. What fails then is left
 * to the queue's events and the sweep.
 */
export class SettlementGroup implements AdmissionStore {
  readonly #store: GroupStore;
  readonly #clock: Clock;
  #held: Settlement[] = [];
  #leaderSeenAt: number | undefined;

  constructor(store: GroupStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  admit(request: AdmissionRequest, alarm?: Alarm): Promise<AdmissionReply> {
    return this.#store.admit(request, alarm);
  }

  async settle(settlement: Settlement, alarm?: Alarm): Promise<SettleReply> {
    const now = this.#clock.now();
    if (this.#leaderSeenAt !== undefined && now - this.#leaderSeenAt < LEADER_LIMIT_MS) {
      this.#held.push(settlement);
      if (this.#held.length > MOST_HELD) this.#held.shift();
      return { kind: "handed-over", ioMs: 0 };
    }
    this.#leaderSeenAt = now;
    const made = { calls: 0 };
    try {
      const [own = UNHEARD] = await this.#call([settlement], made, alarm);
      while (this.#held.length > 0 && this.#clock.now() - now < LEADS_MS && made.calls < LEADS_CALLS) {
        this.#leaderSeenAt = this.#clock.now();
        await this.#call(taken(this.#held), made, alarm);
      }
      return own;
    } finally {
      // What is left goes with this one all the same; what comes from here on is the next leader's.
      const left = this.#held.splice(0);
      this.#leaderSeenAt = undefined;
      while (left.length > 0 && made.calls < MOST_CALLS) await this.#call(taken(left), made, alarm);
      this.#held.unshift(...left);
    }
  }

  async #call(
    settlements: readonly Settlement[],
    made: { calls: number },
    alarm: Alarm | undefined,
  ): Promise<readonly SettleReply[]> {
    made.calls += 1;
    const replies = await this.#store.settleAll(settlements, alarm);
    const unheard = settlements.filter((_, index) => replies[index]?.kind === "unavailable");
    if (unheard.length === 0) return replies;
    made.calls += 1;
    const again = await this.#store.settleAll(
      unheard.map((settlement) => ({ ...settlement, breakers: [] })),
      alarm,
    );
    return settlements.map((settlement, index) => again[unheard.indexOf(settlement)] ?? replies[index] ?? UNHEARD);
  }
}

/** As many of the first as one call may carry: no longer in `held` from then on. */
function taken(held: Settlement[]): readonly Settlement[] {
  let chars = 0;
  const most = held.findIndex((settlement, index) => {
    const { cacheWrite, keptWrite, eventText } = settlement;
    chars += (cacheWrite?.value.length ?? 0) + (keptWrite?.value.length ?? 0) + (eventText?.length ?? 0);
    return index > 0 && (index >= MOST_A_CALL || chars > MOST_CHARS_A_CALL);
  });
  return held.splice(0, most === -1 ? held.length : most);
}

const UNHEARD: SettleReply = { kind: "unavailable", detail: "protocol", ioMs: 0 };
