import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isJsonObject, type Json, type JsonObject } from "../../../src/core/json.ts";
import { OPERATIONS, openApiDocument } from "../../../src/http/openapi.ts";
import { ADMIN_ROUTES } from "../../../src/http/routes/admin.ts";

/** What the gateway serves. */
const served: unknown = JSON.parse(readFileSync(new URL("../../../src/http/openapi.json", import.meta.url), "utf8"));
const document = JSON.parse(JSON.stringify(openApiDocument())) as JsonObject;

/** The value at a JSON pointer; undefined where there is none. */
function at(pointer: string): Json | undefined {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce<Json | undefined>((value, part) => (isJsonObject(value) ? value[part] : undefined), document);
}

/** Every object in a JSON value, with its path. */
function* objects(value: Json | undefined, path = "#"): Generator<readonly [string, JsonObject]> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* objects(item, `${path}/${index}`);
  } else if (isJsonObject(value)) {
    yield [path, value];
    for (const [key, item] of Object.entries(value)) yield* objects(item, `${path}/${key}`);
  }
}

const TYPES = ["object", "array", "string", "number", "integer", "boolean", "null"];

describe("/openapi.json", () => {
  // planted: a summary changed, and the document not written anew
  it("is served as the schemas have it; `npm run openapi` writes it", () => {
    expect(served).toEqual(document);
  });

  it("says what it is", () => {
    expect(document).toMatchObject({ openapi: "3.1.0", info: { title: "llm-gateway" } });
    expect(at("/components/securitySchemes/bearer")).toEqual({ type: "http", scheme: "bearer" });
  });

  // planted: an admin route was left out
  it("describes every admin route, and none that is not there", () => {
    const described = OPERATIONS.filter(({ path }) => path.startsWith("/admin/")).map(
      ({ method, path }) => `${method.toUpperCase()} ${path}`,
    );
    const served = Object.entries(ADMIN_ROUTES).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} /admin/v1${path.replaceAll(/:(\w+)/g, "{$1}")}`),
    );
    expect(new Set(described)).toEqual(new Set(served));
    expect(described).toHaveLength(served.length);
  });

  it("gives each operation an id of its own, its responses, and its path's parameters", () => {
    const ids = OPERATIONS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { method, path, reply, errors } of OPERATIONS) {
      const operation = at(`/paths/${path.replaceAll("/", "~1")}/${method}`);
      if (!isJsonObject(operation)) throw new Error(`${method} ${path} is not described`);
      const codes = Object.keys(operation.responses as JsonObject).map(Number);
      expect(codes).toEqual(expect.arrayContaining([reply.status, ...errors]));
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const parameters = (operation.parameters ?? []) as JsonObject[];
      expect(parameters.filter((one) => one.in === "path").map((one) => one.name)).toEqual(inPath);
      for (const parameter of parameters) {
        expect(parameter).toMatchObject({ name: expect.any(String), schema: expect.any(Object) });
      }
    }
  });

  // planted: the error schema was named differently from its references
  it("has no reference that leads nowhere, and no schema of an unknown type", () => {
    for (const [path, object] of objects(document)) {
      const { $ref: reference, type } = object;
      if (typeof reference === "string") expect([path, at(reference.slice(1))]).not.toEqual([path, undefined]);
      if (path.includes("schema") && typeof type === "string" && !path.includes("/properties/type")) {
        expect([path, path.includes("securitySchemes") || TYPES.includes(type)]).toEqual([path, true]);
      }
    }
  });

  // planted: the schema was generated from another one than the route reads
  it("says of a new key what the route demands of it", () => {
    const schema = at("/paths/~1admin~1v1~1keys/post/requestBody/content/application~1json/schema");
    expect(schema).toMatchObject({ type: "object", required: ["tenant"], additionalProperties: false });
    expect(isJsonObject(schema) && Object.keys(schema.properties as JsonObject)).toEqual(
      expect.arrayContaining(["tenant", "tier", "scopes", "allowedModels", "expiresAt", "limits"]),
    );
  });
});
