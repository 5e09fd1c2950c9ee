import { existsSync, readFileSync } from "node:fs";

/** A JSON text and whether a parser must take it (`y_`), must not (`n_`) or may (`i_`), as its name says. */
export interface JsonText {
  readonly name: string;
  readonly bytes: Buffer;
}

const SHARED = new URL("../../../shared/data/", import.meta.url);
const OWN = new URL("../fixtures/hostile/", import.meta.url);

/** The repository's own small sample, and the public suite where it lies beside the checkout. */
export function jsonTexts(): readonly JsonText[] {
  return both("json-parsing.json").map((entry) => {
    const { name, base64 } = entry as { readonly name: string; readonly base64: string };
    return { name, bytes: Buffer.from(base64, "base64") };
  });
}

/** Strings that break things: the repository's own, and the public list where it lies beside the checkout. */
export function awkwardStrings(): readonly string[] {
  return [...new Set(both("naughty-strings.json") as readonly string[])];
}

function both(name: string): readonly unknown[] {
  return [OWN, SHARED].flatMap((folder) => {
    const file = new URL(name, folder);
    return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as unknown[]) : [];
  });
}

/** Runs `work` over all items, a few at a time; rejects with the first that rejects. */
export async function eachOf<Item>(
  items: readonly Item[],
  work: (item: Item, index: number) => Promise<void>,
  atOnce = 8,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      await work(items[index] as Item, index);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
