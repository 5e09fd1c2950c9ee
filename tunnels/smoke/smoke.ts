import type { Check, SmokeOptions, Verdict } from "./check.ts";
import { doorTo } from "./door.ts";
import { methodAllowList, models, pathAllowList, reachable, serviceToken, vllmKey } from "./guards.ts";
import { metrics } from "./metrics.ts";
import { abort, streaming } from "./streams.ts";

/** In this order: what a later check needs is checked by an earlier one. */
export const CHECKS: readonly Check[] = [
  reachable,
  serviceToken,
  pathAllowList,
  methodAllowList,
  vllmKey,
  models,
  metrics,
  streaming,
  abort,
];

export interface Finding {
  readonly check: string;
  /** Absent: not run, since nothing came through at all. */
  readonly verdict?: Verdict;
}

/** Runs all checks; where vLLM is not reached at all, the others are left out. Never throws for what it finds. */
export async function smoke(options: SmokeOptions): Promise<readonly Finding[]> {
  const context = { ...options, door: doorTo(options.url, options) };
  const findings: Finding[] = [];
  for (const { name, run } of CHECKS) {
    if (findings[0]?.verdict?.ok === false) {
      findings.push({ check: name });
      continue;
    }
    const verdict = await run(context).catch(
      (error: unknown): Verdict => ({
        ok: false,
        problem: `broke off: ${error instanceof Error ? error.message : String(error)}`,
      }),
    );
    findings.push({ check: name, verdict });
  }
  return findings;
}

export function isWell(findings: readonly Finding[]): boolean {
  return findings.every(({ verdict }) => verdict?.ok === true);
}

/** One line a check. */
export function table(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  return findings
    .map(({ check, verdict }) => {
      const word = verdict === undefined ? "-   " : verdict.ok ? "ok  " : "FAIL";
      const said = verdict === undefined ? "not checked" : verdict.ok ? verdict.saw : verdict.problem;
      return `${word}  ${check.padEnd(width)}  ${said}`;
    })
    .join("\n");
}
