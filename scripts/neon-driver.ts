/**
 * Writes src/stores/neon/driver.generated.js, which the bundles take for @neondatabase/serverless (`alias` in each wrangler.toml): the package's own
 * code without what only its WebSocket side runs. Run by wrangler's build command, and by hand:
 *
 *     node scripts/ensure.mjs scripts/neon-driver.ts
 *
 * The package is one minified file in which everything hangs together, so no bundler leaves anything out by itself (docs/adr/0015). Names in it
 * change with each version: they are found by what they stand beside, and where that is not so any more the build fails and says what was missing.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { projectRoot } from "./project.ts";
import { writeWhereDifferent } from "./write-where-different.ts";

/** What is written. */
export const generatedDriver = resolve(projectRoot, "src", "stores", "neon", "driver.generated.js");

const packageFile = join(dirname(createRequire(import.meta.url).resolve("@neondatabase/serverless")), "index.mjs");

/** Makes it where the package or this script has changed. */
export async function writeDriver(): Promise<void> {
  // Its lines are broken anywhere, also within strings.
  const original = readFileSync(packageFile, "utf8").replaceAll("\\\n", "");
  const made = createHash("sha256")
    .update(original)
    .update(readFileSync(import.meta.filename))
    .digest("hex");
  const head = `// Made by scripts/neon-driver.ts of @neondatabase/serverless (MIT), ${made.slice(0, 16)}\n`;
  if (isMadeOf(head)) return;
  writeWhereDifferent(generatedDriver, `${head}${await shaken(prepared(original))}`);
}

function isMadeOf(head: string): boolean {
  try {
    return readFileSync(generatedDriver, "utf8").startsWith(head);
  } catch {
    return false;
  }
}

/** The package's code with its ties cut, and the names of the functions whose calls do nothing but give a value. */
interface Prepared {
  readonly code: string;
  readonly pureFunctions: readonly string[];
}

/** Over HTTP, bytes are neither sent nor read: no column holds any (a test of the schema says so). */
const NO_BUFFER = `class { static from() { throw new RangeError("bytes are left out of this driver"); } }`;

/** Cuts the four ties between the HTTP side and the rest. Throws where the package is not as it was. */
export function prepared(original: string): Prepared {
  const find = (pattern: string): readonly string[] => findOnce(original, pattern);
  // `types` is read from the whole of pg, whose `types` are those of pg-types.
  const [whole = ""] = find("export_types=(NAME)\\.types");
  const [unwrap = "", loadWhole = ""] = find(`\\b${escaped(whole)}=(NAME)\\((NAME)\\(\\)\\)`);
  const [loadTypes = ""] = find("this\\.types=(NAME)\\(\\)");
  // Stands in for node's Buffer where there is none: an implementation of a thousand lines.
  const [loadBuffer = ""] = find(":(NAME)\\(\\)\\.Buffer\\b");
  // The hash of passwords in the wire protocol: MD5 and SHA-256 in JavaScript.
  const [crypto = ""] = find(`(NAME)\\.createHash\\("md5"\\)`);
  const [requireCrypto = "", asCommonJs = ""] = find(`\\b${escaped(crypto)}=(\\(NAME\\(\\),(NAME)\\(NAME\\)\\))`);
  // The socket: nothing but its static settings (`neonConfig`) is used, and those need no events.
  const [commonJsUnit = ""] = find(`\\b${escaped(loadWhole)}=(NAME)\\(\\(`);
  const [unit = "", events = "", loadEvents = ""] = find(
    `=(NAME)\\(\\(\\)=>\\{"use strict";NAME\\(\\);(NAME)=(${escaped(unwrap)}\\(NAME\\(\\),1\\));`,
  );
  const [defineGetters = ""] = find("\\b(NAME)\\(NAME,\\{Socket:");
  const [giveName = ""] = find(`\\b(NAME)\\(NAME,"NeonQueryPromise"\\)`);
  const loaders = [...original.matchAll(new RegExp(`=${escaped(unwrap)}\\(([\\w$]+)\\(\\)\\)`, "g"))].map(
    ([, name = ""]) => name,
  );

  const cuts: readonly (readonly [string, string])[] = [
    [`export_types=${whole}.types`, `export_types=${loadTypes}()`],
    [`:${loadBuffer}().Buffer`, `:${NO_BUFFER}`],
    [`${crypto}=${requireCrypto}`, `${crypto}={}`],
    [`${events}=${loadEvents}`, `${events}={EventEmitter:class {}}`],
  ];
  return {
    code: cuts.reduce((code, [from, to]) => code.replace(from, () => to), original),
    pureFunctions: [...loaders, unwrap, commonJsUnit, unit, asCommonJs, defineGetters, giveName],
  };
}

/** The groups of the one place where the pattern stands; `NAME` is an identifier. */
function findOnce(code: string, pattern: string): readonly string[] {
  const [found, another] = code.matchAll(new RegExp(pattern.replaceAll("NAME", "[\\w$]+"), "g"));
  if (found === undefined || another !== undefined) {
    const much = found === undefined ? "not" : "more than once";
    throw new Error(
      `@neondatabase/serverless is not as scripts/neon-driver.ts knows it: ${pattern} stands ${much} in it`,
    );
  }
  return found.slice(1);
}

function escaped(name: string): string {
  return name.replaceAll("$", "\\$");
}

/** What of it is reached from the exports that drizzle and the stores use. */
async function shaken({ code, pureFunctions }: Prepared): Promise<string> {
  // Loaded only where there is something to make: it takes a while.
  const { rolldown } = await import("rolldown");
  const entry = "driver";
  const bundle = await rolldown({
    input: entry,
    plugins: [
      {
        name: "package",
        resolveId: (id) => id,
        load: (id) => (id === entry ? `export { neon, neonConfig, types } from "package";` : code),
      },
    ],
    treeshake: {
      moduleSideEffects: false,
      propertyReadSideEffects: false,
      unknownGlobalSideEffects: false,
      manualPureFunctions: pureFunctions,
    },
  });
  const { output } = await bundle.generate({ format: "esm" });
  await bundle.close();
  return output[0].code;
}

if (import.meta.main) await writeDriver();
