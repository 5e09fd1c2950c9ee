import type { Context } from "hono";
import * as z from "zod/mini";
import { badRequest, type Failure } from "../../../core/failure.ts";
import type { Json } from "../../../core/json.ts";
import { fail, ok, type Result } from "../../../core/result.ts";
import { inTime, runtimeAlarm } from "../../../lib/alarm.ts";
import { parseBody } from "../../../lib/json.ts";
import { readInBulkUpTo } from "../../../lib/read.ts";

const MAX_BODY_BYTES = 256 * 1024;
/** Bodies are small, and operators' own: one deadline for all, whether they declare a length or not. */
const BODY_DEADLINE_MS = 1_500;
const TOO_LARGE: Failure = {
  type: "caller_body_too_large",
  message: `The body is larger than ${MAX_BODY_BYTES} bytes.`,
};

/** Reads a JSON body against a schema. Every failure names the field that is at fault. */
export async function readBody<Schema extends z.core.$ZodType>(
  context: Context,
  schema: Schema,
): Promise<Result<z.output<Schema>>> {
  if (Number(context.req.header("content-length")) > MAX_BODY_BYTES) return fail(TOO_LARGE);
  // In bulk, since that leaves what comes behind the limit to whoever lingers.
  const read = await inTime(readInBulkUpTo(context.req.raw.body, MAX_BODY_BYTES), BODY_DEADLINE_MS, runtimeAlarm);
  if (read === undefined) return fail(badRequest("The body did not arrive in time."));
  if (read.problem === "broken_off") return fail(badRequest("The body broke off."));
  if (read.problem === "too_large") return fail(TOO_LARGE);
  const parsed = parseBody(read.data);
  if (!parsed.ok) return fail(badRequest(parsed.problem, parsed.param));
  const skipped = prototypeIn(parsed.body.value, []);
  if (skipped) return fail(badRequest(`${pathText(skipped)} is not a known field.`, pathText(skipped)));
  return check(parsed.body.value, schema);
}

/** Where a member is called `__proto__`: schemas of records leave it out without a word, and what was said would not be what is done. */
function prototypeIn(value: Json, path: readonly PropertyKey[]): readonly PropertyKey[] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(name) : name];
    const found = name === "__proto__" ? at : prototypeIn(inner, at);
    if (found) return found;
  }
  return undefined;
}

/** Reads the query string against a schema. A parameter that is given twice is refused. */
export function readQuery<Schema extends z.core.$ZodType>(context: Context, schema: Schema): Result<z.output<Schema>> {
  const values: Record<string, string> = {};
  for (const [name, given] of Object.entries(context.req.queries())) {
    if (given.length > 1) return fail(badRequest(`${name} is given more than once.`, name));
    values[name] = given[0] ?? "";
  }
  return check(values, schema);
}

/** Reads one part of the path against a schema. */
export function readParam<Schema extends z.core.$ZodType>(
  context: Context,
  name: string,
  schema: Schema,
): Result<z.output<Schema>> {
  const reading = z.safeParse(schema, context.req.param(name));
  return reading.success ? ok(reading.data) : fail(badRequest(`${name} is not of the expected form.`, name));
}

function check<Schema extends z.core.$ZodType>(value: unknown, schema: Schema): Result<z.output<Schema>> {
  const reading = z.safeParse(schema, value);
  if (reading.success) return ok(reading.data);
  const [issue] = reading.error.issues;
  return fail(issue === undefined ? badRequest("The input is not valid.") : complaint(issue));
}

/** The library's issue in words: what is expected of which field. Says nothing of the value that was given. */
function complaint(issue: z.core.$ZodIssue): Failure {
  const at = pathText(issue.path);
  switch (issue.code) {
    case "unrecognized_keys": {
      const field = pathText([...issue.path, issue.keys[0] ?? ""]);
      return badRequest(`${field} is not a known field.`, field);
    }
    case "invalid_type":
      return badRequest(`${at || "The body"} must be of type ${issue.expected}.`, at);
    case "invalid_value":
      return badRequest(`${at} must be one of: ${issue.values.join(", ")}.`, at);
    case "too_small":
      return badRequest(`${at} must be at least ${issue.minimum}${unitOf(issue.origin)}.`, at);
    case "too_big":
      return badRequest(`${at} must be at most ${issue.maximum}${unitOf(issue.origin)}.`, at);
    default:
      return badRequest(`${at || "The body"} is not of the expected form.`, at);
  }
}

function unitOf(origin: string): string {
  if (origin === "string") return " characters long";
  return origin === "array" ? " entries long" : "";
}

/** `limits.key.budget`, `allowedModels[0]`. */
function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? String(part) : `${text}.${String(part)}`;
  }, "");
}
