import type { Expectation, Gap, Mode, Sight } from "../types.ts";

/** The words in which the table is written. */
export const ANSWER: Sight = { sees: "answer" };
export const FALLBACK: Sight = { sees: "fallback" };
export const LEFT: Sight = { sees: "left" };
export const UNHEARD: Sight = { sees: "unheard" };
export const RAN_ON: Sight = { sees: "ran-on" };
export const told = (failure: string): Sight => ({ sees: "told", failure });
export const failed = (failure: string): Sight => ({ sees: "failed", failure });
export const refused = (status: number, failure: string, names = ""): Sight => ({
  sees: "refused",
  status,
  failure,
  names,
});
export const broke = (booked: "abandoned" | "nothing"): Sight => ({ sees: "broke", booked });

/** The same however the answer is made. */
export const always = (...sights: readonly Sight[]): Readonly<Record<Mode, Expectation>> => ({
  streamed: sights,
  collected: sights,
  whole: sights,
});

/** After the first token: an error frame in a stream; no half an answer for one who wants JSON, and no second start. */
export const midStream = (failure: string): Readonly<Record<Mode, Expectation>> => ({
  streamed: [told(failure)],
  collected: [failed(failure)],
  // JSON has no first token, so the next attempt may still answer.
  whole: [FALLBACK],
});

export const NO_FRAMES: Gap = { where: { mode: "whole" }, why: "a backend's JSON has no frames" };
export const NO_SENTINEL: Gap = { where: { mode: "whole" }, why: "a backend's JSON has no last frame" };
export const NO_TOOLS: Gap = { where: { format: "openai-completions" }, why: "legacy completions have no tools" };
export const ONLY_LEAVES: Gap = { where: { client: "stays" }, why: "the departure is the fault" };
