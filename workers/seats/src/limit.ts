import type { BackendLoad } from "../../../src/core/load.ts";

/** How the seats stand when a reading comes. */
export interface Standing {
  readonly taken: number;
  /** Seats that the rules know. */
  readonly count: number;
}

/**
 * How many seats a backend's own word leaves, where others use the GPU as well or it serves fewer than the rules say. Fast down, slow up:
 *
 * - A reading is *crowded* where requests wait in the backend's own queue, or its cache of keys and values is as full as the configuration says
 *   that full is. It leaves as many seats as are taken (or were left, if that is fewer), less those that wait, at least one less; never none.
 * - While more sit than are left, nothing more is taken away: what was taken away has not shown yet.
 * - A reading that is not crowded gives one seat back.
 * - One that says neither number, or that the backend is down, changes nothing. Once no reading is fresh, all seats are there: fails open.
 */
export class SeatLimit {
  #seats = Number.POSITIVE_INFINITY;
  #freshUntil = 0;

  /** Once for each reading. */
  learn(
    { up, waiting, kvCache, readAt, freshUntil }: BackendLoad,
    maxKvCache: number,
    { taken, count }: Standing,
  ): void {
    const before = this.at(readAt);
    if (!up || (waiting === undefined && kvCache === undefined)) return;
    this.#freshUntil = freshUntil;
    const isFull = kvCache !== undefined && kvCache >= maxKvCache;
    const tooMany = Math.max(waiting ?? 0, isFull ? 1 : 0);
    if (tooMany === 0) this.#seats = before + 1 < count ? before + 1 : Number.POSITIVE_INFINITY;
    else if (taken <= before) this.#seats = Math.max(1, Math.min(before, taken, count) - tooMany);
    else this.#seats = before;
  }

  /** Seats that are left; infinite where nothing is known that would make them fewer. */
  at(now: number): number {
    return now < this.#freshUntil ? this.#seats : Number.POSITIVE_INFINITY;
  }
}
