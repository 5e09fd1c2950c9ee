import { hash32, seededRandom } from "./hash.ts";

/** The vocabulary of simulated answers. Multi-byte words and emoji are among it on purpose: they break careless byte handling. */
const WORDS = (
  "the a one each this every small large quiet bright early late model token gateway cable river garden window engine signal " +
  "letter paper stone cloud harbour lamp carries answers follows measures opens closes counts repeats waits streams gathers " +
  "slowly often twice never again before after between under beside with without toward because while until " +
  "naïve café Zürich façade œuvre señor Übung Łódź Ελλάδα Москва 東京 数据 한국어 שלום مرحبا हिन्दी € ½ 🙂 🚀 👩‍💻 🇨🇭"
).split(" ");

const ENDINGS = [". ", ". ", ". ", "! ", "? ", ".\n", ": "];

/** Deterministic prose of at least `minimumLength` UTF-16 units, chosen by the seed text. */
export function proseFrom(seedText: string, minimumLength: number): string {
  const random = seededRandom(hash32(seedText));
  const parts: string[] = [];
  let length = 0;
  let left = 0;
  while (length < minimumLength) {
    if (left === 0) left = 4 + Math.floor(random() * 9);
    const word = WORDS[Math.floor(random() * WORDS.length)] ?? "token";
    left -= 1;
    const separator = left === 0 ? (ENDINGS[Math.floor(random() * ENDINGS.length)] ?? ". ") : " ";
    parts.push(word, separator);
    length += word.length + separator.length;
  }
  return parts.join("");
}
