import { DEFAULT_SEATS } from "./defaults.ts";
import type { Finding } from "./finding.ts";
import type { BackendFile, ConfigFile } from "./schema.ts";
import { missing } from "./suggest.ts";
import type { Path } from "./yaml-source.ts";

/** A wait that ends before it may spill would never spill; tiers must exist. */
export function checkSeats(at: Path, seats: BackendFile["seats"], file: ConfigFile): Finding[] {
  const { afterMs = 0, tiers = [] } = seats?.spill ?? {};
  const maxWaitMs = seats?.maxWaitMs ?? DEFAULT_SEATS.maxWaitMs;
  const findings = tiers.flatMap((tier, index): Finding[] =>
    Object.hasOwn(file.tiers, tier)
      ? []
      : [{ path: [...at, "spill", "tiers", index], reason: missing("tier", tier, file.tiers) }],
  );
  if (afterMs <= maxWaitMs) return findings;
  return [
    ...findings,
    { path: [...at, "spill", "afterMs"], reason: `${afterMs} is more than maxWaitMs (${maxWaitMs})` },
  ];
}
