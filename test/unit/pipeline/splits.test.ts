import { describe, expect, it } from "vitest";
import { readStream } from "../../support/caller.ts";
import { eventStream, type Played, play } from "../../support/pipeline.ts";
import { recordedCases, requestOf } from "../../support/recorded.ts";
import { together } from "../../support/together.ts";

/** The whole pipeline over every recorded stream, however its bytes are cut into pieces; where it is collected at every third byte, unless FULL=1. */
const FULL = process.env.FULL === "1";

/** All that a caller, the ledger and the cache are given. */
const given = ({ status, headers, body, settlements }: Played) =>
  JSON.stringify({ status, headers, body, settlements });

describe.each(recordedCases)("$backend/$name told to a caller of $caller", (recorded) => {
  // planted: where the splitter stands forgotten between two chunks
  it.each([
    ["streamed", true],
    ["collected", false],
  ])("%s: split at any byte, and into single bytes, gives the same", async (_, stream) => {
    const { bytes, answer } = recorded.fixture;
    const request = requestOf(recorded, stream);
    const split = async (chunks: readonly Uint8Array[]) => play(request, () => eventStream(chunks, "fin"));
    const whole = await split([bytes]);
    const expected = given(whole);
    expect(whole.event.outcome).toBe(answer ? "completed" : "failed");
    if (stream && answer) expect(readStream(request.caller, whole.body).closed).toBe(true);

    const singly = await split(Array.from(bytes, (_byte, at) => bytes.subarray(at, at + 1)));
    expect(given(singly)).toBe(expected);
    const places = [...bytes.keys()].filter((at) => stream || FULL || at % 3 === 0);
    const complaints = await together(places, 16, async (at) => {
      const played = await split([bytes.subarray(0, at), bytes.subarray(at)]);
      return given(played) === expected ? undefined : `split at byte ${at}: ${played.status} ${played.body}`;
    });
    expect(complaints.filter((complaint) => complaint !== undefined).slice(0, 3)).toEqual([]);
  });
});
