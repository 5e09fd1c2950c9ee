/** A recent time to the first token, as a moving average, and when the newest of it was heard. */
export interface Speed {
  readonly firstTokenMs: number;
  /** Milliseconds since the epoch, by the clock of the isolate that heard it. */
  readonly at: number;
}

/** What was not heard of for so long is not known any more: somebody has to try it again. */
export const SPEED_KEPT_MS = 5 * 60_000;

/** As it stands in Redis: `firstTokenMs at`, whole milliseconds. */
export function speedText({ firstTokenMs, at }: Speed): string {
  return `${Math.round(firstTokenMs)} ${at}`;
}

/** Undefined for anything else than `speedText` writes: what cannot be read says nothing. */
export function parseSpeed(value: unknown): Speed | undefined {
  const [, firstTokenMs, at] = (typeof value === "string" && /^(\d{1,9}) (\d{1,15})$/.exec(value)) || [];
  return firstTokenMs === undefined ? undefined : { firstTokenMs: Number(firstTokenMs), at: Number(at) };
}
