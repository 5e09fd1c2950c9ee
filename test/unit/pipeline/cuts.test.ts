import { describe, expect, it } from "vitest";
import { readFailure, readStream, textOfAnswer } from "../../support/caller.ts";
import { eventStream, type Played, type PlayedRequest, play } from "../../support/pipeline.ts";
import { type RecordedCase, recordedCases, requestOf } from "../../support/recorded.ts";
import { together } from "../../support/together.ts";
import { type Truth, truthOf } from "../../support/truth.ts";

/**
 * The whole pipeline over every recorded stream, cut at every byte, by an end and by a reset of the connection. Some hundred thousand runs: so plain
 * comparisons, and one `expect` for all of them.
 */

const AT_ONCE = 16;
const FULL = process.env.FULL === "1";
const ENDINGS = ["fin", "reset"] as const;

/** What is wrong with how a cut was told and booked; undefined where nothing is. */
function wrongAsFailure({ status, body, event, settlements }: Played, request: PlayedRequest, truth: Truth) {
  if (request.stream && status === 200) {
    const told = readStream(request.caller, body);
    if (!told.error?.type.endsWith("error")) return "no error frame at the end";
    if (told.closed) return "closed as if complete";
    if (!truth.text.startsWith(told.text)) return "text that was never said";
    // Tokens were given, so something is owed; how much is our own count.
    if (!event.estimated || !event.usage?.outputTokens || event.costNanoUsd <= 0) return "not booked as an estimate";
  } else {
    if (status < 500) return `status ${status}`;
    readFailure(request.caller, body);
  }
  if (event.outcome !== "failed" || !event.failure?.startsWith("backend_")) return `booked as ${event.outcome}`;
  return settlements.length === 1 && settlements[0]?.cacheWrite === undefined ? undefined : "cached, or settled twice";
}

function wrongAsComplete(played: Played, request: PlayedRequest, truth: Truth, choices: number, isUsageKnown: boolean) {
  const { status, body, event, settlements } = played;
  if (status !== 200) return `status ${status}`;
  if (request.stream) {
    const told = readStream(request.caller, body);
    if (told.error || !told.closed) return "not closed";
    if (told.finished !== choices) return `${told.finished} finishes`;
    if (told.text !== truth.text) return "another text";
  } else if (request.more?.n === undefined && textOfAnswer(request.caller, body) !== truth.text) {
    return "another text";
  }
  if (event.outcome !== "completed") return `booked as ${event.outcome}`;
  if (event.estimated === isUsageKnown) return `booked with estimated: ${event.estimated}`;
  return settlements.length === 1 && settlements[0]?.cacheWrite ? undefined : "not cached, or settled twice";
}

/** At every byte the connection ends, and at every byte it is reset; a collected stream in turns, unless FULL=1. */
async function sweep(recorded: RecordedCase, stream: boolean) {
  const request = requestOf(recorded, stream);
  const { bytes } = recorded.fixture;
  const truth = truthOf(recorded.backend, recorded.fixture);
  const { completeAt = Number.POSITIVE_INFINITY, usageAt = Number.POSITIVE_INFINITY } = truth;
  const seen = { failed: 0, complete: 0 };
  const places = Array.from({ length: bytes.length + 1 }, (_, cut) => cut).flatMap((cut) =>
    ENDINGS.filter((_, index) => stream || FULL || cut % 2 === index).map((ending) => ({ cut, ending })),
  );
  const complaints = await together(places, AT_ONCE, async ({ cut, ending }) => {
    const played = await play(request, () => eventStream([bytes.subarray(0, cut)], ending));
    const isFailure = cut < completeAt;
    seen[isFailure ? "failed" : "complete"]++;
    const complaint =
      played.bugs.length > 0 || played.calls.length !== 1
        ? `${played.calls.length} calls, bugs: ${played.bugs.join()}`
        : isFailure
          ? wrongAsFailure(played, request, truth)
          : wrongAsComplete(played, request, truth, recorded.fixture.choices, cut >= usageAt);
    return complaint && `cut at byte ${cut} by ${ending}: ${complaint}\n${played.status} ${played.body}`;
  });
  expect(complaints.filter((complaint) => complaint !== undefined).slice(0, 3)).toEqual([]);
  return seen;
}

describe.each(recordedCases)("$backend/$name told to a caller of $caller", (recorded) => {
  // planted: the end of the bytes taken for the end of the answer once it had begun; a failed stream closed with the format's last frame; a
  // failed stream settled as completed
  it.each([
    ["streamed", true],
    ["collected", false],
  ])("%s: cut before its last finish it is a failure, cut behind it complete", async (_, stream) => {
    const seen = await sweep(recorded, stream);
    const { answer, bytes } = recorded.fixture;
    expect(seen.failed + seen.complete).toBe((stream || FULL ? 2 : 1) * (bytes.length + 1));
    expect(seen.complete > 0).toBe(answer !== undefined);
  });
});
