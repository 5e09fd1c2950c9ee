/**
 * Writes src/http/openapi.json, which the gateway serves at /openapi.json, from the schemas that read requests: `npm run openapi`. It is kept in the
 * repository because making it takes a fifth of zod, which a Worker need not carry. A test says when it is stale.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openApiDocument } from "../src/http/openapi.ts";
import { projectRoot } from "./project.ts";

const file = join(projectRoot, "src", "http", "openapi.json");
writeFileSync(file, JSON.stringify(openApiDocument(), null, 2));
// As `npm run format` would leave it: a document that has not changed is no change.
const biome = join(projectRoot, "node_modules", "@biomejs", "biome", "bin", "biome");
execFileSync(process.execPath, [biome, "format", "--write", file], {
  cwd: projectRoot,
  stdio: ["ignore", "ignore", "inherit"],
});
