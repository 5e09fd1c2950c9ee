import type { Degradation } from "../core/degradation.ts";
import { DEFAULT_DEGRADATION, defined } from "./defaults.ts";
import type { Finding } from "./finding.ts";
import { targetNames } from "./route-rules.ts";
import type { RouteFile } from "./schema.ts";
import { missing } from "./suggest.ts";
import type { Path } from "./yaml-source.ts";

/** Defaults filled in; undefined where the route says nothing. The file has been checked. */
export function buildDegradation({ degradation }: RouteFile): Degradation | undefined {
  if (!degradation) return undefined;
  const { reduced, emergency, upAfterMs, errorRate } = degradation;
  return {
    ...(reduced && { reduced }),
    ...(emergency && { emergency: defined(emergency) }),
    upAfterMs: upAfterMs ?? DEFAULT_DEGRADATION.upAfterMs,
    errorRate: { ...DEFAULT_DEGRADATION.errorRate, ...defined(errorRate) },
  };
}

/** A level must have something to give, and other than the one above it. */
export function checkDegradation(at: Path, { degradation, targets, operation = "chat" }: RouteFile): Finding[] {
  if (!degradation) return [];
  const { reduced, emergency } = degradation;
  const path = [...at, "degradation"];
  const findings: Finding[] = [];
  if (!reduced && !emergency) findings.push({ path, reason: "needs `reduced`, `emergency` or both" });
  const use = reduced?.use ?? [];
  const known = targetNames(targets);
  for (const [index, name] of use.entries()) {
    if (!known.has(name))
      findings.push({
        path: [...path, "reduced", "use", index],
        reason:
          known.size > 0
            ? missing("target", name, known)
            : "no target of this route has a name, by which a level could use it",
      });
  }
  const own = targets.filter(({ weight }) => weight !== 0);
  if (reduced && own.every(({ name }) => name !== undefined && use.includes(name)))
    findings.push({ path: [...path, "reduced", "use"], reason: "names all that the route has anyway" });
  if (emergency?.answer !== undefined && operation !== "chat" && operation !== "complete")
    findings.push({ path: [...path, "emergency", "answer"], reason: `is a text, which no ${operation} gives` });
  return findings;
}
