import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { safeParse } from "zod/mini";
import { compileConfig } from "../../../src/config/compile.ts";
import { resolve } from "../../../src/config/resolve.ts";
import type { Overlay } from "../../../src/core/config.ts";
import { overlaySchema } from "../../../src/http/routes/admin/schemas.ts";

const root = join(import.meta.dirname, "../../..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");

// planted: a backend, a target of a rule and a part of the guide's example misspelt; a part left out of its table
test("the guide's overlay is one that its configuration takes, with all that an overlay may hold", () => {
  const guide = read("docs/overlay.md");
  const [, text = "null"] = /```json\n([\s\S]*?)```/.exec(guide) ?? [];
  const overlay = safeParse(overlaySchema, JSON.parse(text));
  expect(overlay.error?.issues).toBeUndefined();
  const parts = Object.keys(overlaySchema._zod.def.shape);
  expect(new Set(Object.keys(overlay.data ?? {}))).toEqual(new Set(parts));
  for (const part of parts.slice(1)) expect(guide).toMatch(new RegExp(`^\\| .*\`${part}\``, "m"));
  const compiled = compileConfig(read("config/premium.yaml"), "config/premium.yaml");
  if (!compiled.ok) throw new Error("config/premium.yaml does not compile");
  expect(resolve(compiled.config, overlay.data as Overlay).ignored).toEqual([]);
});
