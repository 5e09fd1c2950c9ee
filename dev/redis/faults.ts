import * as z from "zod";

/**
 * What can be made to go wrong with a call:
 * - `delay`: it waits `delayMs` before it is executed;
 * - `hang`: it is neither executed nor answered; `hangAfter`: it is executed and never answered;
 * - `reset`: the connection is cut and nothing executed; `loseReply`: it is executed, then the connection is cut;
 * - `status`: it is answered with `status` (500 unless given) and not executed.
 */
const faultSchema = z.strictObject({
  fault: z.enum(["delay", "hang", "hangAfter", "reset", "loseReply", "status"]),
  delayMs: z.int().min(0).optional(),
  status: z.int().min(400).max(599).optional(),
  /** How many calls it strikes; all of them until it is cleared when absent. */
  times: z.int().min(1).optional(),
  /** How many matching calls are spared first. */
  skip: z.int().min(0).optional(),
  /** Only calls with this token. */
  token: z.string().optional(),
  /** Only calls that hold this command, e.g. `EVALSHA`. */
  command: z.string().optional(),
});

/** The body of `POST /__control`. Each field is an order of its own; they are carried out from top to bottom. */
export const controlSchema = z.strictObject({
  /** Takes the place of all faults that were set before; `[]` clears them. */
  faults: z.array(faultSchema).optional(),
  /** Empties the database. */
  flush: z.literal(true).optional(),
  /** Forgets all scripts, so that the next EVALSHA is answered NOSCRIPT. */
  scriptFlush: z.literal(true).optional(),
  /** Puts a value of another type at a key. */
  wrongType: z
    .strictObject({ key: z.string(), type: z.enum(["string", "hash", "list", "set", "zset"]).default("list") })
    .optional(),
  resetCounters: z.literal(true).optional(),
  /** Cuts all connections and refuses new ones for that long; the control path is out of reach meanwhile. */
  refuseMs: z.int().min(1).max(600_000).optional(),
});

export type Fault = z.infer<typeof faultSchema>;
export type ControlOrder = z.input<typeof controlSchema>;

/** What happens to one call: wait, then this. */
export interface Verdict {
  readonly delayMs: number;
  readonly fault: Exclude<Fault["fault"], "delay"> | undefined;
  readonly status: number;
}

const UNHARMED: Verdict = { delayMs: 0, fault: undefined, status: 200 };

/** The faults that are set, each with what is left of its `skip` and `times`. */
export class FaultList {
  #faults: { fault: Fault; skip: number; left: number }[] = [];

  /** Takes the place of all that was set before. */
  set(faults: readonly Fault[]): void {
    this.#faults = faults.map((fault) => ({
      fault,
      skip: fault.skip ?? 0,
      left: fault.times ?? Number.POSITIVE_INFINITY,
    }));
  }

  /** Decides about one call and counts it. Delays add up; of the other faults the first that matches strikes. */
  judge(token: string, commands: readonly string[]): Verdict {
    if (this.#faults.length === 0) return UNHARMED;
    let delayMs = 0;
    let struck: Fault | undefined;
    for (const entry of this.#faults) {
      const { fault } = entry;
      if (entry.left === 0) continue;
      if (fault.token !== undefined && fault.token !== token) continue;
      if (fault.command !== undefined && !commands.includes(fault.command.toUpperCase())) continue;
      if (fault.fault !== "delay" && struck !== undefined) continue;
      if (entry.skip > 0) {
        entry.skip -= 1;
        continue;
      }
      entry.left -= 1;
      if (fault.fault === "delay") delayMs += fault.delayMs ?? 0;
      else struck = fault;
    }
    if (struck === undefined || struck.fault === "delay") return { ...UNHARMED, delayMs };
    return { delayMs, fault: struck.fault, status: struck.fault === "status" ? (struck.status ?? 500) : 200 };
  }

  /** The faults that can still strike. */
  list(): readonly Fault[] {
    return this.#faults.filter((entry) => entry.left > 0).map((entry) => entry.fault);
  }
}
