import { expect, it } from "vitest";
import type { Admin } from "../../../cli/commands.ts";
import { holdLevel, listHeldLevels } from "../../../cli/levels.ts";
import type { Overlay } from "../../../src/core/config.ts";
import { ok } from "../../../src/core/result.ts";
import { build } from "../http/admin-bench.ts";

// planted: the rest of the overlay lost; the version as it was
it("holds routes at a level, lists them, and lets them go", async () => {
  let overlay: Overlay | undefined;
  const { call } = build({
    overlay: {
      current: () => Promise.resolve(ok(overlay)),
      publish: (next) => {
        overlay = next;
        return Promise.resolve(ok(next));
      },
    },
  });
  const admin: Admin = async (path, { method = "GET", body } = {}) => {
    const response = await call(method, path, body);
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as Record<string, unknown>;
  };
  expect((await listHeldLevels(admin)).text).toMatch(/^none is held/);
  expect((await holdLevel(admin, "home", "emergency")).text).toBe("home is held at emergency");
  overlay = { version: 7, disabledBackends: ["cloud"], degradation: { home: "emergency" } };
  expect((await holdLevel(admin, "*", "reduced")).text).toBe("* is held at reduced");
  expect(overlay).toEqual({
    version: 8,
    disabledBackends: ["cloud"],
    degradation: { home: "emergency", "*": "reduced" },
  });
  expect((await listHeldLevels(admin)).json).toEqual(overlay.degradation);
  expect((await holdLevel(admin, "home", "auto")).text).toBe("home finds its level by itself again");
  expect(overlay.degradation).toEqual({ "*": "reduced" });
  await expect(holdLevel(admin, "home", "auto")).rejects.toThrow("home is not held");
  await expect(holdLevel(admin, "home", "off")).rejects.toThrow();
});
