import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { takeDataDir } from "../../../dev/data-dir.ts";
import { devConfig } from "../../../dev/dev-workers.ts";
import { watchConfig } from "../../../dev/watch-config.ts";
import { baseAliases, generatedBase } from "../../../scripts/compile-config.ts";
import { projectRoot } from "../../../scripts/project.ts";

const yamlFor = (alias: string, backend = "gpu"): string => `
backends: {gpu: {preset: vllm, price: {inputPerMillion: 0, outputPerMillion: 0}}}
routes: {${alias}: {targets: [{backend: ${backend}, model: tiny}]}}
tiers: {all: {}}
defaultTier: all
`;

let folder = "";
let unwatch: () => void = () => undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "own-config-"));
});
afterEach(() => {
  unwatch();
  rmSync(folder, { recursive: true, force: true });
});

// planted: `alias` left out of the Worker's development configuration
test.each(["gateway", "seats"] as const)("a stack's %s takes the stack's own configuration", (worker) => {
  const imported = readFileSync(
    join(projectRoot, worker === "gateway" ? "src/index.ts" : "workers/seats/src/compose.ts"),
    "utf8",
  );
  const [, specifier = ""] = /from "([^"]*base\.generated\.json)"/.exec(imported) ?? [];
  expect(devConfig(worker, "/own/base.json")).toMatchObject({ alias: { [specifier]: "/own/base.json" } });
  expect(Object.keys(baseAliases("x"))).toContain(specifier);
});

// planted: the check writes the generated base
test("a check says in one line what was checked, and writes nothing", () => {
  const file = join(folder, "some.yaml");
  writeFileSync(file, yamlFor("one"));
  const contents = () => (existsSync(generatedBase) ? readFileSync(generatedBase, "utf8") : "none");
  const before = contents();
  const ended = spawnSync(process.execPath, ["scripts/compile-config.ts", file], {
    cwd: projectRoot,
    encoding: "utf8",
  });
  expect(ended.stdout).toMatch(/^\S+some\.yaml is right: 1 backend, 1 route, 1 tier \(version [0-9a-f]{16}\)\n$/);
  expect(contents()).toBe(before);
});

// planted: the wrong file's line without "stays in force"; nothing said of the one that is right again
test("a file that is wrong while the stack runs changes nothing, and is told when it is right again", async () => {
  const [file, base] = [join(folder, "some.yaml"), join(folder, "base.json")];
  const told: string[] = [];
  writeFileSync(file, yamlFor("one"));
  unwatch = watchConfig(file, base, (line) => told.push(line));
  await vi.waitFor(
    () => {
      writeFileSync(file, yamlFor("two"));
      expect(readFileSync(base, "utf8")).toContain('"two"');
    },
    { timeout: 20_000, interval: 100 },
  );
  writeFileSync(file, yamlFor("three", "gpo"));
  await vi.waitFor(() => expect(told).toHaveLength(1), { timeout: 20_000 });
  expect(told[0]).toMatch(/did you mean "gpu"\?\nthe configuration from before stays in force$/);
  expect(readFileSync(base, "utf8")).toContain('"two"');
  writeFileSync(file, yamlFor("three"));
  await vi.waitFor(() => expect(told[1]).toBe("the configuration is right again, and in force"), { timeout: 20_000 });
  expect(readFileSync(base, "utf8")).toContain('"three"');
});

// planted: no .gitignore written
test("git passes over a data directory, whatever it is called", () => {
  const dataDir = takeDataDir(join(folder, "second"), false);
  dataDir.release();
  expect(readFileSync(join(folder, "second", ".gitignore"), "utf8")).toBe("*\n");
});
