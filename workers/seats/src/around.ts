import type { Word } from "./words.ts";

/** One end of a socket, or what plays one. Neither throws. */
export interface Caller {
  say(word: Word): void;
  hangUp(): void;
}

/** What outlives the desk. Times in milliseconds since the epoch. */
export interface Memory {
  /** Seats were taken not long before that. */
  readonly busyUntil: number;
  /** The backend's last answer. */
  readonly warmAt: number;
}

export interface Surroundings {
  now(): number;
  after(delayMs: number, ring: () => void): void;
  /** What an earlier desk of this backend kept. */
  readonly memory: Memory;
  keep(memory: Memory): void;
}
