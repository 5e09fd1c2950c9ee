import type { Structure } from "../conversation.ts";
import { hash32 } from "../text/hash.ts";
import { valueFor } from "./generate.ts";
import { textForPattern } from "./pattern.ts";

/** The text of a structured answer; one that is broken or does not fit, where a marker asks for it. */
export function structuredText(structure: Structure, seedText: string, flaw: "json" | "schema" | undefined): string {
  if (flaw === "schema") return JSON.stringify({ simulated_mismatch: [null, seedText.length] });
  if ("choices" in structure) return structure.choices[hash32(seedText) % structure.choices.length] ?? "";
  if ("pattern" in structure) return textForPattern(structure.pattern, seedText, 0);
  const text = JSON.stringify(valueFor(structure.schema ?? {}, `structure ${seedText}`));
  if (flaw === undefined) return text;
  // Without its last character no JSON parser accepts an object, a list or a text; a bare number gets a bracket too many.
  return /["}\]]$/.test(text) ? text.slice(0, -1) : `${text}]`;
}
