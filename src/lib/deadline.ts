/** Time as it is given to us, so that tests own it. `after` returns what cancels the timer. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  after(delayMs: number, callback: () => void): () => void;
}

/** The runtime's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

export interface Watchdog {
  /** There was life: the silence starts anew. Costs one reading of the clock and no timer. */
  touch(): void;
  /** No expiry after this. Safe to call twice. */
  stop(): void;
}

/**
 * Calls `onSilence` once when `timeoutMs` have passed since the last `touch`. One timer is under way at a time; when it rings it looks
 * when the last touch was and sleeps for what is left, so a stream of thousands of frames sets a handful of timers.
 */
export function watchdog(clock: Clock, timeoutMs: number, onSilence: () => void): Watchdog {
  let touchedAt = clock.now();
  let cancel: (() => void) | undefined;
  const check = () => {
    const leftMs = touchedAt + timeoutMs - clock.now();
    if (leftMs > 0) {
      cancel = clock.after(leftMs, check);
    } else {
      cancel = undefined;
      onSilence();
    }
  };
  cancel = clock.after(timeoutMs, check);
  return {
    touch() {
      touchedAt = clock.now();
    },
    stop() {
      cancel?.();
      cancel = undefined;
    },
  };
}

export interface Deadline {
  /** Never below 0. */
  remainingMs(): number;
  /** True from the moment that `remainingMs` is 0, whether or not the timer has rung. */
  expired(): boolean;
  stop(): void;
}

/** Calls `onExpiry` once, `totalMs` from now, unless stopped before. Without `onExpiry` it sets no timer and only tells the time left. */
export function deadline(clock: Clock, totalMs: number, onExpiry?: () => void): Deadline {
  const endsAt = clock.now() + totalMs;
  const cancel = onExpiry ? clock.after(totalMs, onExpiry) : undefined;
  const remainingMs = () => Math.max(0, endsAt - clock.now());
  return { remainingMs, expired: () => remainingMs() === 0, stop: () => cancel?.() };
}
