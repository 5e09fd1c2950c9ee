/** What a request shows of itself to the score. */
export interface Request {
  /** The newest words of the user. */
  readonly text: string;
  /** The estimate of all of the input. */
  readonly inputTokens: number;
  readonly turns: number;
  readonly tools: number;
  readonly structured: boolean;
}

type Part = "length" | "code" | "reasoning" | "tools" | "demands";

/** The score from 0 to 1, and what of it each part gave: they add up. */
export interface Complexity {
  readonly score: number;
  readonly parts: Readonly<Record<Part, number>>;
}

/** The most that each part gives. Chosen by hand. */
const MOST: Readonly<Record<Part, number>> = { length: 0.25, code: 0.25, reasoning: 0.35, tools: 0.2, demands: 0.15 };

/** UTF-16 units of the end of the text: what is wanted mostly stands behind what it is wanted of. */
const LOOKED_AT = 1_500;

const WORDS: Readonly<Record<"code" | "reasoning" | "demands", string>> = {
  code:
    "function class def import return select join regex refactor stacktrace segfault deadlock deadlocks compile compiler " +
    "sql typescript javascript python rust kubernetes api endpoint schema migration algorithm async await const null unwrap",
  reasoning:
    "why prove proof derive explain compare contrast tradeoff tradeoffs trade analyze analyse evaluate optimize optimise " +
    "design architecture strategy plan cause causes debug calculate estimate assume assuming assumption consequence " +
    "consequences implications critique argue warum beweise beweis erkläre vergleiche begründe analysiere pourquoi démontre " +
    "compare comparer explique demuestra compara analiza",
  demands:
    "must should least most exactly without unless constraint constraints requirement requirements every each also",
};

const PART_OF = new Map<string, "code" | "reasoning" | "demands">();
for (const part of ["code", "reasoning", "demands"] as const) {
  for (const word of WORDS[part].split(" ")) PART_OF.set(word, part);
}

const WORD = /[a-zà-ɏ]+/g;
/** Fences, and lines that end as code does. */
const CODE_MARKS = /```|=>|[{};]$/gm;
/** Indented by what stands in its own line: line ends among the white space would be tried from each of them to the last. */
export const LIST_MARKS: RegExp = /^[ \t]*(?:[-*]|\d+[.)])\s/gm;

/**
 * How hard a request looks, by what can be seen without understanding it: its length, code, words that ask for reasoning, tools, and how much is demanded at
 * once. A rule of thumb that a reader can check, not a model's judgement.
 */
export function complexityOf({ text, inputTokens, turns, tools, structured }: Request): Complexity {
  const sample = text.slice(-LOOKED_AT);
  const words = { code: 0, reasoning: 0, demands: 0 };
  for (const word of sample.toLowerCase().match(WORD) ?? []) {
    const part = PART_OF.get(word);
    if (part) words[part]++;
  }
  const shares: Readonly<Record<Part, number>> = {
    // 32 tokens are nothing, 2,048 are long; in between by their logarithm. Turns say that there is something to keep in mind.
    length: (Math.log2(Math.max(1, inputTokens)) - 5) / 6 + Math.min(turns - 1, 20) / 100,
    code: (words.code + count(sample, CODE_MARKS)) / 3,
    reasoning: words.reasoning / 2,
    tools: tools / 4 + (structured ? 0.25 : 0),
    demands: (words.demands + count(sample, LIST_MARKS)) / 4,
  };
  const parts = {
    length: MOST.length * bounded(shares.length),
    code: MOST.code * bounded(shares.code),
    reasoning: MOST.reasoning * bounded(shares.reasoning),
    tools: MOST.tools * bounded(shares.tools),
    demands: MOST.demands * bounded(shares.demands),
  };
  const sum = parts.length + parts.code + parts.reasoning + parts.tools + parts.demands;
  return { score: Math.round(Math.min(1, sum) * 100) / 100, parts };
}

const bounded = (share: number): number => Math.min(1, Math.max(0, share));

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
