import { existsSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../scripts/compile-config.ts";
import { projectRoot } from "../scripts/project.ts";
import { banner } from "./banner.ts";
import { readCommandLine, usage } from "./command-line.ts";
import { type Stack, StartError, startStack } from "./stack.ts";

/** The body of `npm run dev` and `npm run serve`: starts a stack, says how to use it, and ends it with this process. */
export async function run(mode: "dev" | "serve"): Promise<void> {
  let stack: Stack | undefined;
  let leaving = false;
  const leave = async (code: number): Promise<void> => {
    if (leaving) return;
    leaving = true;
    await stack?.stop();
    process.exit(code);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      // Before the stack stands there is nobody to ask; the guard ends what has been started.
      if (stack === undefined) process.exit(130);
      void leave(0);
    });
  }
  // The launcher holds the other end: when it is gone, by whatever signal, so is the terminal's interest.
  process.on("disconnect", () => void leave(0));
  process.channel?.unref();
  try {
    const variables = join(projectRoot, ".dev.vars");
    if (existsSync(variables)) process.loadEnvFile(variables);
    const options = readCommandLine(mode, process.argv.slice(2), process.env);
    if (options === "help") {
      console.log(usage(mode));
      return;
    }
    console.log(`starting (${mode}) …`);
    stack = await startStack({
      ...options,
      onNotice: (line) => console.log(line),
      onWorkerLine: (worker, line) => stack !== undefined && console.log(`[${worker}] ${line}`),
    });
    console.log(await banner(stack, mode));
  } catch (error) {
    const isExpected = error instanceof StartError || error instanceof ConfigError;
    console.error(isExpected ? `error: ${error.message}` : error);
    await leave(1);
  }
}
