import { z } from "zod";

/** What the SDK tests of tools, structure and reasoning share. */
export const WEATHER_SCHEMA = {
  type: "object" as const,
  properties: { city: { type: "string" }, days: { type: "integer", minimum: 1, maximum: 7 } },
  required: ["city", "days"],
  additionalProperties: false,
};

export const TIME_SCHEMA = {
  type: "object" as const,
  properties: { zone: { type: "string", enum: ["Europe/Zurich", "Asia/Tokyo"] } },
  required: ["zone"],
  additionalProperties: false,
};

export const PERSON_SCHEMA = {
  type: "object" as const,
  properties: { name: { type: "string" }, age: { type: "integer", minimum: 0 } },
  required: ["name", "age"],
  additionalProperties: false,
};

/** A picture of one pixel, as a data URL and as bare base64. */
export const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/** What is wrong with a value by a JSON schema, judged by a reader that is not the simulator's own; undefined when nothing is. */
export function complaintsOf(schema: object, value: unknown): unknown {
  return z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(value).error?.issues;
}
