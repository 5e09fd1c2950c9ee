import { startBackend } from "./backend.ts";
import { parseOptions } from "./options.ts";

export { type SimulatedBackend, startBackend } from "./backend.ts";
export { type BackendOptions, parseOptions } from "./options.ts";
export type { SimulatedUsage } from "./script.ts";
export type { TallyCall } from "./tally.ts";
export { type Prompt, promptTokens, simulatedTokens, splitIntoTokens } from "./text/tokens.ts";

/** Runs one backend as a process of its own; one line of JSON on stdout says that it is ready. */
async function main(): Promise<void> {
  const backend = await startBackend(parseOptions(process.argv.slice(2)));
  const { url, anthropicUrl, controlUrl, name } = backend;
  console.log(JSON.stringify({ ready: true, simulated: true, name, url, anthropicUrl, controlUrl }));
  const stop = () => void backend.close().then(() => process.exit(0));
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    console.error(`simulated backend: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  });
}
