import { describe, expect, it } from "vitest";
import { SeamCheck, SentText } from "../../../src/routing/seam.ts";

const sentOf = (pieces: readonly string[]) => {
  const sent = new SentText();
  for (const piece of pieces) sent.add(piece);
  return sent;
};
const seamOf = (pieces: readonly string[]) => {
  const seam = sentOf(pieces).seam();
  if (!seam) throw new Error("no seam");
  return seam;
};

/** What a caller would read of a continuation in these pieces; undefined where it was found out. */
function read(overlap: string, pieces: readonly string[]): string | undefined {
  const check = new SeamCheck(overlap);
  let text = "";
  for (const piece of pieces) {
    const fresh = check.take(piece);
    if (fresh === undefined) return undefined;
    text += fresh;
  }
  return check.passed ? text : undefined;
}

const inPieces = (text: string, size: number) => text.match(new RegExp(`[^]{1,${size}}`, "gu")) ?? [];

const TEXTS: Readonly<Record<string, string>> = {
  prose: "The tide comes in twice a day, and twice a day it goes out again.",
  repeating: "no no no no no no no no yes no no no no no no no no no yes no no",
  verse: "Row, row, row, row your boat. Row, row, row, row your boat. Gently, gently, gently, gently, row your boat.",
  doubled: "begin abcdefabcdef and go on, and on",
  "all the same": "a".repeat(64),
  spaced: "one    two \n\n\n three\t\tfour     five\n\n",
  wide: "潮は満ち、そして引く。🌊🌊🌊 潮は満ち、そして引く。🌊🌊🌊",
  list: Array.from({ length: 12 }, (_, index) => `${index}. item\n`).join(""),
};

describe.each(Object.entries(TEXTS))("a seam in a text that is %s", (_, whole) => {
  // planted: the overlap's length alone decides; the start of the whole text not compared
  it.each([1, 2, 3, 4, 6, 7, 12])("shows every wrong continuation, in pieces of %d", (size) => {
    const pieces = inPieces(whole, size);
    for (let count = 1; count < pieces.length; count++) {
      const { prefix, overlap } = seamOf(pieces.slice(0, count));
      const told = pieces.slice(0, count).join("");
      expect(prefix + overlap).toBe(told);
      const rest = inPieces(whole.slice(prefix.length), size);
      expect(told + read(overlap, rest)).toBe(whole);
      if (prefix === "") continue;
      expect(/\s$/.test(prefix)).toBe(false);
      const last = pieces.slice(0, count).find((_piece, index) => pieces.slice(0, index + 1).join("") === prefix);
      for (const wrong of [[last ?? "", ...rest], inPieces(whole.slice(prefix.length), size).slice(1), pieces]) {
        const misled = read(overlap, wrong);
        // What is not found out must at least be the same text.
        if (misled !== undefined) expect(told + misled).toBe(whole);
      }
    }
  });
});

it("takes a text that came in one piece at a word", () => {
  const { prefix, overlap } = seamOf(["The tide comes in twice a day, and twice a day it goes out again."]);
  expect([prefix, overlap]).toEqual(["The tide comes in twice a day, and twice a day it goes out", " again."]);
});

it("asks for all of it again where nothing could be told apart", () => {
  expect(seamOf(["aa", "aa", "aa", "aa", "aa"])).toEqual({ prefix: "", overlap: "aaaaaaaaaa" });
  expect(seamOf(["Hi"])).toEqual({ prefix: "", overlap: "Hi" });
  expect(sentOf(Array.from({ length: 999 }, () => "aa")).seam()).toBeUndefined();
});

it("remembers enough of a long text, and no more", () => {
  const sent = new SentText();
  for (let index = 0; index < 5_000; index++) sent.add(`${index} `);
  const { prefix = "", overlap = "" } = sent.seam() ?? {};
  expect(overlap.length).toBeLessThanOrEqual(160);
  expect(prefix.length + overlap.length).toBe(sent.length);
});
