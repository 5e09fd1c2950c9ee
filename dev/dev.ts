/** `npm run dev`: the local stack with the gateway and the ledger from source, reloaded when a file changes. `--help` lists the options. */
import { run } from "./run.ts";

await run("dev");
