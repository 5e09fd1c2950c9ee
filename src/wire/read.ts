import { badRequest, type Failure } from "../core/failure.ts";
import { ALIAS, DISPLAY_NAME_MAX, UNFIT_IN_DISPLAY_NAME, UNFIT_IN_STOP } from "../core/identifiers.ts";
import { isJsonObject, type Json, type JsonObject } from "../core/json.ts";

/** The first thing found wrong with a request; reading goes on behind it with what can be read. */
export interface Complaint {
  failure: Failure | undefined;
}

export interface NumberRange {
  readonly min?: number;
  readonly max?: number;
  readonly integer?: boolean;
}

/**
 * Reads the fields of one JSON object and complains in the words of the request: `messages[0].content`. `null` counts as absent,
 * as both OpenAI and Anthropic take it for what is optional.
 */
export class Fields {
  readonly object: JsonObject;
  /** Where the object stands in the request; empty for the body itself. */
  readonly path: string;
  private readonly complaint: Complaint;

  constructor(object: JsonObject, path: string, complaint: Complaint) {
    this.object = object;
    this.path = path;
    this.complaint = complaint;
  }

  nameOf(field: string): string {
    return this.path === "" ? field : `${this.path}.${field}`;
  }

  complain(
    field: string,
    says: string,
    code: "missing_required_parameter" | "invalid_type" | "invalid_value",
  ): undefined {
    const param = this.nameOf(field);
    this.complaint.failure ??= badRequest(`\`${param}\` ${says}.`, param, code);
    return undefined;
  }

  missing(field: string): undefined {
    return this.complain(field, "is required", "missing_required_parameter");
  }

  /** The value, with null as undefined. Own properties only: a body cannot reach the prototype's. */
  value(field: string): Json | undefined {
    return Object.hasOwn(this.object, field) ? (this.object[field] ?? undefined) : undefined;
  }

  /** Any text, as it is: content is never judged. */
  text(field: string): string | undefined {
    const value = this.value(field);
    if (value === undefined || typeof value === "string") return value;
    return this.complain(field, "must be a string", "invalid_type");
  }

  /** People's words for someone: any script, nothing invisible. */
  displayName(field: string): string | undefined {
    const value = this.text(field);
    return value === undefined || this.fit(field, value, UNFIT_IN_DISPLAY_NAME) ? value : undefined;
  }

  /** The `model` that every request names. Whether there is one of this name is not known here. */
  alias(field: string): string {
    const value = this.text(field);
    if (value === undefined) this.missing(field);
    else if (ALIAS.pattern.test(value)) return value;
    else this.complain(field, ALIAS.says, "invalid_value");
    return "";
  }

  /** Stop sequences: a list of strings, or one string where the format allows it. */
  stops(field: string, allowOne: boolean): readonly string[] | undefined {
    const value = this.value(field);
    if (value === undefined) return undefined;
    if (allowOne && typeof value === "string") return this.fit(field, value, UNFIT_IN_STOP) ? [value] : undefined;
    if (!isList(value)) {
      return this.complain(field, `must be ${allowOne ? "a string or " : ""}a list of strings`, "invalid_type");
    }
    const stops: string[] = [];
    for (const [i, stop] of value.entries()) {
      const name = `${field}[${i}]`;
      if (typeof stop !== "string") return this.complain(name, "must be a string", "invalid_type");
      if (!this.fit(name, stop, UNFIT_IN_STOP)) return undefined;
      stops.push(stop);
    }
    return stops.length > 0 ? stops : undefined;
  }

  number(field: string, range: NumberRange): number | undefined {
    const value = this.value(field);
    if (value === undefined) return undefined;
    const kind = range.integer ? "an integer" : "a number";
    if (typeof value !== "number") return this.complain(field, `must be ${kind}`, "invalid_type");
    if (range.integer && !Number.isInteger(value)) return this.complain(field, `must be ${kind}`, "invalid_type");
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = range;
    if (value < min || value > max) {
      return this.complain(field, `must be ${kind} ${spoken(range)}`, "invalid_value");
    }
    return value;
  }

  boolean(field: string): boolean | undefined {
    const value = this.value(field);
    if (value === undefined || typeof value === "boolean") return value;
    return this.complain(field, "must be true or false", "invalid_type");
  }

  child(field: string): Fields | undefined {
    const value = this.value(field);
    if (value === undefined) return undefined;
    if (!isJsonObject(value)) return this.complain(field, "must be an object", "invalid_type");
    return new Fields(value, this.nameOf(field), this.complaint);
  }

  /**
   * What `read` makes of each object of a list, up to the first thing that is wrong anywhere: a list of a hundred thousand wrong elements is
   * refused for the first, and the others cost no memory.
   */
  each<Element>(field: string, read: (element: Fields) => Element): readonly Element[] {
    const value = this.value(field);
    const elements: Element[] = [];
    if (!isList(value)) {
      if (value === undefined) this.missing(field);
      else this.complain(field, "must be a list", "invalid_type");
      return elements;
    }
    for (const [i, item] of value.entries()) {
      if (this.complaint.failure) break;
      const name = `${field}[${i}]`;
      if (isJsonObject(item)) elements.push(read(new Fields(item, this.nameOf(name), this.complaint)));
      else this.complain(name, "must be an object", "invalid_type");
    }
    return elements;
  }

  private fit(field: string, value: string, unfit: RegExp): boolean {
    if (value === "") this.complain(field, "must not be empty", "invalid_value");
    else if (value.length > DISPLAY_NAME_MAX) {
      this.complain(field, `must be at most ${DISPLAY_NAME_MAX} characters long`, "invalid_value");
    } else if (unfit.test(value))
      this.complain(field, "must not contain control or invisible characters", "invalid_value");
    else return true;
    return false;
  }
}

export function isList(value: unknown): value is readonly Json[] {
  return Array.isArray(value);
}

function spoken({ min, max }: NumberRange): string {
  if (min !== undefined && max !== undefined) return `from ${min} to ${max}`;
  return min === undefined ? `of at most ${max}` : `of at least ${min}`;
}

/** The fields that have a value: what optional properties want, which may be absent but not undefined. */
export function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const present: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const key of Object.keys(fields) as (keyof T)[]) {
    const value = fields[key];
    if (value !== undefined) present[key] = value as Exclude<T[typeof key], undefined>;
  }
  return present;
}

/** Whether a field asks for anything: null, and an empty list or object, do not. */
export function asksForSomething(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === false) return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

/** A token count as backends report it; what is no count is unknown. */
export function count(value: Json | undefined): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** The fields of `object` that are not in `known` and say something. */
export function rest(object: JsonObject, known: ReadonlySet<string>): JsonObject | undefined {
  let found: Record<string, Json> | undefined;
  for (const key of Object.keys(object)) {
    const value = object[key];
    if (known.has(key) || value === null || value === undefined || key === "__proto__") continue;
    found ??= {};
    found[key] = value;
  }
  return found;
}
