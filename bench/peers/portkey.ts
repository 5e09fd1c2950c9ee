import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Stack } from "../../dev/stack.ts";
import type { Contender } from "../contenders.ts";
import { freePort } from "./free-port.ts";

const VERSION = "1.15.2";

/**
 * Portkey's open-source gateway from npm, on Node, as a reference: not the same runtime, no Redis, no limits. As installed it answers streams
 * with 500; one option of its own `serve()` call cures that and is set here in the installed copy.
 */
export async function startPortkey(
  stack: Stack,
  workDir: string,
): Promise<(Contender & { stop(): Promise<void> }) | undefined> {
  const folder = join(import.meta.dirname, "..", "..", ".dev", "peers", `portkey-${VERSION}`);
  if (!existsSync(join(folder, "node_modules", "@portkey-ai"))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), '{"private":true}');
    const installed = spawnSync("npm", ["install", "--no-audit", "--no-fund", `@portkey-ai/gateway@${VERSION}`], {
      cwd: folder,
      stdio: "ignore",
    });
    if (installed.status !== 0) {
      console.log("Portkey could not be installed: measured without it");
      return undefined;
    }
  }
  const program = join(folder, "node_modules", "@portkey-ai", "gateway", "build", "start-server.js");
  const source = readFileSync(program, "utf8");
  if (!source.includes("overrideGlobalObjects"))
    writeFileSync(program, source.replace(/fetch:\s*([\w$.]+\.fetch),/, "fetch:$1,overrideGlobalObjects:false,"));
  const port = await freePort();
  const child = spawn(process.execPath, [program, `--port=${port}`, "--headless"], { stdio: "ignore", cwd: workDir });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 100; tries++) {
    const up = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (up) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    name: `Portkey ${VERSION} (Node)`,
    url,
    headers: {
      "content-type": "application/json",
      authorization: "Bearer none",
      "x-portkey-provider": "openai",
      "x-portkey-custom-host": `${stack.home?.url}/v1`,
    },
    model: "simulated-bench",
    pid: () => child.pid ?? 0,
    async stop() {
      child.kill("SIGKILL");
    },
  };
}
