import { isRecord } from "./client.ts";

const NANO_USD = 1_000_000_000n;

/** Rows as aligned columns under their titles; a column that is empty everywhere is left out. */
export function table(rows: readonly Readonly<Record<string, string>>[], nothing: string): string {
  if (rows.length === 0) return nothing;
  // A row may lack what another has: a charge that failed has no tokens.
  const known = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const titles = known.filter((title) => rows.some((row) => (row[title] ?? "") !== ""));
  const lines = [titles, ...rows.map((row) => titles.map((title) => row[title] ?? ""))];
  const widths = titles.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Any value of a JSON reply as one cell. */
export function cell(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.map(cell).join(",");
  return isRecord(value) ? JSON.stringify(value) : String(value);
}

/** Integer nano-dollars as dollars, without rounding: `$0.0000125`. */
export function dollars(costNanoUsd: unknown): string {
  if (typeof costNanoUsd !== "number" || !Number.isSafeInteger(costNanoUsd)) return cell(costNanoUsd);
  const nano = BigInt(Math.abs(costNanoUsd));
  const fraction = String(nano % NANO_USD)
    .padStart(9, "0")
    .replace(/0{1,7}$/, "");
  return `${costNanoUsd < 0 ? "-" : ""}$${nano / NANO_USD}.${fraction}`;
}

/** The list in a reply's field; entries that are no objects are left out. */
export function records(value: unknown): readonly Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
