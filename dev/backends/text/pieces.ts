import type { Answer } from "./answer.ts";

/** One frame's worth of an answer, in the order in which it is generated. */
export interface Piece {
  readonly kind: "reasoning" | "text" | "call";
  readonly text: string;
  /** Tokens that are complete with it. */
  readonly tokens: number;
  /** Which call of the answer, and whether this is its first piece; 0 and false for the others. */
  readonly call: number;
  readonly opensCall: boolean;
}

function plain(kind: "reasoning" | "text", tokens: readonly string[]): Piece[] {
  return tokens.map((text) => ({ kind, text, tokens: 1, call: 0, opensCall: false }));
}

/** The pieces of an answer: reasoning, text, then the calls, one after the other or, interleaved, a fragment of each in turn. */
export function piecesOf(answer: Answer, interleaved: boolean): Piece[] {
  const calls = answer.calls.map((call, index) =>
    call.fragments.map(
      ({ text, tokens }, position): Piece => ({ kind: "call", text, tokens, call: index, opensCall: position === 0 }),
    ),
  );
  const longest = Math.max(0, ...calls.map((pieces) => pieces.length));
  const inTurn = Array.from({ length: longest }, (_, position) => calls.flatMap((pieces) => pieces[position] ?? []));
  return [
    ...plain("reasoning", answer.reasoning),
    ...plain("text", answer.text),
    ...(interleaved ? inTurn : calls).flat(),
  ];
}
