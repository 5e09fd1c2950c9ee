/** `npm run serve`: the local stack with the built, minified bundle and no development proxy. `--help` lists the options. */
import { run } from "./run.ts";

await run("serve");
