/**
 * Writes src/http/openapi.json, which the gateway serves at /openapi.json, from the schemas that read requests: `npm run openapi`. It is kept in the
 * repository because making it takes a fifth of zod, which a Worker need not carry. A test says when it is stale.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openApiDocument } from "../src/http/openapi.ts";
import { projectRoot } from "./project.ts";

writeFileSync(join(projectRoot, "src", "http", "openapi.json"), `${JSON.stringify(openApiDocument(), null, 1)}\n`);
