import type { SeatRules } from "./queue.ts";

/** What gateways and the Durable Object say to each other, as JSON over one WebSocket a request. Closing it gives the seat back. */

/** With the request that opens the socket, in the header `x-seat`. */
export interface Ask {
  readonly id: string;
  readonly tenant: string;
  /** The tier's; lower is seated first. */
  readonly rank: number;
  /** Sequences that it generates. */
  readonly seats: number;
  /** How long it waits at most; 0: only for a seat that is free now. */
  readonly patienceMs: number;
  /** How long it has waited already, where an earlier socket was lost. */
  readonly waitedMs: number;
  /** It sits already, by the word of a predecessor that is no more. */
  readonly sits: boolean;
  /** When its seat is taken away at the latest, from when it sits. */
  readonly leaseMs: number;
  readonly rules: SeatRules & { readonly coldAfterMs: number };
}

/**
 * What the header says; undefined where it is not whole. Fails closed: one number that is missing would seat everybody, or keep one for ever.
 */
export function askOf(header: string | null): Ask | undefined {
  try {
    const ask: Partial<Ask> = JSON.parse(header ?? "");
    const { id, tenant, rank, seats, patienceMs, waitedMs, leaseMs } = ask;
    const { count, queue, lowerShare, coldAfterMs }: Partial<Ask["rules"]> = ask.rules ?? {};
    const numbers = [rank, seats, patienceMs, waitedMs, leaseMs, count, queue, lowerShare, coldAfterMs];
    const isWhole = typeof id === "string" && typeof tenant === "string" && numbers.every(Number.isFinite);
    return isWhole ? (ask as Ask) : undefined;
  } catch {
    return undefined;
  }
}

export type Why = "full" | "shed" | "wait";

export type Word =
  /** How many sit before this one does, itself included, and about how long that takes, where that is known. */
  | { readonly place: number; readonly aboutMs?: number }
  /** `probe`: whether the backend is up is not known, and nobody else sits down before this one says so. */
  | { readonly seated: true; readonly probe: boolean }
  | { readonly refused: Why; readonly retryAfterMs?: number }
  /** Is anybody there? Answered by a full stop. */
  | { readonly ping: true };

/** What a gateway says of its own: that the probe had its first token; that it is still there. */
export type Said = "answered" | ".";

/** Why a gateway closes the socket. `served`: used to the end. `stopped`: the backend was told to stop, and takes a moment. `failed`: the backend did. */
export type Parting = "left" | "served" | "stopped" | "failed";
