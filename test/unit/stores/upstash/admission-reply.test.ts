import { expect, test } from "vitest";
import type { AdmissionRequest } from "../../../../src/core/ports.ts";
import { admissionReply } from "../../../../src/stores/upstash/admission-reply.ts";

const levels = [
  { level: "key", subject: "k", limits: {} },
  { level: "tenant", subject: "t", limits: {} },
] as const;
const request = { levels } as unknown as AdmissionRequest;
const beside = () => ({ shared: { breakers: {} }, cached: "entry" });
const read = (result: unknown) => admissionReply(request, result, 7, beside);

// planted: the reset's moment counted from the isolate's clock
test("an admission carries the windows that have a limit, timed by Redis' clock", () => {
  expect(read(["admitted", 5_000, 20, 19, 3_000, -1, -1, -1])).toEqual({
    kind: "admitted",
    rate: { requests: { limit: 20, remaining: 19, resetMs: 3_000, resetAtMs: 8_000 } },
    shared: { breakers: {} },
    cached: "entry",
    ioMs: 7,
  });
});

// planted: -1 taken for a time
test("a refusal names level and unit, and no time where waiting cannot help", () => {
  const refused = ["refused", 5_000, -1, -1, -1, 100, 0, 400, 2, "tokens", 250];
  expect(read(refused)).toMatchObject({ kind: "refused", level: "tenant", unit: "tokens", retryAfterMs: 250 });
  expect(read([...refused.slice(0, 10), -1])).not.toHaveProperty("retryAfterMs");
  expect(read(refused)).not.toHaveProperty("cached");
});

// planted: the default case admits
test("what cannot be read admits nobody", () => {
  const nonsense = [
    undefined,
    null,
    "OK",
    1,
    [],
    ["admittedly"],
    ["refused", 1],
    ["refused", 5, -1, -1, -1, -1, -1, -1, 9, "tokens", 1],
  ];
  for (const result of nonsense) expect(read(result)).toEqual({ kind: "unavailable", detail: "protocol", ioMs: 7 });
});
