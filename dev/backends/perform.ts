import type { ServerResponse } from "node:http";
import type { Departure } from "./departure.ts";
import { queueFullScript } from "./faults/refusals.ts";
import { type Pacing, play } from "./player.ts";
import type { Script } from "./script.ts";
import type { BackendState } from "./state.ts";
import type { CallRecord, Outcome } from "./tally.ts";

/** A script on its way to one client. */
export interface Performance {
  readonly script: Script;
  readonly pacing: Pacing;
  readonly response: ServerResponse;
  readonly departure: Departure;
  readonly record: CallRecord;
}

/** Takes a seat if one is needed, plays the script and settles the record; resolves when the script was played, not when the last byte left. */
export async function perform(performance: Performance, state: BackendState): Promise<void> {
  const { response, departure, record } = performance;
  const seat = performance.script.generates ? state.seats.enter(performance.script.sequences) : undefined;
  const isFull = performance.script.generates && seat === undefined;
  const script = isFull ? queueFullScript(record) : performance.script;
  record.promptTokens = script.promptTokens;

  const settle = () => {
    if (seat !== undefined) state.seats.leave(seat);
    record.tokensGenerated = Math.max(record.tokensGenerated, record.tokensDelivered);
    const outcome = outcomeOf(script, record, response.writableFinished);
    if (outcome === "aborted") record.clientClosedAtMs = departure.goneAtMs;
    countInMetrics(state, record, outcome);
    state.tally.finish(record, outcome);
  };
  // The client may have left while the body was read; "close" has then been and will not come again.
  if (departure.gone) return settle();
  response.once("close", settle);
  await play(script, {
    response,
    departure,
    record,
    pacing: performance.pacing,
    seat,
    onFirstToken: (seconds) => state.metrics.timeToFirstToken.observe(seconds),
  });
}

function outcomeOf(script: Script, record: CallRecord, finished: boolean): Outcome {
  if (!finished && !record.cutByBackend) return "aborted";
  const isWhole = record.finishesExpected > 0 && record.finishesDelivered >= record.finishesExpected;
  return script.cut && isWhole ? "completed" : script.outcome;
}

function countInMetrics(state: BackendState, record: CallRecord, outcome: Outcome): void {
  if (record.tokensGenerated === 0) return;
  const { metrics } = state;
  metrics.promptTokens += record.promptTokens;
  metrics.generationTokens += record.tokensGenerated;
  metrics.latency.observe((Date.now() - record.arrivedAtMs) / 1000);
  metrics.successes[outcome === "completed" ? "stop" : outcome === "aborted" ? "abort" : "error"] += 1;
}
