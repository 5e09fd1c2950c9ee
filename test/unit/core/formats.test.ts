import { expect, test } from "vitest";
import { modelNameOf } from "../../../src/core/config.ts";
import { formatFor, OPERATION_OF, WIRE_NAMES } from "../../../src/core/formats.ts";

test("a backend speaks an operation in the one format that it has for it", () => {
  expect(formatFor({ formats: ["openai-embeddings", "anthropic-messages"] }, "chat")).toBe("anthropic-messages");
  expect(formatFor({ formats: ["openai-embeddings", "anthropic-messages"] }, "embed")).toBe("openai-embeddings");
  expect(formatFor({ formats: ["openai-chat"] }, "embed")).toBeUndefined();
  expect(WIRE_NAMES).toEqual(Object.keys(OPERATION_OF));
});

test("a variable that was not bound is known by its default", () => {
  expect(modelNameOf({ model: { name: "a" } })).toBe("a");
  expect(modelNameOf({ model: { env: "VLLM_MODEL", default: "b" } })).toBe("b");
});
