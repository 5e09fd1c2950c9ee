import { describe, expect, it } from "vitest";
import { isText } from "../../../src/core/answer.ts";
import { parseBody } from "../../../src/lib/json.ts";
import { wires } from "../../../src/wire/registry.ts";
import { FAILURE_TYPES, table } from "./fixtures.ts";

/** Every kind of reply that a backend, or what stands before it, gives instead of an answer. */
const REQUIRED_STATUSES = [200, 302, 400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 524, 529, 530];

const context = { id: "", model: "", createdAt: 0, includeUsage: true };

function bodyOf(value: unknown) {
  const parsed = parseBody(new TextEncoder().encode(JSON.stringify(value)));
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.body;
}

describe.each(Object.values(wires).map((wire) => [wire.name, wire] as const))("%s", (name, wire) => {
  const answers = table(name, "answers");
  const requests = table(name, "requests");
  const failures = table(name, "failures");

  it("has fixtures for answers, requests and every kind of failed reply", () => {
    expect(answers.length).toBeGreaterThanOrEqual(2);
    expect(requests.length).toBeGreaterThanOrEqual(3);
    expect(failures.map(({ response }) => response.status)).toEqual(expect.arrayContaining(REQUIRED_STATUSES));
  });

  it("is listed under its own name, and closes its streams if it has any", () => {
    expect(wire.name).toBe(name);
    // The last event of a response holds all of it, and passes like the others.
    expect(wire.terminator !== "").toBe(wire.streams && name !== "openai-responses");
  });

  // planted: `safety_identifier` ignored; `max_tokens` preferred to `max_completion_tokens`
  it.each(requests.map((row) => [row.name, row] as const))("decodes a request: %s", (_, { body, draft }) => {
    expect(wire.decodeRequest(bodyOf(body))).toEqual({ ok: true, value: draft });
  });

  it.each(answers.map((row) => [row.name, row] as const))("decodes an answer: %s", (_, { json, answer }) => {
    expect(wire.decodeAnswer(json)).toEqual({ ok: true, value: answer });
  });

  // planted: usage details without a word not written back; `reasoning` not written
  it.each(answers.map((row) => [row.name, row] as const))(
    "writes the answer that it read, every field of it: %s",
    (_, { json, answer }) => {
      const id = isText(answer) ? answer.id : "";
      const createdAt = isText(answer) ? (answer.createdAt ?? 0) : 0;
      const written = wire.encodeAnswer(answer, { ...context, id, model: answer.model, createdAt });
      expect(JSON.parse(JSON.stringify(written))).toEqual(json);
    },
  );

  it.each(failures.map((row) => [row.name, row] as const))("reads a failed reply: %s", (_, { response, failure }) => {
    const decoded = wire.decodeFailure(response);
    expect(decoded).toMatchObject(failure);
    for (const secret of ["<html", "cloudflare", "home.example", "10.0.0.7", "sk-live"])
      expect(JSON.stringify(decoded)).not.toContain(secret);
  });

  it.each([
    ["an error under a success status", { error: { message: "boom", code: 500 } }],
    ["a list", []],
    ["null", null],
    ["an empty object", {}],
    ["no content", { choices: [], content: null, data: [] }],
    ["no finish", { choices: [{ index: 0, message: { content: "x" }, finish_reason: null }], content: [], data: [{}] }],
  ])("takes no answer from %s", (_, json) => {
    expect(wire.decodeAnswer(json)).toMatchObject({ ok: false });
  });

  it("has a status, a body and headers without line ends for every failure type", () => {
    for (const type of FAILURE_TYPES) {
      const told = wire.encodeFailure({ type, message: "a\r\nb \u2028", param: "p\nq", retryAfterMs: 1234.5 }, "req_1");
      expect(told.status).toBeGreaterThanOrEqual(400);
      const body = JSON.parse(told.body);
      expect(body.error.message).toContain("a\r\nb");
      expect(body.request_id).toBe("req_1");
      for (const value of Object.values(told.headers)) expect(value).not.toMatch(/[\r\n]/);
    }
  });
});
