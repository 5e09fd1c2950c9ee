/** How the seats of a backend stand. */
export interface SeatsLoad {
  /** Seats by the configuration. */
  readonly count: number;
  /** Seats that there are now: fewer where the backend says that it is fuller than that. */
  readonly limit: number;
  readonly taken: number;
  /** How many wait, by the rank of their tier. */
  readonly waiting: Readonly<Record<string, number>>;
}

/** As it stands in Redis: `count limit taken`, then `rank:waiting` for each tier that has waited. */
export function seatsLoadText({ count, limit, taken, waiting }: SeatsLoad): string {
  return [count, limit, taken, ...Object.entries(waiting).map((line) => line.join(":"))].join(" ");
}

/** Undefined for anything else than `seatsLoadText` writes. */
export function parseSeatsLoad(value: unknown): SeatsLoad | undefined {
  if (typeof value !== "string" || !/^\d+ \d+ \d+(?: -?\d+:\d+)*$/.test(value)) return undefined;
  const [count, limit, taken, ...lines] = value.split(" ");
  const waiting = Object.fromEntries(lines.map((line) => line.split(":")).map(([rank, many]) => [rank, Number(many)]));
  return { count: Number(count), limit: Number(limit), taken: Number(taken), waiting };
}
