import { expect, test } from "vitest";
import { type Failure, UNTRANSLATABLE } from "../../../src/core/failure.ts";
import { DEFAULT_TRIGGERS, TRIGGERS, type Trigger } from "../../../src/core/triggers.ts";
import type { FailedResponse } from "../../../src/core/wire.ts";
import { leadsTo, triggerOf } from "../../../src/routing/triggers.ts";
import { wires } from "../../../src/wire/registry.ts";
import { target } from "./example.ts";

const JSON_TYPE = "application/json";
const said = (status: number, error: Readonly<Record<string, unknown>>): FailedResponse => ({
  status,
  contentType: JSON_TYPE,
  body: JSON.stringify({ error }),
});
const html = (status: number, body = "<html></html>"): FailedResponse => ({ status, contentType: "text/html", body });

// planted, one by one: each case of `triggerOf`
test.each<[string, FailedResponse, Trigger | undefined]>([
  ["429", said(429, { message: "slow down" }), "overloaded"],
  ["503", said(503, { message: "queue full" }), "overloaded"],
  ["529", said(529, { type: "overloaded_error" }), "overloaded"],
  ["500", said(500, { message: "oops" }), "error"],
  ["a spent quota", said(429, { code: "insufficient_quota" }), "error"],
  ["a credential of ours", said(401, { message: "who?" }), "error"],
  ["504", said(504, {}), "first-token"],
  ["no origin behind the tunnel", html(502), "tunnel"],
  ["no connector", html(530, "error code: 1033"), "tunnel"],
  ["524", html(524), "tunnel"],
  ["Access' login", html(302), "tunnel"],
  ["Access' refusal", html(403), "tunnel"],
  ["HTML of whatever kind", html(500), "tunnel"],
  ["vLLM's context", said(400, { message: "This model's maximum context length is 4096 tokens." }), "context"],
  ["OpenAI's context", said(400, { code: "context_length_exceeded", message: "too long" }), "context"],
  ["Azure's filter", said(400, { code: "content_filter", message: "The response was filtered" }), "filter"],
  ["OpenAI's policy", said(400, { code: "content_policy_violation", message: "no" }), "filter"],
  ["a filter without a code", said(400, { message: "Output blocked by content filtering policy" }), "filter"],
  ["a bad request", said(400, { message: "temperature must be a number" }), undefined],
  ["an unknown model", said(404, { code: "model_not_found", message: "no such model" }), "error"],
  ["an unknown file", said(404, { message: "No such File object: file-abc" }), undefined],
])("%s", (_, response, trigger) => {
  expect(triggerOf(wires["openai-chat"].decodeFailure(response))).toBe(trigger);
});

const failure = (type: Failure["type"], detail?: string): Failure => ({
  type,
  message: "",
  ...(detail !== undefined && { detail }),
});

test.each<[Failure, Trigger | undefined]>([
  [failure("backend_unavailable", "connect"), "connect"],
  [failure("backend_timeout", "headers"), "connect"],
  [failure("backend_timeout", "first_token"), "first-token"],
  [failure("backend_cut", "no_token"), "error"],
  [failure("backend_protocol"), "error"],
  [failure("backend_stream_error", "error_frame:server_error"), "error"],
  [failure("backend_stream_error", "error_frame:content_filter"), "filter"],
  [failure("backend_overloaded", "seats_full"), "overloaded"],
  [failure("caller_bad_request", UNTRANSLATABLE), "format"],
  [failure("caller_bad_request"), undefined],
  [failure("caller_cancelled"), undefined],
])("%j", (one, trigger) => {
  expect(triggerOf(one)).toBe(trigger);
});

// planted: `filter` among the defaults
test("a step that names nothing stands for all but a longer context and another filter", () => {
  expect(TRIGGERS.filter((trigger) => !leadsTo(target("a"), trigger))).toEqual(["context", "filter"]);
  expect(TRIGGERS.filter((trigger) => leadsTo({ ...target("a"), on: ["filter"] }, trigger))).toEqual(["filter"]);
  expect(DEFAULT_TRIGGERS).toHaveLength(TRIGGERS.length - 2);
});
