/**
 * Runs one of the project's TypeScript programs on the project's own Node, installing the dependencies first when they are missing
 * or do not match package-lock.json:
 *
 *     node scripts/ensure.mjs <script.ts> [arguments]
 *     node scripts/ensure.mjs --bin @biomejs/biome check .
 *
 * It is plain JavaScript for Node 20 and imports nothing from node_modules, because on a fresh clone there is nothing to import.
 * Arguments, environment, signals and the exit code pass through. Once installed it needs no network.
 */
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, "node_modules");
const stampFile = join(modules, ".installed-for");
const installLock = join(root, ".dev", "install.lock");
const onWindows = process.platform === "win32";

/** Prints one line and leaves with 1. */
function fail(line) {
  console.error(`error: ${line}`);
  process.exit(1);
}

function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** What node_modules must have been installed for: this lock file, on this kind of machine. */
function wantedStamp() {
  const lock = readFileSync(join(root, "package-lock.json"));
  return `${createHash("sha256").update(lock).digest("hex")} ${process.platform}-${process.arch}`;
}

/**
 * True when node_modules holds what package-lock.json names. The stamp answers quickly; without it (somebody ran `npm ci` by hand)
 * npm's own record of what it installed is compared, package by package.
 */
function isInstalled(stamp) {
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return true;
  try {
    const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
    const present = JSON.parse(readFileSync(join(modules, ".package-lock.json"), "utf8")).packages;
    for (const [path, entry] of Object.entries(wanted)) {
      if (path === "" || (entry.optional === true && present[path] === undefined)) continue;
      if (present[path]?.version !== entry.version || present[path]?.integrity !== entry.integrity) return false;
    }
    if (projectNode() === undefined) return false;
    writeFileSync(stampFile, stamp);
    return true;
  } catch {
    return false;
  }
}

/** The Node that the project pins, or the running one where no pinned build exists and it is new enough to run TypeScript. */
function projectNode() {
  const file = onWindows ? "node.exe" : "node";
  const names = [
    `node-${onWindows ? "win" : process.platform}-${process.arch}`,
    `node-bin-${process.platform}-${process.arch}`,
  ];
  for (const name of names) {
    const path = join(modules, name, "bin", file);
    if (existsSync(path)) return path;
  }
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 18) ? process.execPath : undefined;
}

/** Takes the installation lock; waits for another start that holds it. Resolves to true when it had to wait. */
async function takeInstallLock() {
  mkdirSync(dirname(installLock), { recursive: true });
  for (let waited = false; ; waited = true) {
    try {
      writeFileSync(installLock, String(process.pid), { flag: "wx" });
      process.on("exit", () => rmSync(installLock, { force: true }));
      return waited;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      const holder = Number(readFileSync(installLock, { encoding: "utf8", flag: "a+" }));
      if (!(holder > 0) || !isRunning(holder)) rmSync(installLock, { force: true });
      else if (!waited) console.error(`waiting for the installation that process ${holder} runs …`);
      await pause(200);
    }
  }
}

/** How to call npm: the one that started us, else the one beside this Node, else the one on the PATH. */
function npmCommand() {
  const beside = [
    process.env.npm_execpath,
    join(dirname(process.execPath), "node_modules", "npm", "bin", "npm-cli.js"),
    join(dirname(process.execPath), "..", "lib", "node_modules", "npm", "bin", "npm-cli.js"),
  ];
  const script = beside.find((path) => path?.endsWith("npm-cli.js") && existsSync(path));
  if (script !== undefined) return { file: process.execPath, prefix: [script], shell: false };
  return { file: onWindows ? "npm.cmd" : "npm", prefix: [], shell: onWindows };
}

async function install() {
  const npm = npmCommand();
  const startedAt = Date.now();
  console.error("installing the dependencies that package-lock.json names (once; about a minute) …");
  const tick = setInterval(() => {
    console.error(`  still installing (${Math.round((Date.now() - startedAt) / 1000)} s)`);
  }, 15_000);
  const flags = ["ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"];
  const child = spawn(npm.file, [...npm.prefix, ...flags], {
    cwd: root,
    shell: npm.shell,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let complaints = "";
  child.stderr.on("data", (chunk) => {
    complaints += chunk;
  });
  const outcome = await new Promise((done) => {
    child.on("error", (error) => done(error));
    child.on("close", (code) => done(code));
  });
  clearInterval(tick);
  if (outcome instanceof Error)
    fail("npm was not found; install Node.js 20 or newer together with npm, then run this again");
  if (outcome !== 0) {
    const lines = complaints.split("\n").map((line) => line.replace(/^npm (error|ERR!) ?/, "").trim());
    const reason = lines.find((line) => line !== "" && !/^(code|errno|syscall) /.test(line)) ?? "no reason given";
    fail(`npm ci failed (exit ${outcome}): ${reason}; check the network and run \`npm ci\` to see all of it`);
  }
  console.error(`installed in ${Math.round((Date.now() - startedAt) / 1000)} s`);
}

/** The file to run: a path, or with `--bin` the program of an installed package, whose name is the package's without its scope. */
function scriptFile(name, isPackage) {
  if (!isPackage) return existsSync(resolve(name)) ? resolve(name) : fail(`${name}: no such script`);
  const manifest = join(modules, name, "package.json");
  if (!existsSync(manifest)) return fail(`${name}: not among the project's packages`);
  const { bin } = JSON.parse(readFileSync(manifest, "utf8"));
  return join(modules, name, typeof bin === "string" ? bin : bin[name.slice(name.indexOf("/") + 1)]);
}

/**
 * Processes whose death must end us too: npm, and the shell that npm may keep between itself and us. A terminal's Ctrl-C reaches
 * everybody; a SIGKILL of npm reaches nobody, so it is looked for.
 */
function watchedAncestors() {
  if (process.env.npm_lifecycle_event === undefined || onWindows) return [];
  const watched = [process.ppid];
  try {
    const [line = ""] = execFileSync("ps", ["-o", "ppid=,comm=", "-p", String(process.ppid)], {
      encoding: "utf8",
    }).split("\n");
    const [, parent, command] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    if (/(^|\/|-)(sh|dash|bash|zsh|ash)$/.test(command?.trim() ?? "")) watched.push(Number(parent));
  } catch {
    // No `ps` on this machine: the direct parent is still watched.
  }
  return watched.filter((pid) => pid > 1);
}

function run(node, file, scriptArguments) {
  const path = [join(modules, ".bin"), dirname(node), process.env.PATH ?? ""].join(delimiter);
  // The channel tells the script when this process is gone, whatever ended it.
  const child = spawn(node, [file, ...scriptArguments], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, PATH: path },
  });
  child.on("error", (error) => fail(`${node} could not be started: ${error.message}`));
  const ancestors = watchedAncestors();
  const watch = setInterval(() => {
    if (ancestors.some((pid) => !isRunning(pid))) child.kill("SIGTERM");
  }, 500);
  if (ancestors.length === 0) clearInterval(watch);
  const forwarded = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of forwarded) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    clearInterval(watch);
    if (signal === null) process.exit(code ?? 1);
    for (const name of forwarded) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}

const [first, ...rest] = process.argv.slice(2);
const isPackage = first === "--bin";
const [name, scriptArguments] = isPackage ? [rest[0], rest.slice(1)] : [first, rest];
if (name === undefined) fail("usage: node scripts/ensure.mjs <script.ts> [arguments]");

const stamp = wantedStamp();
if (!isInstalled(stamp)) {
  await takeInstallLock();
  if (!isInstalled(stamp)) {
    await install();
    writeFileSync(stampFile, stamp);
  }
  rmSync(installLock, { force: true });
}
const node = projectNode();
if (node === undefined) {
  fail(`no Node for ${process.platform}-${process.arch} is pinned; use Node 22.18 or newer to start this`);
}
run(node, scriptFile(name, isPackage), scriptArguments);
