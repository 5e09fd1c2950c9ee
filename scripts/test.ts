/**
 * Everything that must hold: format and lint, the compiled configs, strict types, then the tests. `--quick` leaves the whole-stack tests out;
 * further arguments go to vitest. Ends with one plain line, `N passed, N failed`, and that many failures decide the exit code.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const quick = process.argv.includes("--quick");
const forVitest = process.argv.slice(2).filter((argument) => argument !== "--quick");
const reportFile = join(root, ".dev", "test-report.json");

/** Runs one tool of node_modules; true where it succeeded. */
function step(title: string, command: string, args: readonly string[]): boolean {
  console.log(`— ${title}`);
  const script = command.endsWith(".ts");
  const executable = script ? process.execPath : join(root, "node_modules", ".bin", command);
  const ended = spawnSync(executable, script ? [command, ...args] : args, {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  return ended.status === 0;
}

mkdirSync(join(root, ".dev"), { recursive: true });
const checks: readonly (readonly [string, string, readonly string[]])[] = [
  ["format and lint", "biome", ["check", "--error-on-warnings", "."]],
  ["config", "scripts/compile-config.ts", ["--out", "src/config/base.generated.json"]],
  ["types of the Workers", "tsc", ["-p", "tsconfig.json"]],
  ["types of tools and tests", "tsc", ["-p", "tsconfig.node.json"]],
];
const failedChecks =
  forVitest.length > 0 ? 0 : checks.filter(([title, command, args]) => !step(title, command, args)).length;

const projects = (quick ? ["unit", "contract", "workerd"] : ["unit", "contract", "workerd", "e2e"]).flatMap((name) => [
  "--project",
  name,
]);
const vitestOk = step("tests", "vitest", [
  "run",
  ...projects,
  "--reporter=default",
  "--reporter=json",
  `--outputFile=${reportFile}`,
  "--passWithNoTests",
  ...forVitest,
]);
const report: { numPassedTests: number; numFailedTests: number } = JSON.parse(readFileSync(reportFile, "utf8"));
const failed = report.numFailedTests + failedChecks + (vitestOk || report.numFailedTests > 0 ? 0 : 1);
console.log(`${report.numPassedTests + checks.length - failedChecks} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
