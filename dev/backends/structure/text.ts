import type { Structure } from "../conversation.ts";
import { valueFor } from "./generate.ts";

/** The text of a structured answer: JSON of the schema, or JSON that is broken or does not fit, where a marker asks for it. */
export function structuredText(structure: Structure, seedText: string, flaw: "json" | "schema" | undefined): string {
  if (flaw === "schema") return JSON.stringify({ simulated_mismatch: [null, seedText.length] });
  const text = JSON.stringify(valueFor(structure.schema ?? {}, `structure ${seedText}`));
  // Without its last character no JSON parser accepts an object, a list or a text; a bare number gets a bracket too many.
  return flaw === "json" ? (/["}\]]$/.test(text) ? text.slice(0, -1) : `${text}]`) : text;
}
