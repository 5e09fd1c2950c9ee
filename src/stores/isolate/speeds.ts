import type { Clock } from "../../core/ports.ts";

/** The weight of the newest in the moving average. */
const NEWEST = 0.2;
/** What was not heard of for so long is not known any more: somebody has to try it again. */
const FORGOTTEN_MS = 5 * 60_000;

/** Exponential moving averages, one a model of a backend: as many as the configuration names. */
export function speedometer(clock: Clock) {
  const known = new Map<string, { readonly ms: number; readonly at: number }>();
  const heard = (key: string) => {
    const entry = known.get(key);
    return entry && clock.now() - entry.at < FORGOTTEN_MS ? entry.ms : undefined;
  };
  return {
    firstTokenMs: (backend: string, model: string) => heard(`${backend}/${model}`),
    learn(backend: string, model: string, firstTokenMs: number) {
      const key = `${backend}/${model}`;
      const before = heard(key);
      const ms = before === undefined ? firstTokenMs : before + NEWEST * (firstTokenMs - before);
      known.set(key, { ms, at: clock.now() });
    },
  };
}
