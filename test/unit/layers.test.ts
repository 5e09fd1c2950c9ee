import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { check } from "./layers.ts";

const trees: string[] = [];
afterEach(() => {
  for (const tree of trees.splice(0)) rmSync(tree, { recursive: true, force: true });
});

/** A small project that keeps every rule, with some of its files replaced. */
function findingsIn(changes: Readonly<Record<string, string>> = {}): readonly string[] {
  const tree = mkdtempSync(join(tmpdir(), "layers-"));
  trees.push(tree);
  const files: Readonly<Record<string, string>> = {
    "src/core/a.ts": "export const a = 1;\n",
    "src/lib/b.ts": "export const b = 1;\n",
    "src/wire/w.ts": 'import { a } from "../core/a.ts";\nexport const w = a;\n',
    "src/stages/s.ts":
      'import { a } from "../core/a.ts";\nimport { w } from "../wire/w.ts";\nexport const s = a + w;\n',
    "src/pipeline.ts": 'import { s } from "./stages/s.ts";\nexport const run = s;\n',
    "src/stores/redis.ts": 'import { a } from "../core/a.ts";\nexport const redis = a;\n',
    "src/http/app.ts": 'import { run } from "../pipeline.ts";\nexport const app = run;\n',
    "src/compose.ts":
      'import { app } from "./http/app.ts";\nimport { redis } from "./stores/redis.ts";\nexport const all = [app, redis];\n',
    "src/index.ts": 'import { all } from "./compose.ts";\nexport default all;\n',
    ...changes,
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  return check(tree);
}

test("the project keeps its layers", () => {
  expect(check(join(import.meta.dirname, "..", ".."))).toEqual([]);
});

test("a tree that keeps every rule has no findings", () => {
  expect(findingsIn()).toEqual([]);
});

const LONG = "export const line = 1;\n".repeat(301);

// Each tree holds the fault that it plants.
test.each<[string, Record<string, string>, RegExp]>([
  [
    "core that knows a stage",
    { "src/core/a.ts": 'import { s } from "../stages/s.ts";\nexport const a = s;\n' },
    /core must not import stages/,
  ],
  [
    "core that knows a type of a wire",
    { "src/core/a.ts": 'import type { w } from "../wire/w.ts";\nexport const a: typeof w = 1;\n' },
    /core must not import wire/,
  ],
  ["lib that knows core", { "src/lib/b.ts": 'export { a as b } from "../core/a.ts";\n' }, /lib must not import core/],
  [
    "layers of one rank that know each other",
    { "src/routing/r.ts": 'import { w } from "../wire/w.ts";\nexport const r = w;\n' },
    /routing must not import wire/,
  ],
  [
    "a stage that knows the pipeline",
    { "src/stages/t.ts": 'import {\n  run,\n} from "../pipeline.ts";\nexport const t = run;\n' },
    /stages must not import pipeline/,
  ],
  [
    "a lazy import that points back",
    { "src/wire/w.ts": 'export const w = () => import("../http/app.ts");\n' },
    /wire must not import http/,
  ],
  [
    "a store that knows a stage",
    { "src/stores/redis.ts": 'import { s } from "../stages/s.ts";\nexport const redis = s;\n' },
    /stores must not import stages/,
  ],
  [
    "a stage that names a store",
    { "src/stages/t.ts": 'import { redis } from "../stores/redis.ts";\nexport const t = redis;\n' },
    /only compose\.ts may name src\/stores/,
  ],
  [
    "a Worker that names a store beside its composer",
    {
      "workers/ledger/src/book.ts": 'import { redis } from "../../../src/stores/redis.ts";\nexport const t = redis;\n',
    },
    /book\.ts: only compose\.ts may name/,
  ],
  [
    "source that imports the local stack",
    {
      "dev/x.ts": "export const x = 1;\n",
      "src/wire/w.ts": 'import { x } from "../../dev/x.ts";\nexport const w = x;\n',
    },
    /outside src/,
  ],
  ["a folder that nobody gave a place", { "src/misc/m.ts": "export const m = 1;\n" }, /src\/misc is no layer/],
  [
    "a cycle inside a layer",
    {
      "src/core/a.ts": 'import { c } from "./c.ts";\nexport const a = c;\n',
      "src/core/c.ts": 'import type { a } from "./a.ts";\nexport const c = 1 as typeof a;\n',
    },
    /^cycle: src\/core\/a\.ts → src\/core\/c\.ts → src\/core\/a\.ts$/,
  ],
  ["a long file without a reason", { "src/core/long.ts": LONG }, /long\.ts: 301 lines/],
  [
    "a long file with a comment that gives none",
    { "src/core/long.ts": `/** Constants. */\n${LONG}` },
    /long\.ts: 302 lines/,
  ],
  ["any", { "src/core/a.ts": "export const a = JSON.parse('1') as any;\n" }, /a\.ts: any$/],
  ["any in a list", { "src/core/a.ts": "export const a: any[] = [];\n" }, /a\.ts: any$/],
  ["a non-null assertion", { "src/core/a.ts": "export const a = [1][0]!;\n" }, /a\.ts: a non-null assertion/],
  [
    "an assertion before a dot",
    { "src/core/a.ts": "export const a = (b: string | undefined) => b!.length;\n" },
    /a\.ts: a non-null assertion/,
  ],
  [
    "an ignored lint rule",
    { "src/core/a.ts": "// biome-ignore lint: because\nexport const a = 1;\n" },
    /an ignored check \(biome-ignore\)/,
  ],
  [
    "an ignored type error",
    { "dev/x.ts": "// @ts-expect-error later\nexport const x = 1;\n" },
    /an ignored check \(@ts-expect-error\)/,
  ],
  [
    "zod in the Worker",
    { "src/wire/w.ts": 'import { z } from "zod";\nexport const w = z;\n' },
    /brings zod into the Worker/,
  ],
  [
    "Node in the Worker",
    { "src/wire/w.ts": 'import { join } from "node:path";\nexport const w = join;\n' },
    /brings node:path into the Worker/,
  ],
])("%s is found", (_, changes, expected) => {
  const findings = findingsIn(changes);
  expect(
    findings.some((finding) => expected.test(finding)),
    findings.join("\n"),
  ).toBe(true);
});

test("what only looks like a fault is left alone", () => {
  const innocent = [
    '// import { s } from "../stages/s.ts"; as any; x!',
    "/* @-sign and any */",
    'export const text = "any ! as any; import x from \\"../http/app.ts\\"";',
    "export const pattern = /any!/;",
    "export const race = (ones: Promise<number>[]) => Promise.any(ones);",
    "export const not = (one: number, other: number) => one !== other && !Number.isNaN(one);",
    "export const many = { any: 1 };",
  ].join("\n");
  expect(findingsIn({ "src/core/innocent.ts": `${innocent}\n` })).toEqual([]);
});

test("a long file that says why may stay", () => {
  expect(
    findingsIn({
      "src/core/long.ts": `/** One table of all codes: long, because splitting it would hide gaps. */\n${LONG}`,
    }),
  ).toEqual([]);
});

test("build-time files may use what the Worker must not", () => {
  expect(findingsIn({ "src/config/compile.ts": 'import { z } from "zod";\nexport const compile = z;\n' })).toEqual([]);
});
