import type { Bytes } from "../protocol.ts";
import type { ScoreBound } from "./arguments.ts";

export interface ScoredMember {
  readonly member: Bytes;
  readonly score: number;
}

/** Members in the order of their scores, then of their bytes. An array kept in order: quick up to some ten thousand members. */
export class SortedSet {
  readonly #scores = new Map<Bytes, number>();
  readonly #ordered: ScoredMember[] = [];

  get size(): number {
    return this.#ordered.length;
  }

  score(member: Bytes): number | undefined {
    return this.#scores.get(member);
  }

  set(member: Bytes, score: number): void {
    this.delete(member);
    this.#scores.set(member, score);
    this.#ordered.splice(this.#place(score, member), 0, { member, score });
  }

  delete(member: Bytes): boolean {
    const score = this.#scores.get(member);
    if (score === undefined) return false;
    this.#scores.delete(member);
    this.#ordered.splice(this.#place(score, member), 1);
    return true;
  }

  rank(member: Bytes): number | undefined {
    const score = this.#scores.get(member);
    return score === undefined ? undefined : this.#place(score, member);
  }

  /** The members from one index up to, and without, another. */
  slice(from: number, to: number): readonly ScoredMember[] {
    return this.#ordered.slice(from, to);
  }

  /** The indexes between two scores, the second one past the end. */
  indexesBetween(min: ScoreBound, max: ScoreBound): { from: number; to: number } {
    const from = this.#first((each) => (min.exclusive ? each.score > min.score : each.score >= min.score));
    const to = this.#first((each) => (max.exclusive ? each.score >= max.score : each.score > max.score));
    return { from, to: Math.max(from, to) };
  }

  removeSlice(from: number, to: number): number {
    const removed = this.#ordered.splice(from, to - from);
    for (const { member } of removed) this.#scores.delete(member);
    return removed.length;
  }

  /** The index where this member stands, or would stand. */
  #place(score: number, member: Bytes): number {
    return this.#first((each) => each.score > score || (each.score === score && each.member >= member));
  }

  /** The first index for which the test holds; it holds for all that follow. */
  #first(test: (each: ScoredMember) => boolean): number {
    let low = 0;
    let high = this.#ordered.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const each = this.#ordered[middle];
      if (each !== undefined && test(each)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
