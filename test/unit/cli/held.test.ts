import { expect, it } from "vitest";
import { holdBreaker, listHeldBreakers } from "../../../cli/breakers.ts";
import type { Admin } from "../../../cli/commands.ts";
import { holdLevel, listHeldLevels } from "../../../cli/levels.ts";
import type { Overlay } from "../../../src/core/config.ts";
import { ok } from "../../../src/core/result.ts";
import { build } from "../http/admin-bench.ts";

/** The commands' way to a gateway whose overlay is at hand. */
function gateway() {
  const kept: { overlay?: Overlay } = {};
  const { call } = build({
    overlay: {
      current: () => Promise.resolve(ok(kept.overlay)),
      publish: (next) => {
        kept.overlay = next;
        return Promise.resolve(ok(next));
      },
    },
  });
  const admin: Admin = async (path, { method = "GET", body } = {}) => {
    const response = await call(method, path, body);
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as Record<string, unknown>;
  };
  return { kept, admin };
}

// planted: the rest of the overlay is left out; the same version is sent again
it.each([
  {
    part: "breakers" as const,
    list: listHeldBreakers,
    hold: holdBreaker as (admin: Admin, name: string, word: string) => ReturnType<typeof holdLevel>,
    words: ["open", "closed"] as const,
    another: "home/org/m:1",
    heldAt: (word: string) => `is held ${word}`,
    byItself: "opens and closes by itself again",
  },
  {
    part: "degradation" as const,
    list: listHeldLevels,
    hold: holdLevel,
    words: ["emergency", "reduced"] as const,
    another: "*",
    heldAt: (word: string) => `is held at ${word}`,
    byItself: "finds its level by itself again",
  },
])("holds $part by hand, lists them, and lets them go", async ({ part, list, hold, ...form }) => {
  const { words, another, heldAt, byItself } = form;
  const { kept, admin } = gateway();
  expect((await list(admin)).text).toMatch(/^none is held/);
  expect((await hold(admin, "home", words[0])).text).toBe(`home ${heldAt(words[0])}`);
  kept.overlay = { version: 7, disabledBackends: ["cloud"], [part]: { home: words[0] } };
  expect((await hold(admin, another, words[1])).text).toBe(`${another} ${heldAt(words[1])}`);
  expect(kept.overlay).toEqual({
    version: 8,
    disabledBackends: ["cloud"],
    [part]: { home: words[0], [another]: words[1] },
  });
  expect((await list(admin)).json).toEqual(kept.overlay[part]);
  expect((await hold(admin, "home", "auto")).text).toBe(`home ${byItself}`);
  expect(kept.overlay[part]).toEqual({ [another]: words[1] });
  await expect(hold(admin, "home", "auto")).rejects.toThrow("home is not held");
  await expect(hold(admin, "home", "off")).rejects.toThrow();
});
