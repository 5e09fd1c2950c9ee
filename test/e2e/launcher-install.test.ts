import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { projectRoot } from "../../scripts/project.ts";
import { cleanUp, type Launched, launch, temporaryFolder } from "./launcher-support.ts";

/** A project of one package that lies beside it, so that installing needs npm but no network. */
function writeProject(folder: string, packageName: string, bin?: Readonly<Record<string, string>>): void {
  mkdirSync(join(folder, "scripts"), { recursive: true });
  mkdirSync(join(folder, packageName), { recursive: true });
  copyFileSync(join(projectRoot, "scripts", "ensure.mjs"), join(folder, "scripts", "ensure.mjs"));
  writeFileSync(
    join(folder, packageName, "package.json"),
    JSON.stringify({ name: packageName, version: "1.0.0", bin }),
  );
  const dependencies = { [packageName]: `file:${packageName}` };
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "example", version: "1.0.0", dependencies }));
  const packages = {
    "": { name: "example", version: "1.0.0", dependencies },
    [packageName]: { version: "1.0.0" },
    [`node_modules/${packageName}`]: { resolved: packageName, link: true },
  };
  const lock = { name: "example", version: "1.0.0", lockfileVersion: 3, requires: true, packages };
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify(lock));
  writeFileSync(
    join(folder, "hello.ts"),
    `const words: string[] = process.argv.slice(2);
process.on("SIGTERM", () => process.exit(7));
process.on("disconnect", () => process.exit(0));
process.channel?.unref();
console.log("ran", process.env.GREETING, ...words);
if (words[0] === "wait") setInterval(() => undefined, 1_000);
else process.exitCode = Number(words[0] ?? 0);
`,
  );
}

const launched: Launched[] = [];
let folder = "";

function ensure(args: readonly string[], env: Record<string, string> = {}): Launched {
  const offline = { npm_config_offline: "true", GREETING: "hello" };
  const one = launch(process.execPath, ["scripts/ensure.mjs", ...args], { ...offline, ...env }, folder);
  launched.push(one);
  return one;
}

beforeEach(() => {
  folder = temporaryFolder();
  writeProject(folder, "first");
});
afterEach(() => cleanUp(launched.splice(0), [folder]));

describe("scripts/ensure.mjs", () => {
  // planted: node_modules never found good; the exit code not passed on
  test("installs once, then runs at once, and passes arguments, environment and exit code through", async () => {
    const first = ensure(["hello.ts", "3", "two words"]);
    expect(await first.ended).toBe(3);
    expect(first.output()).toMatch(/installing/);
    expect(first.output()).toMatch(/^ran hello 3 two words$/m);
    const second = ensure(["hello.ts", "0"]);
    expect(await second.ended).toBe(0);
    expect(second.output()).toBe("ran hello 0\n");
  });

  // planted: the stamp without the lock file's hash
  test("installs again when package-lock.json has changed", async () => {
    await ensure(["hello.ts"]).ended;
    writeProject(folder, "second");
    const again = ensure(["hello.ts"]);
    expect(await again.ended).toBe(0);
    expect(existsSync(join(folder, "node_modules", "second"))).toBe(true);
  });

  // planted: no lock around the installation
  test("two starts at once install once", async () => {
    const both = [ensure(["hello.ts"]), ensure(["hello.ts"])];
    expect(await Promise.all(both.map(({ ended }) => ended))).toEqual([0, 0]);
    expect(both.filter((one) => one.output().includes("installing the"))).toHaveLength(1);
  });

  // planted: npm's failure ignored
  test("says in one line that npm failed, and runs nothing", async () => {
    rmSync(join(folder, "package.json"));
    writeFileSync(
      join(folder, "package.json"),
      JSON.stringify({ name: "example", version: "1.0.0", dependencies: { absent: "1.0.0" } }),
    );
    const one = ensure(["hello.ts"]);
    expect(await one.ended).toBe(1);
    const errors = one
      .output()
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("installing"));
    expect(errors).toEqual([expect.stringMatching(/^error: npm ci failed \(exit \d+\): .+`npm ci`/)]);
  });

  // planted: the spawn error taken for success
  test("says in one line that npm is missing", async () => {
    // A Node without npm beside it.
    const node = join(folder, "bin", "node");
    mkdirSync(dirname(node));
    copyFileSync(process.execPath, node);
    const one = launch(node, ["scripts/ensure.mjs", "hello.ts"], { PATH: dirname(node), GREETING: "hello" }, folder);
    launched.push(one);
    expect(await one.ended).toBe(1);
    expect(one.output()).toMatch(/^error: npm was not found; install Node\.js/m);
  });

  // planted: signals not forwarded; no channel to the script
  test("passes signals on, and its own death", async () => {
    await ensure(["hello.ts"]).ended;
    const asked = ensure(["hello.ts", "wait"]);
    await asked.said(/ran/);
    asked.process.kill("SIGTERM");
    expect(await asked.ended).toBe(7);
    const killed = ensure(["hello.ts", "wait"]);
    await killed.said(/ran/);
    killed.process.kill("SIGKILL");
    await killed.ended;
    expect(killed.survivors()).toEqual([]);
  });

  // planted: the program looked for under the package's whole name
  test("runs the program of a package, also of one with a scope", async () => {
    writeProject(folder, "@somebody/tool", { tool: "tool.js" });
    writeFileSync(join(folder, "@somebody/tool", "tool.js"), 'console.log("the tool ran", process.argv[2]);\n');
    const one = ensure(["--bin", "@somebody/tool", "well"]);
    expect(await one.ended).toBe(0);
    expect(one.output()).toMatch(/^the tool ran well$/m);
    const absent = ensure(["--bin", "tool"]);
    expect(await absent.ended).toBe(1);
    expect(absent.output()).toBe("error: tool: not among the project's packages\n");
  });

  test("says which script is not there", async () => {
    await ensure(["hello.ts"]).ended;
    const one = ensure(["none.ts"]);
    expect(await one.ended).toBe(1);
    expect(one.output()).toBe("error: none.ts: no such script\n");
  });
});
