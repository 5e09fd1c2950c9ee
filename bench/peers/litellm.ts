import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { freePort } from "./free-port.ts";

const VERSION = "1.110.2";
/** It takes half a minute to import on two busy cores. */
const READY_WITHIN_MS = 180_000;

export interface LiteLlm {
  readonly name: string;
  readonly url: string;
  pid(): number;
  stop(): void;
}

/**
 * LiteLLM's proxy from PyPI, one worker, as a reference: not the same runtime, no Redis, no limits, no ledger. `config` is its own configuration file.
 * Undefined where there is no Python or the package is not to be had. The installed copy (some 750 MB) is kept for the next run.
 */
export async function startLiteLlm(workDir: string, config: object): Promise<LiteLlm | undefined> {
  const folder = join(import.meta.dirname, "..", "..", ".dev", "peers", `litellm-${VERSION}`);
  const program = join(folder, "bin", "litellm");
  if (!existsSync(program)) {
    mkdirSync(folder, { recursive: true });
    console.log("installing LiteLLM (once, a few minutes)");
    const made =
      spawnSync("python3", ["-m", "venv", folder], { stdio: "ignore" }).status === 0 &&
      spawnSync(join(folder, "bin", "pip"), ["install", "-q", `litellm[proxy]==${VERSION}`], { stdio: "ignore" })
        .status === 0;
    if (!made) {
      console.log("LiteLLM could not be installed: measured without it");
      return undefined;
    }
  }
  const file = join(workDir, "litellm.yaml");
  writeFileSync(file, stringify(config));
  const port = await freePort();
  const log = openSync(join(workDir, "litellm.log"), "a");
  const child = spawn(
    program,
    ["--config", file, "--host", "127.0.0.1", "--port", String(port), "--num_workers", "1"],
    {
      stdio: ["ignore", log, log],
      cwd: workDir,
      env: { ...process.env, LITELLM_LOG: "ERROR", LITELLM_LOCAL_MODEL_COST_MAP: "True", NO_DOCS: "True" },
    },
  );
  const url = `http://127.0.0.1:${port}`;
  const started = {
    name: `LiteLLM ${VERSION} (Python, 1 worker)`,
    url,
    pid: () => child.pid ?? 0,
    stop: () => void child.kill("SIGKILL"),
  };
  for (const deadline = Date.now() + READY_WITHIN_MS; Date.now() < deadline && child.exitCode === null; ) {
    const isUp = await fetch(`${url}/health/liveliness`).then(
      (response) => response.ok,
      () => false,
    );
    if (isUp) return started;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  child.kill("SIGKILL");
  console.log("LiteLLM did not start: measured without it");
  return undefined;
}
