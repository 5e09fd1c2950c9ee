import type { Clock, SharedState } from "../../core/ports.ts";
import { SPEED_KEPT_MS, type Speed } from "../../core/speed.ts";
import { seldom } from "../../lib/seldom.ts";

/** The weight of the newest in the moving average. */
const NEWEST = 0.2;
/** Of one target, each isolate tells the others so often at most, but for the first that it hears. */
const TOLD_EVERY_MS = 5_000;

interface Known extends Speed {
  /** The stamp of Redis' word that this goes on from. */
  readonly sharedAt: number;
}

/**
 * Exponential moving averages, one a model of a backend: as many as the configuration names. Redis' word replaces ours where it is newer than what we
 * last heard or told. Fails open: without Redis each isolate goes by what it has seen itself.
 */
export function speedometer(clock: Clock) {
  const known = new Map<string, Known>();
  const isDue = seldom(TOLD_EVERY_MS, clock.now);
  const heard = (name: string) => {
    const entry = known.get(name);
    return entry && clock.now() - entry.at < SPEED_KEPT_MS ? entry : undefined;
  };
  return {
    firstTokenMs: (name: string) => heard(name)?.firstTokenMs,
    hear({ speeds = {} }: Pick<SharedState, "speeds">) {
      for (const [name, speed] of Object.entries(speeds))
        if (speed.at > (known.get(name)?.sharedAt ?? 0)) known.set(name, { ...speed, sharedAt: speed.at });
    },
    learn(name: string, firstTokenMs: number, mayTell: boolean): Speed | undefined {
      const before = heard(name);
      const at = clock.now();
      const average = before ? before.firstTokenMs + NEWEST * (firstTokenMs - before.firstTokenMs) : firstTokenMs;
      // Asked in any case: the first that is told counts too.
      const isTold = mayTell && (isDue(name) || !before);
      known.set(name, { firstTokenMs: average, at, sharedAt: isTold ? at : (before?.sharedAt ?? 0) });
      return isTold ? { firstTokenMs: average, at } : undefined;
    },
  };
}
