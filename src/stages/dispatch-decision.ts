import type { FailureType } from "../core/failure.ts";

/** What dispatch decided, each word with the backend and, behind a colon, why. A closed list. */
export type DispatchDecision =
  | "answered"
  /** How an attempt failed. */
  | FailureType
  /** The chain goes on, by this trigger. */
  | "next"
  /** A step that this trigger does not lead to, or a backend that may get no more retries (`retry-budget`). */
  | "passed-over"
  /** The same backend once more. */
  | "retry"
  /** It would have been asked once more, and its retry budget is spent. */
  | "retry-refused"
  /** Asked beside a first that is slow. */
  | "hedge"
  /** Stopped because the other had its first token. */
  | "hedge-lost"
  /** A content filter's finish before any word: kept, in case no other step answers. */
  | "filtered"
  /** The walk ends although a step was left: `delay-budget` or `max-attempts`. */
  | "stopped";
