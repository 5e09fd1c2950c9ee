import type { JsonObject } from "../json.ts";
import { hash32 } from "../text/hash.ts";
import { proseFrom } from "../text/words.ts";
import { textForPattern } from "./pattern.ts";

const USUAL_LENGTH = 18;

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function hex(seed: string, length: number): string {
  let text = "";
  for (let part = 0; text.length < length; part += 1) text += hash32(`${part} ${seed}`).toString(16).padStart(8, "0");
  return text.slice(0, length);
}

function date(seed: string): string {
  const hash = hash32(`date ${seed}`);
  return `20${two(20 + (hash % 10))}-${two(1 + ((hash >>> 4) % 12))}-${two(1 + ((hash >>> 8) % 28))}`;
}

function time(seed: string): string {
  const hash = hash32(`time ${seed}`);
  return `${two(hash % 24)}:${two((hash >>> 5) % 60)}:${two((hash >>> 11) % 60)}Z`;
}

/** Formats of JSON schema, each with a made-up value that no real host or person has. */
const FORMATS: Readonly<Record<string, (seed: string) => string>> = {
  date,
  time,
  "date-time": (seed) => `${date(seed)}T${time(seed)}`,
  duration: (seed) => `PT${1 + (hash32(seed) % 59)}M`,
  email: (seed) => `simulated-${hex(seed, 6)}@example.invalid`,
  hostname: (seed) => `host-${hex(seed, 6)}.example.invalid`,
  uri: (seed) => `https://example.invalid/${hex(seed, 8)}`,
  url: (seed) => `https://example.invalid/${hex(seed, 8)}`,
  uuid: (seed) => hex(seed, 32).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, "$1-$2-4$3-8$4-$5"),
  ipv4: (seed) => `192.0.2.${hash32(seed) % 256}`,
  ipv6: (seed) => `2001:db8::${hex(seed, 4)}`,
};

/** A text of the schema's format, pattern and length. Multi-byte words, quotes and line ends are among it on purpose. */
export function stringFor(schema: JsonObject, seed: string): string {
  const format = typeof schema.format === "string" ? FORMATS[schema.format] : undefined;
  if (format !== undefined) return format(seed);
  const fewest = typeof schema.minLength === "number" ? schema.minLength : 0;
  const most = typeof schema.maxLength === "number" ? schema.maxLength : Number.POSITIVE_INFINITY;
  if (typeof schema.pattern === "string") return textForPattern(schema.pattern, seed, fewest);
  const wanted = Math.min(most, Math.max(fewest, USUAL_LENGTH));
  const prose = `${hash32(seed) % 2 === 0 ? '"so" ' : ""}${proseFrom(seed, wanted * 2 + 8)}`;
  const cut = [...prose].slice(0, wanted).join("");
  const trimmed = cut.trim();
  return [...trimmed].length >= fewest ? trimmed : cut;
}
