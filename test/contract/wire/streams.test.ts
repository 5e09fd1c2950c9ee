import { describe, expect, it } from "vitest";
import type { Frame, StreamEvent } from "../../../src/core/answer.ts";
import type { Operation } from "../../../src/core/draft.ts";
import type { Wire } from "../../../src/core/wire.ts";
import { collector } from "../../../src/wire/collect.ts";
import { wires } from "../../../src/wire/registry.ts";
import { type StreamFixture, streamFixtures } from "./fixtures.ts";

/** What every format that streams must bring along. */
const REQUIRED = ["text", "multibyte", "usage-last", "no-usage", "error-frame", "crlf", "short"];
/** What only some operations can say. */
const ALSO_REQUIRED: Readonly<Partial<Record<Operation, readonly string[]>>> = {
  chat: ["reasoning", "tools", "tools-reasoning", "tools-error-frame"],
  complete: ["four-choices", "logprobs"],
};
/** Fixtures up to this size are cut at every pair of bytes. */
const SHORT_BYTES = 256;

const streaming = Object.values(wires).filter((wire) => wire.streams);
const kindOf = ({ operation }: Wire) => (operation === "complete" ? "complete" : "chat");

function read(fixture: StreamFixture, format: (typeof streaming)[number], cuts: readonly number[]): Frame[] {
  const reader = format.decodeStream();
  const frames: Frame[] = [];
  let from = 0;
  for (const to of [...cuts, fixture.bytes.length]) {
    frames.push(...reader.push(fixture.bytes.slice(from, to)));
    from = to;
  }
  return frames;
}

const eventsOf = (frames: readonly Frame[]): StreamEvent[] => frames.flatMap((frame) => [...frame.events()]);
/** What of a stream may reach a caller: all of it but its comments, with the blank line of those that stand alone. */
const withoutComments = (bytes: Uint8Array) =>
  Buffer.from(bytes)
    .toString("latin1")
    .replaceAll(/(?<=^|\n):[^\n]*\n(?:\r?\n)?/g, "");
const textOf = (frames: readonly Frame[]) => Buffer.concat(frames.map((frame) => frame.raw)).toString("latin1");

describe.each(streaming.map((wire) => [wire.name, wire] as const))("streams of %s", (name, wire) => {
  const fixtures = streamFixtures(name);

  it("have a fixture for each required feature", () => {
    expect(fixtures.map((fixture) => fixture.name)).toEqual(
      expect.arrayContaining([...REQUIRED, ...(ALSO_REQUIRED[wire.operation] ?? [])]),
    );
  });

  describe.each(fixtures.map((fixture) => [fixture.name, fixture] as const))("%s", (_, fixture) => {
    // planted: `reasoning` before `content` swapped; cumulative usage without the cached parts
    it("means what is written beside it", () => {
      const frames = read(fixture, wire, []);
      expect(eventsOf(frames)).toEqual(fixture.events);
      expect(frames.filter((frame) => frame.terminal).length).toBe(fixture.terminals);
      const collected = collector(fixture.choices, kindOf(wire));
      for (const event of eventsOf(frames)) collected.push(event);
      expect(collected.result()).toEqual(
        fixture.failure ? { ok: false, failure: fixture.failure } : { ok: true, value: fixture.answer },
      );
    });

    // planted: the tail of a chunk not carried over; comments handed on
    it("means the same for every single cut, byte by byte, and (where short) every pair of cuts", () => {
      const { bytes, events } = fixture;
      const told = withoutComments(bytes);
      for (let cut = 0; cut <= bytes.length; cut++) {
        const frames = read(fixture, wire, [cut]);
        expect(eventsOf(frames)).toEqual(events);
        expect(textOf(frames)).toBe(told.slice(0, textOf(frames).length));
      }
      expect(eventsOf(read(fixture, wire, Array.from(bytes.keys())))).toEqual(events);
      if (bytes.length > SHORT_BYTES) return;
      for (let one = 0; one < bytes.length; one++) {
        for (let two = one; two < bytes.length; two++)
          expect(eventsOf(read(fixture, wire, [one, two]))).toEqual(events);
      }
    });

    // planted: `notable` false for every frame with a text in it, a finish or not
    it("calls a frame plain only where it holds nothing but text, and so in every cut", () => {
      for (const cuts of [[], Array.from(fixture.bytes.keys())]) {
        const frames = read(fixture, wire, cuts);
        const plain = frames.filter((frame) => !frame.notable);
        expect(plain.reduce((sum, frame) => sum + frame.count, 0)).toBe(fixture.plainFrames);
        for (const { type } of eventsOf(plain)) expect(["text", "reasoning", "refusal"]).toContain(type);
        for (const frame of plain) expect([frame.terminal, frame.events().length > 0]).toEqual([false, true]);
      }
    });

    // planted: a finish taken from `[DONE]`, and `result()` without the test for completeness
    it("is no answer when it is cut anywhere before its last finish, and the whole answer after it", () => {
      const { bytes, choices, answer } = fixture;
      const reader = wire.decodeStream();
      const collected = collector(choices, kindOf(wire));
      const finished = new Set<number>();
      for (const [i, byte] of bytes.entries()) {
        expect(collected.result().ok, `cut at byte ${i}`).toBe(finished.size >= choices && answer !== undefined);
        for (const event of eventsOf([...reader.push(new Uint8Array([byte]))])) {
          collected.push(event);
          if (event.type === "finish") finished.add(event.choice);
        }
      }
      const result = collected.result();
      expect(result.ok).toBe(answer !== undefined);
    });

    it("says at the end whether a frame is unfinished", () => {
      const reader = wire.decodeStream();
      reader.push(fixture.bytes.slice(0, -3));
      expect(reader.hasTail()).toBe(true);
      reader.push(fixture.bytes.slice(-3));
      expect(reader.hasTail()).toBe(false);
    });
  });

  it("yield one failure for a frame that is not of the format, and go on", () => {
    const reader = wire.decodeStream();
    const bytes = new TextEncoder().encode("data: {broken\n\ndata: [1]\n\ndata: {}\n\n");
    expect(eventsOf([...reader.push(bytes)])).toEqual(
      Array.from({ length: 3 }, () => ({
        type: "failure",
        failure: expect.objectContaining({ type: "backend_protocol" }),
      })),
    );
  });

  // planted: the reader not ended behind the cap
  it("end with one failure at a frame beyond the cap, whole or in pieces", () => {
    const giant = new TextEncoder().encode(`data: {"x":"${"x".repeat(1_300_000)}"}\n\ndata: [DONE]\n\n`);
    for (const size of [giant.length, 65_536]) {
      const reader = wire.decodeStream();
      const frames: Frame[] = [];
      for (let at = 0; at < giant.length; at += size) frames.push(...reader.push(giant.subarray(at, at + size)));
      expect(eventsOf(frames)).toEqual([
        { type: "failure", failure: expect.objectContaining({ detail: "frame_too_large" }) },
      ]);
      expect(frames.every((frame) => frame.notable)).toBe(true);
    }
  });

  it("ignore comments and frames without data", () => {
    const reader = wire.decodeStream();
    const frames = reader.push(new TextEncoder().encode(": hello\n\nid: 7\n\nretry: 10\n\n"));
    expect(frames).toEqual([]);
  });
});
