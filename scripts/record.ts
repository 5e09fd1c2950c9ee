/**
 * Records streams of a real backend as fixtures of its wire format:
 *
 *     npm run record -- <backend> [--model NAME] [--features text,tools] [--config FILE] [--into DIRECTORY]
 *
 * The backend is one of the configuration's; its URL and key are read from the environment under the names that stand there. Costs what the calls cost.
 */
import { relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { FEATURES } from "../dev/record/features.ts";
import { RecordError, record } from "../dev/record/record.ts";
import { ConfigError, compileFile, defaultConfigFile } from "./compile-config.ts";
import { projectRoot } from "./project.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: "string" },
    features: { type: "string" },
    config: { type: "string" },
    into: { type: "string" },
  },
});

try {
  const [backend] = positionals;
  if (backend === undefined)
    throw new RecordError(`which backend? npm run record -- <backend> [--features ${Object.keys(FEATURES).join(",")}]`);
  const recorded = await record({
    backend,
    config: compileFile(values.config === undefined ? defaultConfigFile() : resolve(values.config)),
    environment: process.env,
    into: resolve(values.into ?? resolve(projectRoot, "test/fixtures/wire")),
    ...(values.model !== undefined && { model: values.model }),
    ...(values.features !== undefined && { features: values.features.split(",") }),
  });
  for (const { feature, outcome } of recorded) {
    const told =
      "files" in outcome ? outcome.files.map((file) => relative(process.cwd(), file)).join(", ") : outcome.problem;
    console.log(`${feature}: ${told}`);
  }
  if (recorded.some(({ outcome }) => "problem" in outcome)) process.exitCode = 1;
} catch (error) {
  if (!(error instanceof RecordError || error instanceof ConfigError)) throw error;
  console.error(`record: ${error.message}`);
  process.exitCode = 1;
}
