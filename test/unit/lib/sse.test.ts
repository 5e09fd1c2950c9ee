import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SseSplitter, sseComment, sseData, sseFields, sseFrame } from "../../../src/lib/sse.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

function split(text: string | Uint8Array, cuts: readonly number[] = [], cap?: number) {
  const bytes = typeof text === "string" ? encoder.encode(text) : text;
  const splitter = new SseSplitter(cap);
  const frames: string[] = [];
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    for (const frame of splitter.push(bytes.slice(from, to))) frames.push(decoder.decode(frame));
    from = to;
  }
  return { frames, tail: splitter.hasTail(), overflowed: splitter.overflowed };
}

describe("SseSplitter", () => {
  it("ends a frame at a blank line, whichever line end is used", () => {
    expect(split("data: a\n\ndata: b\n\n").frames).toEqual(["data: a\n\n", "data: b\n\n"]);
    expect(split("data: a\r\n\r\ndata: b\r\n\r\n").frames).toEqual(["data: a\r\n\r\n", "data: b\r\n\r\n"]);
    expect(split("data: a\r\rdata: b\r\r").frames).toEqual(["data: a\r\r", "data: b\r\r"]);
    expect(split("event: x\ndata: a\r\n\ndata: b\n\r\n").frames).toEqual(["event: x\ndata: a\r\n\n", "data: b\n\r\n"]);
  });

  it("gives blank lines between frames to the frame behind them", () => {
    expect(split("\n\ndata: a\n\n\n\ndata: b\n\n\n")).toEqual({
      frames: ["\n\ndata: a\n\n", "\n\ndata: b\n\n"],
      tail: false,
      overflowed: false,
    });
  });

  it("leaves a byte order mark at the start out, also where it comes in three pieces", () => {
    for (const cuts of [[], [1], [2], [1, 2], [3]])
      expect(split("\ufeffdata: a\n\ndata: \ufeff\n\n", cuts).frames).toEqual(["data: a\n\n", "data: \ufeff\n\n"]);
  });

  it("says whether the bytes end inside a frame", () => {
    expect(split("data: a\n\n").tail).toBe(false);
    expect(split("data: a\n\n\n \n").tail).toBe(false);
    expect(split("data: a\n").tail).toBe(true);
    expect(split("data: a\n\n:").tail).toBe(true);
  });

  // planted: the state of a chunk's last CR forgotten between two chunks
  it("gives the same frames for every single cut and every pair of cuts", () => {
    for (const text of [
      "\ufeff: hi\n\nevent: a\ndata: é🌊\n\n\ndata: b\n\n",
      "data: a\r\n\r\n\r\ndata: 語\r\ndata: c\r\n\r\n",
      "data: a\r\r\rdata: b\r\rdata: c\r",
      "data: a\n\rdata: b\r\n\rdata\r\r\n",
    ]) {
      const bytes = encoder.encode(text);
      const whole = split(text);
      for (let one = 0; one <= bytes.length; one++) {
        for (let two = one; two <= bytes.length; two++) expect(split(text, [one, two])).toEqual(whole);
      }
    }
  });

  it("loses and invents no byte: the frames are the text up to the tail", () => {
    const piece = fc.constantFrom("\n", "\r", "\r\n", "data: x", "é", ":", " ");
    fc.assert(
      fc.property(fc.array(piece), fc.array(fc.nat(60)), (pieces, cuts) => {
        const text = pieces.join("");
        const bytes = encoder.encode(text);
        const at = cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b);
        const cutUp = split(text, at);
        expect(cutUp).toEqual(split(text));
        expect(text.startsWith(cutUp.frames.join(""))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it("hands out views of the chunk where frames lie whole in it", () => {
    const chunk = encoder.encode("data: a\n\ndata: b\n\ndata: c");
    const frames = new SseSplitter().push(chunk);
    expect(frames.map((frame) => frame.buffer === chunk.buffer)).toEqual([true, true]);
  });

  // planted: the cap tested on the carried tail only, so that a giant frame in one chunk passed
  it("stops at a frame beyond the cap, at the same place however it is cut", () => {
    const giant = `data: a\n\ndata: ${"x".repeat(200)}\n\ndata: b\n\n`;
    for (const cuts of [[], [50], [9, 100, 150], Array.from({ length: 200 }, (_, i) => i)]) {
      expect(split(giant, cuts, 100)).toEqual({ frames: ["data: a\n\n"], tail: false, overflowed: true });
      expect(split(giant, cuts, 208)).toMatchObject({ overflowed: false, tail: false });
    }
  });

  it("copies each byte of a frame that comes byte by byte a bounded number of times", () => {
    const splitter = new SseSplitter();
    const set = Uint8Array.prototype.set;
    let copied = 0;
    Uint8Array.prototype.set = function (this: Uint8Array, source: ArrayLike<number>, offset?: number) {
      copied += source.length;
      return set.call(this, source, offset);
    };
    try {
      const byte = new Uint8Array([0x78]);
      for (let i = 0; i < 300_000; i++) splitter.push(byte);
    } finally {
      Uint8Array.prototype.set = set;
    }
    expect(copied).toBeLessThan(4 * 300_000);
  });
});

describe("sseData and sseFields", () => {
  it("reads data, event and id as the standard says", () => {
    expect(sseFields(encoder.encode(": note\nevent: e\ndata: one\ndata:two\ndata\nid: 7\nother: x\n\n"))).toEqual({
      data: "one\ntwo\n",
      event: "e",
      id: "7",
    });
    expect(sseData(encoder.encode("data:  two spaces\n\n"))).toBe(" two spaces");
    expect(sseData(encoder.encode("data:x\n\n"))).toBe("x");
    expect(sseData(encoder.encode("data: a\rdata: b\n\n"))).toBe("a\nb");
    expect(sseData(encoder.encode("\ndata: a\n\n"))).toBe("a");
    expect(sseData(encoder.encode("data\n\n"))).toBe("");
    expect(sseData(encoder.encode(": only a comment\n\n"))).toBeUndefined();
  });
});

describe("sseFrame", () => {
  // planted: the split of the data on "\n" alone
  it("is one frame with the same data, whatever the text holds", () => {
    const nasty = fc
      .array(fc.constantFrom("\n", "\r", "\r\n", "data: x", "event: error", ":", "é", "\u2028", ""))
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(nasty, nasty, (data, event) => {
        const { frames, tail } = split(sseFrame(data, event));
        expect(frames.length).toBe(1);
        expect(tail).toBe(false);
        const fields = sseFields(encoder.encode(frames[0]));
        expect(fields.data).toBe(data.replaceAll(/\r\n|\r/g, "\n"));
        expect(fields.event).toBe(event.replaceAll(/[\r\n]+/g, " "));
      }),
    );
  });

  it("cannot be left by a comment's text", () => {
    expect(split(sseComment("a\n\ndata: {}\n\n")).frames.map((frame) => sseData(encoder.encode(frame)))).toEqual([
      undefined,
    ]);
  });
});
