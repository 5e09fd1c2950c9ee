import { Metrics } from "./metrics.ts";
import type { BackendOptions } from "./options.ts";
import type { Pacing } from "./player.ts";
import { PromptCaches } from "./prompt-caches.ts";
import { Rules } from "./rules.ts";
import { Seats } from "./seats.ts";
import { Tally } from "./tally.ts";

/** Everything that one simulated backend remembers. */
export interface BackendState {
  readonly options: BackendOptions;
  readonly tally: Tally;
  readonly rules: Rules;
  readonly seats: Seats;
  readonly pacing: Pacing;
  readonly caches: PromptCaches;
  metrics: Metrics;
}

/** What can be changed while it runs. */
export interface PacingChange {
  ttftMs?: number;
  tokensPerSecond?: number;
  maxNumSeqs?: number;
  maxQueued?: number;
}

export function createState(options: BackendOptions): BackendState {
  return {
    options,
    tally: new Tally(options.name, options.tallyFile),
    rules: new Rules(),
    seats: new Seats(options.maxNumSeqs, options.maxQueued),
    pacing: { ttftMs: options.ttftMs, tokensPerSecond: options.tokensPerSecond },
    caches: new PromptCaches(options.promptTokensDetails),
    metrics: new Metrics(),
  };
}

/** Changes the pacing of calls that start from now on; raised limits let waiting calls run. */
export function changePacing(state: BackendState, change: PacingChange): void {
  state.pacing.ttftMs = change.ttftMs ?? state.pacing.ttftMs;
  state.pacing.tokensPerSecond = change.tokensPerSecond ?? state.pacing.tokensPerSecond;
  state.seats.maxNumSeqs = change.maxNumSeqs ?? state.seats.maxNumSeqs;
  state.seats.maxQueued = change.maxQueued ?? state.seats.maxQueued;
  state.seats.advance();
}

/** Back to the start: no rules, an empty tally, nothing cached, the pacing of the options, counters at zero. Running calls go on. */
export function resetState(state: BackendState): void {
  state.rules.clear();
  state.tally.clear();
  state.caches.clear();
  state.metrics = new Metrics();
  state.seats.most = { running: 0, waiting: 0 };
  changePacing(state, state.options);
}
