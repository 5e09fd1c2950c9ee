import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";

export type Path = readonly (string | number)[];

/** A YAML text with its values and the line on which each of them stands. Build time only. */
export interface YamlSource {
  readonly value: unknown;
  /** Syntax errors and duplicate keys, in the file's order. Never a piece of the text: it may hold a secret. */
  readonly errors: readonly { readonly reason: string; readonly line: number }[];
  /** The line (from 1) of the key or item at `path`, or of the nearest thing around it. */
  lineOf(path: Path): number | undefined;
}

export function readYaml(text: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: "1.2" });
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  return {
    value: document.errors.length === 0 ? document.toJS({ maxAliasCount: 100 }) : undefined,
    errors: document.errors.map((error) => ({
      reason: `not YAML: ${error.code.toLowerCase().replaceAll("_", " ")}`,
      line: lineAt(error.pos[0]),
    })),
    lineOf(path) {
      let node: unknown = document.contents;
      let offset = startOf(node);
      for (const step of path) {
        if (isAlias(node)) node = node.resolve(document);
        if (isMap(node)) {
          const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
          if (pair === undefined) break;
          offset = startOf(pair.key) ?? offset;
          node = pair.value;
        } else if (isSeq(node)) {
          node = node.items[Number(step)];
          if (node === undefined) break;
          offset = startOf(node) ?? offset;
        } else {
          break;
        }
      }
      return offset === undefined ? undefined : lineAt(offset);
    },
  };
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
