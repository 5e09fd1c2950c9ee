import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize, sep } from "node:path";

/**
 * The architecture as checks over a tree of source files. `check(root)` gives one line a violation, each with its file, so that the
 * same checks run over the project and over small trees with a planted fault.
 */
export function check(root: string): readonly string[] {
  const files = readTree(root);
  return [
    ...files.flatMap((file) => [
      ...backwardArrows(file),
      ...namedImplementations(file),
      ...longFile(file),
      ...looseTypes(file),
    ]),
    ...cycles(files),
    ...heavyPackages(files),
  ];
}

/** For each layer under src/, the layers that its files may import beside their own. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  lib: [],
  config: ["core", "lib"],
  wire: ["core", "lib"],
  policies: ["core", "lib"],
  routing: ["core", "lib"],
  retrieval: ["core", "lib"],
  telemetry: ["core", "lib"],
  stores: ["core", "lib", "config"],
  transports: ["core", "lib", "config"],
  stages: ["core", "lib", "config", "wire", "policies", "routing", "retrieval", "telemetry"],
  pipeline: ["core", "lib", "config", "wire", "policies", "routing", "retrieval", "telemetry", "stages"],
  http: [
    "core",
    "lib",
    "config",
    "wire",
    "policies",
    "routing",
    "retrieval",
    "telemetry",
    "stages",
    "pipeline",
    "console",
  ],
  console: ["core", "lib"],
  index: ["core", "config", "compose"],
};

/** Files that construct: they alone may name a store or a transport. */
const isComposer = (path: string): boolean =>
  path === "src/compose.ts" || /^workers\/[^/]+\/src\/(compose|index)\.ts$/.test(path);

const ADAPTERS = ["stores", "transports"];

interface SourceFile {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** Without comments. */
  readonly code: string;
  /** Paths from the root for files of the tree, names for packages. */
  readonly imports: readonly string[];
}

function readTree(root: string): readonly SourceFile[] {
  const patterns = ["src", "workers", "dev", "cli", "bench", "scripts", "test"].map(
    (folder) => `${folder}/**/*.{ts,mjs}`,
  );
  const paths = globSync(patterns, { cwd: root, exclude: ["**/node_modules/**", "**/results/**", "**/dist/**"] });
  return paths.sort().map((path) => {
    const text = readFileSync(join(root, path), "utf8");
    const code = withoutComments(text);
    const unified = path.split(sep).join("/");
    return { path: unified, text, code, imports: importsOf(code).map((specifier) => target(unified, specifier)) };
  });
}

/** Strings stay (they hold the specifiers), comments go. */
function withoutComments(text: string): string {
  return text.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|(?<![:\\])\/\/[^\n]*/g,
    (_, literal: string | undefined) => literal ?? "",
  );
}

/** Specifiers of imports, re-exports and dynamic imports; those of types count too: an arrow is an arrow. */
function importsOf(code: string): readonly string[] {
  const statement =
    /^\s*(?:import|export)\b[^;"'`]*?\bfrom\s*"([^"]+)"|^\s*import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;
  return [...code.matchAll(statement)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

function target(from: string, specifier: string): string {
  return specifier.startsWith(".")
    ? normalize(join(dirname(from), specifier))
        .split(sep)
        .join("/")
    : specifier;
}

/** `src/stages/plan.ts` → `stages`; `src/pipeline.ts` → `pipeline`; undefined outside src/. */
function layerOf(path: string): string | undefined {
  return /^src\/([^/.]+)/.exec(path)?.[1];
}

function backwardArrows({ path, imports }: SourceFile): string[] {
  const layer = layerOf(path);
  if (layer === undefined || layer === "compose") return [];
  const allowed = MAY_IMPORT[layer];
  if (allowed === undefined) return [`${path}: src/${layer} is no layer that test/unit/layers.ts knows`];
  return imports.flatMap((imported) => {
    const other = layerOf(imported);
    if (other === undefined)
      return /^(?:\.\.\/|workers|dev|cli|bench|scripts|test)\b/.test(imported)
        ? [`${path}: imports ${imported}, which is outside src/`]
        : [];
    return other === layer || allowed.includes(other)
      ? []
      : [`${path}: ${layer} must not import ${other} (${imported})`];
  });
}

function namedImplementations({ path, imports }: SourceFile): string[] {
  const inside = path.startsWith("src/") || path.startsWith("workers/");
  if (!inside || isComposer(path) || ADAPTERS.includes(layerOf(path) ?? "")) return [];
  return imports
    .filter((imported) => ADAPTERS.includes(layerOf(imported) ?? ""))
    .map((imported) => `${path}: only compose.ts may name ${imported}`);
}

function longFile({ path, text }: SourceFile): string[] {
  const lines = text.split("\n").length - 1;
  if (lines <= 300) return [];
  const first = /^(?:#!.*\n)?\s*(?:\/\*[\s\S]*?\*\/|(?:\/\/[^\n]*\n)+)/.exec(text)?.[0] ?? "";
  return /\b(?:lines|long|one file|in one place|one table)\b/i.test(first)
    ? []
    : [`${path}: ${lines} lines, and its first comment does not say why`];
}

/** What biome and tsc refuse as well; here it holds also where somebody switched them off. */
function looseTypes({ path, text, code }: SourceFile): string[] {
  // This file and its test hold the words themselves.
  if (/^test\/unit\/layers/.test(path)) return [];
  const bare = code
    .replace(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g, '""')
    .replace(/\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g, "0");
  const found = [
    [/(?<![.\w$])any(?![\w$]|\s*[:(])/, "any"],
    [/[\w)\]]!(?![=\w])/, "a non-null assertion"],
  ] as const;
  const loose = path.endsWith(".ts")
    ? found.filter(([pattern]) => pattern.test(bare)).map(([, what]) => `${path}: ${what}`)
    : [];
  const ignored = /biome-ignore|@ts-ignore|@ts-expect-error|@ts-nocheck|eslint-disable/.exec(text);
  return ignored ? [...loose, `${path}: an ignored check (${ignored[0]})`] : loose;
}

/** Every cycle of imports among what is deployed, once, by depth-first search; types included. */
function cycles(all: readonly SourceFile[]): string[] {
  const files = all.filter(({ path }) => path.startsWith("src/") || path.startsWith("workers/"));
  const graph = new Map(files.map((file) => [file.path, file.imports]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push(`cycle: ${[...trail.slice(start), path].join(" → ")}`);
    if (start >= 0 || done.has(path)) return;
    for (const imported of graph.get(path) ?? []) if (graph.has(imported)) visit(imported, [...trail, path]);
    done.add(path);
  };
  for (const file of files) visit(file.path, []);
  return found;
}

/** What must not weigh down a Worker, or does not exist in it: looked for from each Worker's entry. */
function heavyPackages(files: readonly SourceFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const entries = files.filter(({ path }) => path === "src/index.ts" || /^workers\/[^/]+\/src\/index\.ts$/.test(path));
  return entries.flatMap((entry) => {
    const seen = new Set([entry.path]);
    const findings: string[] = [];
    for (const path of seen) {
      for (const imported of byPath.get(path)?.imports ?? []) {
        if (byPath.has(imported)) seen.add(imported);
        else if (/^(?:zod|yaml)$|^node:/.test(imported))
          findings.push(`${path}: brings ${imported} into the Worker ${entry.path}`);
      }
    }
    return findings;
  });
}
