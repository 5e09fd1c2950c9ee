import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { fileSchema } from "../../../src/config/schema.ts";

const root = join(import.meta.dirname, "../../..");
const GUIDES = ["routing", "backends", "architecture"].map((name) => `docs/${name}.md`);

// planted: an option of a route and one of a backend misspelt in a guide
test("every option that a guide shows is one of a configuration file", () => {
  const examples = GUIDES.flatMap((guide) =>
    [...readFileSync(join(root, guide), "utf8").matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = ""]) => ({
      guide,
      text,
    })),
  );
  expect(examples.length).toBeGreaterThan(8);
  for (const { guide, text } of examples) {
    const read = fileSchema.partial().safeParse(parse(text));
    // A preset, or what was said before, gives the formats.
    const wrong = read.error?.issues.filter(({ path }) => path.at(-1) !== "formats") ?? [];
    expect([guide, wrong]).toEqual([guide, []]);
  }
});
