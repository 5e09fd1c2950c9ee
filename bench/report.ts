import { median, spread } from "./machine.ts";

/** Values by contender and by what was measured, one a round. */
export type Figures = Record<string, Record<string, readonly number[]>>;

interface Circumstances {
  readonly machine: string;
  readonly rounds: number;
  readonly redis: string;
  readonly quick: boolean;
}

const ROWS = [
  ["json", "CPU per JSON request, µs", "floor calls"],
  ["burst", "CPU per SSE frame, as fast as the backend can, µs", "floor frames"],
  ["paced", "CPU per SSE frame, one by one at 50 a second, µs", "floor frames"],
  ["openaiClient", "CPU per SSE frame for OpenAI clients, as fast as the backend can, µs", "OpenAI-format backend"],
  ["anthropicClient", "the same for Anthropic clients, µs", "Anthropic-format backend"],
  ["routing", "CPU to find rule, target and attempts among 200 routes of 12 rules, µs (in Node)", undefined],
  ["firstByteMs", "first byte of a stream, ms", "direct"],
  ["residentMiB", "resident memory after the rounds, MiB", undefined],
  [
    "slowReaders500GrowthMiB",
    "growth with 500 streams of 2,000 frames read one frame a second, MiB",
    "floor pass-through",
  ],
  ["slowReaders500LaterMiB", "of it still resident once they have gone, MiB", undefined],
] as const;

/** Medians, spreads and ratios (pair by pair, round by round) as Markdown. */
export function report(figures: Figures, { machine, rounds, redis, quick }: Circumstances): string {
  const lines = [
    "# Measured",
    "",
    `${machine}; ${rounds} interleaved rounds; Redis: ${redis}; backend: simulated vLLM; load generator and everything else on the same machine${quick ? "; QUICK run, small counts" : ""}.`,
    "Read the ratios, not the absolute figures.",
    "",
  ];
  for (const [key, title, floor] of ROWS) {
    const names = Object.keys(figures).filter((name) => figures[name]?.[key] !== undefined);
    if (names.length === 0) continue;
    lines.push(
      `## ${title}`,
      "",
      `| | median | lowest–highest |${floor ? ` ratio to ${floor} (median of the rounds) |` : ""}`,
      `|---|---|---|${floor ? "---|" : ""}`,
    );
    for (const name of names) {
      const values = figures[name]?.[key] ?? [];
      const [low, high] = spread(values);
      const ratio = floor ? ` ${ratioOf(values, figures[floor]?.[key] ?? [])} |` : "";
      lines.push(`| ${name} | ${median(values).toFixed(1)} | ${low.toFixed(1)}–${high.toFixed(1)} |${ratio}`);
    }
    lines.push("");
  }
  return `${lines.join("\n")}\n`;
}

function ratioOf(values: readonly number[], floor: readonly number[]): string {
  const ratios = values.map((value, round) => value / (floor[round] ?? Number.NaN)).filter(Number.isFinite);
  return ratios.length > 0 ? median(ratios).toFixed(2) : "–";
}
