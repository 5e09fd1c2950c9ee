import * as z from "zod/mini";
import type { JsonObject } from "../core/json.ts";
import { ADMIN_OPERATIONS } from "./openapi/admin.ts";
import type { Operation } from "./openapi/operation.ts";
import { PUBLIC_OPERATIONS } from "./openapi/public.ts";

/** Every operation of the document. */
export const OPERATIONS: readonly Operation[] = [...PUBLIC_OPERATIONS, ...ADMIN_OPERATIONS];

/** OpenAPI 3.1, whose schemas are JSON Schema 2020-12 made from the zod schemas. Not in the bundle: `npm run openapi` writes it to openapi.json, which is. */
export function openApiDocument(): object {
  return build();
}

const JSON_TYPE = "application/json";
const ERROR_WORDS: Readonly<Record<number, string>> = {
  400: "The request is wrong; `param` names the field.",
  401: "The credential is missing or wrong.",
  402: "A budget is spent.",
  403: "The credential does not open this.",
  404: "There is no such thing.",
  409: "It is not as the request supposed.",
  413: "The body is too large.",
  429: "A limit or a budget is used up; `Retry-After` where waiting helps.",
  500: "The gateway failed.",
  502: "The backend failed.",
  503: "Something that is needed is away; `Retry-After` says when to come back.",
  504: "The backend did not answer in time.",
  529: "The backend is overloaded; `Retry-After` says when to come back.",
};

const SECURITY: Readonly<Record<Operation["security"], readonly object[]>> = {
  client: [{ bearer: [] }, { apiKey: [] }],
  operator: [{ bearer: [] }],
  admin: [{ bearer: [] }],
  none: [],
};

function build(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of OPERATIONS) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "llm-gateway",
      version: "1",
      description: "One URL for OpenAI and Anthropic clients in front of a GPU at home and the cloud.",
    },
    servers: [{ url: "/" }],
    tags: [{ name: "inference" }, { name: "operations" }, { name: "admin" }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        apiKey: { type: "apiKey", in: "header", name: "x-api-key" },
      },
      responses: Object.fromEntries(failureCodes().map((code) => [code, failureOf(code)])),
      schemas: {
        Error: schemaOf(
          z.looseObject({
            error: z.looseObject({
              message: z.string(),
              type: z.string(),
              param: z.exactOptional(z.nullable(z.string())),
              code: z.exactOptional(z.nullable(z.union([z.string(), z.int()]))),
            }),
          }),
        ),
      },
    },
  };
}

function describe(operation: Operation): object {
  const { id, tag, summary, security, body } = operation;
  const parameters = parametersOf(operation);
  return {
    operationId: id,
    tags: [tag],
    summary,
    security: SECURITY[security],
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: { [JSON_TYPE]: { schema: schemaOf(body) } } } }),
    responses: responsesOf(operation),
  };
}

function parametersOf({ params = {}, query, headers = {} }: Operation): readonly object[] {
  const asked = query === undefined ? {} : schemaOf(query);
  const required = Array.isArray(asked.required) ? asked.required : [];
  return [
    ...Object.entries(params).map(([name, schema]) => ({ name, in: "path", required: true, schema: schemaOf(schema) })),
    ...Object.entries(asked.properties ?? {}).map(([name, schema]) => ({
      name,
      in: "query",
      required: required.includes(name),
      schema,
    })),
    ...Object.entries(headers).map(([name, { schema, description }]) => ({
      name,
      in: "header",
      required: false,
      description,
      schema: schemaOf(schema),
    })),
  ];
}

/** Every status with which some operation fails. */
function failureCodes(): readonly number[] {
  return [...new Set(OPERATIONS.flatMap(({ errors }) => errors))].sort((left, right) => left - right);
}

/** One for all operations: the document is part of the gateway's bundle. */
function failureOf(code: number): object {
  return {
    description: ERROR_WORDS[code] ?? "A failure.",
    content: { [JSON_TYPE]: { schema: { $ref: "#/components/schemas/Error" } } },
  };
}

function responsesOf({ reply, accepted, errors }: Operation): object {
  const { status, description, mediaType = JSON_TYPE, streams = false } = reply;
  const content = { [mediaType]: {}, ...(streams && { "text/event-stream": {} }) };
  return {
    [status]: { description, content },
    ...(accepted !== undefined && { 202: { description: accepted, content: { [JSON_TYPE]: {} } } }),
    ...Object.fromEntries(errors.map((code) => [code, { $ref: `#/components/responses/${code}` }])),
  };
}

function schemaOf(schema: z.core.$ZodType): JsonObject {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: "input" });
  // JSON by its nature; the library's type is wider than what it makes of these schemas.
  return JSON.parse(JSON.stringify(rest)) as JsonObject;
}
