/**
 * JSON Schemas made from the types of the installed SDKs, and what a value has against them: what a client of these packages may rely on is what must be
 * there. Unknown fields are allowed (both APIs grow); a field that a type calls required is required, null or not.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Ajv, type ValidateFunction } from "ajv";
import type { JsonObject } from "../../src/core/json.ts";
import { discriminated } from "./discriminated.ts";

const root = join(import.meta.dirname, "../..");
const installed = createRequire(import.meta.url);

const FILES = {
  openai: "openai/resources/index.d.ts",
  openaiShared: "openai/resources/shared.d.ts",
  openaiResponses: "openai/resources/responses/responses.d.ts",
  anthropic: "@anthropic-ai/sdk/resources/messages/messages.d.ts",
  anthropicModels: "@anthropic-ai/sdk/resources/models.d.ts",
  anthropicShared: "@anthropic-ai/sdk/resources/shared.d.ts",
} as const;

/** A type by a name that says whose it is, and the file of the package that exports it. */
const TYPES = {
  "openai ChatCompletion": FILES.openai,
  "openai ChatCompletionChunk": FILES.openai,
  "openai Completion": FILES.openai,
  "openai CreateEmbeddingResponse": FILES.openai,
  "openai Model": FILES.openai,
  "openai ErrorObject": FILES.openaiShared,
  "openai Response": FILES.openaiResponses,
  "openai ResponseStreamEvent": FILES.openaiResponses,
  "anthropic Message": FILES.anthropic,
  "anthropic RawMessageStreamEvent": FILES.anthropic,
  "anthropic MessageTokensCount": FILES.anthropic,
  "anthropic ModelInfo": FILES.anthropicModels,
  "anthropic ErrorResponse": FILES.anthropicShared,
} as const;

const CLOSED_NOTICED_MS = 100;

export type SdkType = keyof typeof TYPES;
type Schemas = Readonly<Record<SdkType, JsonObject>>;

const validators = new Map<SdkType, ValidateFunction>();
let schemas: Schemas | undefined;

/** What is wrong with `value` as one of this type, a line each, with the place in it; empty where nothing is. */
export async function violations(type: SdkType, value: unknown): Promise<readonly string[]> {
  schemas ??= await loadSchemas();
  const validate =
    validators.get(type) ?? new Ajv({ strict: false, allErrors: true }).compile(discriminated(schemas[type]));
  validators.set(type, validate);
  if (validate(value)) return [];
  const errors = (validate.errors ?? []).filter(({ keyword }) => keyword !== "if");
  return [...new Set(errors.map(({ instancePath, message }) => `${instancePath || "/"} ${message}`))];
}

/**
 * From `.dev/sdk-schemas/`, where an earlier run with the same packages and this very file left them, or made now, which takes some seconds. Several
 * test processes may do so at once: a file is moved into its place whole.
 */
async function loadSchemas(): Promise<Schemas> {
  const file = join(root, ".dev", "sdk-schemas", `${fingerprint()}.json`);
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Schemas;
  } catch {
    const made = await makeSchemas();
    mkdirSync(dirname(file), { recursive: true });
    const whole = `${file}.${process.pid}`;
    writeFileSync(whole, JSON.stringify(made));
    renameSync(whole, file);
    // It held this process for many seconds: what the other end has closed meanwhile is noticed before the next request is sent on it.
    await setTimeout(CLOSED_NOTICED_MS);
    return made;
  }
}

async function makeSchemas(): Promise<Schemas> {
  // It brings the TypeScript that it needs, whose loading alone takes a second.
  const { createGenerator } = await import("ts-json-schema-generator");
  const files = Object.values(TYPES).map((path) => join(root, "node_modules", path));
  const generators = new Map(
    [...new Set(files)].map((path) => [
      path,
      createGenerator({
        path,
        tsconfig: join(import.meta.dirname, "sdk-types.tsconfig.json"),
        skipTypeCheck: true,
        expose: "export",
        additionalProperties: true,
        jsDoc: "none",
      }),
    ]),
  );
  return Object.fromEntries(
    Object.entries(TYPES).map(([type, path]) => [
      type,
      generators.get(join(root, "node_modules", path))?.createSchema(type.split(" ")[1]),
    ]),
  ) as unknown as Schemas;
}

/** Changes with each package that has a say in the schemas. */
function fingerprint(): string {
  const hash = createHash("sha256").update(readFileSync(import.meta.filename));
  for (const name of ["openai", "@anthropic-ai/sdk", "ts-json-schema-generator"]) {
    const { version } = installed(join(root, "node_modules", name, "package.json")) as { version: string };
    hash.update(`${name}@${version}`);
  }
  return hash.digest("hex").slice(0, 16);
}
