import { z } from "zod";
import { COLLECT_JSON } from "../core/config.ts";
import { looksLikeCredential } from "../core/credentials.ts";
import { QUIRK_NAMES, WIRE_NAMES } from "../core/formats.ts";
import { breaker } from "./breaker-schema.ts";
import { health } from "./health-schema.ts";
import { count } from "./schema-numbers.ts";
import { deadlines, modelName, price, tokenizer, variableName } from "./schema-parts.ts";
import { seats } from "./seats-schema.ts";

/** Outbound headers that the transport or the wire sets; configuring them would smuggle or break requests. */
const RESERVED_HEADERS = new Set(
  "authorization x-api-key host content-length content-type transfer-encoding connection keep-alive te trailer upgrade accept accept-encoding cookie".split(
    " ",
  ),
);

function urlProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return "must be an absolute http(s) URL";
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") return "must be an http(s) URL";
  if (url.username !== "" || url.password !== "") return "must not hold credentials; name them as secrets";
  if (url.search !== "" || url.hash !== "") return "must have neither a query nor a fragment";
  return undefined;
}

const baseUrlText = z.string().superRefine((text, context) => {
  const problem = urlProblem(text);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

const header = z
  .strictObject({
    value: z
      .string()
      .regex(/^[\x20-\x7e]*$/, { error: "must be printable ASCII" })
      .refine((text) => !looksLikeCredential(text), {
        error: "looks like a credential; put it into a secret and name that",
      })
      .optional(),
    secret: variableName.optional(),
  })
  .refine((header) => (header.value === undefined) !== (header.secret === undefined), {
    error: "needs either `value` or `secret`",
  });

const headerName = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,64}$/, { error: "must be a header's name" })
  .refine((name) => !RESERVED_HEADERS.has(name.toLowerCase()), { error: "is set by the gateway" });

/** A backend, after its preset has filled in what it does not say. */
export const backend = z.strictObject({
  /** Filled in before this is read; see presets.ts. */
  preset: z.string().optional(),
  formats: z
    .array(z.enum(WIRE_NAMES, { error: `must be one of ${WIRE_NAMES.join(", ")}` }))
    .min(1, { error: "needs at least one format" }),
  transport: z.enum(["fetch", "workers-ai"], { error: "must be one of fetch, workers-ai" }).optional(),
  /** Needed by `fetch` alone. */
  baseUrl: z
    .strictObject({ env: variableName.optional(), default: baseUrlText.optional(), url: baseUrlText.optional() })
    .refine((url) => (url.env === undefined) !== (url.url === undefined), { error: "needs either `env` or `url`" })
    .refine((url) => url.url === undefined || url.default === undefined, { error: "`default` belongs to `env`" })
    .optional(),
  auth: z
    .strictObject({
      scheme: z.enum(["bearer", "x-api-key", "none"], { error: "must be one of bearer, x-api-key, none" }),
      secret: variableName.optional(),
      optional: z.boolean({ error: "must be true or false" }).optional(),
    })
    .refine((auth) => (auth.scheme === "none") === (auth.secret === undefined), {
      error: "needs a `secret`, unless the scheme is none",
    })
    .optional(),
  headers: z.record(headerName, header).optional(),
  quirks: z.array(z.enum(QUIRK_NAMES, { error: `must be one of ${QUIRK_NAMES.join(", ")}` })).optional(),
  imageUrls: z.enum(["pass", "https-only", "refuse"], { error: "must be one of pass, https-only, refuse" }).optional(),
  priorityScheduling: z.boolean({ error: "must be true or false" }).optional(),
  collectJson: z.enum(COLLECT_JSON, { error: `must be one of ${COLLECT_JSON.join(", ")}` }).optional(),
  deadlines: deadlines.optional(),
  breaker: breaker.optional(),
  seats: seats.optional(),
  health: health.optional(),
  /** For every model of this backend that is not listed below. */
  price: price.optional(),
  models: z
    .record(
      modelName,
      z.strictObject({ price: price.optional(), contextTokens: count.optional(), tokenizer: tokenizer.optional() }),
    )
    .optional(),
});
