import { z } from "zod";
import { looksLikeCredential } from "../core/credentials.ts";
import { ALIAS, MODEL_NAME, type NameRule, PLAIN_NAME } from "../core/identifiers.ts";
import { TOKENIZER_FAMILIES } from "../core/tokenizers.ts";
import { milliseconds } from "./schema-numbers.ts";

/** Variables of the gateway itself. No backend may name them: they never leave for another host. */
const OWN_VARIABLES: ReadonlySet<string> = new Set([
  "UPSTASH_REDIS_REST_URL",
  "UPSTASH_REDIS_REST_TOKEN",
  "DATABASE_URL",
  "DATABASE_ADMIN_URL",
  "NEON_FETCH_ENDPOINT",
  "KEY_PEPPER",
  "ADMIN_KEY",
  "METRICS_TOKEN",
]);

export const dollars = z
  .number({ error: "must be a number of US dollars" })
  .nonnegative({ error: "must not be negative" });

/** A name of an environment variable or secret. The message never repeats the value: it may be the secret itself. */
export const variableName = z
  .string()
  .refine((text) => /^[A-Z][A-Z0-9_]{1,63}$/.test(text) && !looksLikeCredential(text), {
    error: "must be the NAME of a variable or secret in UPPER_SNAKE_CASE, never its value",
    abort: true,
  })
  .refine((text) => !OWN_VARIABLES.has(text), {
    error: "is a variable of the gateway itself, which never leaves for a backend",
  });

export const price = z.strictObject({
  inputPerMillion: dollars,
  outputPerMillion: dollars,
  cachedInputPerMillion: dollars.optional(),
  cacheWritePerMillion: dollars.optional(),
  perRequest: dollars.optional(),
});

export const deadlines = z.strictObject({
  connectMs: milliseconds.optional(),
  firstTokenMs: milliseconds.optional(),
  silenceMs: milliseconds.optional(),
  totalMs: milliseconds.optional(),
});

const named = ({ pattern, says }: NameRule) => z.string().regex(pattern, { error: says });
export const identifier = named(PLAIN_NAME);
export const alias = named(ALIAS);
export const modelName = named(MODEL_NAME);

/** How a model counts its tokens. */
export const tokenizer = z.enum(TOKENIZER_FAMILIES, { error: `must be one of ${TOKENIZER_FAMILIES.join(", ")}` });
