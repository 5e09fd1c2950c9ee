/** The candidate that `word` most likely meant, or undefined where none is near: at most a third of its letters differ (two of a short one, never all). */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.min(word.length - 1, Math.max(2, Math.floor(word.length / 3))) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours, one each. */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let distance = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        distance = Math.min(distance, (beforePrevious[column - 2] ?? 0) + 1);
      }
      current.push(distance);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length] ?? a.length;
}

/** Of names that are known, so many are listed. */
const LISTED = 12;

/** `no backend is named "hom"; did you mean "home"?`, or which there are. `known`: the names, or what is kept by them. */
export function missing(
  kind: string,
  name: string,
  known: ReadonlySet<string> | Readonly<Record<string, unknown>>,
): string {
  const names = known instanceof Set ? [...known] : Object.keys(known);
  const near = suggest(name, names);
  if (near !== undefined) return `no ${kind} is named "${name}"; did you mean "${near}"?`;
  const more = names.length > LISTED ? `, … (${names.length})` : "";
  return `no ${kind} is named "${name}"; ${names.length === 0 ? "there is none" : `known are ${names.slice(0, LISTED).join(", ")}${more}`}`;
}
